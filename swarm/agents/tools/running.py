"""Running commands, for a model: what it typed, with the status it would believe."""

import asyncio
import re
import shutil
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from swarm.agents.tools.answers import LIMIT, colourless, cut, harmless, placeless
from swarm.agents.tools.calling import answering
from swarm.agents.tools.places import places_of
from swarm.errors import AttemptTimedOut, EnvironmentFault
from swarm.workspace.desk import Desk
from swarm.workspace.processes import CANNOT_RUN, NOT_FOUND, Outcome

__all__ = ["Running"]

_ROOM: Final = LIMIT - 300
_PROGRESS: Final = re.compile(r"\r+(?!\n)")
_HINTS: Final = {
    CANNOT_RUN: " (a program was found that cannot be run)",
    NOT_FOUND: " (a program was not found)",
    141: " (a part of the pipe wrote to one that had stopped reading, such as head: mostly harmless)",
}


@dataclass(frozen=True, slots=True)
class Running:
    """The tool that runs commands."""

    desk: Desk

    @answering
    async def run(
        self,
        command: Annotated[str, Field(min_length=1, max_length=20_000)],
        seconds: Annotated[float, Field(gt=0, le=3_600)] = 60,
    ) -> str:
        """Runs a shell command in the workspace's top folder; answers with its exit status and what it printed.

        The status is that of the first part of a pipe that failed, from the right (pipefail). Of the output, errors included, 8,000
        characters are kept, its beginning and its end. Nothing is typed into it, and what it leaves running is ended. Changes outside
        the task's scope are not hindered here and make the whole attempt fail.

        Args:
            command: bash.
            seconds: how long it may take; it is ended then, and never runs longer than the attempt may.
        """
        if self.desk.ended:
            raise AttemptTimedOut("the attempt is over; the command was not run")
        limit = min(seconds, self.desk.seconds)
        last = _seconds_left(self.desk) <= limit
        outcome = await self.desk.run(_words(self.desk, command), limit)
        text = _printed(self.desk, outcome)
        if outcome.timed_out and last:
            raise AttemptTimedOut(f"the attempt's time was up while `{command}` ran:\n{text}")
        return f"{_status(outcome, limit)}\n{text}" if text else f"{_status(outcome, limit)}, no output"


def _words(desk: Desk, command: str) -> list[str]:
    """The command for bash, since not every /bin/sh knows pipefail.

    The space keeps the desk from expanding the command's beginning as if it were an argument; the shell does that, and quotes.
    """
    if shutil.which("bash", path=desk.commands.environment.get("PATH")) is None:
        raise EnvironmentFault("bash was not found, and the run tool needs it: install it, or take `run` from the agent's tools")
    return ["bash", "-o", "pipefail", "-c", f" {command}"]


def _seconds_left(desk: Desk) -> float:
    return float("inf") if desk.deadline is None else desk.deadline - asyncio.get_running_loop().time()


def _status(outcome: Outcome, limit: float) -> str:
    if outcome.timed_out:
        return f"ended after {limit:g} s because its time was up"
    return f"exit status {outcome.status}{_HINTS.get(outcome.status, '')}"


def _printed(desk: Desk, outcome: Outcome) -> str:
    """What it printed, as text: without colours, each state of a progress bar on a line, without places of this machine."""
    text = _PROGRESS.sub("\n", colourless(outcome.output)).replace("\r\n", "\n")
    return cut(harmless(placeless(text, places_of(desk))).strip("\n"), _ROOM)
