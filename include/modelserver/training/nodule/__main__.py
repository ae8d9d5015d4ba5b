"""``python -m training.nodule``: train the model and write its weights into the model server."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import modelserver
from training.nodule import fit


def main() -> None:
    """Write ``model.onnx`` and its digest in ``model.toml``."""
    folder = Path(modelserver.__file__).parent / "models" / "phantom-nodule"
    weights = fit.train()
    (folder / "model.onnx").write_bytes(weights)
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    described = (folder / "model.toml").read_text("utf-8")
    changed = re.sub(r'weights_digest = ".*"', f'weights_digest = "{digest}"', described)
    (folder / "model.toml").write_text(changed, "utf-8")
    print(f"phantom-nodule: {len(weights)} bytes, {digest}")


if __name__ == "__main__":
    main()
