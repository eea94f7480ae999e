"""Adds a trove classifier after the last one of a pyproject.toml."""

import pathlib
import re
import sys

path, classifier = pathlib.Path(sys.argv[1]), sys.argv[2]
text = path.read_text(encoding="utf-8")
end = re.search(r"^classifiers = \[.*?^(?=\])", text, re.M | re.S)
if end is None:
    raise SystemExit(f"{path}: no list of classifiers")
path.write_text(f'{text[: end.end()]}    "{classifier}",\n{text[end.end() :]}', encoding="utf-8")
