"""What is noted of the pictures that an analysis is shown, while they arrive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wetread.core.findings import ImageReference
from wetread.core.outcomes import is_analysed
from wetread.core.pixels.burned_in.gate import WITHHELD_REASONS
from wetread.gcp.series_images import Picture


@dataclass
class PictureNotes:
    """How pictures were made, and the ``reasons`` by SOPInstanceUID, as far as they are known."""

    reasons: dict[str, str]
    remarks: set[str] = field(default_factory=set)
    masked_images: int = 0
    masked_regions: int = 0
    withheld_images: int = 0

    def readable(
        self, pictures: Iterable[Picture], chosen: Collection[ImageReference]
    ) -> Iterator[Picture]:
        """Yield the chosen pictures that can be looked at; note the others' reasons."""
        for picture in pictures:
            if picture.frame not in chosen:
                continue
            if picture.reason is None:
                self.remarks.update(picture.remarks)
                self.masked_images += picture.masked_regions > 0
                self.masked_regions += picture.masked_regions
                yield picture
            else:
                self.reasons[picture.frame.sop_instance_uid] = picture.reason
                self.withheld_images += picture.reason in WITHHELD_REASONS

    def looked_at(self, sop_instance_uid: str, reason: str) -> None:
        """Note how a look at one frame ended; an image of which one was analysed is analysed.

        Frames arrive in any order, so the last one must not decide.
        """
        if not is_analysed(self.reasons[sop_instance_uid]):
            self.reasons[sop_instance_uid] = reason

    def as_findings(self) -> dict[str, Any]:
        """Return the fields of ``AnalysisFindings`` that say how the pictures were made."""
        return {
            "remarks": tuple(sorted(self.remarks)),
            "masked_images": self.masked_images,
            "masked_regions": self.masked_regions,
            "withheld_images": self.withheld_images,
        }
