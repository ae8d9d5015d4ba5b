"""Sensitive passages in text: by form, and by what the instance itself says of its patient.

Google inspects with a trained service; this finds what has a form (dates, numbers, addresses of
mail) and every name and identifier that stands in the header, and no other name or place.
Source: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify#default_dicom_infotypes
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

MIN_KNOWN_CHARACTERS = 3
# Without the spaces around it a shorter word is found inside of others.
_MIN_SQUEEZED_CHARACTERS = 4

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_FORMS = {
    "EMAIL_ADDRESS": r"[\w.+-]+@[\w-]+\.[\w.-]+",
    "US_SOCIAL_SECURITY_NUMBER": r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",
    "DATE": (
        r"(?<!\d)(?:(?:19|20)\d\d[-/. ]?(?:0[1-9]|1[0-2])[-/. ]?(?:0[1-9]|[12]\d|3[01])"
        r"|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)"
        rf"|\d{{1,2}}[- ]?(?:{_MONTHS})[a-z]*[-, ]*(?:19|20)\d\d"
        rf"|(?:{_MONTHS})[a-z]*[. ]*\d{{1,2}},? +(?:19|20)\d\d)(?!\d)"
    ),
    "PHONE_NUMBER": r"(?<![\d.])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,4}\)|\d{3})[ -]\d{3}[ -]?\d{4}(?!\d)",
    "MEDICAL_RECORD_NUMBER": r"\b(?:MRN|PID|ACC)[ :#]*[\w-]*\d[\w-]*",
    "AGE": r"\b\d{1,3} ?(?:years? old|y/?o|yrs?)\b",
    "IP_ADDRESS": r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])",
}
INFO_TYPES = frozenset({*_FORMS, "PERSON_NAME", "LOCATION"})
_EXPRESSIONS = {kind: re.compile(form, re.IGNORECASE) for kind, form in _FORMS.items()}

# What of the header is known to identify, besides every person name in it.
_IDENTIFIERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "AdmissionID",
    "PatientTelephoneNumbers",
)
_PLACES = ("InstitutionName", "InstitutionAddress", "PatientAddress", "StationName")
_LOOK_ALIKES = str.maketrans("oil|", "0111")


@dataclass(frozen=True)
class Finding:
    """A passage of a text, by its place, and what it is."""

    start: int
    end: int
    info_type: str


@dataclass(frozen=True)
class Inspector:
    """Finds sensitive passages; `known` are words of the header, with what they are."""

    known: tuple[tuple[str, str], ...]
    excluded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, dataset: Dataset, excluded: frozenset[str] = frozenset()) -> Inspector:
        """Learn the names and identifiers of an instance's header."""
        known = {*_names(dataset)}
        known |= {(value, "MEDICAL_RECORD_NUMBER") for value in _values(dataset, _IDENTIFIERS)}
        known |= {(value, "LOCATION") for value in _values(dataset, _PLACES)}
        long_enough = (pair for pair in known if len(pair[0]) >= MIN_KNOWN_CHARACTERS)
        return cls(tuple(sorted(long_enough)), excluded)

    def find(self, text: str) -> list[Finding]:
        """Return what is sensitive in a text, in order and without overlap."""
        found: list[Finding] = []
        # The longest first: an address of mail goes before the name in it.
        for finding in sorted(self._candidates(text), key=lambda each: each.start - each.end):
            if all(finding.end <= other.start or finding.start >= other.end for other in found):
                found.append(finding)
        return sorted(found, key=lambda finding: finding.start)

    def is_sensitive(self, text: str) -> bool:
        """Return whether a line that a machine read is sensitive, spaces and look-alikes aside."""
        read = _squeezed(text)
        known = (_squeezed(value) for value, kind in self.known if kind not in self.excluded)
        return bool(self.find(text)) or any(
            word in read for word in known if len(word) >= _MIN_SQUEEZED_CHARACTERS
        )

    def _candidates(self, text: str) -> Iterator[Finding]:
        for value, kind in self.known:
            if kind not in self.excluded:
                pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
                for match in re.finditer(pattern, text, re.IGNORECASE):
                    yield Finding(match.start(), match.end(), kind)
        for kind, expression in _EXPRESSIONS.items():
            if kind not in self.excluded:
                for match in expression.finditer(text):
                    yield Finding(match.start(), match.end(), kind)


def _names(dataset: Dataset) -> Iterator[tuple[str, str]]:
    for element in dataset.iterall():
        if element.VR == "PN":
            for text in _texts(element.value):
                yield text, "PERSON_NAME"
                for word in re.split(r"[\^=\s]+", text):
                    yield word, "PERSON_NAME"


def _values(dataset: Dataset, keywords: Iterable[str]) -> Iterator[str]:
    for keyword in keywords:
        yield from _texts(dataset.get(keyword))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple | MultiValue) else [value]
    return [str(each).strip() for each in values if each is not None]


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower().translate(_LOOK_ALIKES)
