"""What the documents and the door say is what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    from swarm.cli.app import app

    return sorted(command.name or command.callback.__name__ for command in app.registered_commands)


def test_the_readme_shows_the_diagram_of_the_table() -> None:
    ended = subprocess.run([sys.executable, ROOT / "docs/state_diagram.py"], capture_output=True, text=True, check=True)
    shown = re.search(r"```mermaid\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == ended.stdout


def test_every_command_has_help_and_is_named_in_a_document() -> None:
    from swarm.cli.app import app

    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__doc__, f"{command.callback.__name__} has no help"
    documents = README + (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unnamed = [name for name in _commands() if not re.search(rf"\b{name}\b", documents)]
    assert not unnamed


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"^\$ swarm ([a-z]+)", README, re.MULTILINE)) | set(re.findall(r"`swarm ([a-z]+)", README))
    assert named <= {*_commands()}


def test_the_exit_statuses_of_the_readme_are_those_of_the_program() -> None:
    from swarm import errors

    table = set(map(int, re.findall(r"^\| (\d+) \|", README, re.MULTILINE)))
    assert table == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_door_is_sorted_and_everything_in_it_is_there() -> None:
    import swarm

    assert swarm.__all__ == sorted(swarm.__all__)
    assert all(getattr(swarm, name) is not None for name in swarm.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        swarm.nothing  # noqa: B018 - asking is the test


def test_every_module_sorts_what_it_offers() -> None:
    for path in sorted((ROOT / "swarm").rglob("*.py")):
        offered = re.search(r"^__all__ = \[(.*?)\]", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        names = re.findall(r'"(\w+)"', offered[1]) if offered else []
        by_case = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        assert names == by_case, path


def test_the_lock_names_no_index_but_the_public_one() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text(encoding="utf-8")))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def _own_code() -> list[Path]:
    """Without the code bases that shipped plans work on: their faults are there to be found."""
    shipped = {path for folder in (ROOT / "swarm" / "plans").glob("*/workspace") for path in folder.rglob("*.py")}
    return [path for path in sorted((ROOT / "swarm").rglob("*.py")) if path not in shipped]


def test_nothing_is_unpickled_and_no_sql_or_shell_is_built_from_values() -> None:
    forbidden = re.compile(r"import (pickle|cloudpickle|marshal|jsonpickle)|yaml\.load\(|shell=True|os\.system|\b(eval|exec)\(")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in _own_code()
        for line in path.read_text(encoding="utf-8").splitlines()
        if forbidden.search(line)
    ]
    assert not found
