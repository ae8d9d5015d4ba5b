"""Instances stored one by one and several at once, and deleted."""

from __future__ import annotations

import itertools
import random

import requests
from pydicom.uid import generate_uid
from tests.contract.conftest import RunningCloud
from tests.contract.crash.healthcare import create_store, url_of
from tests.contract.crash.ledger import ABSENT, Ledger, digest
from tests.contract.crash.load import NOTES, TIMEOUT_SECONDS
from tests.contract.dicom.files import ct_slice, encoded, multipart

_SIDE_PIXELS = 128
_AS_STORED = "application/dicom; transfer-syntax=*"
_PAGE = 5000


def new_slice(study: str, number: int, dice: random.Random) -> tuple[str, bytes]:
    """Return the DICOMweb path and the file of a slice of noise, in a series of its own."""
    pixels = dice.randbytes(2 * _SIDE_PIXELS**2)
    dataset = ct_slice(
        study,
        generate_uid(),
        number,
        Rows=_SIDE_PIXELS,
        Columns=_SIDE_PIXELS,
        BitsStored=16,
        HighBit=15,
        PixelData=pixels,
    )
    uid, series = dataset.SOPInstanceUID, dataset.SeriesInstanceUID
    return f"studies/{study}/series/{series}/instances/{uid}", encoded(dataset)


class DicomLoad:
    """A ledger of paths and file digests; each round has one study."""

    name = "dicom"

    def __init__(self, store: str = "images") -> None:
        self.ledger = Ledger("instance")
        self.store = store
        self.stored: set[str] = set()
        self.studies: dict[str, str] = {}

    def prepare(self, cloud: RunningCloud) -> None:
        config = {"pubsubTopic": NOTES}
        create_store(cloud, "dicomStores", self.store, notificationConfig=config)

    def study_of(self, prefix: str) -> str:
        """Return the study that a round writes."""
        return self.studies.setdefault(prefix, generate_uid())

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        study = self.study_of(prefix)
        base = url_of(cloud, "dicomStores", self.store, "dicomWeb")
        for number in itertools.count(1):
            made = [new_slice(study, number * 10 + n, dice) for n in range(dice.randint(1, 4))]
            body, content_type = multipart([content for _, content in made])
            with self.ledger.writing({_key(path): digest(data) for path, data in made}):
                requests.post(
                    f"{base}/studies",
                    data=body,
                    headers={"Content-Type": content_type},
                    timeout=TIMEOUT_SECONDS,
                ).raise_for_status()
            if number % 3 == 0:
                path = made[0][0]
                with self.ledger.writing({_key(path): ABSENT}):
                    requests.delete(f"{base}/{path}", timeout=TIMEOUT_SECONDS).raise_for_status()

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        """Read every instance that is listed, as stored."""
        base = url_of(cloud, "dicomStores", self.store, "dicomWeb")
        lines = []
        for study in [self.study_of(prefix)] if prefix else list(self.studies.values()):
            found = {}
            for path in _listed(base, study):
                answer = requests.get(
                    f"{base}/{path}", headers={"Accept": _AS_STORED}, timeout=TIMEOUT_SECONDS
                )
                readable = answer.status_code == 200
                found[_key(path)] = digest(answer.content) if readable else answer.reason
            lines += self.ledger.problems(found, prefix=f"{study}/")
        return lines

    def summary(self) -> dict[str, int]:
        return self.ledger.counts()


def _key(path: str) -> str:
    """Shorten a DICOMweb path to its UIDs."""
    return "/".join(path.split("/")[1::2])


def _listed(base: str, study: str) -> list[str]:
    answer = requests.get(
        f"{base}/studies/{study}/instances",
        params={"limit": _PAGE},
        headers={"Accept": "application/dicom+json"},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    rows = answer.json() if answer.content else []
    return [
        f"studies/{study}/series/{row['0020000E']['Value'][0]}"
        f"/instances/{row['00080018']['Value'][0]}"
        for row in rows
    ]
