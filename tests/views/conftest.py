"""One web server, one local cloud, and the studies that the pages are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO

import pytest
from pydicom import dcmread
from tests.contract.conftest import RunningCloud, StartCloud, start_cloud
from tests.operators.conftest import connected
from tests.operators.pipeline import Pipeline
from tests.views.web_server import WebServer, web_server

from samples import catalog
from samples.study import SampleFile
from wetread.core.identity import parse_run_id

__all__ = ["start_cloud"]

HOSTILE = """<script>alert(1)</script>'">&{{ 7 * 7 }}"""
"""A study description as a careless or malicious modality may send it."""


@dataclass(frozen=True)
class Site:
    """What a test asks and whom; studies are named by their keys.

    ``beside`` is the one whose first report a person signed before its other images came.
    """

    cloud: RunningCloud
    pipeline: Pipeline
    server: WebServer
    token: str
    nodule: str
    hostile: str
    waiting: str
    beside: str

    def page(self, study_key: str) -> str:
        """Return the report page as its reader gets it."""
        answer = self.server.get(report_path(study_key), self.token)
        assert answer.status_code == 200
        return answer.text


def report_path(study_key: str) -> str:
    return f"/wetread/go/{study_key}/report"


@pytest.fixture(scope="module")
def site(start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        cloud = stack.enter_context(start_cloud(tmp_path_factory.mktemp("cloud")))
        pipeline = stack.enter_context(connected(cloud))
        with ThreadPoolExecutor(1) as executor:
            studies = executor.submit(_process_studies, pipeline)
            server = stack.enter_context(web_server(cloud, tmp_path_factory.mktemp("airflow")))
        yield Site(cloud, pipeline, server, server.token(), *studies.result())


def _process_studies(pipeline: Pipeline) -> tuple[str, str, str, str]:
    """Return a study with a candidate, a hostile one, one not read yet, and a signed one."""
    pipeline.set_up()
    samples = {sample.name: sample for sample in catalog()}
    nodule = _read(pipeline, "nodule", samples["ct-chest-nodule"].files())
    hostile = _read(pipeline, "hostile", [_hostile(file) for file in samples["real-mr"].files()])
    pipeline.upload("waiting", samples["real-ct"].files())
    (waiting,) = pipeline.intake()
    early, late = _halves(samples["mr-head-two-series"].files())
    signed = _read(pipeline, "early", early)
    pipeline.decide(pipeline.report(signed), status="final")
    _read(pipeline, "late", late)
    nodule, hostile, waiting, signed = (
        parse_run_id(run_id).study_key for run_id in (nodule, hostile, waiting, signed)
    )
    return nodule, hostile, waiting, signed


def _read(pipeline: Pipeline, folder: str, files: Sequence[SampleFile]) -> str:
    """Take files through the pipeline; return the id of their run."""
    pipeline.upload(folder, files)
    (run_id,) = pipeline.intake()
    pipeline.run(run_id)
    return run_id


def _halves(files: Sequence[SampleFile]) -> tuple[Sequence[SampleFile], Sequence[SampleFile]]:
    middle = len(files) // 2
    return files[:middle], files[middle:]


def _hostile(file: SampleFile) -> SampleFile:
    dataset = dcmread(BytesIO(file.content))
    dataset.StudyDescription = HOSTILE
    stream = BytesIO()
    dataset.save_as(stream)
    return SampleFile(file.name, stream.getvalue())
