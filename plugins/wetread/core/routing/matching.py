"""Which analyses take a series."""

from __future__ import annotations

from collections.abc import Sequence

from wetread.core.headers import Header
from wetread.core.routing.analysis import ANY_MODALITY, Analysis
from wetread.core.routing.table import AnalysisTable


def matching_analyses(table: AnalysisTable, images: Sequence[Header]) -> tuple[Analysis, ...]:
    """Return the analyses that take a series, in the order of the table.

    Parameters
    ----------
    images : the images of one series that may be analysed
    """
    return tuple(analysis for analysis in table.values() if takes(analysis, images))


def takes(analysis: Analysis, images: Sequence[Header]) -> bool:
    """Tell whether every image of a series meets every condition of a row that is not off.

    A missing attribute meets none: what a model was not made for must not reach it by an omission.
    """
    return analysis.is_on and bool(images) and all(_meets(image, analysis) for image in images)


def _meets(image: Header, analysis: Analysis) -> bool:
    return (
        (analysis.modality == ANY_MODALITY or image.modality.strip().upper() in analysis.modality)
        and (not analysis.body_part or image.body_part in analysis.body_part)
        and all(
            condition.holds(image.attribute(keyword))
            for keyword, condition in analysis.attributes.items()
        )
    )
