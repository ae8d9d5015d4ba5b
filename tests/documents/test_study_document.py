"""The readable report: complete, self-contained, harmless, and the same every time."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fhir.cases import (
    ANOMALY,
    NEW,
    NODULE,
    OBJECT,
    PATIENT_NAME,
    ct_analysis,
    ct_facts,
    nodule_analysis,
    outcome,
    study_findings,
)
from tests.documents.cases import JPEG, Element, document, full_study, read_html

from wetread.core.fhir.filing import Filing
from wetread.core.fhir.study import StudyFacts
from wetread.core.findings import AnalysisName, StudyFindings
from wetread.core.outcomes import reasons
from wetread.gcp.report_figures import LARGEST_PICTURE_BYTES

INCOMPLETE = study_findings(
    ct_analysis(OBJECT),
    outcomes=(outcome(1, "analysis-missing", 2), outcome(9, "truncated", 2)),
    missing=(AnalysisName("series-2", "vision"),),
)
NOTHING_TO_ANALYSE = study_findings(outcomes=(outcome(1, "no-pixel-data"),))
SIGNED = Filing(
    NEW.report, edition=1, predecessor="DiagnosticReport/d-0", signed=("DiagnosticReport/d-1",)
)
STUDIES = {
    "full": full_study(),
    "nothing found": study_findings(nodule_analysis()),
    "incomplete": INCOMPLETE,
    "nothing to analyse": NOTHING_TO_ANALYSE,
    "nothing arrived": study_findings(),
}
KINDS = pytest.mark.parametrize("findings", STUDIES.values(), ids=STUDIES.keys())


def section(html: Element, heading: str) -> Element:
    """Return the section below a heading."""
    return next(s for s in html.all("section") if heading in next(s.all("h2")).text)


@KINDS
def test_every_document_says_that_it_is_preliminary_and_not_for_clinical_use(
    findings: StudyFindings,
) -> None:
    html = read_html(document(findings))
    for part in (next(html.all("title")), next(next(html.all("body")).all("div"))):
        assert "preliminary" in part.text.lower()
        assert "not for clinical use" in part.text.lower()


@pytest.mark.needs("chromium", "pdftotext")
@pytest.mark.parametrize(("number_of_findings", "pages"), [(1, 1), (60, 2)])
def test_every_printed_page_says_so_and_a_usual_study_has_one(
    tmp_path: Path, number_of_findings: int, pages: int
) -> None:
    nodules = [replace(NODULE, score=1 - number / 1000) for number in range(number_of_findings)]
    path, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    path.write_bytes(document(study_findings(ct_analysis(ANOMALY), nodule_analysis(*nodules))))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    subprocess.run(
        ["chromium", *options, profile, f"--print-to-pdf={pdf}", path.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    done = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True)

    *printed, rest = done.stdout.upper().split("\f")
    assert not rest
    assert len(printed) == pages
    assert all("PRELIMINARY" in page and "NOT FOR CLINICAL USE" in page for page in printed)


def test_study_is_named_by_numbers_and_its_time_by_its_own_zone() -> None:
    text = read_html(document(full_study())).text
    for part in (
        "CT Chest",
        "PAT-1",
        "A-778",
        "CT chest & <abdomen>",
        "2026-11-22 08:15 UTC+01:00",
    ):
        assert part in text
    family, given_name = PATIENT_NAME.split("^")
    assert family not in text
    assert given_name not in text


def test_a_finding_has_its_measurement_its_place_its_score_and_its_threshold() -> None:
    text = section(read_html(document(full_study())), "Findings").text
    for part in (
        "Pulmonary nodule",
        "diameter 8.1 mm",
        "series 2, image 2",
        "R 61, P 12, H 80 mm",
        "0.91",
        "threshold 0.50",
        "phantom-nodule 1",
    ):
        assert part in text


def test_what_is_absent_has_its_score_and_stands_apart() -> None:
    html = read_html(document(full_study()))
    text = section(html, "Looked for and not found").text
    for part in ("Pulmonary nodule", "0.12", "threshold 0.50"):
        assert part in text
    assert "0.12" not in section(html, "Findings").text


def test_candidates_stand_apart_from_findings_and_are_called_not_diagnostic() -> None:
    html = read_html(document(full_study()))
    candidates = section(html, "Candidates, not diagnostic")
    for label in ("Bright region", "Bone"):
        assert label in candidates.text
        assert label not in section(html, "Findings").text
    assert "knows no medicine" in candidates.text


def test_critical_finding_says_by_when_somebody_has_to_look() -> None:
    assert "by 2026-11-25 08:21 UTC" in read_html(document(full_study())).text


@KINDS
def test_every_reason_and_count_is_told(findings: StudyFindings) -> None:
    text = section(read_html(document(findings)), "What was analysed").text
    assert f"{findings.counts.arrived} instance" in text
    assert f"{findings.counts.analysed} analysed" in text
    for code in {o.reason for o in findings.outcomes} - {"analysed"}:
        assert reasons()[code].text in text


def test_incomplete_report_names_what_is_missing() -> None:
    text = read_html(document(INCOMPLETE)).text
    assert "Incomplete: 1 analysis not done yet (series-2 vision); 1 instance not looked at" in text


def test_what_was_not_looked_at_is_named_by_its_series() -> None:
    findings = study_findings(ct_analysis(OBJECT), outcomes=(outcome(9, "localizer", 1),))
    text = section(read_html(document(findings)), "What was analysed").text
    assert "1 skipped (series 2): The image is a localizer." in text


def test_versions_models_and_the_reports_around_it_are_named() -> None:
    html = read_html(document(full_study(), filing=SIGNED))
    text = section(html, "Where this comes from").text
    for part in (
        "Study version 1",
        "Report edition 2",
        "Predecessor DiagnosticReport/d-0",
        "Signed report DiagnosticReport/d-1",
        "Settings " + "b" * 12,
        "Wetread ",
        "phantom-nodule 1",
        "c0" * 6,
        "5e78" * 3,
    ):
        assert part in text
    assert "A signed report of this study exists" in html.text


def test_key_images_are_inside_and_one_that_cannot_be_shown_is_told() -> None:
    html = read_html(document(full_study(), pictures=(JPEG, None)))
    figures = list(section(html, "Key images").all("figure"))
    (picture,) = figures[0].all("img")
    assert picture.attributes["src"] == "data:image/jpeg;base64,/9j/2Q=="
    assert "Pulmonary nodule 8.1 mm, series 2, image 2" in picture.attributes["alt"]
    assert "could not be shown" in figures[1].text
    assert "series 2, image 3" in figures[1].text


@KINDS
def test_nothing_is_loaded_and_nothing_runs(findings: StudyFindings) -> None:
    html = read_html(document(findings, pictures=(JPEG,)))
    names = {element.name for element in html.all()}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base", "audio"}
    for element in html.all():
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action", "data"):
            assert element.attributes.get(name, "data:").startswith("data:")
    style = "".join(str(part) for s in html.all("style") for part in s.parts)
    assert not re.search(r"url\(|@import|https?:", style)
    (policy,) = (m for m in html.all("meta") if "http-equiv" in m.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:; style-src")


@KINDS
def test_it_is_accessible(findings: StudyFindings) -> None:
    """WCAG 2.2: 1.1.1, 1.3.1, 2.4.2, 3.1.1."""
    html = read_html(document(findings, pictures=(JPEG, JPEG)))
    assert html.attributes["lang"] == "en"
    assert len(list(html.all("h1"))) == 1
    assert all(image.attributes.get("alt") for image in html.all("img"))
    for table in html.all("table"):
        assert next(table.all("caption")).text
        assert all("scope" in cell.attributes for cell in table.all("th"))
    ids = [e.attributes["id"] for e in html.all() if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    named = {e.attributes["aria-labelledby"] for e in html.all("section")}
    assert named == set(ids)


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        """'"><img src=x onerror=alert(1)>""",
        "</style><style>*{display:none}",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;b&gt;&#60;",
        "<!--",
        "]]>\u202e\u2028",
    ]
)


