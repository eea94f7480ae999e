"""The refactoring advisor: finds functions that are hard to read, by their shape."""

import ast
import logging
from collections.abc import Iterator
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

BLOCKS = (ast.AsyncFor, ast.AsyncWith, ast.For, ast.If, ast.Try, ast.While, ast.With)
NESTED = """def walk(rows):
    for row in rows:
        for cell in row:
            if cell:
                for part in cell:
                    print(part)
"""


class RefactoringAdvisor(UnifiedBaseAgent):
    """Advises on long functions, deep nesting and many parameters.

    Args:
        lines: a function may have this many.
        depth: as many blocks may stand within each other.
        parameters: a function may take this many.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": NESTED}

    def __init__(self, name: str = "refactoring-advisor", lines: int = 25, depth: int = 3, parameters: int = 5) -> None:
        super().__init__(name)
        self.lines, self.depth, self.parameters = lines, depth, parameters

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        return success({"advice": self.advise(task["content"])})

    def advise(self, source: str) -> list[str]:
        """Advice, in the order of the functions.

        Raises:
            ValueError: this is no Python.
        """
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise ValueError(f"no Python: {error.msg} in line {error.lineno}") from error
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        advice = [one for function in sorted(functions, key=lambda node: node.lineno) for one in self._advice(function)]
        logger.debug("%d pieces of advice on %d functions", len(advice), len(functions))
        return advice

    def _advice(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > self.lines:
            yield f"{function.name}: {lines} lines; split it"
        if (depth := _depth(function)) > self.depth:
            yield f"{function.name}: {depth} blocks within each other; return early or extract the inner one"
        given = function.args
        if (count := len([*given.posonlyargs, *given.args, *given.kwonlyargs])) > self.parameters:
            yield f"{function.name}: {count} parameters; group those that belong together"


def _depth(node: ast.AST) -> int:
    below = max((_depth(child) - _continues(node, child) for child in ast.iter_child_nodes(node)), default=0)
    return below + isinstance(node, BLOCKS)


def _continues(node: ast.AST, child: ast.AST) -> bool:
    """Whether the child is the node's `elif`, which stands no deeper."""
    return isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
