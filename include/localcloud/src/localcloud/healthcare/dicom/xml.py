"""The Native DICOM Model: DICOM JSON written as XML.

Source: DICOM PS3.19 section A.1 and PS3.18 section F.2
"""

from __future__ import annotations

from typing import Any, TypeAlias
from xml.etree import ElementTree

from pydicom.datadict import keyword_for_tag

from localcloud.healthcare.dicom.header import Header

# Keyword and private creator by tag.
Private: TypeAlias = dict[str, tuple[str, str]]

CONTENT_TYPE = "application/dicom+xml"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def native_model(header: Header, private: Private | None = None) -> bytes:
    """Serialise a dataset.

    Parameters
    ----------
    private
        Private elements that have a keyword.
    """
    root = ElementTree.Element("NativeDicomModel", {"xml:space": "preserve"})
    _write(root, header, private or {})
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _write(parent: ElementTree.Element, header: Header, private: Private) -> None:
    for tag, document in header.items():
        keyword, creator = private.get(tag, (keyword_for_tag(tag), ""))
        names = {"tag": tag, "vr": document["vr"], "keyword": keyword, "privateCreator": creator}
        attributes = {name: value for name, value in names.items() if value}
        element = ElementTree.SubElement(parent, "DicomAttribute", attributes)
        if "BulkDataURI" in document:
            ElementTree.SubElement(element, "BulkData", {"uri": document["BulkDataURI"]})
        if "InlineBinary" in document:
            ElementTree.SubElement(element, "InlineBinary").text = document["InlineBinary"]
        for number, value in enumerate(document.get("Value", ()), start=1):
            _write_value(element, document["vr"], number, value, private)


def _write_value(
    element: ElementTree.Element, vr: str, number: int, value: Any, private: Private
) -> None:
    numbered = {"number": str(number)}
    if vr == "SQ":
        _write(ElementTree.SubElement(element, "Item", numbered), value, private)
    elif vr == "PN":
        _write_name(ElementTree.SubElement(element, "PersonName", numbered), value or {})
    elif value is not None:
        ElementTree.SubElement(element, "Value", numbered).text = _text(str(value))


def _write_name(element: ElementTree.Element, name: dict[str, str]) -> None:
    for group in _NAME_GROUPS:
        if group in name:
            target = ElementTree.SubElement(element, group)
            for part, text in zip(_NAME_PARTS, name[group].split("^"), strict=False):
                if text:
                    ElementTree.SubElement(target, part).text = _text(text)


def _text(value: str) -> str:
    # XML 1.0 has no way to write other control characters.
    return "".join(c if c >= " " or c in "\t\n\r" else " " for c in value)
