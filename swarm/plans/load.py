"""From a plan file to a `Plan`, or to all that is wrong with its text. Only `load_plan` reads the disk."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from swarm.errors import PlanRefused, UsageError
from swarm.home import ID_PATTERN
from swarm.plans.named import NamedFile, named_files
from swarm.plans.problems import Code, Location, Mark, Problem
from swarm.plans.programs import USES_TOOLS
from swarm.plans.schema import Agent, ContractField, PlanFile
from swarm.plans.templates import referenced_templates
from swarm.plans.undisturbed import undisturbed
from swarm.plans.vocabulary import TOOLS
from swarm.plans.yaml_text import MAX_BYTES, YamlText, read_yaml
from swarm.signatures.contracts import Contracts, FieldSpec
from swarm.signatures.specialisms import SPECIALISMS

__all__ = ["Location", "Plan", "load_plan", "parse_plan"]

_CONSTRAINTS: Final = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
_WANTED: Final = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""What pydantic calls a wrong type, in the plan's words."""
_STORED_BYTES: Final = 64 * 1024 * 1024
_UNSTORED: Final = frozenset({"__pycache__", ".git", ".swarm"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan:
    """A plan whose text is well-formed. Whether it can work is for the proofs.

    Attributes:
        file: the name that problems give it.
        files: contents of the files it names, by path relative to the plan.
        executables: those of them that may be executed.
        folder: where it was read; None for a stored plan.
    """

    file: str
    spec: PlanFile
    source: YamlText
    contracts: Contracts
    files: Mapping[str, bytes] = field(default_factory=dict)
    executables: frozenset[str] = frozenset()
    folder: Path | None = None
    load_problems: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        """Short, for the reason that a graph's is."""
        return f"<Plan {self.spec.plan} in {self.file}>"

    def problem(self, at: Location, code: Code, text: str, *, key: bool = False, warning: bool = False) -> Problem:
        """A problem at a place of the plan."""
        mark: Mark = self.source.mark(at, key=key)
        return Problem(self.file, mark.line, mark.column, code, text, "warning" if warning else "error")

    @property
    def agents(self) -> dict[str, Agent]:
        """The shipped roster with the plan's additions and overrides. Each has a role, a program and tools."""
        merged = {name: Agent(role=one.role, program=one.program, tools=one.tools) for name, one in SPECIALISMS.items()}
        for name, given in self.spec.agents.items():
            base = merged.get(name, Agent(role=name, program=USES_TOOLS, tools=TOOLS))
            merged[name] = base.model_copy(update=given.model_dump(exclude_none=True))
        return merged


def load_plan(path: Path, file: str | None = None) -> Plan:
    """Reads a plan and the files it names.

    Args:
        path: the YAML file.
        file: the name to give in problems; the path as typed unless said.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        PlanRefused: its text is not a plan; every problem is listed.
    """
    name = file or str(path)
    plan = parse_plan(_text_of(_read_bytes(path), name), name)
    files, problems = _read_files(plan, path.parent)
    return Plan(
        file=plan.file,
        spec=plan.spec,
        source=plan.source,
        contracts=plan.contracts,
        files=files,
        executables=frozenset(name for name in files if os.access(path.parent / name, os.X_OK)),
        folder=Path(os.path.abspath(path.parent)),
        load_problems=tuple(problems),
    )


@undisturbed()
def parse_plan(text: str, file: str, files: Mapping[str, bytes] | None = None) -> Plan:
    """A plan from its text and the contents of the files it names. Reads nothing.

    Raises:
        PlanRefused: the text is not a plan.
    """
    source = read_yaml(text, file)
    problems = list(source.problems)
    if any(problem.code == "syntax" for problem in problems):
        raise PlanRefused(problems)
    spec = _model(source, problems)
    if problems or spec is None:
        raise PlanRefused(sorted(problems))
    return Plan(file=file, spec=spec, source=source, contracts=Contracts(_declared(spec)), files=files or {})


def _model(source: YamlText, problems: list[Problem]) -> PlanFile | None:
    if not isinstance(source.value, dict):
        problems.append(Problem(source.file, 1, 1, "wrong-type", "a plan is a mapping that begins with plan: NAME"))
        return None
    try:
        spec = PlanFile.model_validate(source.value, context={"problems": problems, "file": source.file})
    except ValidationError as error:
        problems += [_problem(source, dict(details)) for details in error.errors(include_url=False)]
        return None
    problems += _phases_twice(source, spec)
    return spec


def _phases_twice(source: YamlText, spec: PlanFile) -> Iterator[Problem]:
    """Phases are a list, for their order, but named like keys."""
    first: dict[str, Mark] = {}
    for position, name in enumerate(name for entry in spec.phases for name in entry):
        mark = source.mark(("phases", position, name), key=True)
        if name in first:
            text = f'the phase "{name}" stands twice, first on line {first[name].line}: remove one'
            yield Problem(source.file, mark.line, mark.column, "duplicate-key", text)
        first.setdefault(name, mark)


def _problem(source: YamlText, details: dict[str, Any]) -> Problem:
    loc: Location = details["loc"]
    code: Code = "missing-key" if details["type"] == "missing" else "wrong-type"
    mark = source.mark(loc, key="[key]" in loc)
    return Problem(source.file, mark.line, mark.column, code, _text(details, loc))


def _text(details: dict[str, Any], loc: Location) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return f'the key "{loc[-1]}" is missing'
    if kind == "string_pattern_mismatch":
        return f"{details['input']!r} is no {_name_kind(str(context.get('pattern')))}"
    if kind in _WANTED:
        return f"write {_WANTED[kind]}, not {_shown(details['input'])}"
    if kind in ("too_short", "string_too_short"):
        return "this is empty: write at least one"
    message: str = details["msg"]
    return f"{message[0].lower()}{message[1:]}"


def _name_kind(pattern: str) -> str:
    if ID_PATTERN in pattern:
        return "id: lower-case letters, digits and '-', at most 64, not starting with '-'"
    return "name: a letter, then letters, digits and '_'"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    return f"{value!r:.60}" + (" (quote it if it is text)" if isinstance(value, (int, float)) else "")


def _declared(spec: PlanFile) -> dict[str, dict[str, FieldSpec]]:
    return {name: {key: _field(entry) for key, entry in fields.items()} for name, fields in spec.contracts.items()}


def _field(entry: ContractField) -> FieldSpec:
    constraints = {key: getattr(entry, key) for key in _CONSTRAINTS if getattr(entry, key) is not None}
    return FieldSpec(
        type=entry.type,
        required=entry.required,
        default=entry.default,
        measured=entry.measured,
        about=entry.about,
        constraints=constraints,
    )


def _read_bytes(path: Path) -> bytes:
    """The content, or of an endless file a little more than is allowed."""
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"there is no plan at {path}") from error
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror}") from error


