"""Names, labels, page tokens and field masks as every Healthcare resource uses them.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from localcloud.errors import GoogleError
from localcloud.http.call import Call

MAX_LABELS = 64
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_RESOURCE_ID = re.compile(r"[\w.\-]{1,256}")
_LABEL_KEY = re.compile(r"(?![A-Z0-9_\-])[\w\-]{1,63}")
_LABEL_VALUE = re.compile(r"[\w\-]{0,63}")
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
_LABEL_TERM = re.compile(r"(NOT\s+)?labels\.([\w\-]+)\s*=\s*\"?([\w\-]*)\"?")

Json: TypeAlias = dict[str, Any]


def invalid(message: str) -> GoogleError:
    return GoogleError(400, "INVALID_ARGUMENT", message)


def not_found(kind: str, name: str) -> GoogleError:
    return GoogleError(404, "NOT_FOUND", f"{kind} {name} does not exist")


def forbidden(permission: str, name: str) -> GoogleError:
    """403 in the words with which Google hides whether a resource exists."""
    message = f"Permission '{permission}' denied on resource '{name}' (or it may not exist)."
    return GoogleError(403, "PERMISSION_DENIED", message)


def already_exists(kind: str, name: str) -> GoogleError:
    return GoogleError(409, "ALREADY_EXISTS", f"{kind} {name} already exists")


def rfc3339(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def dataset_of(name: str) -> str:
    """Return the dataset that a store or a DICOMweb path below it belongs to."""
    return "/".join(name.split("/")[:6])


def check_name(name: str, collection: str) -> str:
    """Return the full name of a dataset or store, having checked its form.

    Raises
    ------
    GoogleError
        400 when it is not the name of one in `collection`.
    """
    below = "" if collection == "datasets" else f"/{collection}/[^/]+"
    pattern = rf"projects/[^/]+/locations/[^/]+/datasets/[^/]+{below}"
    if not re.fullmatch(pattern, name) or not _RESOURCE_ID.fullmatch(name.rpartition("/")[2]):
        raise invalid(f"invalid name {name!r}: want a full name in {collection}")
    return name


def required_id(call: Call, parameter: str) -> str:
    """Return the identifier that a create call proposes in its query.

    Raises
    ------
    GoogleError
        400 when it is absent or has characters outside letters, digits, ``_``, ``-`` and ``.``.
    """
    value = call.query.get(parameter) or ""
    if not _RESOURCE_ID.fullmatch(value):
        raise invalid(f"invalid {parameter}: must match [\\p{{L}}\\p{{N}}_\\-\\.]{{1,256}}")
    return value


def given(value: Any) -> Any:
    """Return a JSON value without its nulls, which mean the same as absence.

    Source: https://protobuf.dev/programming-guides/json/
    """
    if isinstance(value, dict):
        return {key: given(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [given(item) for item in value if item is not None]
    return value


def check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > MAX_LABELS:
        raise invalid(f"too many labels: at most {MAX_LABELS} labels are allowed")
    for key, value in labels.items():
        lower_case = key == key.lower() and value == value.lower()
        if not (lower_case and _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            raise invalid(f"invalid label {key!r}")


def check_topic(topic: str) -> None:
    if not _TOPIC.fullmatch(topic):
        raise invalid(f"invalid Pub/Sub topic {topic!r}: want projects/PROJECT/topics/TOPIC")


def merge_masked(call: Call, current: Json, patch: Json, mutable: frozenset[str]) -> Json:
    """Return `current` with the top-level fields of the call's ``updateMask`` taken from `patch`.

    Raises
    ------
    GoogleError
        400 when the mask is missing, or names a field that is unknown, immutable or output only.
    """
    mask = [path for path in (call.query.get("updateMask") or "").split(",") if path]
    if not mask:
        raise invalid("update_mask is required")
    merged = dict(current)
    for path in mask:
        field, *below = _camel(path).split(".")
        if field not in mutable:
            raise invalid(f"invalid update_mask: field {path!r} cannot be updated")
        if below:
            raise invalid(f"invalid update_mask: name the whole field {field!r}")
        merged.pop(field, None)
        if field in patch:
            merged[field] = patch[field]
    return merged


def _camel(path: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), path)


def present(body: Json) -> Json:
    """Leave out what Google's JSON leaves out: false, zero, empty text, lists and objects.

    Source: https://protobuf.dev/programming-guides/json/
    """
    return {key: value for key, value in body.items() if value not in (False, "0", "", [], {})}


def page(call: Call, names: Sequence[str]) -> tuple[list[str], str]:
    """Cut one page out of sorted `names`; the token is the last name already given."""
    size, after = page_start(call)
    rest = [name for name in names if name > after]
    return rest[:size], page_token(rest[size - 1]) if len(rest) > size else ""


def page_start(call: Call) -> tuple[int, str]:
    """Return how many names a page has and the name it begins after, empty for the first."""
    return _page_size(call), _decode_token(call.query.get("pageToken") or "")


def page_token(last: str) -> str:
    """Return the token of the page after the one that ends with a name."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def _page_size(call: Call) -> int:
    text = call.query.get("pageSize") or "0"
    if not text.lstrip("-").isdigit() or int(text) < 0:
        raise invalid(f"invalid page_size {text!r}")
    return min(int(text) or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise invalid("invalid page_token") from error


def label_filter(expression: str) -> Callable[[Json], bool]:
    """Compile a list filter such as ``labels.site=north AND NOT labels.tier=dev``.

    Only labels can be filtered on, as the reference of dicomStores.list states. AND and OR in one
    filter are refused: the reference does not say which of them goes first.
    """
    tokens = re.split(r"\s+(AND|OR)\s+", expression.strip())
    terms = [_label_term(term) for term in tokens[::2] if term]
    operators = set(tokens[1::2])
    if len(operators) > 1:
        raise invalid("invalid filter: AND and OR together are not served, use one of them")
    combine = any if operators == {"OR"} else all
    return lambda body: combine(term(body.get("labels", {})) for term in terms)


def _label_term(text: str) -> Callable[[Mapping[str, str]], bool]:
    match = _LABEL_TERM.fullmatch(text.strip())
    if match is None:
        raise invalid(f"invalid filter {text!r}: only labels.key=value with AND, OR, NOT is served")
    negation, key, value = match.groups()
    return lambda labels: (labels.get(key) == value) is not bool(negation)
