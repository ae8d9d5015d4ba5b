"""Values that say nothing, for elements that must have one.

Source: DICOM PS3.15 section E.3 (action D) and PS3.5 section 6.2
"""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

_TEXT = "REMOVED"
_BY_VR: dict[str, Any] = {
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "PN": "Removed",
    "DS": "0",
    "IS": "0",
    "UI": "2.25.0",
    "UR": "about:blank",
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"), _TEXT),
    **dict.fromkeys(("OB", "OW", "OF", "OD", "OL", "OV", "UN"), bytes(8)),
}


def dummy_value(vr: str) -> Any:
    """Return a valid value of a VR that is not empty; numbers are zero."""
    if vr == "SQ":
        return [Dataset()]
    return _BY_VR.get(vr, 0)
