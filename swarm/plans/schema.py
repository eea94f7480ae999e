"""The plan language as types: what a plan may say, key by key. `swarm schema` prints this file as JSON Schema."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from swarm.plans.checks import Check, Condition
from swarm.plans.fields import Days, Duration, Id, Identifier, Mapping, Names, Pattern, Texts, Word, one_kind, wrong

__all__ = [
    "Agent",
    "AstGap",
    "Budget",
    "Category",
    "Codemod",
    "Command",
    "ContractField",
    "Gap",
    "Limits",
    "ListedGap",
    "McpServer",
    "MissingGap",
    "Phase",
    "PlanFile",
    "Procedure",
    "TaskEntry",
    "Template",
    "TextGap",
    "Workspace",
]


class Workspace(Mapping):
    """The code base: a folder or git repository, relative to the plan file."""

    path: Word
    setup: Word | None = None
    keep: Texts = ()
    requires: Texts = ()


class Budget(Mapping):
    """What a run, a category or a task may spend on models; unlimited unless given."""

    usd: Annotated[float, Field(gt=0, strict=True)] | None = None
    calls: Annotated[int, Field(gt=0, strict=True)] | None = None
    tokens: Annotated[int, Field(gt=0, strict=True)] | None = None


class Limits(Mapping):
    """Bounds of a run; the values here are the defaults. Times in seconds.

    `turns` is how many times an agent with tools may ask its model in one attempt.
    """

    parallel: Annotated[int, Field(ge=1, le=1024, strict=True)] = 8
    attempts: Annotated[int, Field(ge=1, le=100, strict=True)] = 3
    timeout: Duration = 1200.0
    check_timeout: Duration = 300.0
    turns: Annotated[int, Field(ge=1, le=1000, strict=True)] = 40
    budget: Budget = Budget()


class _FileGap(Mapping):
    files: Texts
    except_: Texts = Field(default=(), alias="except")


class TextGap(_FileGap):
    """Files that contain a text, or lack it."""

    containing: Pattern | None = None
    lacking: Pattern | None = None


class AstGap(_FileGap):
    """Files with code of a shape, or without it (ast-grep patterns)."""

    ast: Word | None = None
    ast_lacking: Word | None = None


class MissingGap(Mapping):
    """Paths that should exist."""

    missing: Texts


class ListedGap(Mapping):
    """One gap per line that a command prints."""

    listed_by: Word


def _gap_kind(value: Any) -> str | None:
    if not isinstance(value, dict):
        return type(value).__name__
    kind = one_kind(value, ("containing", "lacking", "ast", "ast_lacking", "missing", "listed_by"))
    names = {"missing": "MissingGap", "listed_by": "ListedGap", "ast": "AstGap", "ast_lacking": "AstGap"}
    return names.get(kind, "TextGap") if kind else None


Gap = Annotated[
    Annotated[TextGap, Tag("TextGap")]
    | Annotated[AstGap, Tag("AstGap")]
    | Annotated[MissingGap, Tag("MissingGap")]
    | Annotated[ListedGap, Tag("ListedGap")],
    Discriminator(
        _gap_kind,
        custom_error_type="wrong-type",
        custom_error_message="write files: with exactly one of containing, lacking, ast, ast_lacking; or missing:, or listed_by:",
    ),
]


Number = Annotated[float, Field(strict=True)]


def _field_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class ContractField(Mapping):
    """One typed field of a payload."""

    type: Word
    about: str = ""
    default: Any = None
    measured: Annotated[bool, Field(strict=True)] = False
    ge: Number | None = None
    gt: Number | None = None
    le: Number | None = None
    lt: Number | None = None
    min_length: Annotated[int, Field(ge=0, strict=True)] | None = None
    max_length: Annotated[int, Field(ge=0, strict=True)] | None = None
    pattern: str | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


Field_ = Annotated[ContractField, BeforeValidator(_field_type)]


class Agent(Mapping):
    """Who does tasks. Fields given here override the shipped roster's."""

    role: Word | None = None
    program: Word | None = None
    lm: Word | None = None
    tools: Names | None = None
    state: Word | None = None


