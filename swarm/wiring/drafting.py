"""`swarm draft`: a planner, a goal and a code base, put together; what comes of it is written to one new file, and nothing else is."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from swarm.engine.calls import Spend
from swarm.engine.support import no_model
from swarm.errors import EnvironmentFault, UsageError
from swarm.home import make_private
from swarm.plans.problems import Problem
from swarm.wiring.ground import temporary_home
from swarm.wiring.minds import Choice, chosen
from swarm.wiring.signals import cancelled_by_signals
from swarm.wiring.site import Site
from swarm.workspace.commands import Commands
from swarm.workspace.desk import Desk
from swarm.workspace.git import paths_in
from swarm.workspace.pool import Pool
from swarm.workspace.sandbox import NoSandbox
from swarm.workspace.snapshot import take_snapshot

if TYPE_CHECKING:
    from swarm.agents.drafting.goal import Goal
    from swarm.agents.drafting.planner import Drafted
    from swarm.agents.drafting.proposing import Proof
    from swarm.agents.lm.budget import Ledger

__all__ = ["Order", "Written", "draft"]

_DOCUMENTS: Final = (".md", ".markdown")
_GOAL_BYTES: Final = 1_000_000
_PLANNER: Final = "the planner"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        goal: a sentence, or the path of a document.
        workspace: the code base; like the others relative to the working folder.
        output: where the plan is to be written.
    """

    goal: str
    workspace: Path
    output: Path
    lm: str | None = None
    budget: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        path: of the plan; None where nothing that was proposed was fit to be written.
        text: of the plan as it was written; without one, of nothing.
        problems: of that text, or of the last proposal.
        unsolved: what the planner says it leaves open.
        stopped: why it was stopped, if it was.
        spent: on the model.
    """

    path: Path | None
    text: str
    problems: tuple[Problem, ...]
    proof: "Proof | None"
    unsolved: str
    stopped: str
    spent: Spend

    @property
    def proved(self) -> bool:
        return self.path is not None and self.proof is not None and self.proof.ok


async def draft(site: Site, order: Order, say: Callable[[str], None]) -> Written:
    """Lets a planner write a plan, which is proved against the workspace; nothing of it runs. Overwrites nothing.

    Args:
        say: is told of each proposal in a line.

    Raises:
        UsageError: something stands at the output, the goal is none, or the workspace is not there. No model was asked.
        EnvironmentFault: no model is configured or can be asked, or something else is missing.
    """
    _require_free(site.folder / order.output, order.output)
    goal, workspace = _goal(site.folder, order.goal), _relative(site.folder / order.workspace, site.folder / order.output)
    with cancelled_by_signals():
        async with _mind(site, chosen(site, order.lm, order.budget)) as (lm, ledger):
            drafted = await _drafted(site, goal, site.folder / order.workspace, workspace, lm, say)
    return _written(site, order.output, drafted, ledger.spent())


def _require_free(target: Path, named: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{named} is there already, and nothing is overwritten: choose another file by --output")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {named.parent} to write the plan into: make it, or choose another file by --output")


def _goal(folder: Path, text: str) -> "Goal":
    from swarm.agents.drafting.goal import Goal

    is_there = os.path.isfile(folder / text) if text else False
    if not is_there and text.lower().endswith(_DOCUMENTS) and " " not in text:
        raise UsageError(f"there is no document at {text}: name one, or write the goal as a sentence")
    goal = Goal(_document(folder / text), Path(text).name) if is_there else Goal(text.strip())
    if not goal.text.strip():
        raise UsageError("the goal is empty: say in a sentence what is wanted, or name a document that does")
    return goal


def _document(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(_GOAL_BYTES + 1)
        if len(content) > _GOAL_BYTES:
            raise UsageError(f"the document {path.name} is larger than {_GOAL_BYTES // 1_000_000} MB: name a shorter one")
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UsageError(f"the document {path.name} is not UTF-8 text: name one that is") from error
    except OSError as error:
        raise UsageError(f"cannot read the document {path.name}: {error.strerror}") from error


def _relative(workspace: Path, output: Path) -> str:
    """The workspace as the plan names it. Through links as the system goes, which is where `..` begins."""
    if not workspace.is_dir():
        raise UsageError(f"the workspace {workspace} is not a folder: name the code base by --workspace")
    path = Path(os.path.relpath(os.path.realpath(workspace), os.path.realpath(output.parent))).as_posix()
    if not path.isprintable():
        raise UsageError(f"the path of the workspace, {path!a}, cannot be written in a plan: give the folder another name")
    return path


@asynccontextmanager
async def _mind(site: Site, choice: Choice) -> AsyncIterator[tuple[Any, "Ledger"]]:
    """The planner's model, and the account of what it costs."""
    from swarm.agents.lm.budget import Budget, Ledger
    from swarm.agents.lm.models import Models
    from swarm.agents.lm.record import MemoryRecord

    limits = choice.limits()
    ledger = Ledger(Budget(limits.usd, limits.calls, limits.tokens) if limits else None)
    models = Models(site.environment, MemoryRecord(), ledger, override=choice.lm or None)
    lm = models.lm(None)
    if lm is None:
        raise EnvironmentFault(no_model((_PLANNER,)))
    try:
        yield lm, ledger
    finally:
        await models.close()


