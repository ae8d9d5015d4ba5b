"""Send a sample study, and remember what is needed to recognise and judge it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom import dcmread

from samples.study import ExpectedStudy, SampleStudy
from stack.demo.client import DemoCloud


@dataclass(frozen=True)
class SentStudy:
    """A study whose last file is in the bucket."""

    name: str
    study_instance_uid: str
    expected: ExpectedStudy
    completed_at: datetime
    """When the bucket had ``_COMPLETE``; the wait for the report counts from here."""


def send(sample: SampleStudy, cloud: DemoCloud) -> SentStudy:
    """Upload the files as a sender does: in any order, with ``_COMPLETE`` last."""
    files = sample.files()
    header = dcmread(BytesIO(files[0].content), stop_before_pixels=True)
    for file in files:
        cloud.upload(f"{sample.folder}/{file.name}", file.content)
    completed_at = cloud.upload(f"{sample.folder}/_COMPLETE", b"")
    return SentStudy(sample.name, str(header.StudyInstanceUID), sample.expected, completed_at)
