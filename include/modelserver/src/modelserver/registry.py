"""The models of a folder: each a sub-folder with weights and a description."""

from __future__ import annotations

import hashlib
import importlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelserver.errors import StartError

WEIGHTS = "model.onnx"
DESCRIPTION = "model.toml"
CARD = "card.md"
INPUTS = frozenset({"image", "volume"})

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FIELDS = {
    "version": str,
    "detector": str,
    "input": str,
    "codes": list,
    "modalities": list,
    "weights_digest": str,
}
_REQUIRED = ("version", "detector", "input", "codes")


@dataclass(frozen=True)
class Model:
    """A loaded model: what it is called, takes and looks for, and what finds it."""

    name: str
    version: str
    weights_digest: str
    """``sha256:`` and the digest of the weights in hexadecimal."""
    input: str
    """``volume`` or ``image``."""
    codes: tuple[str, ...]
    modalities: tuple[str, ...]
    """Of the DICOM objects that it looks at; empty for any."""
    detector: Any

    @property
    def identity(self) -> dict[str, str]:
        """What every prediction says of its model."""
        return {
            "name": self.name,
            "version": self.version,
            "weights_digest": self.weights_digest,
        }


def load_models(folder: Path, names: tuple[str, ...], threads: int) -> Mapping[str, Model]:
    """Load the models of a folder, by name.

    Parameters
    ----------
    names
        Those to load; empty for all.

    Raises
    ------
    StartError
        The folder has none, a description is wrong, or weights are not those it declares.
    """
    found = sorted(path.parent.name for path in folder.glob(f"*/{DESCRIPTION}"))
    if missing := sorted(set(names) - set(found)):
        raise StartError(f"there is no model {missing[0]}; there are: {', '.join(found)}.")
    chosen = [name for name in found if not names or name in names]
    if not chosen:
        if (folder / DESCRIPTION).is_file():
            raise StartError(f"there are no models: {folder} is one; give the folder it lies in.")
        raise StartError(f"there are no models: no folder in {folder} holds a {DESCRIPTION}.")
    return {name: load_model(folder / name, threads) for name in chosen}


def load_model(folder: Path, threads: int) -> Model:
    """Load the model of one folder, whose name is the model's.

    Raises
    ------
    StartError
        As :func:`load_models`.
    """
    described = _description(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError:
        raise StartError(f"model {folder.name}: {WEIGHTS} cannot be read.") from None
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    if described.get("weights_digest", digest) != digest:
        raise StartError(f"model {folder.name}: {WEIGHTS} is not what {DESCRIPTION} declares.")
    return Model(
        name=folder.name,
        version=described["version"],
        weights_digest=digest,
        input=described["input"],
        codes=tuple(described["codes"]),
        modalities=tuple(described.get("modalities", ())),
        detector=_detector(folder.name, described["detector"], weights, threads),
    )


def _description(folder: Path) -> dict[str, Any]:
    where = f"model {folder.name}: {DESCRIPTION}"
    try:
        described = tomllib.loads((folder / DESCRIPTION).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StartError(f"{where} cannot be read ({type(error).__name__}).") from None
    if not _NAME.fullmatch(folder.name):
        raise StartError(f"{where}: a name has lower-case letters, digits and hyphens only.")
    if unknown := sorted(described.keys() - _FIELDS.keys()):
        raise StartError(f"{where} has an unknown field: {unknown[0]}.")
    if missing := [name for name in _REQUIRED if not described.get(name)]:
        raise StartError(f"{where} lacks {missing[0]}.")
    for name, value in described.items():
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not isinstance(value, _FIELDS[name]) or (_FIELDS[name] is list and not is_list):
            raise StartError(f"{where}: {name} has the wrong type.")
    if described["input"] not in INPUTS:
        raise StartError(f"{where}: input must be one of {', '.join(sorted(INPUTS))}.")
    return described


def _detector(name: str, reference: str, weights: bytes, threads: int) -> Any:
    """Import ``module:Class``; a module without a package is one of modelserver.detectors."""
    import onnxruntime  # noqa: PLC0415 - loading it takes half a second, after the port answers

    module, _, attribute = reference.partition(":")
    if not attribute:
        raise StartError(f"model {name}: detector must be module:Class, not {reference}.")
    full = module if "." in module else f"modelserver.detectors.{module}"
    try:
        factory = getattr(importlib.import_module(full), attribute)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        return factory(session)
    except ModuleNotFoundError as error:
        raise StartError(
            f"model {name}: {reference} cannot be loaded ({error}). A module without a package is "
            "looked for in modelserver.detectors; give package.module:Class for any other, with "
            "the package's folder on PYTHONPATH."
        ) from error
    except Exception as error:
        raise StartError(
            f"model {name}: {reference} cannot be loaded ({type(error).__name__}: {error})."
        ) from error
