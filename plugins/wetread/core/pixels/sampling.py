"""Which frames of a series stand for it when looking at all of them costs too much.

Frames are chosen from attributes alone, before any pixel is fetched: of a cine loop without
declared key frames evenly spaced ones are taken rather than those that differ most, because finding
these would move and decode every frame, and name other frames after another compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from wetread.core.findings import ImageReference
from wetread.core.pixels.geometry import number_of_frames, order_frames
from wetread.core.pixels.metadata import Metadata, integer, items, text, values
from wetread.core.pixels.policy import modality_rule
from wetread.core.pixels.sampling_rules import SamplingRule, parse_overrides, parse_sampling
from wetread.core.settings import Settings

PYRAMID_LEVEL = "pyramid-level"
NOT_SAMPLED = "not-sampled"


@dataclass(frozen=True)
class Sampling:
    """How an installation samples.

    Parameters
    ----------
    frames_per_series : N of the rules that name none
    overrides : rules that replace those of ``policy.toml``, by modality
    own : the rule of an analysis that has one; it goes before all others
    """

    frames_per_series: int
    overrides: Mapping[str, SamplingRule] = field(default_factory=lambda: MappingProxyType({}))
    own: SamplingRule | None = None

    def rule(self, modality: str) -> SamplingRule:
        return self.own or self.overrides.get(modality) or modality_rule(modality).sampling

    def limit(self, modality: str) -> int:
        return self.rule(modality).number or self.frames_per_series

    def reason_left_out(self, modality: str) -> str:
        """Return the reason in ``outcomes.toml`` of an instance of which no frame was chosen."""
        return PYRAMID_LEVEL if self.rule(modality).way == "tiles" else NOT_SAMPLED


def sampling_of(settings: Settings, own: str = "") -> Sampling:
    """Return how an installation with these settings samples.

    ``own`` is the rule of an analysis; an empty one leaves it to the modality.
    """
    return Sampling(
        settings.sampled_frames_per_series,
        parse_overrides(settings.sampling),
        parse_sampling(own) if own else None,
    )


def sample_evenly(n: int, limit: int) -> tuple[int, ...]:
    """Return at most ``limit`` of the indices 0 .. n - 1, evenly spaced and rising.

    The first and the last are always among two or more; a single one is the middle.

    Raises
    ------
    ValueError
        ``limit`` is below 1.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    if n <= limit:
        return tuple(range(n))
    if limit == 1:
        return (n // 2,)
    # Integer arithmetic, so that no rounding mode decides which slice is read.
    steps = limit - 1
    return tuple((2 * i * (n - 1) + steps) // (2 * steps) for i in range(limit))


def expected_frames(modality: str, frames_per_instance: Sequence[int], sampling: Sampling) -> int:
    """Return how many frames of a series will be looked at; the true number is never higher.

    It is lower where an instance declares fewer key frames than the rule allows, and where the
    level of a slide that fits the budget of tiles does not use it up.

    Parameters
    ----------
    frames_per_instance : number of frames of each instance of the series
    """
    total, limit = sum(frames_per_instance), sampling.limit(modality)
    match sampling.rule(modality).way:
        case "all":
            return total
        case "every":
            return -(-total // limit)
        case "key":
            return sum(min(frames, limit) for frames in frames_per_instance)
        case _:
            return min(total, limit)


def select_frames(
    series_metadata: Sequence[Metadata], sampling: Sampling
) -> tuple[ImageReference, ...]:
    """Choose the frames to look at by the rule of the series' modality, in order of geometry.

    Parameters
    ----------
    series_metadata : the images of one series in the DICOM JSON model, pixels not needed

    Raises
    ------
    RetriableError
        ``answer-malformed``: an instance lacks its UIDs.
    """
    if not series_metadata:
        return ()
    modality = text(series_metadata[0], "Modality")
    rule, limit = sampling.rule(modality), sampling.limit(modality)
    if rule.way == "tiles":
        return _evenly(order_frames(_level(series_metadata, limit)), limit)
    frames = order_frames(series_metadata)
    match rule.way:
        case "all":
            return frames
        case "every":
            return frames[::limit]
        case "key":
            return _of_each_instance(frames, series_metadata, limit)
        case _:
            return _evenly(frames, limit)


def _evenly(frames: tuple[ImageReference, ...], limit: int) -> tuple[ImageReference, ...]:
    return tuple(frames[index] for index in sample_evenly(len(frames), limit))


def _of_each_instance(
    frames: Iterable[ImageReference], series_metadata: Sequence[Metadata], limit: int
) -> tuple[ImageReference, ...]:
    metadata = {text(instance, "SOPInstanceUID"): instance for instance in series_metadata}
    members: dict[str, list[ImageReference]] = {}
    for frame in frames:
        members.setdefault(frame.sop_instance_uid, []).append(frame)
    return tuple(
        frame
        for uid, of_instance in members.items()
        for frame in _key_frames(tuple(of_instance), metadata[uid], limit)
    )


def _key_frames(
    frames: tuple[ImageReference, ...], instance: Metadata, limit: int
) -> tuple[ImageReference, ...]:
    """Take what the instance declares (PS3.3 C.7.6.5.1.1, C.7.6.6), else evenly spaced frames."""
    if len(frames) <= limit:
        return frames
    declared = [
        integer(instance, "RepresentativeFrameNumber"),
        *values(instance, "FrameNumbersOfInterest"),
    ]
    keys = tuple(frame for frame in frames if frame.frame_number in declared)
    masks = {
        number
        for item in items(instance, "MaskSubtractionSequence")
        for number in values(item, "MaskFrameNumbers")
    }
    filled = tuple(frame for frame in frames if frame.frame_number not in masks)
    return _evenly(keys or filled or frames, limit)


def _level(series_metadata: Sequence[Metadata], limit: int) -> list[Metadata]:
    """Return the instances of the level of a slide's pyramid that has the right number of tiles.

    Instances of one level share the size of their total pixel matrix (PS3.3 C.8.12.4).
    """
    levels: dict[int, list[Metadata]] = {}
    for instance in series_metadata:
        width = integer(instance, "TotalPixelMatrixColumns") or 0
        levels.setdefault(width, []).append(instance)
    finest_first = [levels[width] for width in sorted(levels, reverse=True)]
    fitting = (members for members in finest_first if _tiles(members) <= limit)
    return next(fitting, finest_first[-1])


def _tiles(members: Sequence[Metadata]) -> int:
    return sum(number_of_frames(member) for member in members)
