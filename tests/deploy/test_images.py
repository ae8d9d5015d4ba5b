"""The Dockerfile: everything it copies exists, everything it installs has a hash."""

from __future__ import annotations

from tests.deploy.compose import REPOSITORY, dockerfile, services


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, arguments in dockerfile():
        if instruction == "FROM":
            name = arguments.split(" AS ")[1]
            found[name] = []
        elif name:
            found[name].append((instruction, arguments))
    return found


def test_every_target_of_compose_is_a_stage_that_ends_unprivileged() -> None:
    targets = {s["build"]["target"] for s in services().values() if "build" in s}
    assert targets == {"airflow", "localcloud"}
    for target in targets:
        assert [row for row in stages()[target] if row[0] == "USER"] == [("USER", "wetread")]


def test_everything_copied_exists() -> None:
    for _, arguments in [row for row in dockerfile() if row[0] == "COPY"]:
        if arguments.startswith("--from="):
            assert arguments.removeprefix("--from=").split()[0] in stages()
        else:
            for source in arguments.split()[:-1]:
                assert (REPOSITORY / source).exists(), source


def test_everything_is_installed_by_hash() -> None:
    commands = [
        command
        for instruction, arguments in dockerfile()
        if instruction == "RUN"
        for command in arguments.split("&&")
        if "pip install" in command or "pip sync" in command
    ]
    assert len(commands) == 4
    for command in commands:
        assert "--require-hashes" in command or "--no-deps --build-constraints" in command


def test_the_image_leaves_out_what_is_local() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    assert {".env", ".git", ".venvs", ".wetread"} <= set(ignored)
