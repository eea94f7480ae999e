"""A user's own `dspy.Module` as a specialist: it runs in a process of its own and is served from here.

A thread cannot be ended and a user's module may do anything, so it has a process that a time limit ends with all it started. What it
asks (models, files, commands, tools) is done here, in the attempt's own context: record, budget, limits, scope and sandbox hold as for
every other program, and no key ever leaves this process. What arrives from there is a stranger's.
"""

import base64
import json
import signal
import sys
from asyncio import Semaphore, Task, TaskGroup
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm.agents.lm.engine import reason_of
from swarm.agents.lm.requests import request_from_json, response_as_json
from swarm.agents.programs.trail import Trail
from swarm.agents.programs.worker.protocol import Done, Failed, ListFiles, Model, Note, Read, Run, UseTool, Write, message_of
from swarm.agents.specialist import Specialist
from swarm.agents.tools.answers import cut, harmless, placeless
from swarm.agents.tools.offer import Offer
from swarm.agents.tools.places import places_of
from swarm.agents.tools.recording import MOST_NOTES
from swarm.engine.support import no_model
from swarm.errors import AttemptTimedOut, ContractBreach, EnvironmentFault, ProcedureFailed, Refusal
from swarm.signatures.brief import Brief, Inbox
from swarm.signatures.contracts import Contracts
from swarm.signatures.programmed import payload_of
from swarm.workspace.conversing import LINE_LIMIT, Conversation
from swarm.workspace.desk import Desk

import dspy  # isort: skip # after swarm.agents.lm, which keeps it from the network

__all__ = ["UserProgram"]

_WORKER: Final = (sys.executable, "-P", "-m", "swarm.agents.programs.worker")
_AT_ONCE: Final = 64
"""Requests of one worker that are served at a time; further ones wait in its pipe."""
_SHOWN: Final = 3000
_BY_SIGNAL: Final = 128

# DSPy's, private as its twins in `lm.requests`, where it belongs.

_Returned = Done | Failed
_Deed = Read | Write | ListFiles | Run | UseTool | Note


class UserProgram(Specialist):
    """Does a task by a class that the plan names.

    Args:
        program: `package.module:Class`, or `path/file.py:Class` relative to the plan.
        plan_folder: where the plan's own files lie.
        contracts: the plan's.
        contract: of the task's payload; None where it hands over nothing.
        offers: the agent's tools.
        trail: of the attempt; what commands and tools answer is written there.
        state: what `module.save` wrote, to be loaded into the module.
    """

    def __init__(
        self,
        *,
        program: str,
        plan_folder: Path,
        contracts: Contracts,
        contract: str | None,
        offers: Sequence[Offer],
        trail: Trail,
        state: bytes | None = None,
    ) -> None:
        super().__init__()
        self.program = program
        self.plan_folder = plan_folder
        self.contracts = contracts
        self.contract = contract
        self.offers = {offer.name: offer for offer in offers}
        self.trail = trail
        self.state = state

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        """See `Specialist.aforward`.

        Raises:
            ProcedureFailed: the module raised, or its process died or said what no worker says.
            EnvironmentFault: the module cannot be found, made or called, its state is another's, or it asks for a model and there is none.
            SwarmError: what ended a model call for a reason of ours: a spent budget, a broken provider, a missing record.
        """
        served = _Served(self.program, desk, self.trail, self.offers)
        async with desk.converse(_WORKER) as talk:
            await talk.say(_line(self._hello(brief, inbox)))
            returned = await served.until_it_returns(talk)
        if isinstance(returned, Done):
            return dspy.Prediction(handoff=self._payload(returned))
        raise served.failure(returned, talk)

    def _hello(self, brief: Brief, inbox: Inbox) -> dict[str, Any]:
        return {
            "program": self.program,
            "plan_folder": str(self.plan_folder.absolute()),
            "brief": brief.as_json(),
            "inbox": {task: dict(payload) for task, payload in inbox.items()},
            "model": _model(dspy.settings.lm),
            "tools": [_described(offer) for offer in self.offers.values()],
            "state": None if self.state is None else self.state.decode("utf-8", "surrogateescape"),
            "line_limit": LINE_LIMIT,
        }

    def _payload(self, done: Done) -> Any:
        if done.returned == "nothing" and self.contract is not None:
            raise ContractBreach(f"{self.program} returned nothing; it is to hand over {self.contract}")
        if done.returned != "prediction":
            return done.value
        declared = self.contracts.declared[self.contract] if self.contract else {}
        if "handoff" in done.value and "handoff" not in declared:
            return done.value["handoff"]
        # Under the contract's own names or, where DSPy could not have those, under the names that our signatures give them.
        own = {name: done.value[name] for name in declared if name in done.value}
        return own | payload_of(done.value, self.contracts, self.contract)


def _model(lm: Any) -> dict[str, Any] | None:
    """What the worker's model has to be like, so that it writes the requests that this one would."""
    if lm is None:
        return None
    settings = {name: value for name, value in lm.kwargs.items() if value is not None}
    return {"name": lm.model, "type": lm.model_type, "settings": settings}


def _described(offer: Offer) -> dict[str, Any]:
    told = offer.description
    return {"name": told.name, "description": told.description, "parameters": told.parameters}


