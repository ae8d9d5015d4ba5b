"""Templates that escape every value and carry their style inside, for documents and for pages."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_SHARED = "wetread.documents"


def environment(package: str, style_sheet: str) -> Environment:
    """Return the templates of a package and those that documents and pages share.

    ``style`` is the style sheet, and ``style_source`` its name in a policy (W3C, "Content Security
    Policy Level 3", hash-source).
    """
    loaders = [PackageLoader(name) for name in dict.fromkeys((package, _SHARED))]
    made = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files(package).joinpath(f"templates/{style_sheet}").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    made.globals["style"] = Markup(style)  # noqa: S704 - ships with the package
    made.globals["style_source"] = f"'sha256-{digest}'"
    return made
