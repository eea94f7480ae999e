"""The code reviewer: finds mistakes in Python code by its shape, without running it."""

import ast
import logging
from collections.abc import Iterator
from typing import Any, ClassVar

from experiments.agents.agents.unified_base_agent import UnifiedBaseAgent, success

logger = logging.getLogger(__name__)

Finding = tuple[int, str]  # the line, from 1, and the advice


class CodeReviewer(UnifiedBaseAgent):
    """Finds shared default values, excepts that catch everything, comparisons with None by value, and unused imports."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"content": "import os\n\ndef gather(seen=[]):\n    if seen == None:\n        return []\n"}

    def __init__(self, name: str = "code-reviewer") -> None:
        super().__init__(name)

    async def _process_task(self, task: dict[str, Any]) -> dict[str, Any]:
        findings = self.review(task["content"])
        return success({"findings": [f"line {line}: {advice}" for line, advice in findings]})

    def review(self, source: str) -> list[Finding]:
        """What should be changed, by line.

        Raises:
            ValueError: this is no Python.
        """
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise ValueError(f"no Python: {error.msg} in line {error.lineno}") from error
        findings = sorted([*_unused_imports(tree), *(found for node in ast.walk(tree) for found in _faults(node))])
        logger.debug("%d findings", len(findings))
        return findings


def _faults(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if isinstance(default, ast.List | ast.Dict | ast.Set):
                yield default.lineno, "all calls share this default value; use None"
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        yield node.lineno, "this catches even an interrupt; name the exception"
    if isinstance(node, ast.Compare) and any(map(_by_value_with_none, node.ops, node.comparators)):
        yield node.lineno, "compare with None by `is`"


def _by_value_with_none(operator: ast.cmpop, right: ast.expr) -> bool:
    return isinstance(operator, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant) and right.value is None


def _unused_imports(tree: ast.Module) -> Iterator[Finding]:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", None) != "__future__":
            names = ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            yield from ((node.lineno, f"{name} is never used") for name in names if name not in {*used, "*"})
