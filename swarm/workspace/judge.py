"""Judging a tree: checks and detectors on a clean checkout of it.

A verdict is remembered per check and tree, so an unchanged tree is never judged twice; two that ask at the same time get one
answer. What a check writes is discarded: each gets a checkout of its own.
"""

import asyncio
import re
import shlex
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from swarm.errors import EnvironmentFault
from swarm.plans.checks import Absent, Check, Exists, GapClosed, Judge, MetricHolds, Present, Run
from swarm.plans.found import Found
from swarm.plans.schema import Gap, ListedGap
from swarm.signatures.canonical import digest
from swarm.signatures.evidence import Verdict
from swarm.workspace.commands import Commands, require_runnable
from swarm.workspace.detect import detect_in_files, gaps_listed, matching_lines, path_test, read_text
from swarm.workspace.git import Git, paths_in
from swarm.workspace.pool import Pool, Worktree
from swarm.workspace.processes import NOT_FOUND, Outcome

__all__ = ["Ask", "TreeJudge"]

Ask = Callable[[str, str, Path, Sequence[str]], Awaitable[tuple[bool, str]]]
"""Question, tree, a checkout of it and its paths; whether it holds, and why."""

_OUTPUT: Final = 6000
_LISTED: Final = 50


@dataclass(slots=True)
class TreeJudge:
    """Answers for one run's trees.

    Attributes:
        gaps: the plan's detectors.
        seconds: what one check or detector may take.
        remembered: verdicts by key and tree; filled from the journal on resume.
        ask: answers a `judge` question about a tree, given a checkout of it and its paths; None where no model may be asked.
    """

    repository: Git
    pool: Pool
    commands: Commands
    gaps: Mapping[str, Gap]
    seconds: float
    remembered: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    ask: Ask | None = None
    _found: dict[tuple[str, str], tuple[Found, ...]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def remember(self, verdicts: Iterable[Verdict]) -> None:
        """Takes verdicts in that were given before."""
        self.remembered.update({(verdict.key, verdict.tree): verdict for verdict in verdicts})

    async def verdicts(self, tree: str, checks: Sequence[Check], *, at_base: bool = False) -> tuple[Verdict, ...]:
        """One verdict per check, in order.

        Args:
            tree: git tree id.
            at_base: a command whose first word is a path that is not there yet is red instead of an error.

        Raises:
            EnvironmentFault: a command cannot run at all.
        """
        return tuple([await self._known(tree, check, at_base) for check in checks])

    async def found(self, tree: str) -> tuple[Found, ...]:
        """What the plan's detectors find in a tree.

        Raises:
            EnvironmentFault: a `listed_by` command failed, which never means "no gaps".
        """
        return tuple([found for name in self.gaps for found in await self._gaps(tree, name)])

    async def _known(self, tree: str, check: Check, at_base: bool) -> Verdict:
        key = self._key(check)
        async with self._locks[key, tree]:
            if (key, tree) not in self.remembered:
                self.remembered[key, tree] = await self._verdict(tree, key, check, at_base)
        return self.remembered[key, tree]

    async def _gaps(self, tree: str, name: str) -> tuple[Found, ...]:
        async with self._locks[name, tree]:
            if (name, tree) not in self._found:
                async with self._checkout(tree) as (worktree, paths):
                    self._found[name, tree] = await self._detected(name, worktree.path, paths)
        return self._found[name, tree]

    @asynccontextmanager
    async def _checkout(self, tree: str) -> AsyncIterator[tuple[Worktree, list[str]]]:
        async with self.pool.lease() as worktree:
            await worktree.checkout(tree)
            listing = await self.repository.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)
            yield worktree, paths_in(listing)

    def _key(self, check: Check) -> str:
        gap = self.gaps.get(check.gap) if isinstance(check, GapClosed) else None
        content = [type(check).__name__, check.model_dump(mode="json"), gap.model_dump(mode="json") if gap else None]
        return digest(content)

    async def _verdict(self, tree: str, key: str, check: Check, at_base: bool) -> Verdict:
        value: float | None = None
        match check:
            case Run():
                green, value, output = await self._run(tree, check, at_base)
            case Present() | Absent() | Exists():
                async with self._checkout(tree) as (worktree, paths):
                    green, output = await asyncio.to_thread(_look, check, worktree.path, paths)
            case GapClosed():
                green, output = await self._gap(tree, check)
            case Judge():
                green, output = await self._opinion(tree, check)
            case MetricHolds():
                raise EnvironmentFault(f"`{check}` needs a part that this release does not have")
            case _:
                assert_never(check)
        return Verdict(key=key, check=str(check), tree=tree, green=green, value=value, output=_kept(output))

    async def _run(self, tree: str, check: Run, at_base: bool) -> tuple[bool, float | None, str]:
        async with self._checkout(tree) as (worktree, _):
            outcome = await self.commands.run(check.run, worktree.path, self.seconds)
            if at_base and outcome.status == NOT_FOUND and _names_missing_path(check.run, worktree.path):
                return False, None, outcome.output
        if outcome.timed_out:
            return False, None, f"{outcome.output}\n(ended: it took longer than {self.seconds:g} s)"
        require_runnable(check.run, outcome)
        if outcome.status != 0 or check.expect is None:
            return outcome.status == 0, None, _ended(outcome)
        return _expected(check, outcome)

    async def _opinion(self, tree: str, check: Judge) -> tuple[bool, str]:
        if self.ask is None:
            raise EnvironmentFault(f"`{check}` needs a language model, and none may be asked here")
        async with self._checkout(tree) as (worktree, paths):
            return await self.ask(check.judge, tree, worktree.path, paths)

    async def _gap(self, tree: str, check: GapClosed) -> tuple[bool, str]:
        everywhere = check.in_ is None or "**" in check.in_
        inside = path_test(check.in_ or ())
        found = await self._gaps(tree, check.gap)
        left = [one for one in found if everywhere or (one.path is not None and inside(one.path))]
        return not left, "\n".join(str(one) for one in left[:_LISTED])

    async def _detected(self, name: str, folder: Path, paths: Sequence[str]) -> tuple[Found, ...]:
        gap = self.gaps[name]
        if isinstance(gap, ListedGap):
            return await self._listed(name, gap, folder, paths)
        return tuple(await asyncio.to_thread(lambda: list(detect_in_files(name, gap, folder, paths))))

    async def _listed(self, name: str, gap: ListedGap, folder: Path, paths: Sequence[str]) -> tuple[Found, ...]:
        outcome = await self.commands.run(gap.listed_by, folder, self.seconds)
        if outcome.timed_out or outcome.status != 0:
            how = f"took longer than {self.seconds:g} s" if outcome.timed_out else f"ended with {outcome.status}"
            raise EnvironmentFault(f'gap "{name}": `{gap.listed_by}` {how}: {outcome.output.strip()[-_OUTPUT:]}')
        return gaps_listed(name, outcome.output, paths)


