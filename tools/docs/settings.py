"""The settings page, from the fields of ``wetread.core.settings.Settings``."""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import fields

from tools.docs.markdown import code, page, prose, table

from wetread.core import settings

_INTRO = """\
An installation's settings are one JSON object in the Airflow variable `wetread_settings`. A name
that is left out has its default; an unknown name or a value of another type fails the task with
[`settings-invalid`](errors.md). A change holds from the next task on.

```json
{"quiet_period_seconds": 30, "anomaly_threshold": 0.85}
```

Settings marked *analysis* change what an analysis finds. Their digest is part of the findings'
place in the [state bucket](state-bucket.md) and of the report's identifier: after a change, a study
that is read again gets new findings and a report of its own beside the old one. Of the table of
analyses only the rows that a study uses are part of it."""


def page_text() -> str:
    texts = field_docstrings(settings.Settings)
    rows = [
        (
            code(field.name),
            _kind(settings.default_of(field)),
            code(json.dumps(settings.default_of(field))),
            "analysis" if field.name in settings._ANALYSIS else "",
            prose(texts.get(field.name, "")),
        )
        for field in fields(settings.Settings)
    ]
    return page(
        "Settings",
        "platform engineers",
        _INTRO,
        table(("setting", "type", "default", "", "meaning"), rows),
    )


def _kind(default: object) -> str:
    return "object" if isinstance(default, dict) else type(default).__name__


def field_docstrings(record: type) -> dict[str, str]:
    """Return the string that follows each field in the class's source."""
    (tree,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - narrows the type for the reader below
    found = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found[statement.target.id] = str(following.value.value)
    return found
