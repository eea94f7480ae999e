"""Jobs that wait for a worker: the most urgent first, and none twice at a time."""

import heapq
import logging
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

PROBE = ".self-check"
MOST_URGENT = -(2**63)


@dataclass(order=True, frozen=True, slots=True)
class Job:
    """A piece of work; smaller priorities come first, and among equals the older ones."""

    priority: int
    number: int
    name: str = field(compare=False)
    payload: Any = field(compare=False, default=None)
    attempt: int = field(compare=False, default=1)


class JobQueue:
    """Hands each job to one worker, which says `finish` or `fail`; a failed job waits again until its attempts are used up."""

    def __init__(self, attempts: int = 3) -> None:
        self.attempts = attempts
        self.dead: list[Job] = []
        self._waiting: list[Job] = []
        self._running: dict[str, Job] = {}
        self._numbered = 0

    def submit(self, name: str, payload: Any = None, priority: int = 10) -> None:
        """Adds a job.

        Raises:
            ValueError: a job of that name waits or runs already.
        """
        if name in self._running or any(job.name == name for job in self._waiting):
            raise ValueError(f"the job {name!r} is in the queue already")
        self._numbered += 1
        heapq.heappush(self._waiting, Job(priority, self._numbered, name, payload))

    def take(self) -> Job | None:
        """The most urgent job, which now runs; None where none waits."""
        if not self._waiting:
            return None
        job = heapq.heappop(self._waiting)
        self._running[job.name] = job
        return job

    def finish(self, name: str) -> None:
        """A running job is done.

        Raises:
            KeyError: no job of that name runs.
        """
        del self._running[name]

    def fail(self, name: str) -> None:
        """A running job failed: it waits again at its old place, or is dead after its last attempt.

        Raises:
            KeyError: no job of that name runs.
        """
        job = self._running.pop(name)
        if job.attempt >= self.attempts:
            logger.warning("job %s failed %d times and is given up", name, job.attempt)
            self.dead.append(job)
        else:
            heapq.heappush(self._waiting, Job(job.priority, job.number, name, job.payload, job.attempt + 1))

    async def self_check(self) -> bool:
        """Whether a job more urgent than all others is the next."""
        self.submit(PROBE, priority=MOST_URGENT)
        taken = self.take()
        if taken is None or taken.name != PROBE:
            return False
        self.finish(PROBE)
        return True