def _text_of(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise PlanRefused([Problem(file, 1, 1, "syntax", f"larger than {MAX_BYTES // 1024 // 1024} MiB")])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        text = f"not UTF-8 text: byte {content[error.start]:#04x} begins no character"
        raise PlanRefused([Problem(file, line, column, "syntax", text)]) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _read_files(plan: Plan, folder: Path) -> tuple[dict[str, bytes], list[Problem]]:
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for named in named_files(plan.spec):
        if named.perhaps and not os.path.isfile(folder / named.path):
            continue
        trouble = _unsafe(named.path) or _read_named(folder, named, files)
        if trouble is None and named.template:
            trouble = _read_referenced(folder, named, files)
        if trouble:
            code: Code = "unsafe-path" if _unsafe(named.path) else "unknown-name"
            problems.append(plan.problem(named.at, code, trouble))
    return files, problems


def _unsafe(path: str) -> str | None:
    if path.startswith("/") or ".." in path.split("/"):
        return f'"{path}" is not below the plan\'s folder: files are named relative to the plan'
    if path in ("", "."):
        return "this is the plan's whole folder: name the files or folders in it that are wanted"
    return None


def _read_named(folder: Path, named: NamedFile, files: dict[str, bytes]) -> str | None:
    if named.path in files:
        return None
    path = folder / named.path
    if not os.path.exists(path):  # unlike pathlib, it also says no to a name that no file could have
        return f'the file "{named.path}" does not exist beside the plan'
    if not named.folder and not path.is_file():
        return f'"{named.path}" is no file: name one'
    wanted = [path] if path.is_file() and not named.tree else list(_below(folder / Path(named.path).parts[0]))
    return _store(folder, wanted, files)


def _read_referenced(folder: Path, named: NamedFile, files: dict[str, bytes]) -> str | None:
    """The templates that a template includes or extends, and those that these name."""
    waiting = [named.path]
    while waiting:
        for name in sorted(referenced_templates(files[waiting.pop()]) - files.keys()):
            trouble = _unsafe(name) or _read_named(folder, NamedFile(name, named.at), files)
            if trouble:
                return f"{named.path}: {trouble}"
            waiting.append(name)
    return None


def _store(folder: Path, wanted: list[Path], files: dict[str, bytes]) -> str | None:
    size = sum(map(len, files.values()))
    for path in wanted:
        try:
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
        except OSError as error:
            return f"cannot read {path}: {error.strerror}"
        size += len(files[path.relative_to(folder).as_posix()])
        if size > _STORED_BYTES:
            return f"the files that the plan names are larger than {_STORED_BYTES // 1024 // 1024} MiB together"
    return None


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _UNSTORED)
        yield from (Path(root) / name for name in sorted(names) if (Path(root) / name).is_file())
