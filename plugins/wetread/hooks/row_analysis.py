"""What runs the analyses of a plan row, put together from an installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from wetread.core.identity import StudyVersion
from wetread.core.plan import PlanRow
from wetread.core.routing.analysis import Analysis
from wetread.gcp.linear_heads import fetch_linear_head
from wetread.gcp.model_analysis import ModelAnalysis
from wetread.gcp.row_analysis import RowAnalysis
from wetread.gcp.staged_pictures import staged_pictures
from wetread.gcp.study_records import StudyRecords
from wetread.gcp.vision_analysis import VisionAnalysis
from wetread.hooks.installation import Installation
from wetread.hooks.text_detection import text_detector
from wetread.hooks.vision import VisionHook


@contextmanager
def row_analysis(
    installation: Installation, records: StudyRecords, row: PlanRow, study: StudyVersion
) -> Iterator[RowAnalysis]:
    """Keep what runs the analyses of ``row``, and the pictures it stages, while the block lasts."""
    settings, subject = records.settings, f"{study} {row.row_id}"
    with staged_pictures(installation.state.bucket, study, row.row_id) as staged:

        def vision(analysis: Analysis) -> VisionAnalysis:
            hook = VisionHook(gcp_conn_id=installation.gcp_conn_id)
            client = hook.client(max_results=settings.vision_max_results)
            return VisionAnalysis(
                client, analysis, settings, records.settings_digest_of(analysis.id), subject
            )

        def model(analysis: Analysis) -> ModelAnalysis:
            return ModelAnalysis(
                vertex=installation.vertex,
                analysis=analysis,
                settings_digest=records.settings_digest_of(analysis.id),
                access_token=installation.vertex_hook.access_token(),
                dicomweb_url=installation.dicomweb.url,
                staged=staged,
                head=partial(fetch_linear_head, installation.state.bucket),
                subject=f"{subject} {analysis.id}",
            )

        yield RowAnalysis(
            dicomweb=installation.dicomweb,
            vision=vision,
            model=model,
            text_detector=text_detector,
            settings=settings,
            subject=subject,
        )
