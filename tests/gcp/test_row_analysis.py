"""All analyses of a row: each ends by itself, whatever the others meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest
from tests.gcp.long_series import SlowVision, Store, no_detector

from wetread.core.errors import RetriableError, WetreadError
from wetread.core.findings import AnalysisFindings
from wetread.core.plan import PlanRow
from wetread.core.routing.analysis import Analysis, Input
from wetread.core.routing.table import shipped_analyses
from wetread.core.settings import Settings
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi
from wetread.gcp.model_analysis import ModelAnalysis
from wetread.gcp.row_analysis import Ran, RowAnalysis
from wetread.gcp.vision import VisionClient
from wetread.gcp.vision_analysis import VisionAnalysis

SLICES = 2
SETTINGS = Settings()
SECRET = "DOE_JANE"
ANALYSES = ("vision", "burned-in-text", "phantom-nodule")
"""One of Vision AI, one that takes pictures, too, and one that takes the volume."""


def ended(
    model: Callable[[Analysis], Any], analyses: Sequence[str] = ANALYSES, planned: int = SLICES
) -> Iterator[Ran]:
    uids = tuple(f"1.2.3.{number}" for number in range(1, planned + 1))
    vision = cast(VisionClient, SlowVision())
    return RowAnalysis(
        dicomweb=DicomWebClient(HttpApi(Store(SLICES), "http://store.invalid/v1"), "store"),
        vision=lambda analysis: VisionAnalysis(vision, analysis, SETTINGS, "0" * 64, "a study"),
        model=cast(Callable[[Analysis], ModelAnalysis], model),
        text_detector=no_detector,
        settings=SETTINGS,
        subject="a study",
    ).run(
        "1.2.1",
        PlanRow("s01", ("1.2.2",), "CT", uids, "", planned, 0, tuple(analyses)),
        [shipped_analyses()[name] for name in analyses],
        "2026-01-01T00:00:00+00:00",
    )


def test_an_error_that_nobody_foresaw_is_its_models_own() -> None:
    def broken(_: Analysis) -> ModelAnalysis:
        raise KeyError(SECRET)

    ran = {one.analysis.id: one.result for one in ended(broken)}
    assert isinstance(ran["vision"], AnalysisFindings)
    assert ran["vision"].images == SLICES
    for name in ("burned-in-text", "phantom-nodule"):
        error = ran[name]
        assert isinstance(error, WetreadError)
        assert error.code == "unexpected"
        assert "KeyError in broken" in error.detail
        assert SECRET not in str(error)


def test_what_is_known_is_kept_while_a_model_still_reads() -> None:
    """A worker that is killed then has not paid for Vision AI in vain."""
    is_kept = threading.Event()

    class Patient:
        def of_references(self, *_: Any) -> str:
            return "kept" if is_kept.wait(30) else "waited in vain"

    def model(analysis: Analysis) -> Patient:
        assert analysis.input is Input.VOLUME
        return Patient()

    running = ended(model, ("vision", "phantom-nodule"))
    assert next(running).analysis.id == "vision"
    is_kept.set()
    assert [cast(str, one.result) for one in running] == ["kept"]


def test_findings_are_not_made_of_a_part_of_the_row() -> None:
    """They would be the first, and the missing image would never be looked at."""
    with pytest.raises(RetriableError, match="does not name 1 planned instances of a study"):
        list(ended(pytest.fail, planned=SLICES + 1))
