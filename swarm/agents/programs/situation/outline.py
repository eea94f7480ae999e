"""The definitions of a file: where each begins and ends, and which lines say what it takes.

Python is read by `ast`. Where that cannot be (the syntax is broken, the file is long, the language is another) indentation decides: it is
right for almost every formatted text, and a text that deceives it costs a few lines that matter less.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from swarm.agents.programs.situation.sources import Source

# Filters of warnings are the process's, so whoever changes them for a moment has to share one lock.
from swarm.agents.tools.syntax import _WARNINGS

__all__ = ["Definition", "Outline", "outline_of"]

_PARSED: Final = 40_000
"""Characters. The parser keeps the interpreter to itself, and this is some 30 ms of it for the densest of texts."""
_LONGEST_HEAD: Final = 20
_DECORATORS: Final = 3
_FIELDS: Final = 300
_MOST: Final = 2_000
_DEFINING: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")
_TYPES: Final = ("class", "interface", "struct", "enum", "trait", "impl", "module")
_DEFINES: Final = re.compile(
    r"(?:(?:export|default|declare|public|private|protected|internal|static|final|abstract|pub(?:\([a-z]{1,9}\))?|async)[ \t]+){0,5}"
    rf"(def|function|func|fn|type|{'|'.join(_TYPES)})\b\*?[ \t]*(?:\([^()]{{0,200}}\)[ \t]*)?([A-Za-z_$][\w$]*)"
    r"(?:[ \t]*\(([^()]{0,1000})\))?"
)
_IMPORTS: Final = re.compile(r"(?:import|from|use|using|require)\b")
_CLOSES: Final = re.compile(r"\}|end\b")
_SAYS_NOTHING: Final = ("#", "//", "/*", "*", ")", "]", "{")
"""Beginnings of comments, and of what continues a header: their indentation ends no definition."""
_MOST_BASES: Final = 20


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or a class.

    Attributes:
        first, last: its lines, decorators included.
        begin: the line that names it.
        head: the last line of its header and docstring.
        depth: in how many definitions it stands.
        bases: last names of a class's bases.
    """

    name: str
    is_class: bool
    first: int
    begin: int
    head: int
    last: int
    depth: int
    bases: tuple[str, ...] = ()

    def holds(self, line: int) -> bool:
        return self.first <= line <= self.last

    @property
    def heading(self) -> range:
        """The lines of the header; of a very long one the beginning, and without long decorators, such as tables of test cases."""
        first = self.first if self.begin - self.first <= _DECORATORS else self.begin
        return range(first, min(self.head, self.last, first + _LONGEST_HEAD) + 1)

    @property
    def whole(self) -> range:
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class Outline:
    """A file's definitions by their first lines, of very many the first ones, and the lines of its imports."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[int, ...] = ()

    def around(self, line: int) -> list[Definition]:
        """The definitions that hold a line, the outermost first."""
        return [one for one in self.definitions if one.holds(line)]

    def beside(self, one: Definition) -> list[Definition]:
        """The definitions of the same depth in the same definition, itself among them."""
        outer = [each for each in self.around(one.first) if each.depth < one.depth]
        return [each for each in self.definitions if each.depth == one.depth and (not outer or outer[-1].holds(each.first))]

    def fields(self, one: Definition) -> set[int]:
        """The lines of a definition that stand in none of those inside it; of very many the first."""
        inside = [each for each in self.definitions if each.depth == one.depth + 1 and one.holds(each.first)]
        return set(list(one.whole)[:_FIELDS]).difference(*(each.whole for each in inside))


def outline_of(source: Source) -> Outline:
    """The outline of a file; empty where it defines nothing that can be seen."""
    found = _by_syntax(source.lines) if source.is_python else None
    outline = found or _by_indentation(source.lines)
    return replace(outline, definitions=outline.definitions[:_MOST])


# By syntax


def _by_syntax(lines: Sequence[str]) -> Outline | None:
    # `ast` would count a lone carriage return as a line's end, and take a byte order mark for a fault.
    text = "\n".join(lines).replace("\r", " ").removeprefix("\ufeff")
    if len(text) > _PARSED:
        return None
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError):
        return None
    return _walked(tree)


def _walked(tree: ast.Module) -> Outline:
    """All statements, without recursion: how deep they are nested is up to who wrote them."""
    definitions: list[Definition] = []
    imports: list[int] = []
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        for child in _statements(node):
            if isinstance(child, _DEFINING):
                definitions.append(_definition(child, depth))
            elif isinstance(child, (ast.Import, ast.ImportFrom)) and depth == 0:
                imports.extend(range(child.lineno, (child.end_lineno or child.lineno) + 1))
            waiting.append((child, depth + isinstance(child, _DEFINING)))
    return Outline(tuple(sorted(definitions, key=lambda one: (one.first, one.depth))), tuple(sorted(set(imports))))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for block in _BLOCKS:
        inside = getattr(node, block, ())
        yield from inside if isinstance(inside, list) else ()


def _definition(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, depth: int) -> Definition:
    first, begin = _first_line(node), node.body[0]
    last = node.end_lineno or node.lineno
    documented = isinstance(begin, ast.Expr) and isinstance(begin.value, ast.Constant) and isinstance(begin.value.value, str)
    head = (begin.end_lineno or begin.lineno) if documented else max(node.lineno, _first_line(begin) - 1)
    bases = node.bases if isinstance(node, ast.ClassDef) else ()
    return Definition(node.name, isinstance(node, ast.ClassDef), first, node.lineno, head, last, depth, tuple(_names_of(bases)))


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _DEFINING) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _names_of(bases: Iterable[ast.expr]) -> Iterator[str]:
    for base in bases:
        named = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(named, (ast.Name, ast.Attribute)):
            yield named.id if isinstance(named, ast.Name) else named.attr


# By indentation


def _by_indentation(lines: Sequence[str]) -> Outline:
    done: list[Definition] = []
    opened: list[tuple[int, Definition]] = []
    imports: list[int] = []
    decorated: int | None = None
    filled = 0
    for number, line in enumerate(lines, 1):
        text = line.lstrip()
        indent = len(line) - len(text)
        if not text or text.startswith(_SAYS_NOTHING):
            continue
        while opened and indent <= opened[-1][0]:
            ended = number if indent == opened[-1][0] and _CLOSES.match(text) else filled
            done.append(replace(opened.pop()[1], last=ended))
        filled = number
        if text.startswith("@"):
            decorated = decorated or number
            continue
        if found := _DEFINES.match(text):
            opened.append((indent, _indented(found, decorated or number, number, len(opened))))
        elif indent == 0 and _IMPORTS.match(text):
            imports.append(number)
        decorated = None
    done += [replace(one, last=filled) for _, one in opened]
    return Outline(tuple(sorted(done, key=lambda one: (one.first, one.depth))), tuple(imports))


def _indented(found: re.Match[str], first: int, number: int, depth: int) -> Definition:
    is_class = found[1] in _TYPES
    bases = [_last_name(part) for part in (found[3] or "").split(",")[:_MOST_BASES]] if is_class else []
    return Definition(found[2], is_class, first, number, number, number, depth, tuple(base for base in bases if base.isidentifier()))


def _last_name(base: str) -> str:
    """`Shape` of `shapes.Shape[int]`."""
    return base.partition("[")[0].strip().rpartition(".")[2]
