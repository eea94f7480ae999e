"""The looking commands' documents as text: the same facts as `--json`, in lines for people.

Pure: documents of `swarm.engine.views` in, lines out. No colour, so that what is piped, pasted and tested is what is seen.
Nothing is rounded up: 100% is said of what is whole, and a bar is full when nothing is missing.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from swarm.cli.progress import duration, first_line, sentence
from swarm.cli.terminal import COLUMNS, block, cell, clip, in_ascii, plain, shorten, width
from swarm.engine.events import AttemptReported, Entry
from swarm.engine.views import usage_view
from swarm.plans.fields import percent
from swarm.plans.found import said_lines

if TYPE_CHECKING:
    from swarm.engine.calls import Spend
    from swarm.replay import Cost

__all__ = [
    "Document",
    "PhaseColumns",
    "agent",
    "bar",
    "dollars",
    "explain",
    "gaps",
    "handoff",
    "handoffs",
    "log_line",
    "marks_of",
    "next_steps",
    "percent",
    "phase_columns",
    "phase_line",
    "phases",
    "replay",
    "roster",
    "runs",
    "status",
    "validation",
]

Document = Mapping[str, Any]
Paces = Mapping[str, tuple[str | None, float | None]]
"""Phase to planned days, as the plan writes them, and seconds taken."""
NO_PACES: Final[Paces] = {}

_BAR: Final = 30
_STATE: Final = 7
"""Columns of `waiting`, the longest state of a phase."""
_NAME: Final = 24
_TASKS_SHOWN: Final = 40
_GAPS_SHOWN: Final = 10
_REASON: Final = 300
_SHORT_ID: Final = 12
_COMMIT: Final = 7
_MARKS: Final = {True: "✓", False: "✗", None: "·"}
_EPSILON: Final = 1e-9
_PHASE_DONE: Final = re.compile(r"phase: (\S+) done ")
_MEASURABLE: Final = ("run:", "gap:")
_TELLING: Final = ("failed", "running", "blocked", "ready", "cancelled", "waiting", "verified", "satisfied")
"""Task states, the most worth showing first."""


# Phases


def bar(share: float, marks: Iterable[float] = (), columns: int = _BAR) -> str:
    """A bar that is filled as far as the share goes. Each mark stands on the cell whose filling reaches it.

    Args:
        share: 0 to 1.
        marks: shares at which somebody waits for this bar.
    """
    filled = int(share * columns + _EPSILON)
    marked = {min(columns, max(1, -int(-(mark * columns - _EPSILON) // 1))) - 1 for mark in marks}
    return "".join("┃" if at in marked else "█" if at < filled else "░" for at in range(columns))


def marks_of(phases: Sequence[Document]) -> dict[str, tuple[float, ...]]:
    """Per phase, the shares of it that the gates of other phases ask for."""
    asked: dict[str, set[float]] = {phase["id"]: set() for phase in phases}
    for phase in phases:
        for condition in phase["gate"]:
            found = _PHASE_DONE.match(condition["condition"])
            if found and found[1] in asked and condition["threshold"]:
                asked[found[1]].add(condition["threshold"])
    return {phase: tuple(sorted(shares)) for phase, shares in asked.items()}


@dataclass(frozen=True, slots=True)
class PhaseColumns:
    """Widths of a phase's line."""

    name: int
    bar: int
    count: int


def phase_columns(phases: Sequence[Document], columns: int = COLUMNS) -> PhaseColumns:
    """Widths for these phases on so many columns: the bar gives way first."""
    name = max((min(_NAME, width(phase["id"])) for phase in phases), default=0)
    count = max((len(_count(phase)) for phase in phases), default=0)
    rest = columns - (name + 3 + 2 + len("100%") + 3 + count + 3 + _STATE)
    return PhaseColumns(name, max(5, min(_BAR, rest)), count)


