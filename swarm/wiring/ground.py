"""The ground that a plan runs on: repository, worktrees, commands and judge, put together."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from swarm.errors import EnvironmentFault, UsageError
from swarm.home import Home, make_private
from swarm.plans.load import Plan
from swarm.plans.schema import ListedGap, Workspace
from swarm.wiring.site import Site
from swarm.workspace.commands import Commands, command_text
from swarm.workspace.environment import command_environment
from swarm.workspace.git import Git, paths_in
from swarm.workspace.judge import TreeJudge
from swarm.workspace.pool import Pool, Setup
from swarm.workspace.processes import Outcome
from swarm.workspace.repository import SYMLINK, open_repository
from swarm.workspace.sandbox import Sandbox
from swarm.workspace.snapshot import Snapshot, take_snapshot

__all__ = ["Ground", "lay_ground", "links_of", "materialise", "snapshot_of", "temporary_home", "workspace_folder"]

_SHOWN = 3000


@dataclass(frozen=True, slots=True)
class Ground:
    """Where attempts are made and trees are judged."""

    repository: Git
    pool: Pool
    bare_pool: Pool
    """The same worktrees without the plan's setup."""
    commands: Commands
    judge: TreeJudge
    workspace: Workspace
    seconds: float

    async def require(self, commit: str) -> None:
        """Runs what the plan `requires`.

        Raises:
            EnvironmentFault: one of them fails; the text names it.
        """
        for command in self.workspace.requires:
            async with self.bare_pool.lease() as worktree:
                await worktree.checkout(commit)
                outcome = await self.commands.run(command, worktree.path, self.seconds)
            if outcome.status != 0 or outcome.timed_out:
                raise EnvironmentFault(f"the plan requires `{command}`, which {_failed(outcome)}: {outcome.output.strip()[-_SHOWN:]}")

    async def paths(self, tree: str) -> list[str]:
        """The files of a tree."""
        return paths_in(await self.repository.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree))

    @property
    def listed(self) -> bool:
        """Whether a detector is a command, so that `requires` and `setup` come before it."""
        return any(isinstance(gap, ListedGap) for gap in self.judge.gaps.values())


def _failed(outcome: Outcome) -> str:
    return "took too long" if outcome.timed_out else f"ended with {outcome.status}"


def workspace_folder(plan: Plan, given: str | None, folder: Path) -> Path:
    """The user's code base.

    Args:
        given: `--workspace`, relative to `folder`; wins over the plan.

    Raises:
        UsageError: neither says where it is.
    """
    if given is not None:
        return folder / given
    if plan.spec.workspace is None or plan.folder is None:
        raise UsageError(f"{plan.file} names no workspace: add workspace: PATH, or give --workspace")
    return plan.folder / plan.spec.workspace.path


async def snapshot_of(plan: Plan, folder: Path, repository: Git, home: Home, site: Site) -> Snapshot:
    """The user's folder, recorded in a repository of ours."""
    keep = plan.spec.workspace.keep if plan.spec.workspace else ()
    make_private(home.path / "scratch")
    with tempfile.TemporaryDirectory(dir=home.path / "scratch", prefix="snapshot-") as scratch:
        return await take_snapshot(folder, repository, Path(scratch), at=site.clock.now(), keep=keep, home=site.home.path)


def lay_ground(
    plan: Plan, repository: Git, home: Home, excludes: Path, plan_folder: Path, sandbox: Sandbox, site: Site, mark: str
) -> Ground:
    """Everything that judging and attempting needs."""
    spec = plan.spec
    workspace = spec.workspace or Workspace(path=".")
    environment = command_environment(site.environment, ceiling=home.pool, **_of_run(mark))
    commands = Commands(sandbox, environment, plan_folder, mark)
    setup = _setup(workspace, commands, spec.limits.timeout)
    pool = Pool(home.pool, repository, excludes=excludes, keep=workspace.keep, setup=setup)
    bare = Pool(home.pool, repository, excludes=excludes, keep=workspace.keep)
    judge = TreeJudge(repository, pool, commands, spec.gaps, spec.limits.check_timeout)
    return Ground(repository, pool, bare, commands, judge, workspace, spec.limits.check_timeout)


def _of_run(mark: str) -> dict[str, str]:
    return {"SWARM_RUN": mark.partition(":")[2]}


def _setup(workspace: Workspace, commands: Commands, seconds: float) -> Setup | None:
    if workspace.setup is None:
        return None
    command = workspace.setup

    async def run(folder: Path) -> Outcome:
        return await commands.run(command, folder, seconds)

    return Setup(command_text(command), run)


def materialise(plan: Plan, folder: Path) -> None:
    """Lays the plan and its files out in a folder of the run; `SWARM_PLAN_DIR` of its commands."""
    make_private(folder)
    (folder / "plan.yaml").write_text(plan.source.text, encoding="utf-8")
    for path, content in plan.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o700 if path in plan.executables else 0o600)


@asynccontextmanager
async def temporary_home() -> AsyncIterator[tuple[Home, Git]]:
    """A home that is gone afterwards, for looking without a trace."""
    with tempfile.TemporaryDirectory(prefix="swarm-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / ".swarm")
        home.create()
        yield home, await open_repository(home)


async def links_of(repository: Git, tree: str) -> dict[str, str]:
    """The symbolic links of a tree, path to target."""
    rows = [row for row in paths_in(await repository.run("ls-tree", "-r", "-z", "--full-tree", tree)) if row.startswith(SYMLINK)]
    links = {}
    for row in rows:
        meta, path = row.split("\t", 1)
        links[path] = await repository.text("cat-file", "blob", meta.split(" ")[2])
    return links
