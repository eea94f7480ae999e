"""What earlier runs of a home know: the last handoff of an equal task, and how long tasks took.

The questions are asked in SQL, so that what is decoded is one event per answer and not every event of every run. A damaged run
is passed over: it is that run's trouble, and no reason not to start another.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from swarm.engine.events import Landing, TaskSatisfied
from swarm.errors import RecordFault
from swarm.home import Home
from swarm.journal.chain import entry
from swarm.journal.record import Record, read
from swarm.journal.runs import runs
from swarm.signatures.handoff import Handoff

__all__ = ["expected_seconds", "newest_handoff"]

# A landing that was never followed by `landed` may not have happened.
_HANDOFF: Final = """
    SELECT seq, at, kind, version, task, body, prev, hash FROM events AS done
    WHERE kind IN ('landing', 'task_satisfied')
      AND json_extract(body, '$.handoff.definition') = ?
      AND (kind = 'task_satisfied' OR EXISTS (
          SELECT 1 FROM events AS landed WHERE landed.kind = 'landed' AND landed.task = done.task AND landed.seq > done.seq))
    ORDER BY seq DESC LIMIT 1
"""
_OF_PLAN: Final = "SELECT 1 FROM events WHERE seq = 1 AND kind = 'run_started' AND json_extract(body, '$.plan') = ?"
# With `max`, SQLite takes the other columns from the row that holds the maximum.
_SECONDS: Final = "SELECT task, json_extract(body, '$.seconds'), max(seq) FROM events WHERE kind = 'landing' GROUP BY task"


def newest_handoff(home: Home, definition: str) -> tuple[str, Handoff] | None:
    """The newest handoff of a task with this definition, landed or satisfied, and the run it is from.

    Args:
        definition: `Handoff.definition`, the hash by which an equal task is recognised.
    """
    for run, record in _records(home):
        with suppress(RecordFault):
            handoff = _handoff(record, definition)
            if handoff is not None:
                return run, handoff
    return None


def expected_seconds(home: Home, plan: str) -> dict[str, float]:
    """Task to the seconds of its newest landing, over the runs of the plan of this name. Satisfied tasks tell nothing."""
    seconds: dict[str, float] = {}
    for _, record in _records(home):
        with suppress(RecordFault):
            seconds = (record.ask(lambda connection: _seconds(connection, plan)) or {}) | seconds
    return seconds


def _records(home: Home) -> Iterator[tuple[str, Record]]:
    for run in runs(home):
        with suppress(RecordFault), read(home.run(run).journal) as record:
            yield run, record


def _handoff(record: Record, definition: str) -> Handoff | None:
    row = record.one(_HANDOFF, definition)
    event = entry(row).event if row else None
    return event.handoff if isinstance(event, Landing | TaskSatisfied) else None


def _seconds(connection: sqlite3.Connection, plan: str) -> dict[str, float]:
    if connection.execute(_OF_PLAN, (plan,)).fetchone() is None:
        return {}
    return {task: float(seconds) for task, seconds, _ in connection.execute(_SECONDS) if isinstance(seconds, int | float)}