@dataclass(slots=True)
class _Served:
    """One worker's requests, and what was heard of it."""

    program: str
    desk: Desk
    trail: Trail
    offers: Mapping[str, Offer]
    _room: Semaphore = field(default_factory=lambda: Semaphore(_AT_ONCE))
    _provider_said: dict[str, str] = field(default_factory=dict)
    """The last error of each class, in the provider's words: the worker is told the class alone, which a replay can tell, too."""

    async def until_it_returns(self, talk: Conversation) -> _Returned | None:
        """Answers until the program has returned or raised; None if its process has ended without."""
        try:
            async with TaskGroup() as answers:
                return await self._hear(talk, answers)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _hear(self, talk: Conversation, answers: TaskGroup) -> _Returned | None:
        under_way: set[Task[None]] = set()
        async for line in talk:
            message = message_of(line)
            if isinstance(message, (Done, Failed)):
                break
            await self._room.acquire()
            answering = answers.create_task(self._answer(talk, message))
            under_way.add(answering)
            answering.add_done_callback(under_way.discard)
        else:
            message = None
        for unwanted in under_way:
            unwanted.cancel()
        return message

    async def _answer(self, talk: Conversation, message: Model | _Deed) -> None:
        try:
            answer = await self._answered(message)
            await talk.say(_line({"id": message.id, **answer}))
        finally:
            self._room.release()

    async def _answered(self, message: Model | _Deed) -> dict[str, Any]:
        """What was done, or an error that the program may act on. What it could not mend is raised."""
        if isinstance(message, Model):
            return await self._asked(message)
        try:
            return {"value": await self._done(message)}
        except (AttemptTimedOut, ProcedureFailed):
            raise
        except Refusal as error:
            return {"error": type(error).__name__, "text": str(error)}
        except OSError as error:
            what = getattr(message, "path", message.kind)
            return {"error": type(error).__name__, "text": f"{what}: {error.strerror}"}

    async def _asked(self, message: Model) -> dict[str, Any]:
        lm = dspy.settings.lm
        if lm is None:
            raise EnvironmentFault(no_model((self.program,)))
        try:
            return {"value": response_as_json(await lm.acall(_request(message)))}
        except dspy.LMError as error:
            if reason := reason_of(error):
                raise reason from error
            self._provider_said[type(error).__name__] = str(error)
            return {"error": type(error).__name__, "status": getattr(error, "status", None)}
        except (TypeError, ValueError) as error:  # DSPy refuses it before it is sent
            raise ProcedureFailed(f"{self.program} sent a request that no model can be asked: {error}") from error

    async def _done(self, message: _Deed) -> Any:
        match message:
            case Read():
                return base64.b64encode(self.desk.read(message.path)).decode()
            case Write():
                return self.desk.write(message.path, message.content)
            case ListFiles():
                return await self.desk.list_files()
            case Run():
                return await self._run(message)
            case UseTool():
                return await self._use(message)
            case Note():
                return self._note(message)

    async def _run(self, message: Run) -> dict[str, Any]:
        text = await self.trail.step("run", [message.command, message.seconds], lambda: self._outcome(message), changes=True)
        head, seconds, output = text.split("\n", 2)
        status, _, how = head.partition(" ")
        return {"status": int(status), "timed_out": bool(how), "seconds": float(seconds), "output": output}

    async def _outcome(self, message: Run) -> str:
        """First how it ended, for by its first line the trail tells whether it ended as before."""
        outcome = await self.desk.run(message.command, message.seconds)
        return f"{outcome.status}{' timed out' if outcome.timed_out else ''}\n{outcome.seconds}\n{outcome.output}"

    async def _use(self, message: UseTool) -> str:
        offer = self.offers.get(message.name)
        if offer is None:
            raise ProcedureFailed(f"{self.program} used the tool {message.name!r}, which its agent does not have")
        return await self.trail.step(
            offer.name, message.arguments, lambda: offer.call(message.arguments), changes=offer.changes, outside=offer.outside
        )

    def _note(self, message: Note) -> None:
        if len(self.desk.notes) >= MOST_NOTES:
            raise Refusal(f"{MOST_NOTES} remarks are left, the most that one attempt may leave")
        self.desk.note(harmless(message.text))

    def failure(self, failed: Failed | None, talk: Conversation) -> EnvironmentFault | ProcedureFailed:
        """The error of a program that did not answer; to be asked for when the conversation is over."""
        printed = self._shown(talk.errors.strip())
        more = f"\nIt printed:\n{printed}" if printed else ""
        if failed is None:
            return ProcedureFailed(f"{self.program}: its process {_ended(talk.status)} before it had answered{more}")
        said = self._shown(failed.text)
        if not failed.ready:
            return EnvironmentFault(f"the program {self.program} cannot be used: {said}")
        where = f" at {self._shown(failed.where)}" if failed.where else ""
        if provider := self._provider_said.get(failed.error):
            more = f"\nThe provider's answer: {self._shown(provider)}{more}"
        return ProcedureFailed(f"{self.program} failed{where}: {self._shown(failed.error)}: {said}{more}")

    def _shown(self, text: str) -> str:
        """A stranger's text, for the next attempt to read: harmless, without this machine's folders, and of bounded length."""
        return cut(harmless(placeless(text, places_of(self.desk))), _SHOWN)


def _request(message: Model) -> Any:
    """The request that the worker wrote down."""
    try:
        return request_from_json(message.request)
    except (AttributeError, LookupError, RecursionError) as error:
        raise ValueError(f"it is no request ({type(error).__name__}: {error})") from error


def _ended(status: int) -> str:
    if status == _BY_SIGNAL + signal.SIGKILL:
        return f"was killed (status {status}), perhaps for want of memory,"
    if status > _BY_SIGNAL and status - _BY_SIGNAL in set(signal.Signals):
        return f"was ended by {signal.Signals(status - _BY_SIGNAL).name} (status {status})"
    return f"ended with {status}"


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode("ascii")
