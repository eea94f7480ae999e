"""The base agent in two environments: writes the infrastructure version from the experiments version, or says whether they drifted.

The mirror is the same code with another ENVIRONMENT and a docstring that says where it comes from. Drift is judged on the syntax
tree, so that comments and layout may differ.
"""

import ast
import sys
from pathlib import Path

import village

root = village.enter()

ORIGINAL = "experiments/agents/agents/unified_base_agent.py"
MIRROR = "infrastructure/shared/experimental/agents/agents/unified_base_agent.py"
DOCSTRING = f'''"""The mirror of {ORIGINAL}, as the infrastructure runs it: change that file, not this one."""'''


def main() -> None:
    if "--drift" in sys.argv[1:]:
        if shape(root / MIRROR) != shape(root / ORIGINAL):
            print(MIRROR)
        return
    (root / MIRROR).write_text(mirrored((root / ORIGINAL).read_text()))
    village.hand({"files": [MIRROR]})


def mirrored(text: str) -> str:
    """The infrastructure version of a base agent's source, which begins with its docstring."""
    docstring, environment = ast.parse(text).body[0], _environment(ast.parse(text))
    lines = text.splitlines(keepends=True)
    lines[environment.lineno - 1 : environment.end_lineno] = ['ENVIRONMENT = "infrastructure"\n']
    lines[docstring.lineno - 1 : docstring.end_lineno] = [f"{DOCSTRING}\n"]
    return "".join(lines)


def shape(path: Path) -> str:
    """A module's syntax tree without its docstring and without what ENVIRONMENT is."""
    module = ast.parse(path.read_text())
    _environment(module).value = ast.Constant("")
    return ast.dump(ast.Module(module.body[1:] if ast.get_docstring(module) else module.body, []))


def _environment(module: ast.Module) -> ast.Assign:
    found = [node for node in module.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ENVIRONMENT"]
    if not found:
        sys.exit("mirror: both base agents say their environment: ENVIRONMENT = … is missing")
    return found[0]


main()
