"""What every preprocessor gets and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydicom import Dataset

from wetread.core.pixels.rendering import RenderedFrame
from wetread.core.settings import Settings


@dataclass(frozen=True)
class Options:
    """What an installation decides about pictures.

    Parameters
    ----------
    limit_bytes : what a decoded frame may occupy
    prefer_ct_presets : take the window of the body part even where a CT image declares another
    """

    limit_bytes: int
    prefer_ct_presets: bool = False


def options_of(settings: Settings) -> Options:
    """Return what an installation with these settings decides."""
    return Options(settings.frame_limit_bytes, settings.prefer_ct_presets)


class Prepare(Protocol):
    """Make one frame's picture: decode, render, and hide or scale what the modality calls for.

    The picture keeps the frame's rows and columns, so that a region found in it, in fractions of
    its sides, is one of the frame. The same arguments give the same picture. What was done and
    would surprise a reader is a remark, a key of ``[remark]`` in ``policy.toml``.
    """

    def __call__(self, dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame: ...
