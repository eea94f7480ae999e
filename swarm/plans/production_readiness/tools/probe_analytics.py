"""Makes components work, and looks whether their analytics saw it, and whether each of their key operations is measured.

`probe_analytics.py PATH...` probes the component of each file; without a path, all that the plan integrates. `--hand` hands these over.
"""

import asyncio
import inspect
import logging
import sys
from typing import Any

import village

__all__ = ["main"]

AT_LEAST = 31  # files of the whole integration
OF_BASES = "task_processing_time"
OF_THE_FRAMEWORK = ("self_check", "health_check")


def main(arguments: list[str]) -> int:
    """Prints what is not measured; 1 where anything is not."""
    village.enter()
    logging.disable()  # the complaints alone are wanted
    from core import registry

    paths = [path for path in arguments if path != "--hand"] or _integrated(registry)
    failures = [f"{path}: {failure}" for path in paths if (failure := _failure(path, registry)) is not None]
    if arguments in ([], ["--hand"]) and len(paths) < AT_LEAST:
        failures.append(f"only {len(paths)} components were found; there must be {AT_LEAST}")
    for failure in failures:
        print(failure)
    print(f"{len(paths)} components probed, {len(failures)} complaints")
    if "--hand" in arguments and not failures:
        village.hand({"files": paths})
    return 1 if failures else 0


def _integrated(registry: Any) -> list[str]:
    """Every file with a component; one that cannot be imported counts, and is complained about later."""
    patterns = (*registry.BASES, *registry.AGENTS, *registry.INFRASTRUCTURE, *registry.INTEGRATION)
    return [path for path in registry.paths(patterns) if _has_component(path, registry)]


def _has_component(path: str, registry: Any) -> bool:
    try:
        return registry.component_of(path) is not None
    except Exception:  # noqa: BLE001 - a module may fail in any way while it is imported
        return True


def _failure(path: str, registry: Any) -> str | None:
    try:
        component = registry.component_of(path)
        if component is None:
            return "it holds no component: no class that has self_check or execute_task"
        return asyncio.run(_probe(component, path in registry.BASES))
    except Exception as error:  # noqa: BLE001 - whatever a component does wrong is the answer of the probe
        return f"{type(error).__name__}: {error}"


async def _probe(cls: type, is_base: bool) -> str | None:
    component = cls()
    if not await component.self_check():
        return f"{cls.__name__} fails its own check"
    report = await _report(component)
    if report["status"] in ("failed", "empty") or not report["metrics"]:
        return f"the report of {cls.__name__} has the status {report['status']} and {len(report['metrics'])} metrics"
    unmeasured = [] if is_base else [name for name in _operations(cls) if not hasattr(vars(cls)[name], "__wrapped__")]
    if unmeasured:
        return f"nothing measures {', '.join(unmeasured)} of {cls.__name__}"
    wanted = {OF_BASES} if is_base else {f"{name}_seconds" for name in _operations(cls)}
    if not any(report["metrics"].get(name, {}).get("recorded") for name in wanted):
        return f"the self-check of {cls.__name__} recorded none of {', '.join(sorted(wanted)) or 'its operations: it has none'}"
    return None


async def _report(component: Any) -> dict[str, Any]:
    """What the agent's interface answers; the analytics' own where there is no such interface."""
    if hasattr(component, "get_analytics_report"):
        return dict(await component.get_analytics_report())
    return dict(component.analytics_layer.generate_analytics_report())


def _operations(cls: type) -> list[str]:
    """The key operations: the public methods that the class itself defines."""
    methods = (name for name, method in vars(cls).items() if inspect.isfunction(method) and not name.startswith("_"))
    return [name for name in methods if name not in OF_THE_FRAMEWORK]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
