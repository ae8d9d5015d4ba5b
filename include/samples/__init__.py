"""Sample studies: made or taken from the pydicom wheel, the same bytes each time, nobody's data.

``catalog()`` lists them with the state that the pipeline must reach for each; ``samples.hostile``
makes the bad input that tests need. ``python -m samples --write DIR`` writes them to files.
"""

from __future__ import annotations

from samples import phi
from samples.catalog import catalog
from samples.study import (
    ExpectedFinding,
    ExpectedModelFinding,
    ExpectedStudy,
    FoundFinding,
    FoundModelFinding,
    SampleFile,
    SampleStudy,
)


def identifiers() -> frozenset[str]:
    """Return every identifying string of the catalogue; makes all studies to find UIDs."""
    return phi.identifiers(catalog())


__all__ = [
    "ExpectedFinding",
    "ExpectedModelFinding",
    "ExpectedStudy",
    "FoundFinding",
    "FoundModelFinding",
    "SampleFile",
    "SampleStudy",
    "catalog",
    "identifiers",
]