def phase_line(phase: Document, marks: Iterable[float], columns: PhaseColumns) -> str:
    """Name, bar, share, count and state."""
    drawn = bar(phase["done"], marks, columns.bar)
    name = cell(plain(phase["id"]), columns.name)
    return f"{name}   {drawn}  {percent(phase['done']):>4}   {_count(phase):<{columns.count}}   {phase['state']}"


def _count(phase: Document) -> str:
    return f"{phase['verified']} of {phase['tasks']}"


def phases(document: Sequence[Document], *, ascii: bool = False, paces: Paces = NO_PACES) -> list[str]:
    """Every phase with its bar, its gate's conditions, its planned days beside the time it took, and its debt."""
    marks, columns = marks_of(document), phase_columns(document)
    gates = _gate_lines(document, columns.name + 3)
    lines: list[str] = []
    for phase in document:
        lines += [phase_line(phase, marks[phase["id"]], columns), *_pace(phase, paces, columns.name + 3), *gates[phase["id"]]]
        if phase["debt"]:
            lines += _wrapped(f"{' ' * columns.name}   debt  ", phase["debt"])
    return _drawn(lines, ascii)


def _pace(phase: Document, paces: Paces, indent: int) -> list[str]:
    """What the plan estimated, beside what it was. Nothing where the plan says nothing."""
    days, seconds = paces.get(phase["id"], (None, None))
    took = f", took {duration(seconds)}" if seconds is not None else ""
    return [f"{' ' * indent}days  planned {days}{took}"] if days else []


def _gate_lines(document: Sequence[Document], indent: int) -> dict[str, list[str]]:
    """The lines of all gates, aligned with each other."""
    rows = [(phase["id"], (" " * indent + "gate", *_condition(one, phase["gate"]))) for phase in document for one in phase["gate"]]
    aligned = _table([row for _, row in rows])
    found: dict[str, list[str]] = {phase["id"]: [] for phase in document}
    for (phase_id, _), line in zip(rows, aligned, strict=True):
        found[phase_id].append(line)
    return found


def _condition(one: Document, gate: Sequence[Document]) -> tuple[str, str, str]:
    """What is asked, what was found of it, and whether that is enough."""
    if one["met"]:
        return one["condition"], _found(one), "met"
    return one["condition"], _found(one), "not measured" if _not_due(one, gate) else "not met"


def _not_due(one: Document, gate: Sequence[Document]) -> bool:
    """A command or detector is run only once everything else holds."""
    due = all(other["met"] or other["condition"].startswith(_MEASURABLE) for other in gate)
    return one["condition"].startswith(_MEASURABLE) and one["value"] is None and not due


def _found(one: Document) -> str:
    if one["value"] is None:
        return "–"
    as_share = one["condition"].startswith("phase:")
    value, asked = (
        percent(n) if as_share and n is not None else f"{n:g}" if n is not None else "" for n in (one["value"], one["threshold"])
    )
    return f"{value} of {asked}" if as_share else value


# A run


def runs(document: Sequence[Document]) -> list[str]:
    """The runs, in the document's order."""
    if not document:
        return ["there is no run yet"]
    rows = [
        (row["run"], row["plan"] or "", row["state"], _time(row["started_at"]), "" if row["seconds"] is None else duration(row["seconds"]))
        for row in document
    ]
    return _table([("run", "plan", "state", "started", "took"), *rows])


def _took(seconds: float | None) -> str:
    """Empty for a damaged run, whose time nobody knows."""
    return "" if seconds is None else duration(seconds)


def status(
    document: Document, *, every: bool = False, reasons: Sequence[str] = (), paces: Paces = NO_PACES, ascii: bool = False
) -> list[str]:
    """A run: its phases with their tasks, what is missing, and how to go on.

    Args:
        every: list all tasks, not the 40 most worth showing.
        reasons: why the run ended or paused as it did.
        paces: per phase the planned days and the seconds it took.
    """
    sections = [
        [_heading(document), *(f"  {clip(plain(reason), _REASON)}" for reason in reasons)],
        *_by_phase(document, every, paces),
        _summary(document),
        _titled("next", next_steps(document)),
    ]
    return _drawn([line for section in sections if section for line in ("", *section)][1:], ascii)


