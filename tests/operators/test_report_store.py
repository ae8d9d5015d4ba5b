"""The FHIR store that reports need: set up, set right or refused, and what is looked up in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.contract.conftest import RunningCloud
from tests.operators.conftest import connected
from tests.operators.pipeline import Pipeline

from wetread.core.errors import PermanentError
from wetread.core.fhir.directory import directory_identifier, organization
from wetread.gcp.fhir import FhirClient


def create_store(pipeline: Pipeline, **configuration: Any) -> None:
    """Create the dataset and its FHIR store as somebody else did."""
    installation = pipeline.installation
    client = installation.healthcare.client()
    client.create_dataset(installation.dataset)
    client.create_store(installation.dataset, "fhirStores", "reports", configuration)


def store(pipeline: Pipeline) -> dict[str, Any]:
    installation = pipeline.installation
    client = installation.healthcare.client()
    return client.get_store(installation.dataset, "fhirStores", "reports")


def test_a_store_of_an_earlier_release_takes_ids_of_ours_after_setting_up(
    bare_cloud: RunningCloud,
) -> None:
    """It is told of before, so that nobody waits for the first report to fail."""
    with connected(bare_cloud) as pipeline:
        pipeline.set_up()
        installation = pipeline.installation
        installation.healthcare.client().create_store(
            installation.dataset,
            "fhirStores",
            "reports",
            {"version": "R4", "enableUpdateCreate": False},
        )
        with pytest.raises(PermanentError) as raised:
            installation.platform.validate()
        assert raised.value.code == "store-unsuitable"
        assert "enableUpdateCreate" in str(raised.value)
        assert "run platform_setup" in str(raised.value)

        pipeline.set_up()

        assert store(pipeline)["enableUpdateCreate"] is True


@pytest.mark.parametrize(
    ("configuration", "what"),
    [
        ({"version": "STU3"}, "is not of version R4"),
        ({"version": "R4", "disableReferentialIntegrity": True}, "does not check references"),
        ({"version": "R4", "disableResourceVersioning": True}, "keeps no versions"),
    ],
)
def test_a_store_that_cannot_be_set_right_is_refused_by_what_is_wrong(
    bare_cloud: RunningCloud, configuration: dict[str, Any], what: str
) -> None:
    with connected(bare_cloud) as pipeline:
        create_store(pipeline, **configuration)
        with pytest.raises(PermanentError) as raised:
            pipeline.set_up()
    assert raised.value.code == "store-unsuitable"
    assert what in str(raised.value)
    assert "name another one in the setting fhir_store" in str(raised.value)


def test_workers_that_meet_create_what_they_refer_to_once(shared_pipeline: Pipeline) -> None:
    hospital = organization("General Hospital, Wing A|B")
    criterion = directory_identifier(hospital).criterion

    def ensured(_: int) -> str:
        fhir = shared_pipeline.installation.fhir
        return str(fhir.ensure("Organization", criterion, hospital, "the hospital")["id"])

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(ensured, range(8)))

    assert len(ids) == 1
    found = shared_pipeline.installation.fhir.find("Organization", criterion, "the hospital")
    assert found is not None
    assert found["name"] == "General Hospital, Wing A|B"


def test_all_that_carry_an_identifier_are_found_however_many_pages_they_fill(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    fhir: FhirClient = shared_pipeline.installation.fhir
    order = {"system": "urn:test", "value": "many"}
    for _ in range(5):
        entry = {
            "resource": {"resourceType": "Basic", "identifier": [order], "code": {"text": "x"}},
            "request": {"method": "POST", "url": "Basic"},
        }
        fhir.execute({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, "it")
    monkeypatch.setattr("wetread.gcp.fhir._PAGE", "2")

    found = fhir.find_all("Basic", "urn:test|many", "the orders")

    assert len({one["id"] for one in found}) == 5
