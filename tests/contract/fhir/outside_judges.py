"""The part of a judgement that runs under the judges' own Python: pyrofile and fhirkit.

    python outside_judges.py PACKAGE < job.json > verdict.json

A job has ``documents`` to validate against R4, and may have ``rest``: ``base`` and ``inputs`` for
pyrofile's pack of REST tests. The verdict has what each judge says, by document:

pyrofile
    errors against the structure definitions, bindings and invariants of the R4 core package, and
    the references that lead nowhere where a document is a bundle of all there is
fhirkit
    every problem that its model of all R4 elements has with the document, and ``not lossless``
    where what it read is not what it writes
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

import fhirkit
from pyrofile_validator import (
    ApiTestOptions,
    Validator,
    load_builtin_api_test_plan,
    run_api_tests,
)
from pyrofile_validator.config import ValidatorConfig

_UNRESOLVED = "reference.unresolved"


def main(package: str) -> None:
    """Judge the job on standard input."""
    job = json.load(sys.stdin)
    documents = job["documents"]
    verdict = {
        "pyrofile": _pyrofile(package, documents),
        "fhirkit": _fhirkit(documents),
        "scenarios": _scenarios(**job["rest"]) if "rest" in job else {},
    }
    # pyrofile prints lines of its own; the verdict is the last one.
    print(json.dumps(verdict))


def _pyrofile(package: str, documents: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    config = ValidatorConfig.load_dict(
        {
            "fhirVersion": "4.0.1",
            "localPackagePaths": [package],
            "terminology": {"mode": "local"},
            "allowUnknownExtensions": True,
        }
    )
    validator = Validator(config)
    found = {}
    for name, document in documents.items():
        report = validator.validate_resource(document)
        unresolved = [issue for issue in report.warnings if issue.code == _UNRESOLVED]
        closed = document.get("type") == "collection"
        found[name] = [issue.to_dict() for issue in (*report.errors, *(unresolved * closed))]
    return found


def _fhirkit(documents: dict[str, Any]) -> dict[str, list[str]]:
    texts = [json.dumps(document) for document in documents.values()]
    found = {}
    for name, text, read in zip(documents, texts, fhirkit.parse_many(texts), strict=True):
        same = _exact(read.to_json()) == _exact(text)
        found[name] = [*map(str, read.issues), *([] if same else ["not lossless"])]
    return found


def _exact(text: str) -> Any:
    """Read JSON with its decimals as written (R4, "Datatypes", decimal: precision matters)."""
    return json.loads(text, parse_float=Decimal)


def _scenarios(base: str, inputs: dict[str, Any]) -> dict[str, str]:
    plan = load_builtin_api_test_plan("base-r4")
    report = run_api_tests(base, plan, options=ApiTestOptions(inputs=inputs))
    return {item["id"]: item["status"] for item in report.to_dict()["scenarios"]}


if __name__ == "__main__":
    main(sys.argv[1])
