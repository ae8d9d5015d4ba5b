"""Real images that the pydicom wheel carries, made usable as studies.

Pixels, UIDs and acquisition data are those of the files. Their patients were made anonymous by
their publishers, with identifiers such as ``1CT1`` or ``2`` that occur by chance in any log; so an
invented identity with distinctive strings is written over them.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import dcmread
from pydicom.data import get_testdata_file

from samples import part10
from samples.identity import IDENTITIES
from samples.study import SampleFile


def build(study: str, *paths: str) -> Iterator[SampleFile]:
    """Make one study of the files at ``paths`` below pydicom's test data; nothing is downloaded.

    Raises
    ------
    FileNotFoundError
        The installed pydicom does not carry one of the files.
    """
    for number, path in enumerate(paths, start=1):
        found = get_testdata_file(path, download=False)
        if found is None:
            raise FileNotFoundError(f"pydicom's wheel has no test file {path}")
        ds = dcmread(str(found))
        part10.identify(ds, IDENTITIES[study])
        yield SampleFile(f"{number:03d}.dcm", part10.encode(ds))
