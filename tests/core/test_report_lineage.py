"""Late images go on with a report; a new model or new settings open one; going back resumes one."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from wetread.core.report_lineage import (
    Basis,
    BegunReport,
    begin_report,
    begun_report_from_json,
)

STUDY = "1.2.3"
bases = st.builds(
    Basis,
    settings_digest=st.sampled_from(["settings", "other settings"]),
    analyses=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"])),
)
histories = st.lists(bases, min_size=1, max_size=8)


def begun(history: Sequence[Basis]) -> list[BegunReport]:
    """Begin the report of one version after the other; return them newest first."""
    reports: list[BegunReport] = []
    for basis in history:
        reports.insert(0, begin_report(STUDY, basis, reports))
    return reports


def ids(*history: Basis) -> list[str]:
    """Return the id of each version's report, oldest first."""
    return [report.report_id for report in reversed(begun(history))]


def basis(settings: str = "settings", **analyses: str) -> Basis:
    return Basis(settings, analyses)


def test_late_images_go_on_with_the_report() -> None:
    assert len(set(ids(basis(ct="1"), basis(ct="1")))) == 1


def test_a_late_series_of_another_modality_does_so_too() -> None:
    assert len(set(ids(basis(ct="1"), basis(ct="1", slides="1")))) == 1


def test_a_new_model_and_other_settings_open_a_report() -> None:
    assert len(set(ids(basis(ct="1"), basis(ct="2"), basis("other", ct="2")))) == 3


def test_going_back_resumes_the_report() -> None:
    first, second, third = ids(basis(ct="1"), basis(ct="2"), basis(ct="1"))
    assert first == third != second


def test_an_analysis_that_is_gone_is_another_report() -> None:
    assert len(set(ids(basis(ct="1", slides="1"), basis(ct="1")))) == 2


def test_the_newest_report_that_still_holds_is_gone_on_with() -> None:
    """Both earlier reports still hold; the older one lacks what the newer one looked at."""
    older, _, newer, last = ids(
        basis(ct="1"), basis(ct="2"), basis(ct="2", slides="1"), basis(ct="2", slides="1")
    )
    assert older != newer == last


def test_another_model_of_an_analysis_that_came_later_opens_a_report() -> None:
    """The first version's basis still holds; the second one's does not."""
    first, second, third = ids(basis(ct="1"), basis(ct="1", slides="1"), basis(ct="1", slides="2"))
    assert first == second != third


def test_other_studies_have_other_reports() -> None:
    one = begin_report(STUDY, basis(ct="1"), [])
    assert one.report_id != begin_report("1.2.4", basis(ct="1"), []).report_id
    assert len(one.report_id) == 32


def test_late_images_do_not_forget_the_predecessor() -> None:
    third, second, first = begun([basis(ct="1"), basis(ct="2"), basis(ct="2")])
    assert first.predecessor_ids == ()
    assert second.predecessor_ids == third.predecessor_ids == (first.report_id,)


@given(histories)
def test_asking_again_gives_the_same_report(history: list[Basis]) -> None:
    newest, *earlier = begun(history)
    assert begin_report(STUDY, history[-1], earlier) == newest
    again = begin_report(STUDY, history[-1], [newest, *earlier])
    assert again.report_id == newest.report_id


@given(histories)
def test_a_report_is_of_one_settings_digest_and_never_of_two_models(history: list[Basis]) -> None:
    reports = begun(history)
    for report in reports:
        for other in reports:
            if report.report_id == other.report_id:
                assert report.basis.settings_digest == other.basis.settings_digest
                shared = report.basis.analyses.keys() & other.basis.analyses.keys()
                for name in shared:
                    assert report.basis.analyses[name] == other.basis.analyses[name]


@given(histories)
def test_the_predecessors_are_all_other_reports(history: list[Basis]) -> None:
    newest, *earlier = begun(history)
    others = {report.report_id for report in earlier} - {newest.report_id}
    assert set(newest.predecessor_ids) == others
    assert len(newest.predecessor_ids) == len(others)
    if earlier and earlier[0].report_id in others:
        assert newest.predecessor_ids[0] == earlier[0].report_id


@given(bases)
def test_what_is_begun_is_read_back(one: Basis) -> None:
    report = begin_report(STUDY, one, [])
    assert begun_report_from_json(report.as_json()) == report