def _kept(output: str) -> str:
    """Both ends of what a check printed, and how much is missing between them."""
    if len(output) <= _OUTPUT:
        return output
    head, tail = output[: _OUTPUT // 3], output[-_OUTPUT * 2 // 3 :]
    return f"{head}\n[... {len(output) - len(head) - len(tail)} characters left out ...]\n{tail}"


def _look(check: Present | Absent | Exists, root: Path, paths: Sequence[str]) -> tuple[bool, str]:
    if isinstance(check, Exists):
        missing = [text for text in check.exists if not any(map(path_test((text,)), paths))]
        return not missing, "\n".join(f"no file matches {text}" for text in missing)
    wanted = [path for path in paths if path_test(check.in_)(path)]
    pattern = check.present if isinstance(check, Present) else check.absent
    with_it = {path: lines for path in wanted if (lines := matching_lines(read_text(root, path) or "", pattern))}
    if isinstance(check, Absent):
        return not with_it, "\n".join(f"{path}:{lines[0]}" for path, lines in list(with_it.items())[:_LISTED])
    lacking = [path for path in wanted if path not in with_it]
    if not wanted:
        return False, f"no file matches {', '.join(check.in_)}"
    return not lacking, "\n".join(f"not in {path}" for path in lacking[:_LISTED])


def _names_missing_path(command: str, folder: Path) -> bool:
    try:
        first = shlex.split(command)[0]
    except (ValueError, IndexError):
        return False
    return "/" in first and not first.startswith("/") and not (folder / first).exists()


def _ended(outcome: Outcome) -> str:
    return outcome.output if outcome.status == 0 else f"{outcome.output.rstrip()}\n(status {outcome.status})"


def _expected(check: Run, outcome: Outcome) -> tuple[bool, float | None, str]:
    assert check.expect is not None
    matches = list(re.finditer(check.expect.pattern, outcome.output))
    if not matches:
        return False, None, f"{outcome.output}\n(nothing it printed matches {check.expect.pattern})"
    try:
        value = float(matches[-1][1].replace(",", ""))
    except (ValueError, AttributeError):
        return False, None, f"{outcome.output}\n({matches[-1][1]!r} is no number)"
    return check.expect.holds(value), value, f"{outcome.output}\n({value:g}; expected {check.expect.bound_text()})"
