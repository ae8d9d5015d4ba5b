"""The part of the judgement that runs under the judges' own Python: pyrofile's validator and pack.

    python pyrofile_judge.py PACKAGE < job.json > verdict.json

A job has ``documents`` to validate against R4, and ``base`` and ``inputs`` for the REST pack.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pyrofile_validator import (
    ApiTestOptions,
    Validator,
    load_builtin_api_test_plan,
    run_api_tests,
)
from pyrofile_validator.config import ValidatorConfig


def main(package: str) -> None:
    """Judge the job on standard input."""
    job = json.load(sys.stdin)
    config = ValidatorConfig.load_dict(
        {
            "fhirVersion": "4.0.1",
            "localPackagePaths": [package],
            "terminology": {"mode": "local"},
            "allowUnknownExtensions": True,
        }
    )
    validator = Validator(config)
    verdict = {
        "errors": {
            name: [issue.to_dict() for issue in validator.validate_resource(document).errors]
            for name, document in job["documents"].items()
        },
        "scenarios": _scenarios(job["base"], job["inputs"]),
    }
    # The library prints a line of its own; the verdict is the last one.
    print(json.dumps(verdict))


def _scenarios(base: str, inputs: dict[str, Any]) -> dict[str, str]:
    plan = load_builtin_api_test_plan("base-r4")
    report = run_api_tests(base, plan, options=ApiTestOptions(inputs=inputs))
    return {item["id"]: item["status"] for item in report.to_dict()["scenarios"]}


if __name__ == "__main__":
    main(sys.argv[1])
