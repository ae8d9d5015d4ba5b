"""Headers and arrivals for tests of the core, by hand and by Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from wetread.core.arrivals import INCOMING, Arrival, SourceObject
from wetread.core.headers import Header, Refusal
from wetread.core.outcomes import Outcome, reasons

KEY = "k1-abcdefghijklmnopqrstuvwxyz"
STUDY = "2.25.7"
START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"

HEADER = Header(
    study_instance_uid=STUDY,
    series_instance_uid=f"{STUDY}.1",
    sop_instance_uid=f"{STUDY}.1.1",
    sop_class_uid=CT_IMAGE_STORAGE,
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    modality="CT",
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    manufacturer="Sample Works",
    presentation_intent="",
    has_pixel_data=True,
    patient="token-of-a-patient",
)


def stamp(seconds: float) -> str:
    """Return the time of ``seconds`` after the start, as storage is listed."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def source(name: str, seconds: float = 0, crc32c: str = "AAAAAA==") -> SourceObject:
    """Return an object ``name`` below ``incoming/`` that arrived after ``seconds``."""
    return SourceObject(INCOMING + name, 1, 1000, crc32c, stamp(seconds))


def header(study: str = STUDY, series: int = 1, instance: int = 1) -> Header:
    """Return the header of a CT image."""
    series_uid = f"{study}.{series}"
    return replace(
        HEADER,
        study_instance_uid=study,
        series_instance_uid=series_uid,
        sop_instance_uid=f"{series_uid}.{instance}",
        series_number=series,
        instance_number=instance,
    )


PATH_ELEMENTS = st.text(
    st.characters(codec="utf-8", exclude_characters="/\r\n"), min_size=1, max_size=12
)
"""Parts of object names: any text that Cloud Storage takes, without a slash."""

FOLDERS = st.sampled_from(["ward 7", "Röntgen 検査", "..", "e\u0301", "ward", "ward-7", " "])
REFUSED_HEADERS = st.sampled_from(
    [Refusal(code) for code in ("not-dicom", "empty-file", "truncated", "missing-uids")]
)


@st.composite
def headers(draw: st.DrawFn, studies: Sequence[str] = (STUDY,)) -> Header:
    """Draw headers of a few studies and series, image or not, so that many coincide."""
    drawn = header(
        draw(st.sampled_from(list(studies))),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 6)),
    )
    return replace(
        drawn,
        has_pixel_data=draw(st.booleans()),
        image_type=draw(st.sampled_from([("ORIGINAL", "PRIMARY"), ("DERIVED", "LOCALIZER")])),
        number_of_frames=draw(st.integers(1, 3)),
    )


@st.composite
def arrivals(
    draw: st.DrawFn, studies: Sequence[str] = (STUDY, "2.25.8", "2.25.9"), max_size: int = 12
) -> list[Arrival]:
    """Draw arrivals of several studies in several folders, under names of their own."""
    contents = draw(st.lists(st.one_of(headers(studies), REFUSED_HEADERS), max_size=max_size))
    return [
        Arrival(
            source(
                f"{draw(FOLDERS)}/{number} {draw(PATH_ELEMENTS)}",
                draw(st.integers(0, 20)),
                draw(st.sampled_from(["AAAAAA==", "BBBBBB=="])),
            ),
            content,
        )
        for number, content in enumerate(contents)
    ]


def reason_codes(outcome: Outcome) -> list[str]:
    """Return the codes of the reasons that lead to ``outcome``."""
    return [reason.code for reason in reasons().values() if reason.outcome is outcome]