@given(text=st.one_of(HOSTILE, st.text(st.characters(codec="utf-8"), min_size=1)))
def test_texts_of_others_stay_texts(text: str) -> None:
    assert _with_text(text).shape == _with_text("harmless").shape


def _with_text(text: str) -> Element:
    facts = ct_facts()
    facts = replace(
        facts, description=text, patient=replace(facts.patient or NEW.report, value=text)
    )
    analysis = ct_analysis(replace(ANOMALY, label=text), OBJECT)
    named = replace(analysis, source=replace(analysis.source, name=text))
    return read_html(document(study_findings(named), facts, pictures=(JPEG,)))


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert document(full_study(), filing=SIGNED) == document(full_study(), filing=SIGNED)


def test_it_stays_small_however_much_was_found() -> None:
    """At most a megabyte: every version of the FHIR resource keeps its own."""
    noise = random.Random(7)
    many = [
        replace(analysis, row_id=f"s{row:04}")
        for row in range(200)
        for analysis in (
            ct_analysis(*[replace(ANOMALY, label="&" * 10_000)] * 50),
            nodule_analysis(*[NODULE] * 20),
            nodule_analysis(),
        )
    ]
    missing = tuple(AnalysisName(f"s{row:04}", "vision") for row in range(300, 900))
    facts = replace(ct_facts(), description="<" * 100_000)
    pictures: Sequence[bytes] = [noise.randbytes(LARGEST_PICTURE_BYTES) for _ in range(4)]
    content = document(study_findings(*many, missing=missing), facts, pictures=pictures)
    assert len(content) <= 1_000_000
    assert "more" in read_html(content).text


def test_study_without_any_stored_image_has_a_document() -> None:
    findings = study_findings(outcomes=(outcome(1, "two-patients"), outcome(2, "two-patients")))
    text = read_html(document(findings, StudyFacts())).text
    assert "Patient not identified" in text
    assert "Nothing of this study could be analysed" in text
