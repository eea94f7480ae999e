"""The agent that all others extend, as the infrastructure runs it."""

import logging
import time
from typing import Any

ENVIRONMENT = "infrastructure"

logger = logging.getLogger(__name__)


class UnifiedBaseAgent:
    """Runs tasks one after another or at the same time, and answers each with a result."""

    def __init__(self, name: str = "unified-base-agent") -> None:
        self.name = name
        self.history: list[dict[str, Any]] = []

    async def execute_task(self, task: dict[str, Any]) -> dict[str, Any]:
        """Does a task."""
        started = time.perf_counter()
        result = await self._process_task(task)
        self.history.append({"task": task, "status": result["status"], "seconds": time.perf_counter() - started})
        logger.info("did %s", task)
        return result

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return {"status": "success", "success": True, "result": {"agent": self.name, "environment": ENVIRONMENT, "echo": task["content"]}}
