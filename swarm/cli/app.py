"""The commands. Nothing heavy is imported before a command needs it."""

import asyncio
import gc
import logging
import sys
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar

import typer

from swarm.cli.options import (
    BudgetOption,
    HomeOption,
    JsonOption,
    LmOption,
    OptionalRun,
    PlanArgument,
    RunAndTask,
    RunArgument,
    SandboxOption,
    limits_of,
    run_and_task,
    run_or_task,
    site_at,
)
from swarm.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from swarm.wiring.site import Site

__all__ = ["app"]

_NAMED = 6
_T = TypeVar("_T")

app = typer.Typer(
    name="swarm",
    help="Prove a plan of work over a code base, run it with many agents in dependency order, and know that it is done.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"swarm {version('mece-swarm')}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Prove a plan of work over a code base, run it with many agents in dependency order, and know that it is done."""


def _call(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine to its end; an interrupt that nobody took up ends the command with its own status."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it remarks on children that an interrupt has ended under its hands
    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _say(text: str) -> None:
    from swarm.cli.terminal import block, write

    write(sys.stderr, block(text))


def _lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    from swarm.cli.terminal import write

    write(stream or sys.stdout, lines)


def _document(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2))


def _show(value: Any, as_json: bool, lines: Any) -> None:
    if as_json:
        _document(value)
    else:
        _lines(lines(value))


# Proving and running


@app.command()
def validate(plan: PlanArgument, workspace: Annotated[str | None, typer.Option("--workspace", metavar="DIR")] = None,
             as_json: JsonOption = False, home: HomeOption = None) -> None:  # fmt: skip
    """Prove a plan: its detectors run in a snapshot, nothing else does."""
    from swarm.cli import show
    from swarm.cli.sources import rendered
    from swarm.wiring.proving import validate as prove
    from swarm.wiring.proving import validation_view

    gc.disable()  # a short process that builds one large graph: collecting garbage took a fifth of its time, and found none
    proof = _call(prove(site_at(home), plan, workspace))
    document = validation_view(proof)
    if as_json:
        _document(document)
    else:
        _lines(show.validation(document, rendered(proof.problems), proof.found))
    raise typer.Exit(0 if proof.ok else 2)


@app.command()
def execute(
    plan: PlanArgument,
    workspace: Annotated[str | None, typer.Option("--workspace", metavar="DIR", help="The code base; the plan's unless given.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="The run's id; made up unless given.")] = None,
    parallel: Annotated[int | None, typer.Option("--parallel", min=1, max=1024, metavar="N", help="Attempts in flight.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="TASK", help="Only this task and what it needs; repeats.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the decisions and create no run.")] = False,
    lm: LmOption = None,
    budget: BudgetOption = None,
    sandbox: SandboxOption = "auto",
    home: HomeOption = None,
) -> None:
    """Run a plan. The first line on standard output is the run's id."""
    from swarm.wiring.execution import Options
    from swarm.wiring.execution import execute as carry_out

    site, chosen = site_at(home), Options(workspace, run, parallel, tuple(only or ()), sandbox, lm, limits_of(budget))
    if dry_run:
        _dry_run(site, plan, chosen)
        return
    _followed(site, lambda watch: carry_out(site, plan, chosen, watch))


def _dry_run(site: "Site", plan: Path, chosen: Any) -> None:
    from swarm.wiring.proving import rehearsed

    for number, decisions in enumerate(_call(rehearsed(site, plan, chosen.workspace, chosen.parallel, chosen.only)), 1):
        for decision in decisions:
            print(f"{number:4}  {decision}")


@app.command()
def resume(run: RunArgument, lm: LmOption = None, budget: BudgetOption = None, home: HomeOption = None) -> None:
    """Go on with a run, with the plan and options stored with it; a model or budget given here counts from now on."""
    from swarm.wiring.execution import resume as go_on

    site, limits = site_at(home), limits_of(budget)
    _followed(site, lambda watch: go_on(site, run, watch, lm, limits))


def _followed(site: "Site", start: Any) -> None:
    """Runs with progress on standard error, and exits with the run's status."""
    from swarm.cli.live import progress_for
    from swarm.wiring.execution import Watch, exit_status

    begun: list[str] = []

    def announce(run: str) -> None:
        begun.append(run)
        with suppress(OSError):  # nobody reads: that is no reason to end a run
            print(run, flush=True)

    with progress_for(sys.stderr, site.clock) as progress:
        watch: Watch = Watch(announce, progress.following, progress.say)
        outcome = _call(start(watch))
    with suppress(OSError):
        _lines(_afterwards(site, begun), sys.stderr)
    raise typer.Exit(exit_status(outcome))


def _afterwards(site: "Site", begun: list[str]) -> Iterable[str]:
    from swarm.cli import show
    from swarm.engine.views import status_view
    from swarm.wiring.site import read_run

    if not begun:
        return []
    stored = read_run(site, begun[0])
    return show.next_steps(status_view(stored.state, False, site.clock.now()))


@app.command()
def cancel(run: RunArgument, home: HomeOption = None) -> None:
    """End a run for good; its landed work stays where it is."""
    from swarm.wiring import steering

    _say(_call(steering.cancel(site_at(home), run)))


@app.command()
def approve(run: RunArgument, phase: Annotated[str, typer.Argument(metavar="PHASE")],
            who: Annotated[str | None, typer.Option("--who", help="Who approves; your login name unless given.")] = None,
            home: HomeOption = None) -> None:  # fmt: skip
    """Give the approval that a phase's gate waits for."""
    import getpass

    from swarm.wiring import steering

    _say(_call(steering.approve(site_at(home), run, phase, who or getpass.getuser())))


@app.command()
def retry(run: RunArgument, task: Annotated[str, typer.Argument(metavar="TASK")], home: HomeOption = None) -> None:
    """Give a failed task its attempts back."""
    from swarm.wiring import steering

    _say(_call(steering.retry(site_at(home), run, task)))


# Looking


@app.command()
def runs(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List the runs of this home, newest first."""
    from swarm.cli import show
    from swarm.wiring.looking import all_runs

    _show(all_runs(site_at(home)), as_json, show.runs)


@app.command()
def status(run: OptionalRun = None, every: Annotated[bool, typer.Option("--all", help="List every task.")] = False,
           as_json: JsonOption = False, home: HomeOption = None) -> None:  # fmt: skip
    """Show where a run stands."""
    from swarm.cli import show
    from swarm.wiring.looking import paces_of, reasons_of, status_of

    site = site_at(home)
    document = status_of(site, run)
    own = document["run"]
    _show(document, as_json, lambda shown: show.status(shown, every=every, reasons=reasons_of(site, own), paces=paces_of(site, own)))


@app.command()
def phases(run: OptionalRun = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show the phases: how far each is, what its gate asks, what is owed."""
    from swarm.cli import show
    from swarm.wiring.looking import paces_of, status_of

    site = site_at(home)
    document = status_of(site, run)
    _show(document["phases"], as_json, lambda shown: show.phases(shown, paces=paces_of(site, document["run"])))


@app.command()
def gaps(run: OptionalRun = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show the gaps that were found and those that are left."""
    from swarm.cli import show
    from swarm.wiring.looking import status_of

    _show(status_of(site_at(home), run)["gaps"], as_json, show.gaps)


@app.command()
def explain(words: RunAndTask,
            as_json: JsonOption = False, home: HomeOption = None) -> None:  # fmt: skip
    """Say why a task is not running, or what became of it."""
    from swarm.cli import show
    from swarm.wiring.looking import explained

    run, task = run_and_task(words)
    _show(explained(site_at(home), run, task), as_json, show.explain)


@app.command()
def handoffs(run: OptionalRun = None, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List what finished tasks handed over."""
    from swarm.cli import show
    from swarm.wiring.looking import handoffs_of

    _show(handoffs_of(site_at(home), run), as_json, show.handoffs)


@app.command()
def handoff(words: RunAndTask,
            as_json: JsonOption = False, home: HomeOption = None) -> None:  # fmt: skip
    """Show one handoff: payload, evidence, chain."""
    from swarm.cli import show
    from swarm.wiring.looking import handoff_of, report_of, reused_from

    run, task = run_and_task(words)
    site = site_at(home)
    document = handoff_of(site, run, task)
    own = document["run"], document["task"]
    _show(document, as_json, lambda shown: show.handoff(shown, reused_from(site, *own), report_of(site, *own)))


@app.command()
def log(run: OptionalRun = None, verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain and the handoffs.")] = False,
        as_json: JsonOption = False, home: HomeOption = None) -> None:  # fmt: skip
    """Print the events of a run in order."""
    from swarm.cli import show
    from swarm.wiring.looking import entries_of, entry_view, verified

    site = site_at(home)
    if verify:
        _say(verified(site, run))
    entries = entries_of(site, run)
    if as_json:
        _document([entry_view(entry) for entry in entries])
    elif not verify:
        _lines(show.log_line(entry) for entry in entries)


@app.command()
def replay(
    words: Annotated[list[str] | None, typer.Argument(metavar="[RUN] [TASK]", help="A lone name with a dot is a task.")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="PLAN", help="Perform with this plan's definitions instead.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask models anew, instead of taking their answers from the record.")] = False,
    lm: Annotated[str | None, typer.Option("--lm", metavar="MODEL", help="With --live: this model instead of the recorded one.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Perform recorded handoffs again in a scratch worktree, and compare."""
    from swarm.cli import show
    from swarm.replay import replay_view
    from swarm.wiring.replaying import How
    from swarm.wiring.replaying import replay as perform_again

    run, task = run_or_task(words or [])
    name, replayed = _call(perform_again(site_at(home), run, task, How(plan, live, lm)))
    idle, costs = {one.task for one in replayed if not one.performed}, {one.task: one.cost for one in replayed if one.cost and live}
    _show(replay_view(name, replayed), as_json, lambda shown: show.replay(shown, idle, costs))
    raise typer.Exit(0 if all(one.same for one in replayed) else 1)


# The change itself


@app.command()
def diff(run: OptionalRun = None, home: HomeOption = None) -> None:
    """Print a run's result as a patch against its snapshot."""
    from swarm.wiring import changes

    sys.stdout.buffer.write(_call(changes.diff(site_at(home), run)))
    sys.stdout.buffer.flush()


@app.command()
def promote(
    run: RunArgument,
    branch: Annotated[str | None, typer.Option("--branch", metavar="NAME", help="Make a branch in your repository instead.")] = None,
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Also of a run that is not complete.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put the previous content back.")] = False,
    home: HomeOption = None,
) -> None:
    """Write a run's result into your folder: files only, all or nothing."""
    from swarm.wiring import changes

    site = site_at(home)
    if undo and (branch or incomplete):
        raise typer.BadParameter("--undo stands alone")
    if undo:
        _say(f"{_counted(_call(changes.undo_promotion(site, run)))} put back as before the promotion")
    elif branch is not None:
        _say(f"branch {branch} is at {_call(changes.promote_to_branch(site, run, branch, incomplete))[:12]}")
    else:
        paths = _call(changes.promote(site, run, incomplete))
        _say(
            f"{_counted(paths)} written; `swarm promote --undo {run}` puts the old content back"
            if paths
            else "the folder holds the result already"
        )


def _counted(paths: tuple[str, ...]) -> str:
    return f"{len(paths)} file{'' if len(paths) == 1 else 's'}"


@app.command()
def rollback(run: RunArgument, what: Annotated[str, typer.Argument(metavar="WHAT", help="A task, category:ID or phase:ID.")],
             home: HomeOption = None) -> None:  # fmt: skip
    """Take landed work back, with everything that depends on it."""
    from swarm.wiring import changes

    taken = _call(changes.rollback(site_at(home), run, what))
    more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
    _say(f"{len(taken)} task{'' if len(taken) == 1 else 's'} taken back, and waiting again: {', '.join(taken[:_NAMED])}{more}")


@app.command("gc")
def remove_old(days: Annotated[float, typer.Option("--days", help="Keep runs that ended within this many days.")] = 30.0,
       home: HomeOption = None) -> None:  # fmt: skip
    """Remove old runs, unused worktrees and what nothing names."""
    from swarm.wiring import changes

    removed, freed = _call(changes.gc(site_at(home), days))
    _say(f"{len(removed)} run{'' if len(removed) == 1 else 's'} removed, {freed / 1024 / 1024:.1f} MiB freed")


# The rest


@app.command()
def agents(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one whole: its signature, and a prompt.")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="PLAN", help="The agents of this plan.")] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="TASK", help="The prompt for this task of the plan.")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", metavar="DIR")] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Write the program's state, for `state:` to load.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List the specialists; with a name, show its signature and the prompt that it would be sent for a task."""
    from swarm.cli import show
    from swarm.wiring.looking import roster

    if name is None:
        if task or save:
            raise typer.BadParameter("--task and --save go with the NAME of an agent")
        _show(roster(plan), as_json, show.roster)
        return
    from swarm.wiring.prompting import Wanted, described

    _show(_call(described(site_at(home), name, Wanted(plan, task, workspace, save))), as_json, show.agent)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the plan language, for editors."""
    from swarm.wiring.looking import plan_schema

    _document(plan_schema())


@app.command()
def doctor(
    lm: Annotated[str | None, typer.Option("--lm", metavar="MODEL", help="Try this model, too.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Say what this machine has, and what is missing; the configured models are asked for a word."""
    from swarm.errors import EXIT_MISSING
    from swarm.wiring.examination import examine

    found = _call(examine(site_at(home), lm))
    rows = [{"name": one.name, "ok": one.ok, "text": one.text} for one in found]
    marks = {True: "ok", False: "MISSING", None: "note"}
    _show(rows, as_json, lambda shown: (f"{row['name']:12} {marks[row['ok']]:8} {row['text']}" for row in shown))
    raise typer.Exit(EXIT_MISSING if any(one.ok is False for one in found) else 0)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]")] = Path(),
    plan: Annotated[str, typer.Option(help="Which shipped plan: hello or production-readiness.")] = "hello",
) -> None:
    """Lay a shipped plan with its workspace out in a folder, to begin from."""
    from swarm.wiring.samples import lay_out, sample_named

    _say(f"wrote {lay_out(folder, sample_named(plan))}; try `swarm validate {folder / 'plan.yaml'}`")


@app.command()
def draft(
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="A sentence, or the path of a Markdown document.")],
    workspace: Annotated[Path, typer.Option("--workspace", metavar="DIR", help="The code base.")],
    output: Annotated[Path, typer.Option("--output", metavar="PLAN", help="Where to write it; overwrites nothing.")] = Path("plan.yaml"),
    lm: LmOption = None,
    budget: BudgetOption = None,
    home: HomeOption = None,
) -> None:
    """Let a planner write a plan for a goal and mend it until it is proved. It is yours to edit; nothing runs."""
    from swarm.cli.drafting import drafted
    from swarm.wiring.drafting import Order
    from swarm.wiring.drafting import draft as let_plan

    written = _call(let_plan(site_at(home), Order(goal, workspace, output, lm, limits_of(budget)), _say))
    _lines(drafted(written), sys.stderr)
    raise typer.Exit(0 if written.proved else 2)


@app.command()
def demo(folder: Annotated[Path, typer.Argument(metavar="[FOLDER]")] = Path("swarm-demo"), home: HomeOption = None) -> None:
    """Lay the small plan out in a new folder and run it."""
    from swarm.wiring.execution import Options
    from swarm.wiring.execution import execute as carry_out
    from swarm.wiring.samples import lay_out

    plan = lay_out(folder)
    site = site_at(home)
    _followed(site, lambda watch: carry_out(site, plan, Options(), watch))
