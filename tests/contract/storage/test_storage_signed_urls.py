"""Signed URLs and the XML API's plain reads and writes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage
from google.oauth2 import service_account
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs/access-control/signed-urls"
XML = "https://cloud.google.com/storage/docs/xml-api"
HOUR = datetime.timedelta(hours=1)
Sign = Callable[..., str]


@pytest.fixture(scope="module")
def signer() -> service_account.Credentials:
    """A service account with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return service_account.Credentials.from_service_account_info(
        {
            "client_email": "reader@imaging.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "token_uri": "http://127.0.0.1/token",
        }
    )


@pytest.fixture
def sign(
    server: StorageServer, bucket: storage.Bucket, signer: service_account.Credentials
) -> Sign:
    """Sign a URL of an object of the bucket, for an hour."""

    def sign(name: str, method: str = "GET", **options: Any) -> str:
        settings = {"version": "v4", "expiration": HOUR, **options}
        return bucket.blob(name).generate_signed_url(
            method=method, credentials=signer, api_access_endpoint=server.url, **settings
        )

    return sign


def _changed(url: str, **values: str | None) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **values}
    kept = {name: value for name, value in query.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _code(answer: requests.Response) -> str | None:
    return ElementTree.fromstring(answer.content).findtext("Code")  # noqa: S314 - our server's


@pytest.mark.rule("storage.signed-url.get", DOCS)
@pytest.mark.parametrize("name", ["o", "folder/ü b#1?.dcm", "a%2Fb"])
def test_a_signed_url_reads_its_object(bucket: storage.Bucket, sign: Sign, name: str) -> None:
    bucket.blob(name).upload_from_string(b"content", content_type="application/dicom")
    answer = requests.get(sign(name), timeout=10)
    assert (answer.status_code, answer.content) == (200, b"content")
    assert answer.headers["Content-Type"] == "application/dicom"


@pytest.mark.rule("storage.signed-url.put", DOCS)
def test_a_signed_url_writes_its_object(bucket: storage.Bucket, sign: Sign) -> None:
    url = sign("o", "PUT", content_type="application/dicom")
    answer = requests.put(
        url, data=b"content", headers={"Content-Type": "application/dicom"}, timeout=10
    )
    assert answer.status_code == 200
    found = bucket.get_blob("o")
    assert (found.content_type, found.size) == ("application/dicom", 7)


@pytest.mark.rule("storage.signed-url.expired", f"{DOCS}#expiration")
@pytest.mark.parametrize("version", ["v4", "v2"])
def test_an_expired_url_is_refused(bucket: storage.Bucket, sign: Sign, version: str) -> None:
    bucket.blob("o").upload_from_string(b"content")
    past = {"X-Goog-Date": "20200101T000000Z"} if version == "v4" else {"Expires": "1600000000"}
    answer = requests.get(_changed(sign("o", version=version), **past), timeout=10)
    assert (answer.status_code, _code(answer)) == (400, "ExpiredToken")
    future = {"X-Goog-Date": "99991231T235959Z"} if version == "v4" else {"Expires": "9" * 18}
    assert requests.get(_changed(sign("o", version=version), **future), timeout=10).ok


@pytest.mark.rule(
    "storage.signed-url.parameters",
    "https://cloud.google.com/storage/docs/authentication/canonical-requests#required-query-parameters",
)
@pytest.mark.parametrize(
    "change",
    [
        {"X-Goog-Expires": "604801"},
        {"X-Goog-Expires": "soon"},
        {"X-Goog-Date": "yesterday"},
        {"X-Goog-Signature": None},
        {"X-Goog-Credential": "nobody"},
        {"X-Goog-Algorithm": "ROT13"},
    ],
)
def test_an_incomplete_signature_is_refused(
    bucket: storage.Bucket, sign: Sign, change: dict[str, str | None]
) -> None:
    bucket.blob("o").upload_from_string(b"content")
    answer = requests.get(_changed(sign("o"), **change), timeout=10)
    assert (answer.status_code, _code(answer)) == (400, "InvalidArgument")


@pytest.mark.rule("storage.signed-url.headers", f"{DOCS}#signed-headers")
def test_a_signed_header_must_be_sent(bucket: storage.Bucket, sign: Sign) -> None:
    url = sign("o", "PUT", headers={"x-goog-meta-sender": "ward"})
    refused = requests.put(url, data=b"x", timeout=10)
    assert (refused.status_code, _code(refused)) == (403, "SignatureDoesNotMatch")
    requests.put(url, data=b"x", headers={"x-goog-meta-sender": "ward"}, timeout=10)
    assert bucket.get_blob("o").metadata == {"sender": "ward"}


@pytest.mark.rule("storage.signed-url.resumable", f"{DOCS}#signed-urls-and-resumable-uploads")
def test_a_signed_url_begins_a_resumable_upload(bucket: storage.Bucket, sign: Sign) -> None:
    headers = {"x-goog-resumable": "start"}
    url = sign("o", "POST", headers=headers)
    begun = requests.post(url, headers={**headers, "Content-Type": "text/plain"}, timeout=10)
    assert begun.status_code == 201
    done = requests.put(begun.headers["Location"], data=b"content", timeout=10)
    assert json.loads(done.content)["contentType"] == "text/plain"
    assert bucket.blob("o").download_as_bytes() == b"content"


@pytest.mark.rule("storage.xml.headers", f"{XML}/get-object-download")
def test_an_xml_read_has_the_metadata_in_its_headers(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"sender": "ward"}
    blob.upload_from_string(b"content")
    url = f"{server.url}/{bucket.name}/o"
    head = requests.head(url, timeout=10)
    assert head.headers["x-goog-meta-sender"] == "ward"
    assert head.headers["x-goog-generation"] == str(blob.generation)
    assert head.headers["Content-Length"] == "7"
    ranged = requests.get(url, headers={"Range": "bytes=-3"}, timeout=10)
    assert (ranged.status_code, ranged.content) == (206, b"ent")


@pytest.mark.rule("storage.xml.preconditions", f"{XML}/reference-headers#xgoogifgenerationmatch")
def test_xml_writes_have_preconditions(server: StorageServer, bucket: storage.Bucket) -> None:
    url = f"{server.url}/{bucket.name}/o"
    new = {"x-goog-if-generation-match": "0"}
    assert requests.put(url, data=b"1", headers=new, timeout=10).status_code == 200
    again = requests.put(url, data=b"2", headers=new, timeout=10)
    assert (again.status_code, _code(again)) == (412, "PreconditionFailed")
    stale = requests.delete(url, headers={"x-goog-if-metageneration-match": "7"}, timeout=10)
    assert stale.status_code == 412
    assert requests.delete(url, timeout=10).status_code == 204


@pytest.mark.rule("storage.xml.errors", f"{XML}/reference-status")
def test_the_xml_api_fails_in_xml(server: StorageServer, bucket: storage.Bucket) -> None:
    absent = requests.get(f"{server.url}/{bucket.name}/absent", timeout=10)
    assert (absent.status_code, _code(absent)) == (404, "NoSuchKey")
    nowhere = requests.get(f"{server.url}/no-such-bucket-here/o", timeout=10)
    assert (nowhere.status_code, _code(nowhere)) == (404, "NoSuchBucket")
    damaged = requests.put(
        f"{server.url}/{bucket.name}/o",
        data=b"x",
        headers={"x-goog-hash": "crc32c=AAAAAA=="},
        timeout=10,
    )
    assert damaged.status_code == 400
    assert not bucket.blob("o").exists()