def _heading(document: Document) -> str:
    word = "for" if document["state"] == "running" else "after"
    run = f"{document['run']}  {document['state']} {word} {duration(document['seconds'])}"
    return plain(f"{run}, plan {document['plan']}, started {_time(document['started_at'])} UTC")


def _by_phase(document: Document, every: bool, paces: Paces) -> Iterator[list[str]]:
    marks, columns = marks_of(document["phases"]), phase_columns(document["phases"])
    chosen = _chosen(document["tasks"], every)
    ids = min(50, max((width(plain(task["id"])) for task in document["tasks"] if task["id"] in chosen), default=0))
    for phase in document["phases"]:
        tasks = [task for task in document["tasks"] if task["phase"] == phase["id"]]
        shown = [line for task in tasks if task["id"] in chosen for line in _task(task, ids)]
        head = [phase_line(phase, marks[phase["id"]], columns), *_pace(phase, paces, 2)]
        yield [*head, *shown, *_left_out([task for task in tasks if task["id"] not in chosen])]


def _chosen(tasks: Sequence[Document], every: bool) -> set[str]:
    ordered = sorted(tasks, key=lambda task: _TELLING.index(task["state"]))
    return {task["id"] for task in (ordered if every else ordered[:_TASKS_SHOWN])}


def _task(task: Document, columns: int) -> list[str]:
    tries = f"{task['attempts']} attempts" if task["attempts"] > 1 else ""
    took = duration(task["seconds"]) if task["seconds"] else ""
    commit = (task["commit"] or "")[:_COMMIT]
    line = f"  {task['state']:<9}  {cell(plain(task['id']), columns)}  {took:>7}  {commit:<{_COMMIT}}  {tries}".rstrip()
    reason = plain(first_line(task["reason"] or ""))
    return [line, *([" " * 13 + clip(reason, COLUMNS - 13)] if reason else [])]


def _left_out(tasks: Sequence[Document]) -> list[str]:
    counts = {state: sum(task["state"] == state for task in tasks) for state in _TELLING}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return [f"  … {len(tasks)} more: {said}"] if tasks else []


def _summary(document: Document) -> list[str]:
    return [
        *_titled("gaps", _gaps_in_short(document["gaps"])),
        *_titled("success", [f"{_MARKS[one['met']]} {shorten(plain(one['check']), COLUMNS - 11)}" for one in document["success"]]),
        *_titled("model", _usage(document["usage"])),
    ]


def _gaps_in_short(document: Document) -> list[str]:
    if not document["found"] and not document["open"]:
        return []
    first, *rest = gaps(document)
    more = len(rest) - _GAPS_SHOWN
    return [first, *rest[:_GAPS_SHOWN], *([f"  … {more} more"] if more > 0 else [])]


def _usage(usage: Document) -> list[str]:
    """What models took. An unknown price is said, and is not zero."""
    if not usage["calls"]:
        return []
    return [f"{_counted(usage['calls'], 'call')}, {usage['tokens']:,} tokens, {dollars([usage['usd']])}"]


def next_steps(document: Document) -> list[str]:
    """Commands that make sense now, each with what it is for. None while the run is running."""
    run, tasks = plain(document["run"]), document["tasks"]
    match document["state"]:
        case "complete":
            landed = any(task["commit"] for task in tasks)
            steps = [(f"swarm diff {run}", "shows the change"), (f"swarm promote {run}", "writes it into the folder")] if landed else []
        case "incomplete" | "stalled":
            steps = list(_mending(run, tasks))
        case "paused" | "interrupted":
            steps = [*_approvals(run, document["phases"]), *_payments(run, tasks), (f"swarm resume {run}", "goes on")]
        case "cancelled" if any(task["commit"] for task in tasks):
            steps = [(f"swarm diff {run}", "shows what landed")]
        case _:
            steps = []
    return _table(steps, None)  # to be copied: never cut


