"""An instance is refused only when the store itself refuses it; counters alone prove nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pydicom
from tests.operators.pipeline import Pipeline
from tests.operators.test_bad_input import reasons
from tests.operators.test_faults import study_of_its_own

from samples import SampleFile
from wetread.gcp.healthcare import Operation
from wetread.operators.study_import import ImportStudyOperator


def other_bytes(file: SampleFile) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(file.content))
    dataset.StudyDescription = "OTHER BYTES"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_other_bytes_under_a_stored_uid_are_refused(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(3001)
    shared_pipeline.installation.dicomweb.store_instances(study, [other_bytes(files[0])], "a test")

    shared_pipeline.upload("refused", files)
    (run_id,) = shared_pipeline.intake()
    shared_pipeline.wait_quiet()
    results = shared_pipeline.run(run_id)

    assert not [result for result in results.values() if isinstance(result, Exception)]
    assert results["archive_source"]["quarantined"] == 1
    assert reasons(shared_pipeline, "refused") == {files[0].name: "store-refused"}


def test_a_fault_that_has_passed_refuses_nothing(shared_pipeline: Pipeline) -> None:
    """An import may fail on a file for a reason of its own; that file must not go to failed/."""
    study, files = study_of_its_own(3002)
    shared_pipeline.upload("passed", files)
    (run_id,) = shared_pipeline.intake()
    operator = ImportStudyOperator(task_id="import_study", study=run_id)
    claim = shared_pipeline.installation.state.claim(operator.version.study_key)
    manifest = operator._import.seal(claim, datetime.now(UTC))
    for file in files[:2]:
        shared_pipeline.installation.dicomweb.store_instances(study, [file.content], "a test")

    one_failed = Operation("an operation", done=True, success=2, failure=1, error_code=2)
    refused = operator._import.finish(manifest, one_failed)

    assert refused == frozenset()
    assert len(shared_pipeline.instance_uids(study)) == len(files)
