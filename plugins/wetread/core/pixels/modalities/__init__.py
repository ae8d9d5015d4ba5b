"""One preprocessor per modality behind one contract; ``policy.toml`` says which serves which.

A preprocessor is a module of this package with a function ``prepare`` (:class:`Prepare`). A new
modality is one such file and one row of the table.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from pydicom import Dataset

from wetread.core.pixels.attributes import declared
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.modalities.contract import Options, Prepare
from wetread.core.pixels.policy import modality_rule
from wetread.core.pixels.rendering import RenderedFrame

__all__ = ["Options", "Prepare", "prepare_frame", "preprocessor"]


def prepare_frame(dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame:
    """Make a frame's picture as its modality asks for, at its stored size.

    Parameters
    ----------
    frame_number : starts at 1

    Raises
    ------
    PixelError
        As :func:`wetread.core.pixels.rendering.render_frame` does; nothing else.
    """
    name = modality_rule(str(declared(dataset, "Modality", ""))).preprocessor
    try:
        return preprocessor(name)(dataset, frame_number, options)
    except PixelError:
        raise
    except Exception as error:  # bad values of attributes fail in arbitrary ways
        detail = f"The preprocessor {name} failed on frame {frame_number}: {type(error).__name__}."
        raise PixelError("pixels-unreadable", detail) from None


@cache
def preprocessor(name: str) -> Prepare:
    """Return the function ``prepare`` of a preprocessor.

    Raises
    ------
    ImportError
        There is no such module.
    AttributeError
        The module has no function ``prepare``.
    """
    return cast(Prepare, import_module(f"{__name__}.{name}").prepare)
