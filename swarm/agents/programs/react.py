"""The program that uses tools: it asks its model for a turn, carries out the calls, and says how they came out, until it is finished.

It is made to need few turns and to survive each of them. A model's mistakes (an answer that cannot be read, an unknown tool, wrong
arguments, a payload that does not fit) are told to it and cost a turn; what ends the conversation otherwise is raised: time, budget, a
provider that is gone. Nothing here reads a clock or draws a number, and whatever comes from outside passes the trail or the model
engine, so that a resumed attempt asks the same questions.
"""

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # or the first use asks the network for a price table

import dspy  # after the variable that it reads

from swarm.agents.lm.engine import reason_of
from swarm.agents.programs.acting import Acted, Acting, Red
from swarm.agents.programs.adapter import TurnAdapter, turn_signature
from swarm.agents.programs.circles import last_round
from swarm.agents.programs.condensing import Turn
from swarm.agents.programs.conversation import Conversation, Ending, Said, Talk
from swarm.agents.programs.finishing import Finishing
from swarm.agents.programs.messages import LAST_TURN, assignment, results
from swarm.agents.programs.trail import Trail
from swarm.agents.programs.turns import Step, rendered, sendable
from swarm.agents.specialist import Specialist
from swarm.agents.tools.answers import cut, one_line
from swarm.agents.tools.offer import Offer
from swarm.errors import AgentStopped, ContractBreach
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.contracts import Contracts
from swarm.workspace.desk import Desk

__all__ = ["React"]

_CHARACTERS: Final = 240_000
_UNREAD: Final = 2_000
_NAMED_CALL: Final = 300
_PROVIDER_TEXT: Final = 300
_KEPT_WHEN_TOO_LONG: Final = (3, 1)
"""How many of the newest turns stay whole when the model's window is too small: at the first time, and at the second."""
_ROUNDS: Final = 3
_AGAIN: Final = "You have done exactly this before, with the same results. Do something else, or finish: once more ends the attempt."


