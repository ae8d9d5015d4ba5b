"""The state bucket's page, from the docstring of ``wetread.gcp.state``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.docs.markdown import page, prose, table

from wetread.gcp import state

_INTRO = """\
The bucket of the setting `state_bucket` holds what the pipeline knows besides the DICOM and the
FHIR store. It is the one place that says which study a study key stands for, so it is as sensitive
as the images. All objects are JSON with sorted keys. Replaced and deleted objects can be restored
for 30 days.

The findings' `<digest>` stands for the study's content, the model and the settings of the analysis;
`<row>` is a row of the plan, such as `s01` for a series or `w01` for several series of the study;
`<id>` is that of an [analysis](analyses.md)."""

_INCOMING = (
    (
        "`incoming/<folder>/`",
        "what senders upload; an object `_COMPLETE` says that the folder is done",
        "until its study is archived",
    ),
    (
        "`staging/<study key>/v<n>/`",
        "numbered copies of the files of one version while they are imported",
        "`import_study` removes them; leftovers go after 7 days",
    ),
    (
        "`processed/<folder>/`",
        "files that were imported, or are copies of such",
        "until you remove them",
    ),
    (
        "`failed/<folder>/`",
        "files that were refused, each with its reason in `<name>.reason.json`",
        "until you remove them",
    ),
)

_NAMES = """\
A name that would exceed 1024 bytes in its new place is cut and ends in a digest of the whole.
`processed/` and `failed/` keep the sender's folder and file names, which may name a patient."""


def page_text() -> str:
    return page(
        "State bucket",
        "platform engineers",
        _INTRO,
        table(("object", "what it holds"), _rows(state.__doc__ or "")),
        "## The incoming bucket",
        table(("prefix", "what lies there", "how long"), _INCOMING),
        _NAMES,
    )


def _rows(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield the rows of the docstring's table; a line without an object goes on with the last."""
    body = re.split(r"^=+ +=+$", docstring, flags=re.MULTILINE)[1]
    row: tuple[str, str] | None = None
    for line in body.strip().splitlines():
        match = re.match(r"(``.*?``)\s{2,}(.*)", line)
        if match:
            if row:
                yield row
            row = (prose(match[1]), match[2])
        elif row:
            row = (row[0], f"{row[1]} {line.strip()}")
    if row:
        yield row
