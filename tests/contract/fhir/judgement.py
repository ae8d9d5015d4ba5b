"""Ask validators of FHIR that know nothing of this project, in an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venvs/judges"
_PYTHON = _ENVIRONMENT / "bin/python"
_PACKAGE = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
_TIMEOUT_SECONDS = 120.0


def judged(
    documents: Mapping[str, Mapping[str, Any]], rest: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what ``outside_judges`` says of documents and, with ``rest``, of a server.

    One process judges all: loading the R4 package takes it longer than a document does. Skips the
    test where the judges are not installed; in CI, fails it.
    """
    package = next(_ENVIRONMENT.glob(f"lib*/python*/site-packages/{_PACKAGE}"), None)
    if package is None or not _PYTHON.exists():
        reason = "needs pyrofile-validator and fhirkit-rs of requirements-judges.lock"
        if os.environ.get("WETREAD_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    job = {"documents": documents} | ({"rest": rest} if rest else {})
    script = Path(__file__).with_name("outside_judges.py")
    done = subprocess.run(
        [str(_PYTHON), str(script), str(package)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))
