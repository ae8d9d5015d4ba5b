"""From an analysis' findings to objects in the DICOM store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.dicom.results import (
    ResultName,
    build_results,
    images_needed,
    key_frame,
)
from wetread.core.errors import problem
from wetread.core.findings import AnalysisFindings
from wetread.core.pixels.metadata import text
from wetread.core.pixels.modalities.contract import options_of
from wetread.gcp.instance_headers import InstanceHeaders
from wetread.gcp.key_frame import KeyFrame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from pydicom import Dataset

    from wetread.core.settings import Settings
    from wetread.gcp.dicomweb import DicomWebClient


@dataclass(frozen=True)
class Written:
    """The objects that are in the store now; ``kept`` of them another release had written."""

    names: tuple[ResultName, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class DicomResults:
    """Writes the objects of a study's analyses; ``subject`` names the study by its key.

    Parameters
    ----------
    held : how many instances the study has in each series
    """

    dicomweb: DicomWebClient
    study_instance_uid: str
    held: Mapping[str, int]
    settings: Settings
    subject: str

    def write(self, analysis: AnalysisFindings) -> Written:
        """Build and store the objects of one analysis, all in one request.

        Raises
        ------
        PermanentError
            ``result-invalid``: an object would break a rule, or an image gives no header or
            picture; ``result-conflict``: the store does not take an object, and holds none of ours
            under its UIDs.
        """
        subject = f"{self.subject} {analysis.name}"
        needed = images_needed(analysis)
        if not needed:
            return Written()
        headers = InstanceHeaders(
            self.dicomweb,
            self.study_instance_uid,
            self.held,
            self.settings.download_concurrency,
            subject,
        ).read(needed)
        objects = build_results(analysis, headers, self._key_pixels(analysis, headers, subject))
        refused = self.dicomweb.store_instances(
            self.study_instance_uid, [item.blob for item in objects], subject
        )
        names = {item.name.sop_instance_uid: item.name for item in objects}
        for item in refused:
            name = names.get(item.sop_instance_uid)
            if name is None or not self._is_ours(name, subject):
                kind, reason = (name.kind if name else "object"), item.failure_reason
                raise problem(
                    "result-conflict",
                    f"the DICOM store did not take the {kind} of {subject}: reason {reason:#06x}.",
                )
        return Written(tuple(names.values()), len(refused))

    def _key_pixels(
        self, analysis: AnalysisFindings, headers: Mapping[str, Dataset], subject: str
    ) -> npt.NDArray[np.uint8] | None:
        image = key_frame(analysis)
        if image is None:
            return None
        frame = KeyFrame(
            self.dicomweb, self.study_instance_uid, image, options_of(self.settings), subject
        )
        return frame.pixels(int(headers[image.sop_instance_uid].get("NumberOfFrames") or 1))

    def _is_ours(self, name: ResultName, subject: str) -> bool:
        """Tell whether the store holds an object of these findings from another release.

        Its UIDs follow from the findings, so it says the same; the first one stays, for somebody
        may have read it.
        """
        stored = self.dicomweb.instance_metadata(
            self.study_instance_uid, name.series_instance_uid, name.sop_instance_uid, subject
        )
        return stored is not None and (
            text(stored, "Manufacturer"),
            text(stored, "SOPClassUID"),
            text(stored, "StudyInstanceUID"),
        ) == (MANUFACTURER, name.sop_class_uid, self.study_instance_uid)
