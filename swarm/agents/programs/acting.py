"""Carrying out the calls of one turn, in order. Whatever goes wrong in one of them is its observation."""

import difflib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from swarm.agents.programs.finishing import FINISH, Finishing
from swarm.agents.programs.trail import Trail
from swarm.agents.programs.turns import Call
from swarm.agents.tools.answers import cut, harmless
from swarm.agents.tools.offer import Offer
from swarm.errors import ContractBreach, SwarmError, UsageError

__all__ = ["Acted", "Acting", "Red"]

_SENTENCE: Final = 1_000
_NO_SUCH_TOOL: Final = "there is no tool"
_NO_CALLS: Final = "You called no tool: call one, or finish."
_IGNORED: Final = "not carried out: it stands after finish"
_PREMATURE: Final = "not taken: a call before it failed. Look at the results, mend what failed, then finish."
_SENT_BACK: Final = 2
"""How often `finish` is sent back for red checks: less often than makes a circle, which would end the attempt without its evidence.

Then it ends as it is, and the next attempt begins anew with what the checks said."""


Red = Callable[[], Awaitable[str]]
"""Says which checks keep the task from being done, with their output; empty where none does."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What a turn's calls came to.

    Attributes:
        observations: one for each call.
        payload: what was handed over; None where the agent goes on.
    """

    observations: tuple[str, ...]
    payload: dict[str, Any] | None = None


class Acting:
    """The tools of one attempt, and its end.

    Raises:
        UsageError: two tools have one name, or one is called as the end is.
    """

    def __init__(self, offers: Sequence[Offer], trail: Trail, finishing: Finishing, red: Red) -> None:
        names = [*(offer.name for offer in offers), FINISH]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f'two tools are called "{twice[0]}", and an agent could only mean one: leave one out')
        self._offers = {offer.name: offer for offer in offers}
        self._trail = trail
        self._finishing = finishing
        self._red = red
        self._sent_back = 0

    async def act(self, calls: Sequence[Call]) -> Acted:
        """Carries out the calls up to `finish`.

        Raises:
            SwarmError: what a tool raises on purpose, such as `AttemptTimedOut`.
        """
        names = [call.tool for call in calls]
        end = names.index(FINISH) if FINISH in names else len(calls)
        observations = [await self._observation(call) for call in calls[:end]]
        if end == len(calls):
            return Acted(tuple(observations) or (_NO_CALLS,))
        failed = any(map(_failed, names, observations))
        acted = Acted((_PREMATURE,)) if failed else await self._finished(calls[end])
        return Acted((*observations, *acted.observations, *[_IGNORED] * (len(calls) - end - 1)), acted.payload)

    async def _observation(self, call: Call) -> str:
        offer = self._offers.get(call.tool)
        if offer is None:
            return self._unknown(call.tool)
        return await self._trail.step(
            call.tool, call.args, partial(_answered, offer, call.args), changes=offer.changes, outside=offer.outside
        )

    async def _finished(self, call: Call) -> Acted:
        try:
            payload = await self._finishing.payload(call.args)
        except ContractBreach as breach:
            wanted = json.dumps(self._finishing.description.parameters.get("required", []))
            return Acted((f"not finished: {cut(harmless(str(breach)), _SENTENCE)}; required are {wanted}",))
        red = await self._still_red()
        return Acted((f"not finished, since the task is not done:\n{red}",)) if red else Acted(("finished",), payload)

    async def _still_red(self) -> str:
        """What says that the task is not done. A turn more is cheaper than an attempt that is refused and begins anew."""
        if self._sent_back == _SENT_BACK:
            return ""
        red = await self._trail.step("checks", [], self._red)
        self._sent_back += bool(red)
        return cut(harmless(red))

    def _unknown(self, name: str) -> str:
        names = [*self._offers, FINISH]
        near = difflib.get_close_matches(name, names, 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ";"
        return f'{_NO_SUCH_TOOL} "{name}"{hint} The tools are {", ".join(names)}'


async def _answered(offer: Offer, args: Mapping[str, Any]) -> str:
    """Tools answer harmlessly and briefly; one from outside that does not shall not end the attempt, nor flood it."""
    try:
        text = await offer.call(args)
    except SwarmError:
        raise
    except Exception as error:  # noqa: BLE001 - a tool's mistake is part of the conversation, and cancellation is no Exception
        text = f"{offer.name} failed: {type(error).__name__}: {cut(str(error).partition(chr(10))[0], _SENTENCE)}"
    return cut(harmless(text))


def _failed(tool: str, observation: str) -> bool:
    """Whether a tool declined: it then names itself first, or says that it did nothing."""
    return observation.startswith((f"{tool}: ", f"{tool} failed: ", _NO_SUCH_TOOL, "Nothing was changed"))
