"""The harness that tests put an agent into: it gives the agent its tasks and keeps what came of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HarnessReport:
    """What an agent made of its tasks: the results in the tasks' order, and the numbers of those that failed, from 0."""

    agent: str
    results: tuple[dict[str, Any], ...]
    failed: tuple[int, ...]


class AgentHarness:
    """Runs one agent over tasks, one after another. An agent that breaks its word and raises fails that task only."""

    def __init__(self, agent: Any = None) -> None:
        self.agent = agent if agent is not None else UnifiedBaseAgent()
        self.reports: list[HarnessReport] = []

    async def run(self, tasks: Sequence[dict[str, Any]]) -> HarnessReport:
        """Gives the agent each task; the report is also kept in `reports`."""
        results = tuple([await self._result_of(task) for task in tasks])
        failed = tuple(number for number, result in enumerate(results) if not result.get("success"))
        report = HarnessReport(self.agent.name, results, failed)
        self.reports.append(report)
        logger.info("%s did %d of %d tasks", report.agent, len(results) - len(failed), len(results))
        return report

    def success_rate(self) -> float:
        """The share of all tasks so far that succeeded, from 0 to 1; 1 where there was none."""
        tasks = sum(len(report.results) for report in self.reports)
        failed = sum(len(report.failed) for report in self.reports)
        return (tasks - failed) / tasks if tasks else 1.0

    async def self_check(self) -> bool:
        """Whether the agent can do its own example here."""
        report = await self.run([dict(self.agent.EXAMPLE)])
        self.reports.remove(report)
        return not report.failed

    async def _result_of(self, task: dict[str, Any]) -> dict[str, Any]:
        try:
            result: dict[str, Any] = await self.agent.execute_task(task)
        except Exception as error:
            logger.warning("%s raised: %s", self.agent.name, error)
            return {"status": "failed", "success": False, "error": f"{type(error).__name__}: {error}"}
        return result
