"""The programs that ask once: `predict` and `chain_of_thought`.

They are for work whose answer is what is handed over: a plan, a judgement, a summary. They touch no file. What they would look for is
told them at once, as the situation that the orchestrator knows.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import dspy

from swarm.agents.lm.engine import reason_of
from swarm.agents.programs.format import ONE_FORMAT
from swarm.agents.programs.trail import Trail
from swarm.agents.specialist import Specialist
from swarm.agents.tools.answers import cut, one_line
from swarm.errors import AgentStopped, ContractBreach
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.contracts import Contracts
from swarm.signatures.programmed import inputs_of, payload_of, signature_for
from swarm.workspace.desk import Desk

__all__ = ["Single"]

_TIMES: Final = 3
"""How often an answer is asked for, the first time included."""
_LINE: Final = 300
_KINDS: Final = {"predict": dspy.Predict, "chain_of_thought": dspy.ChainOfThought}


class Single(Specialist):
    """Asks the model of its context once, and again where the answer cannot be read.

    Args:
        kind: with `chain_of_thought` the model writes down its reasoning before its answer.
        role, instruction: of the agent.
        contracts: the plan's.
        contract: what is handed over; None = a summary.
        situation: tells what the orchestrator knows of the task; may be empty.
        trail: of this attempt.
    """

    def __init__(
        self,
        *,
        kind: Literal["predict", "chain_of_thought"],
        role: str,
        instruction: str,
        contracts: Contracts,
        contract: str | None,
        situation: Callable[[], Awaitable[str]],
        trail: Trail,
    ) -> None:
        super().__init__()
        named = Brief(run="", task="", attempt=1, agent="", role=role, goal="", contract=contract)  # only the contract is looked at
        self.answer = _KINDS[kind](signature_for(instruction, role, named, contracts))
        self._contracts = contracts
        self._contract = contract
        self._situation = situation
        self._trail = trail

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        """Asks. The desk is not used.

        Raises:
            ContractBreach: no answer could be read.
            AgentStopped: the model's provider could not answer.
            SwarmError: a reason of ours why it may not be asked, such as `BudgetSpent`.
        """
        situation = await self._trail.step("situation", [], self._situation)
        inputs = inputs_of(brief, inbox)
        answer = await self._answered(_joined(inputs["brief"], situation), inputs["inbox"])
        return dspy.Prediction(handoff=payload_of(answer, self._contracts, self._contract))

    async def _answered(self, told: str, inbox: dict[str, Any]) -> Any:
        fault = ""
        for _ in range(_TIMES):
            try:
                return await self._asked(_joined(told, fault and _remark(fault)), inbox)
            except dspy.AdapterParseError as error:
                fault = _fault(error)
        raise ContractBreach(f"the model's answer could not be read, {_TIMES} times: {fault}")

    async def _asked(self, told: str, inbox: dict[str, Any]) -> Any:
        try:
            with dspy.context(adapter=ONE_FORMAT, warn_on_type_mismatch=False):
                return await self.answer.acall(brief=told, inbox=inbox)
        except dspy.AdapterParseError:
            raise
        except Exception as error:
            if (reason := reason_of(error)) is not None:
                raise reason from None
            if isinstance(error, dspy.LMError):
                raise AgentStopped(_stopped(error)) from error
            raise


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _remark(fault: str) -> str:
    """Last of all, so that what went before stays as it was sent."""
    return f"Your last answer could not be read: {fault}. Answer anew, with every field, in the format that is asked for."


def _fault(error: Any) -> str:
    """What was wrong with an answer, without the answer: that may be long, and what stands in it would be followed."""
    wanted = list(error.signature.output_fields)
    found = error.parsed_result
    if found is not None:
        return f"it lacks {', '.join(name for name in wanted if name not in found)}"
    field = next((name for name in wanted if str(error).startswith(f"Failed to parse field {name} ")), None)
    return f"what stands under {field} is not of its type" if field else "it was empty"


def _stopped(error: Any) -> str:
    status = f" ({error.status})" if getattr(error, "status", None) else ""
    said = str(error).partition("\n")[0]
    return cut(one_line(f"the model could not answer: {type(error).__name__}{status}: {said}"), _LINE, " ")
