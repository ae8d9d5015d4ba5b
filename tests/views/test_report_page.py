"""The report page, asked for through a real Airflow web server."""

from __future__ import annotations

import re
from html import escape
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from tests.views.conftest import HOSTILE, Site, report_path

from wetread.core.fhir.conclusion import DISCLAIMER

ABSENT_KEY = "k1-" + "a" * 26
FHIR_SEARCH = "healthcare.projects.locations.datasets.fhirStores.fhir.search-type"
ANOMALY_COLOUR = (255, 140, 30)
PHI_FREE_NAME = re.compile(r'inline; filename="k1-[a-z2-7]{26}\.html"')
UID = re.compile(r"\b[0-2](\.(0|[1-9][0-9]*)){5,}\b")


def document_path(study_key: str) -> str:
    return report_path(study_key).removesuffix("report") + "document.html"


def words(page: str) -> str:
    """Return what a page says, without its elements."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_report_says_what_was_found_and_what_was_looked_at(site: Site) -> None:
    page = site.page(site.nodule)

    assert DISCLAIMER in page
    assert "CT Chest" in page
    assert "1 anomaly candidate and 1 object candidate" in page
    assert "series 1, image 36" in page
    assert "<b>60</b> arrived" in page
    assert "<b>16</b> analysed" in page
    assert "44 skipped (series 1):</b> The series is long" in page
    assert f'href="/dags/study_pipeline/runs/study__{site.nodule}__v1"' in page


def test_key_image_is_the_picture_that_the_store_holds(site: Site) -> None:
    answer = site.server.get(f"/wetread/go/{site.nodule}/key-images/1.png", site.token)

    assert 'src="key-images/1.png"' in site.page(site.nodule)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    picture = Image.open(BytesIO(answer.content))
    assert picture.mode == "RGB"
    assert np.all(np.asarray(picture) == ANOMALY_COLOUR, axis=-1).any()


@pytest.mark.parametrize("number", ["2", "0", "-1", "1.5", "x", "9" * 5000])
def test_key_image_that_is_not_there_is_not_found(site: Site, number: str) -> None:
    answer = site.server.get(f"/wetread/go/{site.nodule}/key-images/{number}.png", site.token)

    assert answer.status_code == 404


def test_document_is_shown_as_the_report_holds_it(site: Site) -> None:
    answer = site.server.get(document_path(site.nodule), site.token)

    assert '<a href="document.html" download>' in site.page(site.nodule)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Not for clinical use" in answer.text
    assert 'src="data:image/jpeg;base64,' in answer.text
    assert PHI_FREE_NAME.fullmatch(answer.headers["content-disposition"])


def test_document_is_shut_off_from_airflow_and_loads_nothing(site: Site) -> None:
    answer = site.server.get(document_path(site.hostile), site.token)

    policy = answer.headers["content-security-policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "img-src data:"} <= set(policy)
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text


def test_study_without_a_report_has_no_document(site: Site) -> None:
    assert site.server.get(document_path(site.waiting), site.token).status_code == 404


def test_page_lists_the_reports_and_the_objects_that_are_stored(site: Site) -> None:
    page = words(site.page(site.nodule))

    assert "AI report: preliminary this report" in page
    assert "1 structured report none" in page
    assert "1 key image none" in page
    assert "1 key object selection none" in page


def test_page_and_its_addresses_hold_no_uid_and_no_name(site: Site) -> None:
    page = site.page(site.nodule)

    assert not UID.search(page)
    assert "^" not in page
    assert not UID.search(site.server.log.read_text("utf-8"))


def test_page_loads_nothing_from_elsewhere_and_stays_nowhere(site: Site) -> None:
    answer = site.server.get(report_path(site.nodule), site.token)

    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule]
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)
    assert "<script" not in answer.text


def test_text_from_the_study_stays_text(site: Site) -> None:
    page = site.page(site.hostile)

    assert escape(HOSTILE) in page.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
    assert "<script" not in page


def test_study_without_a_report_leads_to_its_run(site: Site) -> None:
    page = site.page(site.waiting)

    assert "Not written yet" in page
    assert f'href="/dags/study_pipeline/runs/study__{site.waiting}__v1"' in page


def test_anonymous_reader_signs_in_and_comes_back(site: Site) -> None:
    answer = site.server.get(report_path(site.nodule))
    assert answer.status_code == 302

    login = site.server.get(answer.headers["location"])

    address = urlsplit(login.headers["location"])
    assert address.path.startswith("/auth/login")
    assert parse_qs(address.query)["next"] == [report_path(site.nodule)]


@pytest.mark.parametrize("token", [None, "forged", "a.b.c"])
def test_nobody_reads_without_a_valid_login(site: Site, token: str | None) -> None:
    page = site.server.get(report_path(site.nodule), token)
    picture = site.server.get(f"/wetread/go/{site.nodule}/key-images/1.png", token)
    absent = site.server.get(report_path(ABSENT_KEY), token)

    assert (page.status_code, picture.status_code, absent.status_code) == (302, 401, 302)
    assert page.text == absent.text == ""
    assert "PNG" not in picture.text


@pytest.mark.parametrize("path", ["/wetread/docs", "/wetread/redoc", "/wetread/openapi.json"])
def test_application_describes_itself_to_nobody(site: Site, path: str) -> None:
    assert site.server.get(path, site.token).status_code == 404


@pytest.mark.parametrize(
    "study_key",
    [
        ABSENT_KEY,
        "k1-short",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "..%2F..%2Fclaims",
        "%00",
        "k" * 3000,
    ],
)
def test_key_of_no_study_is_not_found(site: Site, study_key: str) -> None:
    answer = site.server.get(report_path(study_key), site.token)

    assert answer.status_code == 404
    assert "No such report" in answer.text
    assert "<script" not in answer.text


def test_service_that_refuses_is_named_with_the_next_step(site: Site) -> None:
    site.cloud.fault(FHIR_SEARCH, status=403)
    try:
        answer = site.server.get(report_path(site.nodule), site.token)
    finally:
        site.cloud.admin("DELETE", "faults")

    assert answer.status_code == 500
    assert "[request-rejected]" in answer.text
    assert "Next:" in answer.text
    assert not UID.search(answer.text)


def test_report_that_a_person_signed_is_shown_as_decided(site: Site) -> None:
    report = site.pipeline.report(f"study__{site.hostile}__v1")
    site.pipeline.decide(
        report, status="final", issued="2031-01-01T00:00:00Z", conclusion="Read by a person."
    )

    page = site.page(site.hostile)

    assert "its status is final" in page
    assert "Read by a person." in page
    assert "signed report: final this report" in words(page)
    assert DISCLAIMER not in page


def test_result_beside_a_signed_report_is_shown_with_both(site: Site) -> None:
    """Late images of a signed study: the report of the new result, and that the other one stays."""
    page = words(site.page(site.beside))

    assert DISCLAIMER in page
    assert "A signed report: final of this study exists." in page
    assert "AI report: preliminary this report" in page
    assert "signed report: final predecessor" in page
