"""Parse each DAG file in a process of its own, as Airflow does, and report what that took.

Run as ``python parsing.py FILE...``; prints one JSON object a file: ``file``, ``seconds`` of
processor time, and ``reads``, what the file did that no file may do while it is parsed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import airflow.sdk

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
CODE = (".py", ".pyc", ".pyi", ".so")


def parse(path: str) -> dict[str, Any]:
    """Import one DAG file, watching what it does."""
    reads: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event in NETWORK:
            reads.append(event)
        if event == "open" and isinstance(arguments[0], str) and is_of_project(arguments[0]):
            reads.append(f"file {Path(arguments[0]).name}")

    def refuse(what: str) -> Any:
        def read(*_: Any, **__: Any) -> None:
            reads.append(what)

        return read

    airflow.sdk.Variable.get = refuse("Variable")
    airflow.sdk.Connection.get = refuse("Connection")
    airflow.sdk.BaseHook.get_connection = refuse("Connection")
    sys.addaudithook(watch)
    started = time.process_time()
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    seconds = time.process_time() - started
    watching = False
    return {"file": Path(path).name, "seconds": seconds, "reads": reads}


def is_of_project(name: str) -> bool:
    """Tell whether a file that is opened is data of this project.

    Code has to be read, and what it was compiled to is written beside it.
    """
    is_code = name.endswith(CODE) or "__pycache__" in name
    return any(name.startswith(root) for root in ROOTS) and not is_code


ROOTS = [root for root in os.environ.get("PARSING_ROOTS", "").split(os.pathsep) if root]

if __name__ == "__main__":
    for file in sys.argv[1:]:
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            print(json.dumps(parse(file)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
