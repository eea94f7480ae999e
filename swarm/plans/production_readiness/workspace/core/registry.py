"""Every component of the village, found in its folders: a new file is known without being listed anywhere."""

import importlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BASES = (
    "experiments/agents/agents/unified_base_agent.py",
    "infrastructure/shared/experimental/agents/agents/unified_base_agent.py",
)
AGENTS = tuple(f"experiments/agents/agents/{house}/*.py" for house in ("king", "sage", "magi"))
SPECIALIZED = ("experiments/agents/agents/specialized/*.py",)
INFRASTRUCTURE = tuple(
    f"infrastructure/{part}/*.py" for part in ("gateway", "messaging", "storage", "deployment", "security", "scheduling")
)
INTEGRATION = ("tests/integration/*.py",)
FROM_TEMPLATES = (*SPECIALIZED, "core/processing/*.py", "core/analytics/*.py")


def get_all_agent_instances() -> list[Any]:
    """One instance of each agent: both bases, the core agents and the specialized ones."""
    return [component() for component in component_classes((*BASES, *AGENTS, *SPECIALIZED))]


def get_all_components() -> list[Any]:
    """One instance of each major component: the agents and the infrastructure."""
    return [*get_all_agent_instances(), *(component() for component in component_classes(INFRASTRUCTURE))]


def get_template_implementations() -> list[type]:
    """The classes that fill in a template."""
    from docs.templates import unified_processing_templates as templates

    kinds = (templates.UnifiedBaseAgentTemplate, templates.StandardProcessor, templates.StandardAnalytics)
    return [cls for path in paths(FROM_TEMPLATES) for cls in classes_of(path) if issubclass(cls, kinds)]


def component_classes(patterns: Iterable[str]) -> list[type]:
    """The component of each matching file, in the order of the patterns and names."""
    return [component for path in paths(patterns) if (component := component_of(path)) is not None]


def component_of(path: str) -> type | None:
    """The class that a file is there for: the first that runs tasks or can check itself."""
    return next((cls for cls in classes_of(path) if hasattr(cls, "execute_task") or hasattr(cls, "self_check")), None)


def classes_of(path: str) -> list[type]:
    """The public classes that a file defines, in its order."""
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    defined = [cls for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == module.__name__]
    return sorted((cls for cls in defined if not cls.__name__.startswith("_")), key=_line)


def paths(patterns: Iterable[str]) -> Iterator[str]:
    """Files that match, relative to the root, without tests."""
    for pattern in patterns:
        found = (path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
        yield from sorted(path for path in found if not Path(path).name.startswith("test_"))


def _line(cls: type) -> int:
    return inspect.getsourcelines(cls)[1]
