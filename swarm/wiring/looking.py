"""What the looking commands show. Nothing here writes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from swarm.engine.events import AttemptRefused, AttemptReported, Entry, Landing, TaskSatisfied
from swarm.engine.schedule import obstacles
from swarm.engine.state import TaskRecord
from swarm.engine.views import explain_view, handoff_views, iso, phase_paces, run_view, status_view, usage_view
from swarm.errors import JournalDamaged, SwarmError, UsageError
from swarm.journal.codec import encode
from swarm.journal.runs import runs
from swarm.plans.load import load_plan
from swarm.plans.schema import PlanFile
from swarm.signatures.specialisms import SPECIALISMS
from swarm.wiring.site import Site, StoredRun, read_run, spent_in, spent_on
from swarm.wiring.tasks import task_named

__all__ = [
    "all_runs",
    "entries_of",
    "entry_view",
    "explained",
    "handoff_of",
    "handoffs_of",
    "paces_of",
    "plan_schema",
    "reasons_of",
    "report_of",
    "reused_from",
    "roster",
    "status_of",
    "verified",
]


def all_runs(site: Site) -> list[dict[str, Any]]:
    """`swarm runs --json`. A run whose journal is damaged is listed as such."""
    return [_row(site, run) for run in runs(site.home)]


def _row(site: Site, run: str) -> dict[str, Any]:
    try:
        stored = read_run(site, run)
    except SwarmError:
        return {"run": run, "plan": None, "state": "damaged", "started_at": None, "ended_at": None, "seconds": None}
    return run_view(stored.state, stored.live, site.clock.now())


def status_of(site: Site, run: str | None) -> dict[str, Any]:
    """`swarm status --json`."""
    stored = read_run(site, run)
    return status_view(stored.state, stored.live, site.clock.now(), spent_in(stored))


def paces_of(site: Site, run: str | None) -> dict[str, tuple[str | None, float | None]]:
    """Per phase the planned days and the seconds it took."""
    stored = read_run(site, run)
    return phase_paces(stored.state, stored.entries, site.clock.now())


def explained(site: Site, run: str | None, task: str) -> dict[str, Any]:
    """`swarm explain --json`."""
    stored = read_run(site, run)
    name = task_named(stored.graph, task)
    document = explain_view(stored.state, name)
    if not document["reasons"]:
        document["reasons"] = [_unhindered(stored.live, stored.state.started.parallel if stored.state.started else 0)]
    return document


def _unhindered(live: bool, parallel: int) -> str:
    if live:
        return f"nothing keeps it but room: {parallel} attempts are in flight at most"
    return "nothing keeps it but that no scheduler is living: `swarm resume` starts it"


def handoffs_of(site: Site, run: str | None) -> list[dict[str, Any]]:
    """`swarm handoffs --json`."""
    stored = read_run(site, run)
    return handoff_views(stored.state, stored.entries, partial(spent_on, stored))


def handoff_of(site: Site, run: str | None, task: str) -> dict[str, Any]:
    """One handoff, or what is known of a task that has none: its last refusal as evidence.

    Raises:
        UsageError: there is no such task, or nothing is known of it yet.
    """
    stored = read_run(site, run)
    name = task_named(stored.graph, task)
    for view in handoff_views(stored.state, stored.entries, partial(spent_on, stored)):
        if view["task"] == name:
            return view
    record = stored.state.tasks[name]
    if not record.refusals:
        why = "; ".join(obstacles(stored.state, name)) or "it has not begun"
        raise UsageError(f"{name} has handed nothing over: {why}")
    return _refused(stored, name, record)


def _refused(stored: StoredRun, task: str, record: TaskRecord) -> dict[str, Any]:
    """The fields of a handoff, empty where there is none, and why there is none."""
    refused, node = record.refusals[-1], stored.graph.tasks[task]
    at = [e.at for e in stored.entries if isinstance(e.event, AttemptRefused) and e.event.task == task]
    return {
        "id": None,
        "run": stored.folder.run,
        "task": task,
        "attempt": refused.attempt,
        "agent": node.agent,
        "contract": node.hands,
        "payload": None,
        "evidence": [{"check": e.check, "before": e.before, "after": e.after, "landed": None} for e in refused.evidence],
        "base": record.base,
        "commit": None,
        "inputs": [],
        "seconds": record.seconds,
        "usage": usage_view(spent_on(stored, task)),
        "at": iso(at[-1]),
        "refused": refused.text,
    }


def reused_from(site: Site, run: str, task: str) -> str | None:
    """The earlier handoff whose payload a satisfied task passes on."""
    handoff = read_run(site, run).state.tasks[task].handoff
    return handoff.reused_from if handoff is not None else None


def report_of(site: Site, run: str, task: str) -> AttemptReported | None:
    """What the last attempt of a task left besides its payload."""
    return read_run(site, run).state.tasks[task].report


def reasons_of(site: Site, run: str) -> tuple[str, ...]:
    """Why a run ended or paused as it did."""
    state = read_run(site, run).state
    if state.ended is not None:
        return state.ended.reasons
    return (state.paused.reason,) if state.paused is not None else ()


def entries_of(site: Site, run: str | None) -> Sequence[Entry]:
    """The events of a run in order."""
    return read_run(site, run).entries


def entry_view(entry: Entry) -> dict[str, Any]:
    """An event as `swarm log --json` prints it."""
    import json

    return {"seq": entry.seq, "at": iso(entry.at), **json.loads(encode(entry.event).body)}


def verified(site: Site, run: str | None) -> str:
    """Walks the hash chain and every handoff's id; says how much was checked.

    Raises:
        JournalDamaged: something does not add up.
    """
    stored = read_run(site, run)  # reading checks the chain of the events
    known: set[str] = set()
    for entry in stored.entries:
        if isinstance(entry.event, (Landing, TaskSatisfied)):
            unknown = [one for one in entry.event.handoff.inputs if one not in known]
            if unknown:
                raise JournalDamaged(
                    f"entry {entry.seq}: the handoff of {entry.event.task} rests on {unknown[0]}, which no task handed over"
                )
            known.add(entry.event.handoff.id)
    return f"{stored.folder.run}: {len(stored.entries)} events and {len(known)} handoffs add up"


def roster(plan: Path | None) -> list[dict[str, Any]]:
    """The shipped specialists, or all agents of a plan: name and role of each."""
    if plan is None:
        return [{"name": one.name, "role": one.role} for one in SPECIALISMS.values()]
    return [{"name": name, "role": agent.role or name} for name, agent in load_plan(plan).agents.items()]


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of the plan language."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlanFile.model_json_schema(by_alias=True)}
