"""``make models``: train the models of the model server again, and write their weights into it."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from importlib import import_module
from pathlib import Path

import modelserver

FOLDER = Path(modelserver.__file__).parent / "models"
TRAINERS = {
    "burned-in-text": "training.burned_in_text",
    "phantom-nodule": "training.nodule.fit",
    "phantom-pneumothorax": "training.pneumothorax",
}
"""Model and the module whose ``train()`` returns an ONNX file: the same bytes each time."""

_DIGEST = re.compile(r'^weights_digest = "(.*)"$', re.MULTILINE)


def main() -> int:
    """Train; with ``--check`` write nothing, and let the status say if the bytes are the same."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(TRAINERS)}; default all")
    parser.add_argument("--check", action="store_true", help="compare with what is there")
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - TRAINERS.keys():
        parser.error(f"nothing trains {', '.join(sorted(unknown))}")
    changed = False
    for name in arguments.models or TRAINERS:
        started = time.perf_counter()
        weights = import_module(TRAINERS[name]).train()
        digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
        is_same = digest == _declared(name)
        changed |= not is_same
        if not arguments.check:
            _write(name, weights, digest)
        seconds = f"{time.perf_counter() - started:.0f} s"
        print(f"{name}: {len(weights)} bytes, {'same' if is_same else digest}, {seconds}")
    return 1 if arguments.check and changed else 0


def _declared(name: str) -> str | None:
    match = _DIGEST.search((FOLDER / name / "model.toml").read_text("utf-8"))
    return match[1] if match else None


def _write(name: str, weights: bytes, digest: str) -> None:
    description = FOLDER / name / "model.toml"
    (FOLDER / name / "model.onnx").write_bytes(weights)
    text = description.read_text("utf-8")
    description.write_text(_DIGEST.sub(f'weights_digest = "{digest}"', text), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
