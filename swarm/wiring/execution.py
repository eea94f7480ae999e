"""`swarm execute` and `swarm resume`: one way to run, from an empty journal or from one with a past."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from swarm.agents.performer import InProcessPerformer
from swarm.engine.calls import CallRow
from swarm.engine.ending import EXIT_OF
from swarm.engine.events import Entry, Event, RunEnded, RunPaused, RunStarted, SchedulerStarted
from swarm.engine.ports import Observer
from swarm.engine.schedule import Room, decide
from swarm.engine.state import State, fold
from swarm.engine.support import unsupported
from swarm.errors import (
    EXIT_INTERRUPTED,
    EXIT_MISSING,
    EXIT_PAUSED,
    EnvironmentFault,
    PlanRefused,
    UsageError,
)
from swarm.home import RunFolder, make_private
from swarm.journal import lock, requests
from swarm.journal.calls import JournalCalls
from swarm.journal.history import expected_seconds, newest_handoff
from swarm.journal.record import read
from swarm.journal.runs import exists
from swarm.journal.sqlite import SqliteJournal
from swarm.plans.graph import Graph, compile_plan
from swarm.plans.load import Plan, load_plan
from swarm.plans.order import remaining_seconds
from swarm.runner.loop import Interrupted, Outcome, Runner, RunnerPorts
from swarm.signatures.canonical import sha256
from swarm.signatures.evidence import Verdict
from swarm.signatures.handoff import Handoff
from swarm.wiring.ground import Ground, lay_ground, materialise, snapshot_of, workspace_folder
from swarm.wiring.minds import Choice, Minds, chosen, minds_on, require_models, unbounded
from swarm.wiring.proving import prove_on
from swarm.wiring.signals import cancelled_by_signals, handled
from swarm.wiring.site import Site, StoredRun, new_run_id, read_run
from swarm.wiring.tasks import owner_of, require_tasks
from swarm.workspace.landing import Heads, head_ref
from swarm.workspace.line import RunLine
from swarm.workspace.processes import sweep
from swarm.workspace.repository import open_repository
from swarm.workspace.sandbox import choose

__all__ = ["Options", "Watch", "execute", "exit_status", "resume"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a plan. `parallel` is the plan's unless given.

    Attributes:
        lm: the model of all agents, in the place of those that the plan names; `SWARM_LM` unless given.
        budget: limits (`usd`, `calls`, `tokens`) in the place of the plan's.
    """

    workspace: str | None = None
    run: str | None = None
    parallel: int | None = None
    only: tuple[str, ...] = ()
    sandbox: str = "auto"
    lm: str | None = None
    budget: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told what.

    Attributes:
        begun: told the run's id once the run exists.
        following: given the state at the start, answers with the observer of every later entry.
        say: shown remarks and warnings.
    """

    begun: Callable[[str], None]
    following: Callable[[State], Observer]
    say: Callable[[str], None]


async def execute(site: Site, path: Path, options: Options, watch: Watch) -> Outcome:
    """Proves a plan and runs it.

    Raises:
        UsageError: plan, workspace, run id or `--only` are wrong.
        PlanRefused: the plan has problems.
        EnvironmentFault: something needed is missing; no run was begun.
        RunOwned: another scheduler has the run id.
    """
    plan = load_plan(path)
    sandbox = choose(options.sandbox)
    choice = chosen(site, options.lm, options.budget)
    run = new_run_id(plan.spec.plan, site.clock) if options.run is None else options.run
    if options.run is not None and exists(site.home, run):
        raise UsageError(f"the run {run} exists already: choose another --run, or `swarm resume {run}`")
    user_folder = workspace_folder(plan, options.workspace, site.folder)
    site.home.create()
    folder = site.home.run(run)
    folder.create()
    with lock.own(folder), _unless_begun(folder), cancelled_by_signals():
        started, ground, graph = await _begin(site, plan, folder, options, choice, user_folder, sandbox.sandbox.name, watch)
        if sandbox.warning:
            watch.say(sandbox.warning)
        journal = SqliteJournal.open(folder.journal, site.clock)
        try:
            state = State(graph, remaining_seconds(graph, expected_seconds(site.home, plan.spec.plan)))
            beginning: tuple[Event, ...] = (started, _scheduler(journal, started.sandbox, choice))
            texts = {sha256(content): content for content in plan.files.values()}
            for entry in await journal.append(*beginning, texts=texts):
                state.apply(entry)
            watch.begun(run)
            return await _run(site, folder, plan, ground, state, journal, choice, watch)
        finally:
            journal.close()


@contextmanager
def _unless_begun(folder: RunFolder) -> Iterator[None]:
    """Leaves no folder of a run that came to nothing before its first event."""
    try:
        yield
    except BaseException:
        if not folder.journal.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


async def _begin(
    site: Site, plan: Plan, folder: RunFolder, options: Options, choice: Choice, user_folder: Path, sandbox: str, watch: Watch
) -> tuple[RunStarted, Ground, Graph]:
    """Everything before the first event: snapshot, proof, head. Leftovers of an earlier death are overwritten."""
    repository = await open_repository(site.home)
    snapshot = await snapshot_of(plan, user_folder, repository, site.home, site)
    folder.excludes.write_text(snapshot.excludes, encoding="utf-8", errors="surrogateescape")
    materialise(plan, folder.plan)
    ground = _ground(site, plan, folder, repository, options.sandbox)
    proof = await prove_on(plan, ground, snapshot.commit, snapshot.tree)
    for problem in proof.problems:
        if problem.severity == "warning":
            watch.say(str(problem))
    if not proof.ok or proof.graph is None:
        raise PlanRefused([problem for problem in proof.problems if problem.severity == "error"])
    _require_supported(site, proof.graph, options.only, choice)
    for remark in unbounded(site, proof.graph, proof.graph.select(options.only) if options.only else None, choice):
        watch.say(remark)
    await ground.require(snapshot.commit)
    heads = Heads(repository)
    await _set_head(heads, folder.run, snapshot.commit)
    started = RunStarted(
        run=folder.run,
        plan=plan.spec.plan,
        plan_file=str(plan.folder / Path(plan.file).name) if plan.folder else plan.file,
        plan_text=plan.source.text,
        files={path: sha256(content) for path, content in plan.files.items()},
        executables=tuple(sorted(plan.executables)),
        workspace=str(user_folder.resolve()),
        base=snapshot.commit,
        base_tree=snapshot.tree,
        user_head=snapshot.head,
        excludes=snapshot.excludes,
        parallel=options.parallel or plan.spec.limits.parallel,
        sandbox=options.sandbox if options.sandbox != "auto" else sandbox,
        gaps=proof.graph.gaps,
        only=options.only,
        swarm_version=_version(),
    )
    return started, ground, proof.graph


async def _set_head(heads: Heads, run: str, commit: str) -> None:
    left = await heads.head(head_ref(run))
    if left is None:
        await heads.create(head_ref(run), commit)
    elif left != commit:
        await heads.advance(head_ref(run), commit, left)


def _require_supported(site: Site, graph: Graph, only: tuple[str, ...], choice: Choice) -> None:
    require_tasks(graph, only)
    selected = graph.select(only) if only else None
    missing = unsupported(graph, selected)
    if missing:
        raise EnvironmentFault("; ".join(missing))
    require_models(site, graph, selected, choice)


async def resume(site: Site, run: str, watch: Watch, lm: str | None = None, budget: Mapping[str, float] | None = None) -> Outcome:
    """Goes on with a run, with the plan and options that are stored with it.

    Args:
        lm: another model from now on.
        budget: another budget from now on, such as a larger one after the plan's was spent.

    Raises:
        UsageError: there is no such run, or it was cancelled.
        RunOwned: another scheduler has it.
    """
    folder = read_run(site, run).folder
    with lock.own(folder), cancelled_by_signals():
        stored = read_run(site, run)
        state = stored.state
        if state.ended is not None and state.ended.state == "cancelled":
            raise UsageError(f"the run {run} was cancelled: execute the plan again")
        for remark in _changes_since(stored):
            watch.say(remark)
        settled = _settled(stored)
        if settled is not None:
            watch.begun(run)
            return settled
        return await _continue(site, stored, chosen(site, lm, budget, Choice(state.lm, state.budget)), watch)


def _settled(stored: StoredRun) -> Outcome | None:
    """The end of an ended run in which nothing can start now."""
    waiting = bool(requests.pending(stored.folder.requests))
    if stored.state.ended is None or waiting or decide(stored.state, Room(slots=1)):
        return None
    return stored.state.ended


async def _continue(site: Site, stored: StoredRun, choice: Choice, watch: Watch) -> Outcome:
    require_models(site, stored.graph, stored.state.selected, choice)
    sandbox = choose(stored.started.sandbox)
    folder, plan = stored.folder, stored.plan
    folder.create()
    materialise(plan, folder.plan)
    folder.excludes.write_text(stored.started.excludes, encoding="utf-8", errors="surrogateescape")
    sweep(f"{site.mark(folder.run)}:")
    repository = await open_repository(site.home)
    ground = _ground(site, plan, folder, repository, sandbox.sandbox.name)
    await ground.require(stored.state.head)
    journal = SqliteJournal.open(folder.journal, site.clock)
    try:
        state = _folded(site, stored, journal)
        for entry in await journal.append(_scheduler(journal, sandbox.sandbox.name, choice)):
            state.apply(entry)
        ground.judge.remember(_verdicts(journal.entries()))
        watch.begun(folder.run)
        return await _run(site, folder, plan, ground, state, journal, choice, watch)
    finally:
        journal.close()


def _folded(site: Site, stored: StoredRun, journal: SqliteJournal) -> State:
    expected = expected_seconds(site.home, stored.started.plan)
    return fold(stored.graph, journal.entries(), remaining_seconds(stored.graph, expected))


def _verdicts(entries: Sequence[Entry]) -> Iterator[Verdict]:
    """Every verdict that the journal holds."""
    for entry in entries:
        match entry.event:
            case event if event.kind == "landing":
                yield from event.landed
            case event if event.kind == "gate_measured":
                yield from event.verdicts
            case event if event.kind == "run_ended":
                yield from event.success
            case _:
                continue


def _changes_since(stored: StoredRun) -> Iterator[str]:
    """The tasks whose definition on disk has changed since the run began. The run goes on with what was stored."""
    path = Path(stored.started.plan_file)
    if not path.is_file():
        return
    try:
        now = compile_plan(load_plan(path), stored.started.gaps)
    except (PlanRefused, UsageError):
        yield f"{path} is no plan any more; the run goes on with the plan it began with"
        return
    changed = [n for n, task in stored.graph.tasks.items() if n not in now.tasks or now.tasks[n].definition != task.definition]
    changed += [name for name in now.tasks if name not in stored.graph.tasks]
    if changed:
        yield f"changed in {path} since the run began, and not used: {', '.join(changed)}; to use the edit, execute the plan again"


def _scheduler(journal: SqliteJournal, sandbox: str, choice: Choice) -> SchedulerStarted:
    import os

    return SchedulerStarted(fence=journal.fence, pid=os.getpid(), sandbox=sandbox, lm=choice.lm, budget=dict(choice.budget or {}))


def _ground(site: Site, plan: Plan, folder: RunFolder, repository: object, sandbox: str) -> Ground:
    from swarm.workspace.git import Git

    assert isinstance(repository, Git)
    return lay_ground(plan, repository, site.home, folder.excludes, folder.plan, choose(sandbox).sandbox, site, site.mark(folder.run))


async def _run(
    site: Site, folder: RunFolder, plan: Plan, ground: Ground, state: State, journal: SqliteJournal, choice: Choice, watch: Watch
) -> Outcome:
    make_private(folder.path / "scratch")
    record = JournalCalls(journal)
    async with minds_on(ground, Minds(site, plan, state.graph, ground, record, _calls(journal), choice)) as minds:
        performer = InProcessPerformer(
            repository=ground.repository,
            pool=ground.pool,
            commands=ground.commands,
            judge=ground.judge,
            thinking=minds,
            contracts=plan.contracts,
            seconds=plan.spec.limits.timeout,
            plan_files=plan.files,
            scratch=folder.path / "scratch",
            owner_of=owner_of(state.graph),
        )
        return await _carried_out(site, folder, plan, ground, state, journal, performer, watch)


def _calls(journal: SqliteJournal) -> tuple[CallRow, ...]:
    with read(journal.path) as record:
        return record.calls()


async def _carried_out(
    site: Site,
    folder: RunFolder,
    plan: Plan,
    ground: Ground,
    state: State,
    journal: SqliteJournal,
    performer: InProcessPerformer,
    watch: Watch,
) -> Outcome:
    assert state.started is not None

    def history(definition: str) -> Handoff | None:
        found = newest_handoff(site.home, definition)
        return found[1] if found else None

    ports = RunnerPorts(
        journal=journal,
        performer=performer,
        judge=ground.judge,
        line=RunLine(Heads(ground.repository), folder.run, site.clock.now),
        history=history,
        mailbox=requests.Letterbox(folder.requests),
        clock=site.clock,
    )
    observers = (watch.following(state),)
    runner = Runner(state, ports, state.started.parallel, plan.spec.limits.attempts, observers)
    with _signals(runner):
        return await runner.run()


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """The first interrupt lets landings finish; the second ends everything at once."""
    main = asyncio.current_task()
    assert main is not None
    asked = 0

    def stop() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            runner.interrupt()
        else:
            main.cancel()

    with handled(stop, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


def exit_status(outcome: Outcome) -> int:
    """The exit status of an outcome."""
    match outcome:
        case RunEnded():
            return EXIT_OF[outcome.state]
        case RunPaused():
            return EXIT_MISSING if outcome.missing else EXIT_PAUSED
        case Interrupted():
            return EXIT_INTERRUPTED


def _version() -> str:
    try:
        return version("mece-swarm")
    except PackageNotFoundError:
        return "unknown"
