"""Every analysis of a plan row at once: pictures are made once, and shown to all that want them.

Models that read the DICOM store themselves work meanwhile. One analysis that fails leaves the
others alone: what they found is kept, and the row's task is cleared for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from wetread.core.errors import WetreadError, unforeseen
from wetread.core.findings import AnalysisFindings, ImageReference
from wetread.core.pixels.burned_in.gate import TextDetector, TextGate
from wetread.core.pixels.burned_in.rules import TextPolicy
from wetread.core.pixels.modalities.contract import options_of
from wetread.core.pixels.sampling import Sampling, sampling_of
from wetread.core.plan import PlanRow
from wetread.core.routing.analysis import Analysis, Input
from wetread.core.settings import Settings
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.fan_out import fan_out
from wetread.gcp.model_analysis import ModelAnalysis
from wetread.gcp.picture_notes import PictureNotes
from wetread.gcp.row_images import RowImages, read_row_images
from wetread.gcp.series_images import Picture, SeriesImages
from wetread.gcp.vision_analysis import VisionAnalysis


@dataclass(frozen=True)
class Ran:
    """How one analysis ended after ``seconds``: with findings, or with the error that it met."""

    analysis: Analysis
    result: AnalysisFindings | WetreadError
    seconds: float


@dataclass(frozen=True)
class RowAnalysis:
    """Runs analyses of one plan row.

    Parameters
    ----------
    vision, model : make what runs an analysis; called for those that are wanted
    text_detector : returns what finds burned-in text; called only where an image calls for it
    subject : names the study and the row by their keys
    """

    dicomweb: DicomWebClient
    vision: Callable[[Analysis], VisionAnalysis]
    model: Callable[[Analysis], ModelAnalysis]
    text_detector: Callable[[], TextDetector]
    settings: Settings
    subject: str

    def run(
        self,
        study_instance_uid: str,
        row: PlanRow,
        analyses: Sequence[Analysis],
        created_at: str,
    ) -> Iterator[Ran]:
        """Run ``analyses`` of a row, and yield how each ended, as soon as it is known.

        A model may take an hour longer than the others, whose findings can be kept meanwhile.

        Raises
        ------
        RetriableError
            The DICOM store does not say what the row consists of.
        """
        images = read_row_images(self.dicomweb, study_instance_uid, row, self.subject)
        shown = [_Shown(self, analysis, images, created_at) for analysis in analyses]
        of_pictures = [one for one in shown if one.analysis.input is Input.FRAMES]
        with ThreadPoolExecutor(max(len(shown) - len(of_pictures), 1)) as pool:
            reading = [
                pool.submit(one.refer) for one in shown if one.analysis.input is not Input.FRAMES
            ]
            if of_pictures:
                pictures = self._pictures(images, of_pictures)
                yield from fan_out(pictures, [one.look for one in of_pictures])
            for ended in as_completed(reading):
                yield ended.result()

    def _pictures(self, images: RowImages, shown: Sequence[_Shown]) -> Iterator[Picture]:
        """Make each picture that any analysis wants once."""
        wanted = dict.fromkeys(frame for one in shown for frame in one.sampled)
        maker = SeriesImages(
            self.dicomweb,
            self.settings.download_concurrency,
            options_of(self.settings),
            TextGate(TextPolicy(self.settings.burned_in_text), self.text_detector),
            self.subject,
        )
        for series_uid, metadata in images.series.items():
            frames = [frame for frame in wanted if frame.series_instance_uid == series_uid]
            if frames:
                yield from chain.from_iterable(
                    maker.pictures(images.study_instance_uid, frames, metadata)
                )


@dataclass(frozen=True)
class _Shown:
    """One analysis with the images it is to look at."""

    of: RowAnalysis
    analysis: Analysis
    images: RowImages
    created_at: str

    @cached_property
    def sampling(self) -> Sampling:
        return sampling_of(self.of.settings, self.analysis.sampling)

    @cached_property
    def sampled(self) -> tuple[ImageReference, ...]:
        return self.images.sampled(self.sampling)

    def look(self, pictures: Iterator[Picture]) -> Ran:
        """Look at the pictures as they come."""
        return self._ran(lambda: self._look(pictures))

    def refer(self) -> Ran:
        """Let the model read what it is to look at."""
        return self._ran(self._refer)

    def _ran(self, work: Callable[[], AnalysisFindings]) -> Ran:
        """Make a result of any error, so that no model takes away what another one found."""
        began = time.monotonic()
        result: AnalysisFindings | WetreadError
        try:
            result = work()
        except WetreadError as error:
            result = error
        except Exception as error:
            result = unforeseen(error)
        return Ran(self.analysis, result, time.monotonic() - began)

    def _look(self, pictures: Iterator[Picture]) -> AnalysisFindings:
        sampled = self.sampled
        left_out = self.sampling.reason_left_out(self.images.row.modality)
        notes = PictureNotes(dict.fromkeys(self.images.row.sop_instance_uids, left_out))
        readable = notes.readable(pictures, frozenset(sampled))
        looking: VisionAnalysis | ModelAnalysis
        if self.analysis.is_vision:
            looking = self.of.vision(self.analysis)
        else:
            looking = self.of.model(self.analysis)
        return looking.of_pictures(self.images, sampled, notes, readable, self.created_at)

    def _refer(self) -> AnalysisFindings:
        tiles = self.sampled if self.analysis.input is Input.TILES else ()
        model = self.of.model(self.analysis)
        return model.of_references(self.images, tiles, self.created_at)
