"""The first prompt of an agent, without asking anybody: its program runs, and its model is a listener that keeps the first question."""

from collections.abc import Mapping
from typing import Any

from swarm.agents.lm.engine import Stopped
from swarm.agents.lm.requests import Request, as_json
from swarm.agents.specialist import Specialist
from swarm.errors import SwarmError
from swarm.signatures.brief import Brief, Inbox
from swarm.workspace.desk import Desk

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

__all__ = ["first_prompt", "signature_of"]


class _Heard(SwarmError):
    """The question was heard, and will not be answered."""

    def __init__(self, request: Request) -> None:
        super().__init__("heard")
        self.request = request


class _Deaf:
    """An engine of DSPy that answers nothing; both of a pair are wanted."""

    supports_function_calling = False
    supports_reasoning = False
    supports_response_schema = False
    supported_params: frozenset[str] = frozenset()

    def complete(self, request: Request) -> Any:
        raise Stopped(_Heard(request))


class _Listener(_Deaf):
    async def complete(self, request: Request) -> Any:
        raise Stopped(_Heard(request))


async def first_prompt(specialist: Specialist, brief: Brief, inbox: Inbox, desk: Desk) -> list[dict[str, str]]:
    """The messages that an agent's model would be sent first: role and content of each."""
    lm = dspy.LM("openai/listener", engine=_Deaf(), async_engine=_Listener(), cache=False, num_retries=0)
    try:
        with dspy.context(lm=lm, disable_history=True, trace=None):
            await specialist.acall(brief=brief, inbox=inbox, desk=desk)
    except _Heard as heard:
        return _messages(as_json(heard.request))
    return []


def _messages(request: Mapping[str, Any]) -> list[dict[str, str]]:
    system = [{"role": "system", "content": _text(request["system"])}] if request.get("system") else []
    return [*system, *({"role": each["role"], "content": _text(each["parts"])} for each in request["messages"])]


def _text(parts: Any) -> str:
    return parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts)


def signature_of(specialist: Specialist) -> dict[str, dict[str, str]]:
    """The inputs and outputs of a program's signature: each field and what it is for."""
    ((_, predictor),) = specialist.named_predictors()
    signature = predictor.signature
    return {
        "inputs": {name: _about(info) for name, info in signature.input_fields.items()},
        "outputs": {name: _about(info) for name, info in signature.output_fields.items()},
    }


def _about(info: Any) -> str:
    return str(info.json_schema_extra["desc"])
