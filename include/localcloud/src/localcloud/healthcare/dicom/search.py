"""The Search transaction: which attributes can be searched, which come back, how many.

Only a handful of attributes can be searched, each for one exact value; a longer result than
`limit` is cut without a word, so clients page until a page is short.
Source: https://cloud.google.com/healthcare-api/docs/dicom#search_transaction and
DICOM PS3.18 section 10.6
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.dicom import attributes, multipart, xml
from localcloud.healthcare.dicom.attributes import tag_of
from localcloud.healthcare.dicom.header import Header
from localcloud.healthcare.dicom.index import Index, Scope
from localcloud.healthcare.dicom.media_types import choose
from localcloud.healthcare.resources import invalid
from localcloud.http.call import Call, Reply

MAX_OFFSET = 1_000_000

# Parameters that every Google API takes, whatever the method.
# Source: https://cloud.google.com/apis/docs/system-parameters
_SYSTEM_PARAMETERS = frozenset(
    {
        "alt",
        "key",
        "prettyPrint",
        "fields",
        "quotaUser",
        "userProject",
        "access_token",
        "oauth_token",
        "callback",
        "uploadType",
        "upload_protocol",
        "$.xgafv",
        "$alt",
        "$prettyPrint",
        "$fields",
        "$userProject",
    }
)
_CONTROLS = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
_PATIENT_NAME, _STUDY_DATE = tag_of("PatientName"), tag_of("StudyDate")
_AVAILABILITY = {tag_of("InstanceAvailability"): {"vr": "CS", "Value": ["ONLINE"]}}
_DICOM_JSON, _JSON = "application/dicom+json", "application/json"


@dataclass(frozen=True)
class Level:
    """One level of search.

    ``columns`` maps what can be searched to the index; ``all_fields`` is what ``includefield=all``
    returns, None for everything; ``computed`` maps an attribute to its VR and column of a result.
    """

    name: str
    group_by: str
    columns: dict[str, str]
    fields: frozenset[str]
    all_fields: frozenset[str] | None
    computed: dict[str, tuple[str, str]]
    default_limit: int
    max_limit: int


STUDIES = Level(
    "study",
    "study",
    attributes.STUDY_COLUMNS,
    attributes.STUDY_FIELDS,
    attributes.ALL_OF_STUDY,
    {
        tag_of("ModalitiesInStudy"): ("CS", "modalities"),
        tag_of("NumberOfStudyRelatedSeries"): ("IS", "series_count"),
        tag_of("NumberOfStudyRelatedInstances"): ("IS", "instance_count"),
    },
    100,
    5_000,
)
SERIES = Level(
    "series or study",
    "study, series",
    attributes.SERIES_COLUMNS,
    attributes.SERIES_FIELDS,
    attributes.ALL_OF_SERIES,
    {tag_of("NumberOfSeriesRelatedInstances"): ("IS", "instance_count")},
    100,
    5_000,
)
INSTANCES = Level(
    "instance, series or study",
    "study, series, instance",
    attributes.INSTANCE_COLUMNS,
    attributes.INSTANCE_FIELDS,
    None,
    {},
    1_000,
    50_000,
)


@dataclass(frozen=True)
class SearchQuery:
    """A search request, checked: conditions by tag, tags to return besides the default ones."""

    conditions: dict[str, str]
    include: frozenset[str]
    include_all: bool
    fuzzy: bool
    limit: int
    offset: int

    @classmethod
    def parse(cls, call: Call, level: Level) -> SearchQuery:
        """Read the query of a request.

        Raises
        ------
        GoogleError
            400 for an attribute that does not exist or cannot be searched at this level, and for
            a limit or offset out of range.
        """
        conditions: dict[str, str] = {}
        for name, value in call.query.items():
            if name in _CONTROLS or name in _SYSTEM_PARAMETERS:
                continue
            tag = tag_of(name)
            if tag not in level.columns:
                raise invalid(f"{name} is not a supported {level.name} level attribute")
            if tag in conditions:
                raise invalid(f"search attribute {name!r} may be given once")
            conditions[tag] = value
        names = ",".join(call.query.all("includefield")).split(",")
        return cls(
            conditions,
            frozenset(tag_of(name) for name in names if name not in ("", "all")),
            "all" in names,
            call.query.flag("fuzzymatching"),
            _number(call, "limit", level.default_limit, 1, level.max_limit),
            _number(call, "offset", 0, 0, MAX_OFFSET),
        )


def _number(call: Call, name: str, default: int, low: int, high: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise invalid(f"invalid {name} {text!r}: want a number from {low} to {high}")
    return int(text)


def search(index: Index, scope: Scope, level: Level, query: SearchQuery) -> list[Header]:
    """Return one page of results, oldest first."""
    where, arguments = _where(index, scope, level, query)
    rows = index.database.read(
        "SELECT MIN(id) AS id, GROUP_CONCAT(DISTINCT modality) AS modalities,"  # noqa: S608
        " COUNT(DISTINCT series) AS series_count, COUNT(*) AS instance_count"
        f" FROM dicom_instances WHERE {where} GROUP BY {level.group_by}"
        " ORDER BY MIN(id) LIMIT ? OFFSET ?",
        [*arguments, query.limit, query.offset],
    )
    texts = index.headers([row["id"] for row in rows])
    return [
        _result(json.loads(text), dict(row), level, query)
        for text, row in zip(texts, rows, strict=False)
    ]


def _where(
    index: Index, scope: Scope, level: Level, query: SearchQuery
) -> tuple[str, list[str | float]]:
    where, arguments = scope.where_searched(index.lag_seconds)
    terms: list[str] = [where]
    values: list[str | float] = [*arguments]
    for tag, value in query.conditions.items():
        column = level.columns[tag]
        if value == "":
            continue
        if tag == _STUDY_DATE and "-" in value:
            first, last = _date_range(value)
            terms.append(f"{column} != '' AND {column} BETWEEN ? AND ?")
            values += [first, last]
        elif tag == _PATIENT_NAME and query.fuzzy:
            names = _fuzzy_names(index, scope, value)
            terms.append(f"{column} IN (SELECT value FROM json_each(?))")  # noqa: S608
            values.append(json.dumps(names))
        else:
            terms.append(f"{column} = ?")
            values.append(value)
    return " AND ".join(terms), values


def _date_range(text: str) -> tuple[str, str]:
    if not re.fullmatch(r"\d{8}-(\d{8})?|-\d{8}", text, re.ASCII):
        raise invalid(f"invalid StudyDate {text!r}: want YYYYMMDD, or a range of one or two")
    first, _, last = text.partition("-")
    return first, last or "99999999"


def _fuzzy_names(index: Index, scope: Scope, wanted: str) -> list[str]:
    """Return the store's patient names that have a word which begins with a wanted one."""
    where, arguments = Scope(scope.store).where_searched(index.lag_seconds)
    rows = index.database.read(
        f"SELECT DISTINCT patient_name FROM dicom_instances WHERE {where}",  # noqa: S608
        arguments,
    )
    prefixes = tuple(_words(wanted))
    return [name for (name,) in rows if any(word.startswith(prefixes) for word in _words(name))]


