"""``python -m tools.bench``: rates of the local cloud beside its peers, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import requests
from tests.contract.dicom.orthanc import COMMAND, start_orthanc
from tools.bench import dicom, fhir, pubsub, servers, storage
from tools.bench.measure import REPEATS, Measurement, Result

_REPORT = Path(__file__).resolve().parents[2] / "build/bench-localcloud.json"
_DATASETS = "v1/projects/bench/locations/us-central1/datasets"


def main() -> int:
    """Run every measurement; a slow machine is no failure."""
    where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"Local cloud beside its peers: {where}; medians of {REPEATS}, in turns.\n")
    results = []
    with ExitStack() as running:
        for measurement in _measurements(running):
            results.append(measurement.run())
            print(_lines(results[-1]), flush=True)
    _REPORT.parent.mkdir(exist_ok=True)
    rows = [{**asdict(result), "ratio": result.ratio} for result in results]
    _REPORT.write_text(json.dumps({"machine": where, "results": rows}, indent=2) + "\n")
    print(f"Also written to build/{_REPORT.name}.")
    return 0


def _measurements(running: ExitStack) -> Iterator[Measurement]:
    cloud = running.enter_context(servers.local_cloud()).addresses
    dicom_web, fhir_base = _stores(cloud["healthcare"])
    with ExitStack() as peers:
        has_orthanc = shutil.which(COMMAND) is not None
        orthanc = peers.enter_context(start_orthanc()).url if has_orthanc else None
        yield from dicom.measurements(dicom_web, orthanc)
    with servers.sekmet() as peer:
        yield from fhir.measurements(fhir_base, peer)
    yield from pubsub.measurements(cloud["pubsub"])
    with servers.fake_gcs() as peer:
        yield from storage.measurements(cloud["storage"], peer)


def _stores(healthcare: str) -> tuple[str, str]:
    """Create a store of each kind and return their service addresses."""
    datasets = f"{healthcare}/{_DATASETS}"
    for url, body in (
        (f"{datasets}?datasetId=bench", {}),
        (f"{datasets}/bench/dicomStores?dicomStoreId=images", {}),
        (f"{datasets}/bench/fhirStores?fhirStoreId=records", {"version": "R4"}),
    ):
        requests.post(url, json=body, timeout=10).raise_for_status()
    stores = f"{datasets}/bench"
    return f"{stores}/dicomStores/images/dicomWeb", f"{stores}/fhirStores/records/fhir"


def _lines(result: Result) -> str:
    lines = [result.name, f"  local cloud {_rates(result.ours, result.unit)}"]
    if result.ratio is None:
        lines.append(f"  peer        {result.peer}")
    else:
        lines.append(f"  peer        {_rates(result.theirs, result.unit)}  {result.peer}")
        lines.append(f"  ratio       {result.ratio:10.2f}")
    return "\n".join([*lines, f"  target      {result.target}", ""])


def _rates(rates: list[float], unit: str) -> str:
    low, high = min(rates), max(rates)
    return f"{statistics.median(rates):10.1f} {unit} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    sys.exit(main())
