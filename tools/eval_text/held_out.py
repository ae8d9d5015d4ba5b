"""Pictures that no threshold of the detector was chosen on: those of the sample studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.eval_text.pictures import RealPicture

from samples import catalog
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame
from wetread.core.pixels.sampling import sample_evenly
from wetread.core.settings import Settings

_PICTURES_PER_STUDY = 3
_LIMIT_BYTES = Settings().frame_limit_bytes
_STUDIES: Mapping[str, tuple[str, ...]] = {
    "CT": ("ct-chest-nodule", "real-ct"),
    "MR": ("mr-head-two-series",),
    "DX": ("dx-chest",),
    "MG": ("mg-screening",),
    "NM": ("nm-bone-scan",),
    "PT": ("pt-brain",),
    "US": ("us-heart-cine",),
    "SM": ("sm-biopsy",),
}
MODALITIES = tuple(_STUDIES)
_WITH_TEXT = frozenset({"us-heart-cine"})
"""Studies whose pictures have text of their own."""
_LABELS = frozenset({"LABEL", "OVERVIEW"})
"""Values of ImageType (0008,0008) of a slide's images that the pipeline skips."""


def held_out_pictures(modality: str) -> Iterator[RealPicture]:
    """Yield some frames of each study, evenly spaced, as Vision would see them."""
    for study in catalog():
        if study.name not in _STUDIES[modality]:
            continue
        datasets = [read_instance(file.content) for file in study.files()]
        frames = [
            (dataset, number)
            for dataset in datasets
            if _LABELS.isdisjoint(dataset.ImageType)
            for number in range(1, int(dataset.get("NumberOfFrames") or 1) + 1)
        ]
        for index in sample_evenly(len(frames), _PICTURES_PER_STUDY):
            dataset, number = frames[index]
            pixels = render_frame(dataset, number, limit_bytes=_LIMIT_BYTES).pixels
            yield RealPicture(modality, study.name, pixels, has_text=study.name in _WITH_TEXT)