def _words(name: str) -> list[str]:
    """Return a name's words in one form, whatever their case and their accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return [word for word in re.split(r"[\s^=,]+", plain) if word]


def _result(header: Header, row: dict[str, Any], level: Level, query: SearchQuery) -> Header:
    computed = {}
    for tag, (vr, column) in level.computed.items():
        if vr == "CS":
            values: list[Any] = sorted(filter(None, str(row[column]).split(",")))
        else:
            values = [row[column]]
        computed[tag] = {"vr": vr, "Value": values}
    available = {
        tag: document
        for tag, document in {**header, **_AVAILABILITY, **computed}.items()
        if "BulkDataURI" not in document
    }
    chosen = level.fields | query.include
    if query.include_all:
        chosen |= available.keys() if level.all_fields is None else level.all_fields
    return {tag: available[tag] for tag in sorted(chosen & available.keys())}


def reply(results: Sequence[Header], accept: str) -> Reply:
    """Answer with results as JSON, or as one XML part each; no result is an empty list.

    Raises
    ------
    GoogleError
        406 when neither is acceptable.
    """
    if choose(accept, (_DICOM_JSON, _JSON, xml.CONTENT_TYPE)) == xml.CONTENT_TYPE:
        models = (xml.native_model(item) for item in results)
        parts = (multipart.Outgoing(xml.CONTENT_TYPE, [model]) for model in models)
        return multipart.reply(xml.CONTENT_TYPE, parts)
    text = json.dumps(results, ensure_ascii=False, separators=(",", ":"))
    return Reply(200, text.encode(), _DICOM_JSON)