def _mending(run: str, tasks: Sequence[Document]) -> Iterator[tuple[str, str]]:
    """The first thing to look at stands for all of its kind."""
    failed = next((task for task in tasks if task["state"] == "failed"), None)
    stuck = failed or next((task for task in tasks if task["state"] in ("blocked", "waiting")), None)
    if stuck:
        yield f"swarm explain {run} {_quoted(stuck['id'])}", "says why"
    if failed:
        yield f"swarm retry {run} {_quoted(failed['id'])}", "gives it its attempts back"
        yield f"swarm resume {run}", "goes on then, with the plan as it was"
    if any(task["commit"] for task in tasks):
        yield f"swarm diff {run}", "shows what landed"
        yield f"swarm promote {run} --incomplete", "keeps it; then execute a mended plan, which finds that work done"


def _payments(run: str, tasks: Sequence[Document]) -> Iterator[tuple[str, str]]:
    if any("--budget" in (task["reason"] or "") for task in tasks):
        yield f"swarm resume {run} --budget …", "goes on with more to spend"


def _approvals(run: str, phases: Sequence[Document]) -> Iterator[tuple[str, str]]:
    for phase in phases:
        for one in phase["gate"]:
            if phase["state"] == "waiting" and one["condition"].startswith("approval:") and not one["met"]:
                yield f"swarm approve {run} {plain(phase['id'])}", plain(one["condition"])


def _quoted(task: str) -> str:
    return plain(shlex.quote(task))


def gaps(document: Document) -> list[str]:
    """How many gaps are closed, and those that are left."""
    left = document["open"]
    first = f"{document['closed']} of {document['found']} closed" + (f", {len(left)} left" if left else "")
    rows = [("  " + gap["gap"], gap["path"] or "–", said_lines(gap["lines"])) for gap in left]
    return [first, *_table(rows)]


_WITHOUT_REASONS: Final = {
    "ready": "nothing but room is missing: it starts when an attempt ends",
    "cancelled": "the run was cancelled",
}


def explain(document: Document) -> list[str]:
    """Why a task is where it is."""
    reasons = document["reasons"] or [_WITHOUT_REASONS.get(document["state"], "nothing keeps it")]
    lines = [f"{plain(document['task'])}  {document['state']}"]
    for reason in reasons:
        first, *rest = block(reason, 4)
        lines += ["  - " + first[4:], *rest]
    return lines


# What passed between agents


def handoffs(document: Sequence[Document]) -> list[str]:
    """One line per handoff, in the order in which they were made."""
    if not document:
        return ["nothing was handed over yet"]
    rows = [(one["id"][:_SHORT_ID], one["task"], one["contract"] or "–", one["agent"], _evidence_in_short(one)) for one in document]
    return _table([("id", "task", "contract", "agent", "red to green"), *rows], None)


def _evidence_in_short(one: Document) -> str:
    turned = sum(check["before"] is False and bool(check["after"]) for check in one["evidence"])
    return f"{turned} of {len(one['evidence'])}"


def handoff(document: Document, reused_from: str | None = None, report: AttemptReported | None = None) -> list[str]:
    """One handoff whole: where it comes from, its evidence, its payload.

    Args:
        reused_from: the earlier handoff whose payload a satisfied task passes on.
        report: what the attempt left besides its payload.
    """
    if document["id"] is None:
        return [*_refused(document), *_reported(report)]
    return [
        *_titled("id", [document["id"]]),
        *_titled("task", [f"{document['task']}, attempt {document['attempt']} of {document['agent']}"]),
        *_titled("contract", [document["contract"]] if document["contract"] else []),
        *_titled("commit", [f"{document['base'][:_SHORT_ID]} → {(document['commit'] or 'unchanged')[:_SHORT_ID]}"]),
        *_titled("made", [f"{_time(document['at'])} UTC in {duration(document['seconds'])}"]),
        *_titled("reused", [f"the payload of {reused_from[:_SHORT_ID]}: nothing ran"] if reused_from else []),
        *_titled("model", _usage(document["usage"])),
        *_reported(report),
        *_titled("checks", ["before → after → landed"] if document["evidence"] else []),
        *(f"  {_marks(check)}   {shorten(plain(check['check']), COLUMNS - 14)}" for check in document["evidence"]),
        *_titled("payload", [""]),
        *block(json.dumps(document["payload"], indent=2, ensure_ascii=False), 2),
        *(_wrapped("inputs   ", [one[:_SHORT_ID] for one in document["inputs"]]) if document["inputs"] else []),
    ]


