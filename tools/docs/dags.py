"""The DAGs' page, from the DAGs as Airflow loads them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from tools.docs.markdown import code, page, table

_INTRO = """\
The DAGs as Airflow loads them; the text of each is also its page in the Airflow UI. Retries, their
delays and the rule that a permanent error is not tried again are those of
`plugins/wetread/operators/defaults.py`."""


_RULES = {
    "all_success": "the tasks before it have all succeeded",
    "all_done": "the tasks before it have all ended, however",
    "none_failed": "the tasks before it have all ended, and none has failed",
}


def page_text(folder: Path) -> str:
    """Return the page.

    Raises
    ------
    KeyError
        A DAG uses a trigger rule that this page does not explain.
    """
    dags = load_dags(folder)
    used = {task.trigger_rule.value for dag in dags for task in dag.tasks}
    rules = table(("runs when", "meaning"), [(code(rule), _RULES[rule]) for rule in sorted(used)])
    return page("DAGs", "imaging-informatics operators", _INTRO, rules, *map(_section, dags))


def load_dags(folder: Path) -> list[Any]:
    """Return the DAGs of a folder by name.

    Raises
    ------
    ImportError
        A file does not load.
    """
    bag = importlib.import_module("airflow.dag_processing.dagbag").DagBag(str(folder))
    if bag.import_errors:
        raise ImportError(str(bag.import_errors))
    return [bag.dags[name] for name in sorted(bag.dags)]


def _section(dag: Any) -> str:
    text = dag.doc_md.replace("### ", "**", 1).replace("\n", "**\n", 1).strip()
    parts = [
        f"## {dag.dag_id}",
        text,
        f"Starts: {_start(dag)}. Runs at a time: at most {dag.max_active_runs}.",
    ]
    if dag.params:
        rows = [_param(name, dag.params.get_param(name)) for name in dag.params]
        parts += ["Parameters:", table(("name", "title", "type", "default", "meaning"), rows)]
    rows = [_task(task) for task in dag.topological_sort()]
    parts += ["Tasks:", table(("task", "operator", "after", "runs when", "pool", "retries"), rows)]
    return "\n\n".join(parts)


def _start(dag: Any) -> str:
    if dag.schedule is None:
        return "by hand, through the API or from another DAG"
    return "again as soon as a run ends" if dag.schedule == "@continuous" else f"`{dag.schedule}`"


def _param(name: str, param: Any) -> tuple[str, ...]:
    schema = param.schema
    kind = " or ".join(map(code, schema["enum"])) if "enum" in schema else schema["type"]
    default = code(param.value) if isinstance(param.value, str) else ""
    return (code(name), schema.get("title", ""), kind, default, param.description or "")


def _task(task: Any) -> tuple[str, ...]:
    operator = "task" if task.task_type.startswith("_") else task.task_type
    after = ", ".join(map(code, sorted(task.upstream_task_ids)))
    pool = "" if task.pool == "default_pool" else code(task.pool)
    rule = code(task.trigger_rule.value)
    name = f"{code(task.task_id)}, mapped" if task.is_mapped else code(task.task_id)
    return (name, code(operator), after, rule, pool, str(task.retries))
