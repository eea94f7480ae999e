"""Code by its shape: the only file that calls ast-grep. Texts in, lines and new texts out.

ast-grep's Python door matches but does not apply a rule's `fix`, so the few rules of filling one in are here: `$NAME` is the
matched node's text, `$$$NAME` the text from the first to the last of several nodes, and a fix of several lines is indented
like the code that it replaces; so is code of several lines that it takes along.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["LANGUAGES", "PatternError", "Rule", "language_of", "matching_code_lines", "pattern_fault", "read_rules", "rewrite"]

LANGUAGES: Final[Mapping[str, str]] = {
    ".bash": "bash",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".ex": "elixir",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".html": "html",
    ".java": "java",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascript",
    ".kt": "kotlin",
    ".lua": "lua",
    ".mjs": "javascript",
    ".php": "php",
    ".py": "python",
    ".pyi": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "bash",
    ".swift": "swift",
    ".ts": "typescript",
    ".tsx": "tsx",
    ".yaml": "yaml",
    ".yml": "yaml",
}
"""File ending to the grammar that reads it."""

_CAUSE: Final = re.compile(r"^\s+\d+: (.+)$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)")
_RULE_KEYS: Final = frozenset({"id", "language", "rule", "constraints", "utils", "transform", "fix", "message", "note", "severity"})
_MATCHER_KEYS: Final = ("rule", "constraints", "utils", "transform")


class PatternError(ValueError):
    """A pattern or rule that ast-grep does not understand; the text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a codemod file: what to find in which language, and what to put there."""

    id: str
    language: str
    matcher: Mapping[str, Any]
    fix: str


def language_of(path: str) -> str | None:
    """The grammar for a path, by its ending."""
    return LANGUAGES.get(Path(path).suffix.lower())


def matching_code_lines(text: str, language: str, pattern: str) -> list[int]:
    """Lines, from 1, that code of a shape begins on or reaches over.

    Raises:
        PatternError: the pattern is none of that language.
    """
    ranges = [node.range() for node in _find(text, language, {"rule": {"pattern": pattern}})]
    return sorted({line + 1 for r in ranges for line in range(r.start.line, r.end.line + 1)})


def pattern_fault(language: str, pattern: str) -> str | None:
    """Why a pattern could never match, or None. One that does not parse is accepted by ast-grep, and then finds nothing."""
    try:
        _find("", language, {"rule": {"pattern": pattern}})
    except PatternError as error:
        return str(error)
    broken = _root(pattern.replace("$", "µ"), language).find(kind="ERROR")
    return f"it does not parse near {broken.text()!r}".replace("µ", "$") if broken is not None else None


def read_rules(content: bytes, name: str) -> tuple[Rule, ...]:
    """The rules of a codemod file: YAML documents as ast-grep writes them, each with a `fix`.

    Raises:
        PatternError: it is no such file, or a rule in it cannot be used.
    """
    import yaml

    try:
        documents = list(yaml.load_all(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (yaml.YAMLError, RecursionError) as error:
        raise PatternError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    rules = tuple(_rule(document, name) for document in documents if document is not None)
    if not rules:
        raise PatternError(f"{name} holds no rule")
    return rules


def _rule(document: Any, name: str) -> Rule:
    if not isinstance(document, dict) or not {"rule", "fix", "language"} <= document.keys():
        raise PatternError(f"{name}: a rule has language:, rule: and fix:")
    unknown = sorted(set(map(str, document)) - _RULE_KEYS)
    if unknown:
        raise PatternError(f'{name}: "{unknown[0]}" is no key of a rule that this release applies')
    language = str(document["language"]).lower()
    if language not in LANGUAGES.values() or not isinstance(document["fix"], str):
        known = ", ".join(sorted(set(LANGUAGES.values())))
        raise PatternError(f"{name}: language: {language} and a fix: of text are needed; languages: {known}")
    rule = Rule(str(document.get("id", name)), language, {k: document[k] for k in _MATCHER_KEYS if k in document}, document["fix"])
    _find("", rule.language, rule.matcher)
    fault = (
        pattern_fault(language, rule.matcher["rule"]["pattern"])
        if isinstance(rule.matcher["rule"], dict) and isinstance(rule.matcher["rule"].get("pattern"), str)
        else None
    )
    if fault:
        raise PatternError(f"{name}: {fault}")
    return rule


def rewrite(text: str, rule: Rule) -> str:
    """The text with every outermost match of a rule replaced. What lies inside a match is left to its fix.

    Raises:
        PatternError: the rule cannot be used.
    """
    edits, reached = [], -1
    found = _find(text, rule.language, rule.matcher)
    root = _root(text, rule.language)
    for node in sorted(found, key=lambda n: n.range().start.index):
        if node.range().start.index >= reached:
            reached = node.range().end.index
            edits.append(node.replace(_filled(text, node, rule.fix)))
    return str(root.commit_edits(edits)) if edits else text


def _filled(text: str, node: Any, fix: str) -> str:
    """The fix, laid out where the node stands: lines keep their distance to each other, blank lines stay empty."""
    margin = _margin(text, node)
    template = re.sub(r"\n(?=.)", "\n" + margin, fix.removesuffix("\n"))
    return _VARIABLE.sub(lambda found: _captured(text, node, found, _indent(margin + template[: found.start()])), template)


def _margin(text: str, node: Any) -> str:
    return _indent(text[: node.range().start.index])


def _indent(before: str) -> str:
    """The white space that the last line begins with."""
    begun = re.match(r"[ \t]*", before[before.rfind("\n") + 1 :])
    return begun[0] if begun else ""


def _captured(text: str, node: Any, found: re.Match[str], margin: str) -> str:
    if found[1]:
        nodes = node.get_multiple_matches(found[1])
        return _moved(text, nodes[0], text[nodes[0].range().start.index : nodes[-1].range().end.index], margin) if nodes else ""
    one = node.get_match(found[2])
    if one is not None:
        return _moved(text, one, str(one.text()), margin)
    return str(node.get_transformed(found[2]) or "")


def _moved(text: str, node: Any, captured: str, margin: str) -> str:
    """Code of several lines moves as a whole: what its lines have in common becomes the new margin."""
    old = _margin(text, node)
    return captured if old == margin else re.sub(rf"\n{old}(?=.)", "\n" + margin, captured)


def _root(text: str, language: str) -> Any:
    from ast_grep_py import SgRoot

    return SgRoot(text, language).root()


def _find(text: str, language: str, matcher: Mapping[str, Any]) -> list[Any]:
    try:
        return list(_root(text, language).find_all(dict(matcher)))
    except Exception as error:  # ast-grep raises plain exceptions for rules that it does not understand
        raise PatternError(_cause(str(error))) from error


def _cause(text: str) -> str:
    """The innermost cause, without the stack that comes with it."""
    causes = _CAUSE.findall(text.partition("Stack backtrace")[0])
    return " ".join(causes[-1].split()).replace("µ", "$") if causes else text.splitlines()[0]
