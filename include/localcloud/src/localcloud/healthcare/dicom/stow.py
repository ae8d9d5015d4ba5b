"""The Store transaction's request and response.

Any refused instance makes the answer 409, also when others were stored: there is no 202.
Source: https://cloud.google.com/healthcare-api/docs/dicom#store_transaction and
DICOM PS3.18 section 10.5
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.healthcare.dicom import multipart, stow_json, xml
from localcloud.healthcare.dicom.header import Header, header_text
from localcloud.healthcare.dicom.ingest import Outcome, Refused, Stored
from localcloud.healthcare.dicom.media_types import MediaType, choose
from localcloud.healthcare.resources import invalid
from localcloud.http.call import Call, Reply

_DICOM = "application/dicom"
_DICOM_JSON = "application/dicom+json"
_JSON = "application/json"

RETRIEVE_URL = "00081190"
FAILED_SOP_SEQUENCE = "00081198"
REFERENCED_SOP_SEQUENCE = "00081199"
_REFERENCED_SOP_CLASS = "00081150"
_REFERENCED_SOP_INSTANCE = "00081155"
_FAILURE_REASON = "00081197"
_PROCESSING_FAILURE = 0x0110

# Google's private elements for the reason in words; they differ between JSON and XML.
_PRIVATE_CREATOR = "GOOGLE"
_DETAIL_XML = "00090097"
_DETAIL_JSON_CREATOR = "00090010"
_DETAIL_JSON = "00091097"


def request_files(call: Call) -> list[stow_json.File]:
    """Return the DICOM files of a request, multipart or single, or made of metadata and values.

    Raises
    ------
    GoogleError
        400 for a body that is none of these, or that has no file.
    """
    content_type = MediaType.parse(call.headers.get("content-type", ""))
    if content_type.name == _DICOM:
        return [call.payload.view]
    if content_type.name != "multipart/related":
        raise invalid(f"unsupported Content-Type {content_type.name!r}: send {_DICOM}")
    boundary = content_type.parameters.get("boundary", "")
    if not boundary:
        raise invalid("invalid Content-Type: multipart/related needs a boundary")
    parts = multipart.split(call.payload, boundary)
    if not parts:
        raise invalid("the request has no DICOM instance")
    if parts[0].media_type.name == stow_json.CONTENT_TYPE:
        return stow_json.files(parts)
    for part in parts:
        if part.media_type.name != _DICOM:
            raise invalid(f"unsupported media type {part.media_type.name!r}: send {_DICOM}")
    return [part.content for part in parts]


def answer_type(call: Call) -> str:
    """Return the response's media type: XML unless JSON is asked for.

    Raises
    ------
    GoogleError
        406 when neither is acceptable.
    """
    offers = (xml.CONTENT_TYPE, _DICOM_JSON, _JSON)
    chosen = choose(call.headers.get("accept", ""), offers)
    return _DICOM_JSON if chosen == _JSON else chosen


def reply(outcomes: Sequence[Outcome], dicom_web_url: str, study: str, media_type: str) -> Reply:
    """Answer a store request.

    Parameters
    ----------
    dicom_web_url
        The store's URL up to and including ``dicomWeb``.
    study
        The StudyInstanceUID of the request; empty when it named none.
    """
    is_json = media_type == _DICOM_JSON
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    studies = {study} if study else {outcome.instance.study for outcome in stored}
    response: Header = {}
    if len(studies) == 1:
        url = f"{dicom_web_url}/studies/{studies.pop()}"
        response[RETRIEVE_URL] = {"vr": "UR", "Value": [url]}
    if refused:
        items = [_failed_item(outcome, is_json) for outcome in refused]
        response[FAILED_SOP_SEQUENCE] = {"vr": "SQ", "Value": items}
    if stored:
        items = [_stored_item(outcome, dicom_web_url) for outcome in stored]
        response[REFERENCED_SOP_SEQUENCE] = {"vr": "SQ", "Value": items}
    private = {_DETAIL_XML: ("FailureDetail", _PRIVATE_CREATOR)}
    body = header_text(response).encode() if is_json else xml.native_model(response, private)
    return Reply(409 if refused else 200, body, media_type)


def _stored_item(outcome: Stored, dicom_web_url: str) -> Header:
    instance = outcome.instance
    return {
        _REFERENCED_SOP_CLASS: {"vr": "UI", "Value": [instance.sop_class]},
        _REFERENCED_SOP_INSTANCE: {"vr": "UI", "Value": [instance.instance]},
        RETRIEVE_URL: {"vr": "UR", "Value": [f"{dicom_web_url}/{instance.path}"]},
    }


def _failed_item(outcome: Refused, is_json: bool) -> Header:
    item: Header = {}
    if is_json:
        item[_DETAIL_JSON_CREATOR] = {"vr": "LO", "Value": [_PRIVATE_CREATOR]}
    item[_DETAIL_JSON if is_json else _DETAIL_XML] = {"vr": "LT", "Value": [outcome.detail]}
    for tag, uid in (
        (_REFERENCED_SOP_CLASS, outcome.sop_class),
        (_REFERENCED_SOP_INSTANCE, outcome.sop_instance),
    ):
        if uid:
            item[tag] = {"vr": "UI", "Value": [uid]}
    item[_FAILURE_REASON] = {"vr": "US", "Value": [_PROCESSING_FAILURE]}
    return dict(sorted(item.items()))
