"""The agent that all others extend: it takes a task, does it within its own rules, and never raises."""

import logging
import resource
import sys
import time
from collections import deque
from typing import Any, ClassVar

logger = logging.getLogger(__name__)

ENVIRONMENT = "experiments"
HISTORY = 100  # finished tasks that an agent remembers


class UnifiedBaseAgent:
    """Runs tasks one after another or at the same time, and answers each with a result.

    A task is a dict with `content`; a result is a dict with `status` (`success` or `failed`), `success` and `result` or `error`.
    Extend it by overriding `_process_task`.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "say what you can do"}

    def __init__(self, name: str = "unified-base-agent") -> None:
        self.name = name
        self.history: deque[dict[str, Any]] = deque(maxlen=HISTORY)

    async def execute_task(self, task: dict[str, Any]) -> dict[str, Any]:
        """Does a task. What goes wrong inside becomes a failed result: one bad task must not end an agent."""
        started = time.perf_counter()
        try:
            result = await self._process_task(task)
        except Exception as error:
            logger.warning("task failed: %s", error)
            result = {"status": "failed", "success": False, "error": f"{type(error).__name__}: {error}"}
        self._remember(task, result, time.perf_counter() - started)
        return result

    async def self_check(self) -> bool:
        """Whether the agent can do the example that it was made for."""
        result = await self.execute_task(dict(self.EXAMPLE))
        return bool(result["success"])

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success({"agent": self.name, "environment": ENVIRONMENT, "echo": task["content"]})

    def _remember(self, task: dict[str, Any], result: dict[str, Any], processing_time: float) -> None:
        self.history.append({"task": task, "status": result["status"], "seconds": processing_time})


def success(result: Any) -> dict[str, Any]:
    """The result of a task that was done."""
    return {"status": "success", "success": True, "result": result}


def resident_megabytes() -> float:
    """The largest memory that this process has had, in MiB (`ru_maxrss` counts bytes on macOS and KiB elsewhere)."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1024 * 1024 if sys.platform == "darwin" else 1024)
