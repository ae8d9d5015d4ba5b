"""The document that the pipeline attaches to a report, and the pictures in it."""

from __future__ import annotations

import base64
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tests.documents.cases import Element, read_html
from tests.operators.sample_runs import SampleRun, SampleRuns

from samples import SampleStudy, catalog
from wetread.core.errors import RetriableError, problem
from wetread.core.fhir.presented_form import DOCUMENT_TYPE
from wetread.core.fhir.study import study_facts
from wetread.core.findings import StudyFindings
from wetread.documents.figures import FIGURES_SHOWN, Figure, ranked_images
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.report_figures import LONGEST_SIDE_PIXELS, ReportFigures

pytestmark = pytest.mark.xdist_group("samples")

SAMPLES = {sample.name: sample for sample in catalog()}
FINDING_COLOUR = np.array((255, 225, 60))
JPEG_TOLERANCE = 60
"""How far compression may move a colour; no grey comes as near."""


def document_of(run: SampleRun) -> bytes:
    """Return the document as whoever has the report gets it."""
    report = run.pipeline.report(run.run_id)
    (form,) = (f for f in report["presentedForm"] if f["contentType"] == DOCUMENT_TYPE)
    (binary,) = run.pipeline.installation.fhir.read_all([form["url"]], "the test's document")
    content = base64.b64decode(binary["data"])
    assert len(content) == form["size"]
    return content


def picture_of(element: Element) -> Image.Image:
    _, _, encoded = element.attributes["src"].partition("base64,")
    return Image.open(BytesIO(base64.b64decode(encoded)))


def findings_of(run: SampleRun) -> StudyFindings:
    return run.pipeline.records(run.run_id).findings()


def figures(run: SampleRun, findings: StudyFindings, dicomweb: DicomWebClient) -> list[Figure]:
    """Make a run's figures, of other findings or with another client of the store."""
    metadata = dicomweb.study_metadata(run.study_instance_uid, "the test's study")
    settings = run.pipeline.installation.settings
    maker = ReportFigures(dicomweb, study_facts(metadata), settings, "the test's study")
    return list(maker.make(findings))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_sample_has_a_document_with_its_key_images(
    sample_runs: SampleRuns, sample: SampleStudy
) -> None:
    run = sample_runs.of(sample)
    html = read_html(document_of(run))
    expected = ranked_images(findings_of(run))[:FIGURES_SHOWN]
    pictures = [picture_of(image) for image in html.all("img")]
    assert len(pictures) == len(expected)
    for picture in pictures:
        assert (picture.format, max(picture.size)) == ("JPEG", LONGEST_SIDE_PIXELS)
        assert not picture.getexif()


def test_key_image_shows_the_nodule_where_it_is(sample_runs: SampleRuns) -> None:
    run = sample_runs.of(SAMPLES["ct-chest-nodule"])
    (nodule,) = findings_of(run).findings
    assert nodule.region is not None
    pixels = np.asarray(picture_of(next(read_html(document_of(run)).all("img"))), dtype=int)
    rows, columns, _ = pixels.shape
    bar = round((rows - columns) / 2)

    marked = np.all(np.abs(pixels - FINDING_COLOUR) < JPEG_TOLERANCE, axis=-1)

    x, y = nodule.region.centre
    row, column = bar + round(y * columns), round(x * columns)
    reach = round(max(nodule.region.width, nodule.region.height) * columns)
    assert marked[row - reach : row, column].any()
    assert marked[row : row + reach, column].any()
    assert marked[row, column - reach : column].any()
    assert marked[row, column : column + reach].any()
    assert not marked[bar:-bar, round(0.75 * columns) :].any()


def test_image_that_is_gone_leaves_a_figure_without_a_picture(sample_runs: SampleRuns) -> None:
    run = sample_runs.of(SAMPLES["ct-chest-nodule"])
    whole = findings_of(run)
    gone = tuple(
        replace(
            a,
            findings=tuple(
                replace(f, image=replace(f.image, sop_instance_uid="2.25.1")) for f in a.findings
            ),
        )
        for a in whole.analyses
    )
    made = figures(run, replace(whole, analyses=gone), run.pipeline.installation.dicomweb)
    assert [figure.jpeg is None for figure in made] == [True, False]


class _Down(DicomWebClient):
    """A store that gives no image now."""

    def __init__(self, dicomweb: DicomWebClient) -> None:
        self.__dict__.update(dicomweb.__dict__)

    def retrieve_instance(self, *_: object) -> bytes:
        raise problem("service-unavailable", "the DICOM store did not answer.")


def test_store_that_does_not_answer_is_asked_again_later(sample_runs: SampleRuns) -> None:
    run = sample_runs.of(SAMPLES["ct-chest-nodule"])
    with pytest.raises(RetriableError):
        figures(run, findings_of(run), _Down(run.pipeline.installation.dicomweb))


def test_the_same_image_gives_the_same_picture(sample_runs: SampleRuns) -> None:
    run = sample_runs.of(SAMPLES["ct-chest-nodule"])
    dicomweb, findings = run.pipeline.installation.dicomweb, findings_of(run)
    assert figures(run, findings, dicomweb) == figures(run, findings, dicomweb)
