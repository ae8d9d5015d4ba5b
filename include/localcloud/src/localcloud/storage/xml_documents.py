"""The XML that the XML API answers and takes.

Source: https://cloud.google.com/storage/docs/xml-api/overview and
https://cloud.google.com/storage/docs/xml-api/reference-status
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from localcloud.errors import GoogleError
from localcloud.http.body import Body
from localcloud.http.call import Reply
from localcloud.storage.part_uploads import Part

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_CONTENT_TYPE = "application/xml; charset=UTF-8"
_MAX_BYTES = 2 << 20
_CODES = {
    400: "InvalidArgument",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "Conflict",
    412: "PreconditionFailed",
    416: "InvalidRange",
    429: "SlowDown",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}


def error(failure: GoogleError) -> Reply:
    """Answer a failure as the XML API does."""
    # A reason of the XML API begins with a capital, one of the JSON API does not.
    own = failure.reason if failure.reason[:1].isupper() else None
    missing_bucket = failure.code == 404 and failure.message.startswith("The specified bucket")
    code = own or ("NoSuchBucket" if missing_bucket else _CODES.get(failure.code, "InternalError"))
    return document("Error", (("Code", code), ("Message", failure.message)), failure.code)


def document(
    root: str,
    fields: Iterable[tuple[str, str]],
    status: int = 200,
    parts: Iterable[Part] = (),
) -> Reply:
    """Answer one element with text children, and a listing of parts."""
    attribute = "" if root == "Error" else f' xmlns="{_NAMESPACE}"'
    body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields)
    body += "".join(_part(part) for part in parts)
    text = f"<?xml version='1.0' encoding='UTF-8'?><{root}{attribute}>{body}</{root}>"
    return Reply(status, text.encode(), _CONTENT_TYPE)


def requested_parts(payload: Body) -> list[tuple[int, str]]:
    """Return number and ETag of each part that a completion names, in its order.

    Raises
    ------
    GoogleError
        400 when the body is not a ``CompleteMultipartUpload``.
    """
    try:
        # A declaration could define entities that unfold without bound.
        if len(payload) > _MAX_BYTES or b"<!" in payload.read():
            raise ValueError
        root = ElementTree.fromstring(payload.read())  # noqa: S314 - no declaration reaches it
        parts = [
            (int(_text(part, "PartNumber")), _text(part, "ETag").strip('"'))
            for part in root.iterfind("{*}Part")
        ]
    except (ElementTree.ParseError, ValueError):
        raise GoogleError.of(
            400, "The XML you provided was not well-formed or did not validate.", "MalformedXML"
        ) from None
    return parts


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(f"{{*}}{name}") or "").strip()


def _part(part: Part) -> str:
    return (
        f"<Part><PartNumber>{part.number}</PartNumber><LastModified>{part.modified}</LastModified>"
        f'<ETag>"{part.etag}"</ETag><Size>{part.size}</Size></Part>'
    )
