"""The operators' page: signatures and docstrings of every operator and sensor."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

from tools.docs.markdown import code, numpy_sections, page, table

_INTRO = """\
Airflow operators and sensors of Wetread. All take Airflow's own arguments besides those below
(`task_id`, `pool`, `trigger_rule`, …), import Google's libraries only when they run, and raise
[errors](errors.md) with stable codes. What a task returns is its XCom `return_value`; it holds
counts and study keys, never an identifier.

```python
from wetread.operators.study_import import ImportStudyOperator

import_study = ImportStudyOperator(task_id="import_study", pool="healthcare_imports")
```"""

_PACKAGES = ("wetread.operators", "wetread.sensors")


def page_text() -> str:
    return page("Operators and sensors", "engineers", _INTRO, *map(_section, operator_classes()))


def operator_classes() -> list[type]:
    """Return every public operator and sensor, by package and name."""
    base = importlib.import_module("airflow.sdk").BaseOperator
    found = []
    for package in _PACKAGES:
        members = {
            member
            for module in _modules(package)
            for _, member in inspect.getmembers(module, inspect.isclass)
            if issubclass(member, base) and member.__module__ == module.__name__
        }
        found += sorted(members, key=lambda member: member.__name__)
    return found


def _modules(package: str) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        yield importlib.import_module(f"{package}.{info.name}")


def _section(operator: type) -> str:
    text, sections = numpy_sections(inspect.getdoc(operator) or "")
    parts = [
        f"## {operator.__name__}",
        f"`from {operator.__module__} import {operator.__name__}`",
        text,
        table(("parameter", "default", "meaning"), _parameters(operator)),
        "Templated: " + ", ".join(map(code, operator.template_fields)) + ".",
    ]
    if raises := sections.get("Raises"):
        parts.append("Raises " + "; ".join(f"`{name}`: {what}" for name, what in raises))
    return "\n\n".join(parts)


def _parameters(operator: type) -> list[tuple[str, str, str]]:
    """Return the parameters that the class and its bases in this project add to Airflow's."""
    found: dict[str, tuple[str, str, str]] = {}
    for owner in operator.__mro__:
        if not owner.__module__.startswith("wetread."):
            continue
        documented = dict(numpy_sections(inspect.getdoc(owner) or "")[1].get("Parameters", []))
        for name, parameter in inspect.signature(owner.__init__).parameters.items():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                meaning = documented.get(name) or found.get(name, ("", "", ""))[2]
                default = found[name][1] if name in found else _default(parameter.default)
                found[name] = (code(name), default, meaning or _INHERITED.get(name, ""))
    return list(found.values())


_INHERITED = {
    "gcp_conn_id": "The Google connection.",
    "trigger_rule": "When the task runs; see [DAGs](dags.md).",
    "mode": "Airflow's mode of waiting: `reschedule` holds no slot between two looks.",
}


def _default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return code(value)
