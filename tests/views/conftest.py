"""One web server, one local cloud, and the studies that the pages are about."""

from __future__ import annotations

from collections.abc import Iterator
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
    """What a test asks and whom; studies are named by their keys."""

    cloud: RunningCloud
    pipeline: Pipeline
    server: WebServer
    token: str
    nodule: str
    hostile: str
    waiting: str

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
        nodule, hostile, waiting = studies.result()
        yield Site(cloud, pipeline, server, server.token(), nodule, hostile, waiting)


def _process_studies(pipeline: Pipeline) -> tuple[str, str, str]:
    """Process a study with a finding and one with a hostile text; take in a third."""
    pipeline.set_up()
    samples = {sample.name: sample for sample in catalog()}
    keys = []
    for name, change in (("ct-chest-nodule", False), ("real-mr", True), ("real-ct", None)):
        files = samples[name].files()
        pipeline.upload(name, [_hostile(file) for file in files] if change else files)
        (run_id,) = pipeline.intake()
        if change is not None:
            pipeline.run(run_id)
        keys.append(parse_run_id(run_id).study_key)
    return keys[0], keys[1], keys[2]


def _hostile(file: SampleFile) -> SampleFile:
    dataset = dcmread(BytesIO(file.content))
    dataset.StudyDescription = HOSTILE
    stream = BytesIO()
    dataset.save_as(stream)
    return SampleFile(file.name, stream.getvalue())
