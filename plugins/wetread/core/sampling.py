"""Which frames of a series are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from wetread.core.findings import ImageReference
from wetread.core.pixels.geometry import sample_evenly
from wetread.core.pixels.policy import sampling_rule


def sample_frames(
    frames: Sequence[ImageReference], modality: str, series_limit: int
) -> tuple[ImageReference, ...]:
    """Return the frames to look at, in the order of ``frames``, by the modality's rule."""
    rule = sampling_rule(modality)
    if rule.per == "series":
        return tuple(frames[index] for index in sample_evenly(len(frames), series_limit))
    sampled: list[ImageReference] = []
    for _, group in groupby(frames, key=lambda frame: frame.sop_instance_uid):
        members = list(group)
        sampled += (members[index] for index in sample_evenly(len(members), rule.frames))
    return tuple(sampled)
