"""The sample studies taken through one installation with its models, each once in a session.

Loaded as a plugin, so that all folders share one fixture; a module that uses it has the mark
``xdist_group("samples")``, so that one worker runs the studies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from pydicom import FileDataset
    from tests.contract.conftest import StartCloud
    from tests.operators.pipeline import Pipeline

    from samples import SampleStudy


KNOWN = "ct-chest-nodule"
"""The sample whose patient and order the FHIR store has; it has none of the others."""
SITE = {"organization": "Fictitious General Hospital", "time_zone": "Europe/Vienna"}


class Transaction(NamedTuple):
    """A bundle that was sent to the FHIR store to be stored at once, and the answer."""

    sent: dict[str, Any]
    answer: dict[str, Any]

    @property
    def references(self) -> list[str]:
        """``<type>/<id>`` of what the bundle wrote."""
        locations = [entry["response"]["location"] for entry in self.answer["entry"]]
        return ["/".join(one.partition("/_history/")[0].split("/")[-2:]) for one in locations]


@dataclass(frozen=True)
class SampleRun:
    """What became of one sample: what each task returned, and all that stands in the stores."""

    sample: SampleStudy
    pipeline: Pipeline
    run_id: str
    results: dict[str, Any]
    transactions: tuple[Transaction, ...]

    @cached_property
    def study_instance_uid(self) -> str:
        return self.pipeline.records(self.run_id).manifest.study_instance_uid

    @cached_property
    def instances(self) -> tuple[FileDataset, ...]:
        """Every instance of the study in the DICOM store, the results included."""
        from wetread.core.pixels.reading import read_instance

        dicomweb, uid = self.pipeline.installation.dicomweb, self.study_instance_uid
        metadata = dicomweb.study_metadata(uid, "the sample's study")
        series = {item["0020000E"]["Value"][0] for item in metadata}
        return tuple(
            read_instance(blob)
            for name in sorted(series)
            for blob in dicomweb.stream_series(uid, name, "the sample's study")
        )

    @property
    def results_in_dicom(self) -> tuple[FileDataset, ...]:
        """The instances that Wetread wrote."""
        from wetread.core.dicom.ownership import is_own_result

        return tuple(instance for instance in self.instances if is_own_result(instance))

    @property
    def sources(self) -> tuple[FileDataset, ...]:
        """The instances that a modality wrote."""
        own = {instance.SOPInstanceUID for instance in self.results_in_dicom}
        return tuple(one for one in self.instances if one.SOPInstanceUID not in own)


@dataclass
class SampleRuns:
    """Runs a sample when it is first asked for."""

    pipeline: Pipeline
    sent: list[Transaction]
    _runs: dict[str, SampleRun] = field(default_factory=dict)

    def of(self, sample: SampleStudy) -> SampleRun:
        if sample.name not in self._runs:
            self.pipeline.upload(sample.folder, sample.files())
            (run_id,) = self.pipeline.intake()
            results = self.pipeline.run(run_id)
            sent = tuple(self.sent)
            self.sent.clear()
            self._runs[sample.name] = SampleRun(sample, self.pipeline, run_id, results, sent)
        return self._runs[sample.name]


def _admit(pipeline: Pipeline, name: str) -> None:
    """Enter a sample's patient and order, as a hospital's own systems do before the images come."""
    import requests

    from samples.identity import IDENTITIES

    identity, installation = IDENTITIES[name], pipeline.installation
    settings = installation.settings
    store = installation.dataset.fhir_store(settings.fhir_store)
    url = f"{installation.healthcare.endpoint('healthcare')}/v1/{store}/fhir"

    def create(resource_type: str, system: str, value: str, **elements: Any) -> str:
        identifier = {"identifier": [{"system": system, "value": value}]}
        resource = {"resourceType": resource_type, **identifier, **elements}
        headers = {"Content-Type": "application/fhir+json"}
        answer = requests.post(f"{url}/{resource_type}", json=resource, headers=headers, timeout=30)
        answer.raise_for_status()
        return f"{resource_type}/{answer.json()['id']}"

    patient = create("Patient", settings.patient_system, identity.patient_id)
    create(
        "ServiceRequest",
        settings.accession_system,
        identity.accession_number,
        status="active",
        intent="order",
        subject={"reference": patient},
    )


@pytest.fixture(scope="session")
def sample_runs(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SampleRuns]:
    from tests.operators.models import installed

    from wetread.gcp.fhir import FhirClient

    sent: list[Transaction] = []
    execute = FhirClient.execute

    def recorded(client: FhirClient, bundle: dict[str, Any], subject: str) -> dict[str, Any]:
        answer = execute(client, bundle, subject)
        if bundle["type"] == "transaction":
            sent.append(Transaction(bundle, answer))
        return answer

    folder = tmp_path_factory.mktemp("samples")
    with (
        start_cloud(folder / "cloud") as cloud,
        installed(cloud, folder / "server", **SITE) as pipeline,
        pytest.MonkeyPatch.context() as listening,
    ):
        _admit(pipeline, KNOWN)
        listening.setattr(FhirClient, "execute", recorded)
        yield SampleRuns(pipeline, sent)