def _argv(value: Any) -> Any:
    if isinstance(value, str):
        raise wrong(f"write the command as a list of words, since no shell reads it, not {value!r:.60}")
    return value


class McpServer(Mapping):
    """A server of tools (Model Context Protocol) that a run starts, for the agents that list it."""

    command: Annotated[tuple[Word, ...], Field(min_length=1), BeforeValidator(_argv)]


class Command(Mapping):
    """Runs a program in the worktree."""

    command: Word | Annotated[list[Word], Field(min_length=1)]


class Template(Mapping):
    """Renders a Jinja2 file to a path."""

    template: Word
    to: Word
    with_: dict[Identifier, Any] = Field(default={}, alias="with")


class Codemod(Mapping):
    """Applies ast-grep rules to the files that `writes` matches."""

    codemod: Word
    with_: dict[Identifier, Any] = Field(default={}, alias="with")


def _procedure_kind(value: Any) -> str | None:
    kind = one_kind(value, ("command", "template", "codemod")) if isinstance(value, dict) else type(value).__name__.lower()
    return f"{kind}:" if kind else None


Procedure = Annotated[
    Annotated[Command, Tag("command:")] | Annotated[Template, Tag("template:")] | Annotated[Codemod, Tag("codemod:")],
    Discriminator(_procedure_kind, custom_error_type="wrong-type", custom_error_message="write exactly one of command, template, codemod"),
]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class TaskEntry(Mapping):
    """One piece of work, or with `for_each` one per gap."""

    phase: Id
    goal: Word
    agent: Id | None = None
    needs: Names = ()
    takes: tuple[Identifier, ...] = ()
    reads: Texts = ()
    writes: Texts = ()
    closes: dict[Id, Texts] = Field(default={})
    hands: Identifier | None = None
    done_when: tuple[Check, ...] = ()
    keep: tuple[Check, ...] = ()
    do: Annotated[tuple[Procedure, ...], BeforeValidator(_listed)] = ()
    program: Word | None = None
    lm: Word | None = None
    budget: Budget = Budget()
    for_each: Id | None = None
    only: Texts = ()
    weight: Annotated[float, Field(gt=0, le=1_000_000, strict=True)] = 1.0

    @model_validator(mode="after")
    def _only_with_for_each(self) -> Any:
        if self.only and self.for_each is None:
            raise wrong("only: narrows a for_each:, and there is none")
        return self


class Category(Mapping):
    """Work of one kind, under one lead."""

    title: Word | None = None
    priority: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = 1_000_000
    objective: Word
    days: Days | None = None
    budget: Budget = Budget()
    lead: Id
    support: tuple[Id, ...] = ()
    territory: Texts | None = None
    success: tuple[Check, ...] = ()
    tasks: dict[Id, TaskEntry]


class Phase(Mapping):
    """A stretch of the run, behind a gate."""

    days: Days | None = None
    gate: tuple[Condition, ...] = ()


def _phase_entry(value: Any) -> Any:
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and len(value) != 1:
        raise wrong("each phase is one entry of the list: - integration: {days: 2-4, gate: […]}")
    return value


def _empty(value: Any) -> Any:
    return {} if value is None else value


PhaseEntry = Annotated[dict[Id, Annotated[Phase, BeforeValidator(_empty)]], BeforeValidator(_phase_entry)]


def _workspace(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class PlanFile(Mapping):
    """A plan, whole."""

    plan: Id
    goal: Word
    workspace: Annotated[Workspace, BeforeValidator(_workspace)] | None = None
    limits: Limits = Limits()
    lm: Word | None = None
    gaps: dict[Id, Gap] = Field(default={})
    contracts: dict[Identifier, dict[Word, Field_]] = Field(default={})
    mcp: dict[Id, McpServer] = Field(default={})
    agents: dict[Id, Annotated[Agent, BeforeValidator(_empty)]] = Field(default={})
    metrics: tuple[Identifier, ...] = ()
    categories: Annotated[dict[Id, Category], Field(min_length=1)]
    phases: Annotated[tuple[PhaseEntry, ...], Field(min_length=1)]
    success: tuple[Check, ...] = ()
