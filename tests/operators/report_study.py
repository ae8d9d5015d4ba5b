"""A study whose reports are looked at, and what a report says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import requests
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import study_of_its_own

from wetread.core.errors import WetreadError
from wetread.core.fhir.identifiers import CONTENT_SYSTEM, PREDECESSOR_EXTENSION, RESULT_SYSTEM

SETTINGS = "AIRFLOW_VAR_WETREAD_SETTINGS"
OTHER_WRITERS = ("write_dicom_results", "raise_alert")
_numbers = count(6000)

Resource = dict[str, Any]


class Study:
    """A study of three images, of which one or two arrive late."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, number = pipeline, next(_numbers)
        self.folder = f"versions-{number}"
        self.uid, self._files = study_of_its_own(number)

    def arrive(self, images: int = 1) -> str:
        """Send so many more images and read the version that they open; return its run id."""
        run_id = self.claimed(images)
        self.run(run_id)
        return run_id

    def claimed(self, images: int = 1) -> str:
        """Send so many more images and take them in; return the run id of their version."""
        sent, self._files = self._files[:images], self._files[images:]
        self.pipeline.upload(self.folder, sent)
        (run_id,) = self.pipeline.intake()
        return run_id

    def again(self) -> str:
        """Ask for the study again, and read it; return the run id."""
        (run_id,) = self.pipeline.request(self.uid)
        self.run(run_id)
        return run_id

    def run(self, run_id: str) -> Resource:
        """Run a version; return what its report task returned."""
        results = self.pipeline.run(run_id, without=OTHER_WRITERS)
        assert not [result for result in results.values() if isinstance(result, WetreadError)]
        return dict(results["write_fhir_report"])

    @property
    def reviews(self) -> list[Resource]:
        return self.pipeline.reviews(self.uid)

    def review(self, report: Resource, *statuses: str) -> Resource:
        """Return the one review of a report that has one of some statuses."""
        focus = {"reference": f"DiagnosticReport/{report['id']}"}
        (task,) = [t for t in self.reviews if t["focus"] == focus and t["status"] in statuses]
        return task


@contextmanager
def other_model(title: str = "Another Vision") -> Iterator[None]:
    """Let another row of the table look at the images."""
    analyses = {"vision": {"title": title}}
    with pytest.MonkeyPatch.context() as environment:
        changed = {"quiet_period_seconds": 1, "analyses": analyses}
        environment.setenv(SETTINGS, json.dumps(changed))
        yield


def own(resource: Resource) -> str:
    """Return a resource's own identifier."""
    (value,) = [i["value"] for i in resource["identifier"] if i["system"] == RESULT_SYSTEM]
    return str(value)


def content(report: Resource) -> str:
    (value,) = [i["value"] for i in report["identifier"] if i["system"] == CONTENT_SYSTEM]
    return str(value)


def predecessor(report: Resource) -> str | None:
    """Return the id of the report that a report says it follows."""
    for extension in report.get("extension", []):
        if extension["url"] == PREDECESSOR_EXTENSION:
            return str(extension["valueReference"]["reference"]).removeprefix("DiagnosticReport/")
    return None


def created(pipeline: Pipeline, resource: Resource) -> Resource:
    """Create a resource as another system does."""
    answer = requests.post(
        f"{pipeline.fhir_url}/{resource['resourceType']}",
        json=resource,
        headers={"Content-Type": "application/fhir+json"},
        timeout=30,
    )
    answer.raise_for_status()
    return dict(answer.json())


def everything(pipeline: Pipeline) -> dict[str, list[Resource]]:
    """Return all that the FHIR store holds, by type."""
    kinds = (
        "DiagnosticReport",
        "Observation",
        "Task",
        "Provenance",
        "Media",
        "ImagingStudy",
        "Device",
        "Endpoint",
    )
    return {
        kind: sorted(pipeline.resources(kind), key=lambda resource: str(resource["id"]))
        for kind in kinds
    }