async def _drafted(site: Site, goal: "Goal", folder: Path, workspace: str, lm: Any, say: Callable[[str], None]) -> "Drafted":
    from swarm.agents.drafting.planner import draft as let_plan
    from swarm.agents.drafting.proposing import Proposals
    from swarm.agents.drafting.writing import proved_in_place
    from swarm.wiring.apart import prove_apart

    async with _reading_room(site, folder) as (desk, scratch):

        async def prove(text: str) -> "Proof":
            with tempfile.TemporaryDirectory(dir=scratch, prefix="proof-", ignore_cleanup_errors=True) as aside:
                return await prove_apart(site, text, folder, Path(aside))

        drafted = await let_plan(goal, lm, desk, Proposals(prove, workspace, say))
        return await proved_in_place(drafted, prove)


@asynccontextmanager
async def _reading_room(site: Site, folder: Path) -> AsyncIterator[tuple[Desk, Path]]:
    """The code base in a place of its own, without what its ignore rules hide: a model reads no more than agents would."""
    async with temporary_home() as (home, repository):
        scratch = home.path / "scratch"
        make_private(scratch)
        with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as aside:
            snapshot = await take_snapshot(folder, repository, Path(aside), at=site.clock.now(), home=site.home.path)
        excludes = home.path / "exclude"
        excludes.write_text(snapshot.excludes, encoding="utf-8", errors="surrogateescape")
        paths = paths_in(await repository.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", snapshot.tree))
        async with Pool(home.pool, repository, excludes=excludes).lease() as worktree:
            await worktree.checkout(snapshot.commit)
            yield _desk(site, worktree.path, paths, scratch), scratch


def _desk(site: Site, root: Path, paths: list[str], scratch: Path) -> Desk:
    async def listing() -> list[str]:
        return paths

    commands = Commands(NoSandbox(), {}, scratch, site.mark("draft"))
    return Desk(root=root, scope=(), listing=listing, plan_files={}, commands=commands, seconds=0, scratch=scratch)


def _written(site: Site, output: Path, drafted: "Drafted", spent: Spend) -> Written:
    from swarm.agents.drafting.writing import draft_text

    best = drafted.best
    if best is None:
        return Written(None, "", drafted.refused, None, drafted.unsolved, drafted.stopped, spent)
    text = draft_text(drafted, best)
    _write(site.folder / output, text, output)
    problems = tuple(replace(problem, file=str(output)) for problem in best.proof.problems)
    return Written(output, text, problems, best.proof, drafted.unsolved, drafted.stopped, spent)


def _write(target: Path, text: str, named: Path) -> None:
    try:
        with target.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise UsageError(f"{named} has come to be there meanwhile, and nothing is overwritten: choose another file by --output") from error
    except OSError as error:
        raise EnvironmentFault(f"cannot write the plan to {named}: {error.strerror}") from error
