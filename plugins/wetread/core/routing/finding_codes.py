"""What specialised models may find: the rows of ``findings.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True)
class FindingCode:
    """One row; ``is_diagnostic`` is false for a remark on the images, such as text in them."""

    code: str
    title: str
    is_diagnostic: bool


@cache
def finding_codes() -> Mapping[str, FindingCode]:
    """Return every finding code, in the order of the table."""
    text = files("wetread.core.routing").joinpath("findings.toml").read_text("utf-8")
    return MappingProxyType(
        {
            code: FindingCode(code, row["title"], row["diagnostic"])
            for code, row in tomllib.loads(text)["finding"].items()
        }
    )
