"""What a plan needs that may not be there: a language model, and what this release does not have.

Said before a run begins, so that nothing is spent on it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from swarm.plans.checks import FlagSet, Judge, MetricHolds
from swarm.plans.graph import Graph, Task
from swarm.plans.programs import BUILT_IN

__all__ = ["needs_model", "no_model", "unsupported"]

_NAMED: Final = 5
_WAYS: Final = """\
A key alone names no model. Three ways to give one:
- a provider: set its key (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, …) and name its model: --lm openai/gpt-5-mini
- a local server, which needs no key: Ollama, --lm ollama/qwen3:8b; vLLM and others that speak OpenAI's protocol, \
--lm openai/NAME@http://127.0.0.1:8000/v1
- for good: lm: MODEL in the plan, for all or for one agent or task; or SWARM_LM=MODEL in the environment. --lm goes before both"""


def unsupported(graph: Graph, selected: set[str] | None) -> tuple[str, ...]:
    """One sentence for each part that this release does not have; empty when the plan can run.

    Args:
        selected: the tasks to run, or None for all.
    """
    conditions = [condition for phase in graph.phases for condition in phase.gate]
    spec = graph.plan.spec
    checks = [*spec.success, *(check for body in spec.categories.values() for check in body.success)]
    checks += [check for task in _chosen(graph, selected) for check in (*task.done_when, *task.keep)]
    wanted = dict.fromkeys(str(one) for one in (*conditions, *checks) if isinstance(one, (MetricHolds, FlagSet)))
    return tuple(f"`{one}` needs the analytics core, which this release does not have yet" for one in wanted)


def needs_model(graph: Graph, selected: set[str] | None) -> tuple[str, ...]:
    """What cannot be done without a language model: full names of tasks, then `success` and `success of category "x"`.

    A task needs one where a built-in program works on it without a procedure, or a `judge` check decides. Not counted are
    template first, which is done without where its checks turn green, and a program of the user's own, which may ask no
    model: if it does and there is none, its attempt ends with a message.

    Args:
        selected: the tasks to run, or None for all.
    """
    tasks = (task.name for task in _chosen(graph, selected) if _thinks(task) or _is_judged((*task.done_when, *task.keep)))
    return (*tasks, *_judged_in_the_end(graph))


def no_model(tasks: Sequence[str]) -> str:
    """The message for tasks that need a model where none is configured: who needs it, and how to give one.

    Args:
        tasks: at least one, as `needs_model` names them.
    """
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    need = "needs" if len(tasks) == 1 else "need"
    return f"{', '.join(tasks[:_NAMED])}{more} {need} a language model, and none is named. {_WAYS}"


def _chosen(graph: Graph, selected: set[str] | None) -> Iterator[Task]:
    return (task for name, task in graph.tasks.items() if selected is None or name in selected)


def _thinks(task: Task) -> bool:
    return task.thinks in BUILT_IN and not task.do


def _is_judged(checks: Sequence[object]) -> bool:
    return any(isinstance(check, Judge) for check in checks)


def _judged_in_the_end(graph: Graph) -> Iterator[str]:
    spec = graph.plan.spec
    if _is_judged(spec.success):
        yield "success"
    yield from (f'success of category "{name}"' for name, body in spec.categories.items() if _is_judged(body.success))
