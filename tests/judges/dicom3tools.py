"""The validators of dicom3tools: ``dciodvfy`` of one object, ``dcentvfy`` of objects together."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom import Dataset

_PAIR = re.compile(r" for file <[^>]*> versus <[^>]*>")
_WHEEL = "lib*/python*/site-packages/dicom3tools/bin"


def write_files(instances: Iterable[Dataset], folder: Path) -> dict[str, Path]:
    """Write instances as files; return their paths by SOPInstanceUID."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for number, instance in enumerate(instances):
        path = folder / f"{number:04}.dcm"
        instance.save_as(path, enforce_file_format=True)
        paths[str(instance.SOPInstanceUID)] = path
    return paths


def object_complaints(paths: Mapping[str, Path]) -> dict[str, frozenset[str]]:
    """Return what ``dciodvfy`` says of each file, by the key of its path.

    It names the information object that it sees, which is left out here; of one that it does not
    know it complains.
    """
    with ThreadPoolExecutor(4) as pool:
        said = pool.map(lambda path: _complaints("dciodvfy", path), paths.values())
        return dict(zip(paths, said, strict=True))


def entity_complaints(paths: Iterable[Path]) -> frozenset[str]:
    """Return what ``dcentvfy`` says of attributes that objects of one entity do not share.

    Which two files disagree is left out: it says so for every pair.
    """
    return frozenset(_PAIR.sub("", line) for line in _complaints("dcentvfy", *paths))


def _complaints(program: str, *paths: Path) -> frozenset[str]:
    done = subprocess.run([_binary(program), *paths], capture_output=True, text=True, check=False)
    lines = (line.strip() for line in done.stderr.splitlines())
    return frozenset(line for line in lines if {"Error", "Warning", "Abort"} & set(line.split()))


def _binary(program: str) -> Path:
    """Return the program itself: its command on the PATH starts a Python first, each time."""
    command = Path(str(shutil.which(program)))
    found = command.parent.parent.glob(f"{_WHEEL}/{program}")
    return next(found, command)