def _reported(report: AttemptReported | None) -> list[str]:
    """How an agent ended, what it measured and what it remarked."""
    if report is None:
        return []
    return [
        *_titled("agent", [f"{report.ending} after {_counted(report.turns, 'turn')}"] if report.ending else []),
        *_titled("measured", [f"{name} = {value:g}" for name, value in report.metrics]),
        *_titled("notes", [line for note in report.notes for line in block(note, 0)]),
    ]


def _refused(document: Document) -> list[str]:
    """What is known of a task that has handed nothing over: its last refusal."""
    return [
        *_titled("task", [f"{document['task']}, attempt {document['attempt']} of {document['agent']}: refused, nothing handed over"]),
        *_titled("base", [document["base"][:_SHORT_ID]]),
        *_titled("model", _usage(document["usage"])),
        *_titled("checks", ["before → after → landed"] if document["evidence"] else []),
        *(f"  {_marks(check)}   {shorten(plain(check['check']), COLUMNS - 14)}" for check in document["evidence"]),
        *_titled("why", [""]),
        *block(document["refused"], 2),
    ]


def _marks(check: Document) -> str:
    return " → ".join(_MARKS[check[at]] for at in ("before", "after", "landed"))


def log_line(entry: Entry) -> str:
    """An event as a line of `swarm log`: its number, its time in UTC, a sentence."""
    start = f"{entry.seq:>6}  {entry.at:%Y-%m-%d %H:%M:%S}  "
    return start + clip(sentence(entry.event), COLUMNS - len(start))


# Verdicts


def validation(document: Document, rendered_problems: str, gaps: Mapping[str, int] | None = None) -> list[str]:
    """The problems as they were rendered, then what the proof comes to.

    Args:
        gaps: how many each detector found; a nought may be a detector that looks in the wrong place.
    """
    errors, warnings = (sum(one["severity"] == kind for one in document["problems"]) for kind in ("error", "warning"))
    found = ", ".join(_counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number) or "no problems"
    verdict = "the plan holds" if document["ok"] else "the plan is refused"
    covered = f"{document['gaps']['covered']} of {document['gaps']['found']} gaps covered"
    shown = block(rendered_problems) if rendered_problems else []
    if not document["ok"]:
        return [*shown, f"{verdict}: {found}"]
    return [
        *shown,
        f"{verdict}: {found}, {_counted(document['tasks'], 'task')}, {covered}",
        *(_wrapped("gaps           ", [f"{name} {count}" for name, count in gaps.items()]) if gaps else []),
        *(_wrapped("critical path  ", document["critical_path"], " → ") if document["critical_path"] else []),
    ]


def roster(rows: Sequence[Document]) -> list[str]:
    """Every specialist in a line."""
    return [f"{plain(row['name']):36} {plain(row['role'])}" for row in rows]


def agent(document: Document) -> list[str]:
    """One specialist whole: what it is, what it is asked for, and what its model would be sent."""
    return [
        *_titled("agent", [document["name"], document["role"]]),
        *_titled("program", [document["program"]]),
        *_titled("model", [document["lm"] or "none named: --lm or SWARM_LM"]),
        *(_wrapped("tools    ", document["tools"]) if document["tools"] else []),
        *_titled("inputs", _fields(document["signature"]["inputs"])),
        *_titled("outputs", _fields(document["signature"]["outputs"])),
        *_titled("prompt", [f"for {document['task']}, {sum(len(one['content']) for one in document['prompt']):,} characters:"]),
        *(line for message in document["prompt"] for line in ("", f"── {message['role']}", *block(message["content"], 0))),
    ]


