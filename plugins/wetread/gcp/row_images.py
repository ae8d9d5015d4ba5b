"""What the DICOM store says of the images of a plan row, before any pixel is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from wetread.core.errors import problem
from wetread.core.findings import ImageReference, InstanceOutcome
from wetread.core.pixels.geometry import number_of_frames
from wetread.core.pixels.metadata import Metadata, integer, text
from wetread.core.pixels.sampling import Sampling, select_frames
from wetread.core.plan import PlanRow
from wetread.core.predictions.contract import ImageExtent
from wetread.gcp.dicomweb import DicomWebClient


@dataclass(frozen=True)
class RowImages:
    """The stored instances of each series of a row; ``series`` holds all, also unwanted ones."""

    study_instance_uid: str
    row: PlanRow
    series: Mapping[str, Sequence[Metadata]]

    @cached_property
    def wanted(self) -> Mapping[str, Metadata]:
        """The instances that the plan wants, by SOPInstanceUID."""
        planned = set(self.row.sop_instance_uids)
        return {
            uid: instance
            for series in self.series.values()
            for instance in series
            if (uid := text(instance, "SOPInstanceUID")) in planned
        }

    def is_all_of(self, path: Sequence[str]) -> bool:
        """Tell whether the plan surely wants all that the store has below an address.

        Below that of a study there may be series that the row has not.

        Parameters
        ----------
        path : the UIDs of the study, and of one of its series and instances, as far as it goes
        """
        if len(path) == 1:
            return False
        return len(path) > 2 or len(self.series[path[1]]) == len(self._wanted_of(path[1]))

    def sampled(self, sampling: Sampling) -> tuple[ImageReference, ...]:
        """Return the frames to look at, series by series, each in order of its geometry."""
        return tuple(
            frame
            for uid in self.row.series_instance_uids
            for frame in select_frames(self._wanted_of(uid), sampling)
        )

    def reference(self, sop_instance_uid: str, frame_number: int = 1) -> ImageReference:
        """Return the reference of a wanted instance's frame."""
        instance = self.wanted[sop_instance_uid]
        return ImageReference(
            text(instance, "SeriesInstanceUID"),
            sop_instance_uid,
            text(instance, "SOPClassUID"),
            integer(instance, "InstanceNumber"),
            frame_number,
        )

    def extent(self, sop_instance_uid: str) -> ImageExtent:
        """Return how far places in an instance may reach."""
        instance = self.wanted[sop_instance_uid]
        return ImageExtent(
            rows=integer(instance, "Rows") or 0,
            columns=integer(instance, "Columns") or 0,
            frames=number_of_frames(instance),
        )

    def outcomes(self, reasons: Mapping[str, str]) -> tuple[InstanceOutcome, ...]:
        """Return the outcome of each planned instance from its reason, in the plan's order."""
        return tuple(
            InstanceOutcome(uid, self.reference(uid).series_instance_uid, reason)
            for uid, reason in reasons.items()
        )

    def _wanted_of(self, series_instance_uid: str) -> list[Metadata]:
        return [
            instance
            for instance in self.series[series_instance_uid]
            if text(instance, "SOPInstanceUID") in self.wanted
        ]


def read_row_images(
    dicomweb: DicomWebClient, study_instance_uid: str, row: PlanRow, subject: str
) -> RowImages:
    """Ask the store for the metadata of a row's series.

    Raises
    ------
    RetriableError
        ``answer-malformed``: an instance is missing that the import saw in the store. Findings
        without it would never be made again.
    """
    images = RowImages(
        study_instance_uid,
        row,
        {
            uid: dicomweb.series_metadata(study_instance_uid, uid, subject)
            for uid in row.series_instance_uids
        },
    )
    if missing := set(row.sop_instance_uids) - images.wanted.keys():
        raise problem(
            "answer-malformed",
            f"the store does not name {len(missing)} planned instances of {subject}.",
        )
    return images
