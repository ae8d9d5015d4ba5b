"""Which objects say what an analysis found, and their UIDs: known before any of them is made.

Whoever has the findings can thus refer to an object, or look for it, without building it. The UIDs
depend on nothing but the study and the findings, so those of superseded findings follow as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MicroscopyBulkSimpleAnnotationsStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from wetread.core.dicom.parts import annotated_slides, segmented_parts
from wetread.core.dicom.uids import derive_uid
from wetread.core.findings import AnalysisFindings, Candidate, Finding, ImageReference
from wetread.core.outcomes import is_analysed


class ResultKind(StrEnum):
    """What an object is to its readers; each kind has a series of its own."""

    STRUCTURED_REPORT = "structured-report"
    SEGMENTATION = "segmentation"
    ANNOTATIONS = "annotations"
    KEY_IMAGE = "key-image"
    KEY_OBJECTS = "key-objects"


_SOP_CLASSES = {
    ResultKind.STRUCTURED_REPORT: Comprehensive3DSRStorage,
    ResultKind.SEGMENTATION: SegmentationStorage,
    ResultKind.ANNOTATIONS: MicroscopyBulkSimpleAnnotationsStorage,
    ResultKind.KEY_IMAGE: SecondaryCaptureImageStorage,
    ResultKind.KEY_OBJECTS: KeyObjectSelectionDocumentStorage,
}


@dataclass(frozen=True)
class ResultName:
    """One object: its kind, a :class:`ResultKind`, and the UIDs it has in its study.

    ``about`` is the UID of the image or series that it is about, where others of its kind are about
    others.
    """

    kind: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    about: str = ""


def result_names(study_instance_uid: str, analysis: AnalysisFindings) -> tuple[ResultName, ...]:
    """Return the objects of ``analysis`` in the order of storing; none if it looked at nothing.

    Only what was looked at can be reported on. The structured report always is: it says what was
    looked for and is absent, too.
    """
    if not images_needed(analysis):
        return ()
    parts = [
        (ResultKind.STRUCTURED_REPORT, ""),
        *((ResultKind.SEGMENTATION, part) for part in segmented_parts(analysis)),
        *((ResultKind.ANNOTATIONS, slide) for slide in annotated_slides(analysis)),
    ]
    if analysis.marked:
        parts += [(ResultKind.KEY_IMAGE, ""), (ResultKind.KEY_OBJECTS, "")]
    return tuple(result_name(study_instance_uid, analysis.digest, *part) for part in parts)


def result_name(
    study_instance_uid: str, findings_digest: str, kind: ResultKind, about: str = ""
) -> ResultName:
    """Return the name of one object of the findings with this digest.

    Parameters
    ----------
    about : tells objects of one kind apart; the UID of the image or series that one is about
    """
    identity = (study_instance_uid, findings_digest, kind)
    return ResultName(
        kind,
        derive_uid(*identity, "series"),
        derive_uid(*identity, "instance", about),
        str(_SOP_CLASSES[kind]),
        about,
    )


def tracking_uid(study_instance_uid: str, analysis: AnalysisFindings, number: int) -> str:
    """Return what tells one finding or candidate from others in all objects that show it.

    Parameters
    ----------
    number : its place in ``analysis.seen``, from 1
    """
    return derive_uid(study_instance_uid, analysis.digest, "tracking", str(number))


def best_image(analysis: AnalysisFindings) -> list[Finding | Candidate]:
    """Return what is marked on the frame that holds the highest score; the first such frame."""

    def frame(seen: Finding | Candidate) -> tuple[str, int]:
        return (seen.image.sop_instance_uid, seen.image.frame_number)

    groups: dict[tuple[str, int], list[Finding | Candidate]] = defaultdict(list)
    for seen in analysis.marked:
        groups[frame(seen)].append(seen)
    return max(groups.values(), key=lambda group: max(c.score for c in group), default=[])


def key_frame(analysis: AnalysisFindings) -> ImageReference | None:
    """Return the frame that the key image shows; None where nothing is marked."""
    marked = best_image(analysis)
    return marked[0].image if marked and analysis.images else None


def images_needed(analysis: AnalysisFindings) -> tuple[ImageReference, ...]:
    """Return the images whose headers the objects need, each once, by their first frame.

    Those that anything was seen on or that a mask covers; where there are none, the first that was
    looked at, for patient and study stand in it. The SOP class of that one is not known here ("").
    """
    if not analysis.images:
        return ()
    needed: dict[str, ImageReference] = {}
    for seen in analysis.seen:
        image, mask = seen.image, seen.mask if isinstance(seen, Finding) else None
        for uid in (image.sop_instance_uid, *(mask.sop_instance_uids if mask else ())):
            needed.setdefault(
                uid, ImageReference(image.series_instance_uid, uid, image.sop_class_uid)
            )
    if not needed:
        looked_at = next((o for o in analysis.outcomes if is_analysed(o.reason)), None)
        if looked_at:
            uid = looked_at.sop_instance_uid
            needed[uid] = ImageReference(looked_at.series_instance_uid, uid, "")
    return tuple(needed.values())
