"""Which frames of a series stand for it when looking at all of them costs too much."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from wetread.core.findings import ImageReference
from wetread.core.pixels.geometry import order_frames
from wetread.core.pixels.metadata import Metadata, integer, text, values
from wetread.core.pixels.policy import sampling_rule


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


def select_frames(
    series_metadata: Sequence[Metadata], *, sampled_frames_per_series: int
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
    frames = order_frames(series_metadata)
    if not frames:
        return ()
    rule = sampling_rule(text(series_metadata[0], "Modality"))
    if rule.per == "series":
        chosen = sample_evenly(len(frames), sampled_frames_per_series)
        return tuple(frames[index] for index in chosen)
    metadata = {text(instance, "SOPInstanceUID"): instance for instance in series_metadata}
    return tuple(
        frame
        for uid, members in groupby(frames, key=lambda frame: frame.sop_instance_uid)
        for frame in _key_frames(tuple(members), metadata[uid], rule.frames)
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
    keys = tuple(frame for frame in frames if frame.frame_number in declared)[:limit]
    return keys or tuple(frames[index] for index in sample_evenly(len(frames), limit))
