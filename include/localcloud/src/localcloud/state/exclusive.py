"""One process per data folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.errors import StartError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Create a folder that only its owner may read, and hold it against other processes.

    Raises
    ------
    StartError
        When another process holds it, or it cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StartError(
            f"cannot keep state in {folder} ({error.strerror}): give another --data"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                f"another local cloud uses {folder}; stop it or give another --data"
            ) from error
        yield
