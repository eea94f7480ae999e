"""The interface of everything that does work, procedure or program.

A specialist is a `dspy.Module` with `aforward(brief, inbox, desk) -> dspy.Prediction`. `brief` says what is wanted, `inbox`
holds the validated payloads of the needed tasks, `desk` is the only way to touch anything. The payload is
`prediction["handoff"]`, a mapping of JSON's types; the contract is checked by whoever asked.
"""

import os
from typing import Any, Protocol

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # or the first use asks the network for a price table

import dspy  # after the variable that it reads

from swarm.signatures.brief import Brief, Inbox
from swarm.workspace.desk import Desk

__all__ = ["Perform", "Specialist"]


class Specialist(dspy.Module):  # type: ignore[misc] # dspy is untyped
    """Does one kind of task. Make a subclass and give it `aforward`."""

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        """Does the task.

        Returns:
            A `dspy.Prediction` whose `handoff` is the payload.

        Raises:
            Refusal: the work cannot be done; the text says why.
            EnvironmentFault: something that it needs is missing.
        """
        raise AssertionError(f"{type(self).__name__} does not say how it works: give it aforward")


class Perform(Protocol):
    """Any callable of the shape of `Specialist.acall`."""

    async def __call__(self, *, brief: Brief, inbox: Inbox, desk: Desk) -> Any: ...