class React(Specialist):
    """Works with tools, in turns.

    Its one predictor, `turn`, knows the role and the instruction only: state that was saved for one task of an agent fits all of them.

    Args:
        role: what the agent is, in one line.
        instruction: how it works.
        contract: of the payload; None where nothing is owed.
        offers: the tools, in the order in which the model is told of them.
        trail: of this start of the attempt.
        situation: what the agent should know of the workspace before its first turn.
        changed: the sorted paths that the attempt has changed.
        red: says which checks keep the task from being done; `finish` is sent back for them. Nobody is asked unless given.
        turns: how many it may take.
        characters: how long the conversation may get before the results of old turns are left out.

    Raises:
        UsageError: two tools have the same name, or one is called `finish`.
    """

    def __init__(
        self,
        *,
        role: str,
        instruction: str,
        contracts: Contracts,
        contract: str | None,
        offers: Sequence[Offer],
        trail: Trail,
        situation: Callable[[], Awaitable[str]],
        changed: Callable[[], Awaitable[Sequence[str]]],
        red: Red | None = None,
        turns: int = 40,
        characters: int = _CHARACTERS,
    ) -> None:
        super().__init__()
        self.turn = dspy.Predict(turn_signature(role, instruction))
        self._trail = trail
        self._situation = situation
        self._changed = changed
        self._turns = turns
        self._characters = characters
        self._finishing = Finishing(contracts, contract, self._changed_then)
        self._acting = Acting(offers, trail, self._finishing, red or _nothing_red)
        self._described = (*(offer.description for offer in offers), self._finishing.description)
        self._repeatable = frozenset(offer.name for offer in offers if not offer.changes)

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        """Does the task.

        Returns:
            A `dspy.Prediction` with the fields of `Conversation`: `handoff`; `ending`, the text of an `Ending`; `steps`.

        Raises:
            AgentStopped: the turns are used up or the agent goes in circles, and what it owes cannot be computed; or its model gave
                no answer.
            SwarmError: what a tool or the model engine raises on purpose.
        """
        conversation = await self._conversation(brief, inbox)
        return dspy.Prediction(handoff=conversation.handoff, ending=conversation.ending.value, steps=conversation.steps)

    async def _conversation(self, brief: Brief, inbox: Inbox) -> Conversation:
        situation = await self._trail.step("situation", [], self._sendable_situation)
        talk = Talk(assignment(self._described, brief, inbox, situation, self._turns), self._characters)
        for number in range(1, self._turns + 1):
            said = await self._said(talk)
            acted = await self._acted(said)
            step = talk.happened(said, acted.observations)
            if acted.payload is not None:
                return Conversation(acted.payload, Ending.FINISHED, tuple(talk.steps))
            length, times = last_round(talk.keys)
            if times >= _ROUNDS:
                return self._circling(talk, length)
            talk.show(self._shown(said, step, self._remarks(number, times)))
        return await self._out_of_turns(talk)

    async def _said(self, talk: Talk) -> Said:
        for keep in (*_KEPT_WHEN_TOO_LONG, None):
            try:
                return await self._answer(talk)
            except dspy.ContextWindowExceededError as error:
                if keep is None or not talk.halve(keep):
                    raise AgentStopped("the conversation does not fit the model's context window, condensed as far as it goes") from error
        raise AssertionError("the last round returns or raises")

    async def _answer(self, talk: Talk) -> Said:
        try:
            with dspy.context(adapter=TurnAdapter()):
                turn = await self.turn.acall(history=dspy.History(messages=talk.history), news=talk.news)
        except dspy.AdapterParseError as error:
            return _unread(error)
        except dspy.ContextWindowExceededError:
            raise
        except dspy.LMError as error:
            raise reason_of(error) or _unanswered(error) from None
        calls = tuple(turn["calls"])
        return Said(rendered(turn["thought"], calls), turn["thought"], calls)

    async def _acted(self, said: Said) -> Acted:
        if said.fault:
            return Acted((f"Your answer could not be read, and nothing was carried out: {said.fault}. Keep to the form of a turn.",))
        return await self._acting.act(said.calls)

    def _shown(self, said: Said, step: Step, remarks: tuple[str, ...]) -> Turn:
        tools = [call.tool for call in step.calls] or ["your answer"]
        told = list(zip(tools, step.observations, strict=True))
        return Turn(step, said.answer, results(told, remarks), remarks, self._repeatable)

    def _remarks(self, number: int, times: int) -> tuple[str, ...]:
        again = (_AGAIN,) if times > 1 else ()
        last = (LAST_TURN,) if number == self._turns - 1 else ()
        return (*again, *last, f"turn {number} of {self._turns}")

    def _circling(self, talk: Talk, length: int) -> Conversation:
        if self._finishing.contract is None:
            return Conversation({}, Ending.CIRCLES, tuple(talk.steps))
        what = ", then ".join(_named(step) for step in talk.steps[-length:])
        raise AgentStopped(f"the agent went in circles: {_ROUNDS} times in a row, with the same results, {what}")

    async def _out_of_turns(self, talk: Talk) -> Conversation:
        try:
            payload = await self._finishing.payload({})
        except ContractBreach as breach:
            raise AgentStopped(f"the agent ended after {self._turns} turns without finishing") from breach
        return Conversation(payload, Ending.TURN_LIMIT, tuple(talk.steps))

    async def _sendable_situation(self) -> str:
        return sendable(await self._situation())

    async def _changed_then(self) -> Sequence[str]:
        async def changed() -> str:
            return json.dumps(sorted(await self._changed()))

        paths: list[str] = json.loads(await self._trail.step("changed", [], changed))
        return paths


async def _nothing_red() -> str:
    return ""


def _unread(error: Any) -> Said:
    if error.__cause__ is None:
        return Said("(empty)", fault="it is empty")
    return Said(sendable(cut(error.lm_response, _UNREAD)), fault=str(error.__cause__))


def _unanswered(error: Any) -> AgentStopped:
    status = f", status {error.status}" if getattr(error, "status", None) else ""
    detail = one_line(cut(str(error).partition("\n")[0], _PROVIDER_TEXT, " "))
    return AgentStopped(f"the model gave no answer ({type(error).__name__}{status}): {detail}")


def _named(step: Step) -> str:
    if not step.calls:
        return "an answer without calls"
    return one_line(cut(" and ".join(f"{call.tool} {json.dumps(call.args)}" for call in step.calls), _NAMED_CALL, " "))
