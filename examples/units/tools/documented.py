"""Whether a module, its public classes and its public functions say what they mean: `documented.py FILE`."""

import ast
import sys
from pathlib import Path

tree = ast.parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
public = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")]
silent = [getattr(node, "name", "the module") for node in (tree, *public) if not ast.get_docstring(node)]
if silent:
    sys.exit(f"{sys.argv[1]} has no docstring for {', '.join(silent)}")
