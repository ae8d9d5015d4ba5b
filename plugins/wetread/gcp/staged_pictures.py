"""Pictures too large for a request to a model, laid where the model can read them for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from wetread.core.identity import StudyVersion
from wetread.gcp.storage import Bucket


@dataclass
class StagedPictures:
    """The pictures of one plan row; nothing in their names or bytes says whose they are.

    Each try has names of its own. Another worker that tries the same row would otherwise overwrite
    what a model is about to read, or delete it.
    """

    bucket: Bucket
    study: StudyVersion
    row_id: str
    _folder: str = field(default_factory=lambda: uuid4().hex)
    _names: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, png: bytes) -> str:
        """Store a picture and return its ``gs://`` address."""
        with self._lock:
            folder = f"pictures/{self.study.study_key}/{self.row_id}/{self._folder}"
            name = f"{folder}/{len(self._names) + 1}.png"
            self._names.append(name)
        self.bucket.write(name, png, "image/png", f"picture of {self.study} {self.row_id}")
        return f"gs://{self.bucket.name}/{name}"

    def remove(self) -> None:
        """Delete what was stored; what a kill leaves behind, the bucket's lifecycle removes."""
        subject = f"pictures of {self.study} {self.row_id}"
        self.bucket.delete([(name, None) for name in self._names], subject)


@contextmanager
def staged_pictures(bucket: Bucket, study: StudyVersion, row_id: str) -> Iterator[StagedPictures]:
    """Keep pictures while the block lasts."""
    staged = StagedPictures(bucket, study, row_id)
    try:
        yield staged
    finally:
        staged.remove()
