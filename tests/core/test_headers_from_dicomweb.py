"""What the DICOM store says of an instance may be malformed, and names a patient."""

from __future__ import annotations

import traceback

import pytest

from wetread.core.errors import WetreadError
from wetread.core.headers import header_from_dicomweb

UIDS = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3.4"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4.5"]},
}


@pytest.mark.parametrize(
    "malformed",
    [
        {"00200013": {"vr": "IS", "Value": ["DOE^JANE"]}},
        {"00100020": {"vr": "LO", "Value": {"DOE^JANE": 1}}},
    ],
)
def test_an_unusable_value_is_an_absent_one(malformed: dict[str, object]) -> None:
    header = header_from_dicomweb({**UIDS, **malformed}, lambda value: value)
    assert (header.instance_number, header.patient) == (None, "")


def test_the_error_names_no_value() -> None:
    malformed = {"00200013": {"vr": "IS", "Value": ["DOE^JANE"]}}
    with pytest.raises(WetreadError) as raised:
        header_from_dicomweb(malformed, lambda value: value)
    assert "DOE" not in "".join(traceback.format_exception(raised.value))
