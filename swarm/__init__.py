"""Proves a plan of work over a code base, runs it with many agents in dependency order, and shows evidence for every step.

The door: `load_plan`, `execute`, `resume`, `replay` and the errors. Everything is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swarm.door import Replay, Result, execute, replay, resume
    from swarm.errors import CallerError, EnvironmentFault, PlanRefused, RecordFault, Refusal, RunOwned, RunRefused, SwarmError, UsageError
    from swarm.plans.load import Plan, load_plan

__all__ = [
    "CallerError",
    "EnvironmentFault",
    "Plan",
    "PlanRefused",
    "RecordFault",
    "Refusal",
    "Replay",
    "Result",
    "RunOwned",
    "RunRefused",
    "SwarmError",
    "UsageError",
    "execute",
    "load_plan",
    "replay",
    "resume",
]

_HOMES = {
    "swarm.door": ("Replay", "Result", "execute", "replay", "resume"),
    "swarm.plans.load": ("Plan", "load_plan"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'swarm' has no attribute {name!r}")
    from importlib import import_module

    module = next((home for home, names in _HOMES.items() if name in names), "swarm.errors")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
