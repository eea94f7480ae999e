"""Adds `from __future__ import annotations` to a module, after its docstring and before its first statement."""

import ast
import pathlib
import sys

path = pathlib.Path(sys.argv[1])
text = path.read_text(encoding="utf-8")
body = ast.parse(text).body
lines = text.splitlines(keepends=True)
if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
    place, added = body[0].end_lineno, "\nfrom __future__ import annotations\n"
else:
    place, added = (body[0].lineno - 1 if body else len(lines)), "from __future__ import annotations\n\n"
path.write_text("".join(lines[:place]) + added + "".join(lines[place:]), encoding="utf-8")