def _fields(fields: Mapping[str, str]) -> list[str]:
    return [f"{name}: {shorten(plain(about), COLUMNS - 12 - len(name))}" for name, about in fields.items()]


def replay(document: Document, satisfied: Collection[str] = (), costs: Mapping[str, "Cost"] | None = None) -> list[str]:
    """Each handoff that was performed again, with every difference.

    Args:
        satisfied: tasks that ran nothing when they were recorded, so that there is nothing to perform again.
        costs: what live performances took, by task.
    """
    all_ = document["handoffs"]
    same = sum(one["same"] for one in all_)
    cost = f"{_counted(sum(one['calls'] for one in all_), 'model call')}, {dollars([one['usd'] for one in all_])}"
    idle = sum(one["task"] in satisfied for one in all_)
    total = f"{_counted(len(all_) - idle, 'handoff')} performed again: {same - idle} the same, {len(all_) - same} different; {cost}"
    rest = f"; {idle} satisfied without running, the same by definition" if idle else ""
    performed = [one for one in all_ if one["task"] not in satisfied]
    return [*(line for one in performed for line in _replayed(one, (costs or {}).get(one["task"]))), total + rest]


def dollars(amounts: Sequence[float | None]) -> str:
    """What some things cost together; an amount that is not known (None) makes the sum unknown, never smaller."""
    if None in amounts:
        return "cost unknown"
    whole = sum(amount or 0 for amount in amounts)
    return f"${whole:.2f}" if whole >= 0.01 or not whole else "less than $0.01"


def _replayed(one: Document, cost: "Cost | None") -> Iterator[str]:
    patch = "" if one["patch_same"] else ", another patch"
    yield shorten(f"{_MARKS[one['same']]} {plain(one['task'])}  {'the same' if one['same'] else 'different'}{patch}", COLUMNS)
    for difference in one["differences"]:
        yield from block(difference["field"], 4)
        yield from (f"      {word:<8}  {_value(difference[word])}" for word in ("recorded", "replayed"))
    if cost is not None:
        yield f"    took  recorded {_cost(cost.recorded, cost.recorded_seconds)}"
        yield f"          replayed {_cost(cost.replayed, cost.seconds)}"


def _cost(spent: "Spend", seconds: float) -> str:
    return f"{', '.join(_usage(usage_view(spent)) or ['no call'])} in {duration(seconds)}"


def _value(value: Any) -> str:
    return shorten(plain(json.dumps(value, ensure_ascii=False)), COLUMNS - 16)


# Lines


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    """Lines beside a title, which stands before the first; nothing at all without lines."""
    return [f"{title if position == 0 else '':<9}{plain(line)}".rstrip() for position, line in enumerate(lines)]


def _table(rows: Sequence[Sequence[str]], columns: int | None = COLUMNS) -> list[str]:
    """Rows as aligned columns; where they do not fit, the widest column gives way."""
    safe = [[plain(text) for text in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*safe, strict=True)]
    while columns is not None and sum(widths) + 2 * (len(widths) - 1) > columns:
        widths[widths.index(max(widths))] -= 1
    return ["  ".join(cell(text, most) for text, most in zip(row, widths, strict=True)).rstrip() for row in safe]


def _wrapped(title: str, names: Sequence[str], between: str = ", ") -> list[str]:
    """Names after a title, over as many lines as they need."""
    lines = [title]
    for position, name in enumerate(names):
        text = shorten(plain(name), COLUMNS - len(title)) + (between if position < len(names) - 1 else "")
        if width(lines[-1]) + width(text.rstrip()) > COLUMNS and lines[-1].strip() != title.strip():
            lines.append(" " * len(title))
        lines[-1] += text
    return [line.rstrip() for line in lines]


def _time(at: str | None) -> str:
    return "" if at is None else at[:19].replace("T", " ")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _drawn(lines: Sequence[str], ascii: bool) -> list[str]:
    return [in_ascii(line) if ascii else line for line in lines]
