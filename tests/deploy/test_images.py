"""The Dockerfiles: everything they copy exists, everything they install has a hash."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.deploy.compose import REPOSITORY, dockerfile, services

MODEL_SERVER = REPOSITORY / "include/modelserver"
FOLDERS = pytest.mark.parametrize("folder", [REPOSITORY, MODEL_SERVER], ids=["root", "modelserver"])


def stages(folder: Path = REPOSITORY) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, arguments in dockerfile(folder):
        if instruction == "FROM":
            name = arguments.split(" AS ")[1]
            found[name] = []
        elif name:
            found[name].append((instruction, arguments))
    return found


def test_every_target_of_compose_is_a_stage_that_ends_unprivileged() -> None:
    builds = [service["build"] for service in services().values() if "build" in service]
    targets = {
        (build["context"], build.get("target") or list(stages(REPOSITORY / build["context"]))[-1])
        for build in builds
    }
    assert targets == {
        (".", "airflow"),
        (".", "localcloud"),
        ("include/modelserver", "modelserver"),
    }
    for context, target in targets:
        users = [row for row in stages(REPOSITORY / context)[target] if row[0] == "USER"]
        assert users == [("USER", "wetread")]


@FOLDERS
def test_everything_copied_exists(folder: Path) -> None:
    for _, arguments in [row for row in dockerfile(folder) if row[0] == "COPY"]:
        if arguments.startswith("--from="):
            assert arguments.removeprefix("--from=").split()[0] in stages(folder)
        else:
            for source in arguments.split()[:-1]:
                assert (folder / source).exists(), source


@FOLDERS
def test_everything_is_installed_by_hash(folder: Path) -> None:
    commands = [
        command
        for instruction, arguments in dockerfile(folder)
        if instruction == "RUN"
        for command in arguments.split("&&")
        if "pip install" in command or "pip sync" in command
    ]
    assert len(commands) == {REPOSITORY: 4, MODEL_SERVER: 1}[folder]
    for command in commands:
        assert "--require-hashes" in command or "--no-deps --build-constraints" in command


def test_the_image_leaves_out_what_is_local() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    assert {".env", ".git", ".venvs", ".wetread"} <= set(ignored)


def test_the_model_servers_image_keeps_to_the_contract_of_custom_containers() -> None:
    """Vertex AI calls from outside the container, and sets the AIP_ variables itself.

    Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
    """
    rows = stages(MODEL_SERVER)["modelserver"]
    (command,) = [json.loads(arguments) for name, arguments in rows if name == "CMD"]
    assert command[-2] == "--host"
    assert ip_address(command[-1]).is_unspecified
    assert not any("AIP_" in arguments for _, arguments in rows)
    ignored = (MODEL_SERVER / ".dockerignore").read_text("utf-8").splitlines()
    assert "training" in ignored
