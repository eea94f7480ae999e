"""Which files of the user's folder are not work: the rules of git, read as text.

Rules stand for files that agents' tools produce as much as for files the user does not keep, so they must hold in worktrees too, where
the user's settings, `info/exclude` and the `.gitignore` files of parent folders are not. This file finds those rules and restates
them for a folder further down. Later rules win, as everywhere in git.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from swarm.workspace.git import Git, decode, encode, paths_in

__all__ = ["CACHES", "anchored", "ignored", "outside_rules", "parent_rules", "restated"]

CACHES: Final = ("__pycache__/", "*.pyc", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".DS_Store")
"""What tools leave behind: never in a snapshot, never counted as a change, whatever the repository ignores."""


async def outside_rules(repository: Git, git_dir: Path | None) -> list[str]:
    """The rules of the user's settings and of a repository's `info/exclude`.

    Args:
        repository: any repository of ours, to call git with.
        git_dir: the user's git directory, if any; of a linked worktree, the main one's.
    """
    files = [await _users_file(repository, git_dir)]
    if git_dir is not None:
        files.append(git_dir / "info" / "exclude")
    return [rule for file in files for rule in _lines(file)]


def parent_rules(top: Path, below: str) -> list[str]:
    """The rules of the `.gitignore` files from `top` down to above the folder `below`, restated for that folder."""
    names = below.split("/")[:-1]
    found: list[str] = []
    for depth in range(len(names)):
        found += restated(_lines(top.joinpath(*names[:depth], ".gitignore")), "/".join([*names[depth:], ""]))
    return found


def restated(rules: Iterable[str], below: str) -> Iterator[str]:
    """Rules of a folder as they read in a folder below it; those that say nothing there are left out.

    Args:
        below: the path from the one to the other: empty, or ending with a slash.
    """
    folder = below.split("/")[:-1]
    for rule in rules:
        text = _restated(rule.rstrip(), folder)
        if text is not None:
            yield text


def anchored(path: str) -> str:
    """The rule that names exactly this path."""
    return "/" + "".join(f"\\{character}" if character in "\\*?[" else character for character in path)


async def ignored(git: Git, paths: Sequence[str]) -> set[str]:
    """Those paths, of whatever kind and tracked or not, that a rule of a work tree hides."""
    # This command refuses literal path specifications; with `./` before them, no path can look like another kind.
    arguments = ("--no-literal-pathspecs", "check-ignore", "-z", "--no-index", "--stdin")
    output = await git.run(*arguments, stdin=encode("".join(f"./{path}\0" for path in paths)), ok=(0, 1))
    return {path.removeprefix("./") for path in paths_in(output)}


def _restated(rule: str, folder: list[str]) -> str | None:
    sign, body = ("!", rule[1:]) if rule.startswith("!") else ("", rule)
    if not body or body.startswith("#"):
        return None
    if not folder or "/" not in body.rstrip("/"):
        return rule
    rest = _without(body.strip("/").split("/"), folder)
    return f"{sign}/{'/'.join(rest)}{'/' * body.endswith('/')}" if rest else None


def _without(pattern: list[str], folder: list[str]) -> list[str] | None:
    if not folder or pattern[:1] == ["**"]:
        return pattern
    if not pattern or not fnmatchcase(folder[0], pattern[0]):
        return None
    return _without(pattern[1:], folder[1:])


async def _users_file(repository: Git, git_dir: Path | None) -> Path:
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "git"
    file = str(settings / "ignore")
    for config in (settings / "config", Path("~/.gitconfig"), *([git_dir / "config"] if git_dir else [])):
        status, output = await repository.status("config", "--file", str(_expanded(config)), "--get", "core.excludesFile")
        file = decode(output).strip() if status == 0 else file
    return _expanded(file)


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))


def _lines(file: Path) -> list[str]:
    try:
        return decode(file.read_bytes()).splitlines()
    except OSError:
        return []
