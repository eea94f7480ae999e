"""The dependency auditor: reads who imports whom, and finds those who import each other in a ring."""

import ast
import logging
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Graph = dict[str, list[str]]


class DependencyAuditor(UnifiedBaseAgent):
    """Audits modules that are given as text, by dotted name; what stands outside is not looked at."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": {"king": "import sage", "sage": "from magi import spell", "magi": "import king"}}

    def __init__(self, name: str = "dependency-auditor") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success({"imports": self.imports(task["content"]), "cycles": self.cycles(task["content"])})

    def imports(self, sources: Mapping[str, str]) -> Graph:
        """The modules that each module imports, sorted.

        Raises:
            ValueError: a module is no Python.
        """
        return {module: sorted(_imported(module, source, sources)) for module, source in sources.items()}

    def cycles(self, sources: Mapping[str, str]) -> list[list[str]]:
        """Modules that reach themselves over their imports, each ring sorted.

        Raises:
            ValueError: a module is no Python.
        """
        graph = self.imports(sources)
        reached = {module: _reached(graph, module) for module in graph}
        rings = {frozenset(other for other in reached[module] if module in reached[other]) for module in graph}
        found = sorted(sorted(ring) for ring in rings if ring)
        if found:
            logger.info("%d import cycles", len(found))
        return found


def _imported(module: str, source: str, known: Mapping[str, str]) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"{module} is no Python: {error.msg} in line {error.lineno}") from error
    return {name for node in ast.walk(tree) for name in _named(module, node) if name in known}


def _named(module: str, node: ast.AST) -> Iterator[str]:
    """The names that an import may mean: of `from a import b`, both `a` and `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        above = module.split(".")[: -node.level] if node.level else []
        origin = ".".join([*above, *filter(None, [node.module])])
        yield origin
        yield from (f"{origin}.{alias.name}".lstrip(".") for alias in node.names)


def _reached(graph: Graph, start: str) -> set[str]:
    """What can be reached over one import or more."""
    reached: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        module = ahead.pop()
        if module not in reached:
            reached.add(module)
            ahead.extend(graph[module])
    return reached
