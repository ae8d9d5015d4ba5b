"""Every object that Wetread writes for a sample is one that DICOM describes (PS3.3)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.judges.dicom3tools import entity_complaints, object_complaints, write_files
from tests.judges.slides import annotated_slide
from tests.operators.sample_runs import SampleRun

from samples import catalog

pytestmark = [pytest.mark.xdist_group("samples"), pytest.mark.needs("dciodvfy", "dcentvfy")]

SAMPLES = [sample.name for sample in catalog()]
PHANTOMS = [name for name in SAMPLES if not name.startswith("real-")]
INHERITED = {
    "attribute <Laterality>": "The source's series has an empty Laterality; its results are about "
    "the same body part, of which nothing more is known."
}
"""What may be wrong with a result because it is wrong in its source: words of the judge, and why
the result repeats it."""
MISTAKEN = {
    "Unrecognized defined term <99WETREAD>": "Designators that begin with 99 are private (PS3.16 "
    "section 8.1), and CodingSchemeIdentificationSequence says what this one means.",
    "Different information entities for attribute - Element=<AccessionNumber>": "It is of the "
    "study in every object (PS3.3 C.7.2.1); images may repeat it in the request of a series.",
    "Attribute present in one instance but not the other": "Optional attributes may be left out "
    "(PS3.5 section 7.4.5), and a result repeats no more of a patient than it must.",
    "Unrecognized defined term <CC> for value 1 of attribute <View Position>": "CC is the view of "
    "these mammograms (PS3.3 C.8.11.7, View Position of a mammography image is CC or MLO, ...).",
}
"""Where dicom3tools 20260927 is mistaken: its words, and what the standard says."""


@dataclass(frozen=True)
class Complaints:
    """What is said of a study, without the judge's mistakes."""

    results: dict[str, frozenset[str]]
    """By the kind of object."""
    sources: frozenset[str]
    entities: frozenset[str]
    """Of all together, without what is said of the sources alone."""
    said: frozenset[str]
    """All that the judges said of anything, mistakes included."""


def _listed(complaint: str, table: dict[str, str]) -> bool:
    return any(words in complaint for words in table)


def _right(complaints: frozenset[str]) -> frozenset[str]:
    return frozenset(one for one in complaints if not _listed(one, MISTAKEN))


def _judged(run: SampleRun, folder: Path) -> Complaints:
    sources = write_files(run.sources, folder / "sources")
    results = write_files(run.results_in_dicom, folder / "results")
    kinds = {str(ds.SOPInstanceUID): f"{ds.Modality}" for ds in run.results_in_dicom}
    of_results = object_complaints(results)
    of_kinds: dict[str, frozenset[str]] = {}
    for uid, complaints in of_results.items():
        of_kinds[kinds[uid]] = of_kinds.get(kinds[uid], frozenset()) | _right(complaints)
    of_sources = frozenset().union(*object_complaints(sources).values())
    of_all = entity_complaints([*sources.values(), *results.values()])
    return Complaints(
        results=of_kinds,
        sources=_right(of_sources),
        entities=_right(of_all - entity_complaints(sources.values())),
        said=of_sources.union(of_all, *of_results.values()),
    )


@pytest.fixture(scope="session")
def complaints(
    runs: dict[str, SampleRun], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Complaints]:
    folder = tmp_path_factory.mktemp("dicom3tools")
    return {name: _judged(run, folder / name) for name, run in runs.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_dciodvfy_says_nothing_that_it_does_not_say_of_the_source(
    complaints: dict[str, Complaints], name: str
) -> None:
    found = complaints[name]
    assert found.results, "something was looked at, so something is written"
    standing = {
        kind: {one for one in said if not (one in found.sources and _listed(one, INHERITED))}
        for kind, said in found.results.items()
    }
    assert {kind: said for kind, said in standing.items() if said} == {}


@pytest.mark.parametrize("name", SAMPLES)
def test_dcentvfy_finds_results_and_sources_of_one_patient_and_study(
    complaints: dict[str, Complaints], name: str
) -> None:
    assert complaints[name].entities == set()


@pytest.mark.parametrize("words", [*INHERITED, *MISTAKEN])
def test_what_is_excused_is_said(complaints: dict[str, Complaints], words: str) -> None:
    """So that no excuse outlives its reason."""
    assert any(words in one for found in complaints.values() for one in found.said)


@pytest.mark.parametrize("name", PHANTOMS)
def test_the_phantoms_have_nothing_to_inherit(complaints: dict[str, Complaints], name: str) -> None:
    assert complaints[name].sources == set()


def test_dciodvfy_says_nothing_of_an_annotated_slide(
    runs: dict[str, SampleRun], tmp_path: Path
) -> None:
    objects = annotated_slide(runs["sm-biopsy"])
    said = object_complaints(write_files(objects, tmp_path))
    assert {ds.Modality for ds in objects} == {"ANN", "KO", "OT", "SR"}
    kinds = {str(ds.SOPInstanceUID): ds.Modality for ds in objects}
    assert {kinds[uid]: _right(found) for uid, found in said.items() if _right(found)} == {}


def test_dciodvfy_sees_what_is_wrong(runs: dict[str, SampleRun], tmp_path: Path) -> None:
    """So its silence means something."""
    for result in runs["ct-chest-nodule"].results_in_dicom:
        broken = deepcopy(result)
        del broken.StudyID
        (said,) = object_complaints(write_files([broken], tmp_path)).values()
        assert any("StudyID" in one for one in said), result.Modality
