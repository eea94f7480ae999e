"""Deterministic specialists: a command, a template, a codemod, and several in a row. They need no model and no network."""

import asyncio
import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import dspy

from swarm.agents.specialist import Specialist
from swarm.errors import AttemptTimedOut, ContractBreach, ProcedureFailed, ScopeBreach
from swarm.plans.code_patterns import PatternError, Rule, language_of, read_rules, rewrite
from swarm.plans.schema import Codemod, Command, Procedure, Template
from swarm.signatures.brief import Brief, Inbox
from swarm.workspace.commands import command_text, require_runnable
from swarm.workspace.desk import Desk

__all__ = ["CodemodProcedure", "CommandProcedure", "ProcedureSequence", "TemplateProcedure", "procedure"]

_HANDOFF_BYTES: Final = 8 * 1024 * 1024
_SHOWN: Final = 4000


class CommandProcedure(Specialist):
    """Runs a command in the worktree's root; the payload is what it wrote to `SWARM_HANDOFF`, or empty."""

    def __init__(self, step: Command) -> None:
        super().__init__()
        self.command = step.command

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        answer = desk.scratch / "handoff.json"
        answer.unlink(missing_ok=True)
        outcome = await desk.run(self.command)
        require_runnable(self.command, outcome)
        said = outcome.output.strip()[-_SHOWN:]
        if outcome.timed_out:
            raise AttemptTimedOut(f"`{command_text(self.command)}` took longer than {desk.seconds:g} s and was ended:\n{said}")
        if outcome.status != 0:
            raise ProcedureFailed(f"`{command_text(self.command)}` ended with {outcome.status}:\n{said}")
        return dspy.Prediction(handoff=_written(answer))


def _written(answer: Path) -> Any:
    """What a command wrote. It may have put anything there: a pipe would keep whoever opens it waiting, so only a file is opened."""
    try:
        found = answer.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise ContractBreach("SWARM_HANDOFF is no regular file any more: write the payload into the file of that name")
        if found.st_size > _HANDOFF_BYTES:
            raise ContractBreach(f"the payload in SWARM_HANDOFF is larger than {_HANDOFF_BYTES} bytes")
        return json.loads(answer.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ContractBreach(f"what the command wrote to SWARM_HANDOFF cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ContractBreach(f"what the command wrote to SWARM_HANDOFF is no JSON: {error}") from error


class TemplateProcedure(Specialist):
    """Renders a Jinja2 file of the plan to a path. The template sees `brief`, `inbox` and what stands under `with:`."""

    def __init__(self, step: Template) -> None:
        super().__init__()
        self.step = step

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        changed = await asyncio.to_thread(self._render, brief, inbox, desk)
        return dspy.Prediction(handoff=_payload(brief, [self.step.to] if changed else [], self.step.with_))

    def _render(self, brief: Brief, inbox: Inbox, desk: Desk) -> bool:
        from jinja2 import DictLoader, StrictUndefined, TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        files = {path: content.decode("utf-8", "replace") for path, content in desk.plan_files.items()}
        jinja = ImmutableSandboxedEnvironment(loader=DictLoader(files), undefined=StrictUndefined, keep_trailing_newline=True)
        try:
            text = jinja.get_template(self.step.template).render(self.step.with_ | {"brief": brief, "inbox": inbox})
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise ProcedureFailed(f"template {self.step.template}: {_line(error)}{error}") from error
        return desk.write(self.step.to, text.encode("utf-8"))


def _line(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f"line {line}: " if line else ""


class CodemodProcedure(Specialist):
    """Applies ast-grep rules of the plan, in order, to each file that the task may write and the rule's language reads."""

    def __init__(self, step: Codemod) -> None:
        super().__init__()
        self.step = step

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        paths = [path for path in await desk.list_files() if desk.in_scope(path)]
        changed = await asyncio.to_thread(self._apply, paths, desk)
        return dspy.Prediction(handoff=_payload(brief, changed, self.step.with_))

    def _apply(self, paths: Sequence[str], desk: Desk) -> list[str]:
        try:
            rules = read_rules(desk.plan_files[self.step.codemod], self.step.codemod)
            return [path for path in paths if self._rewritten(path, rules, desk)]
        except PatternError as error:
            raise ProcedureFailed(f"codemod {error}") from error

    def _rewritten(self, path: str, rules: Sequence[Rule], desk: Desk) -> bool:
        rules = [rule for rule in rules if rule.language == language_of(path)]
        before = _text(path, desk) if rules else None
        if before is None:
            return False
        after = before
        for rule in rules:
            after = rewrite(after, rule)
        return after != before and desk.write(path, after.encode("utf-8"))


def _text(path: str, desk: Desk) -> str | None:
    """The text of a file; None for what is gone, no regular file, or not UTF-8: rules say nothing of those."""
    try:
        return desk.read(path).decode("utf-8")
    except (FileNotFoundError, ScopeBreach, UnicodeDecodeError):
        return None


class ProcedureSequence(Specialist):
    """Several procedures in order, in one worktree. Later payload fields win; `files` are gathered."""

    def __init__(self, steps: Sequence[Specialist]) -> None:
        super().__init__()
        self.steps = list(steps)

    async def aforward(self, brief: Brief, inbox: Inbox, desk: Desk) -> Any:
        payload: dict[str, Any] = {}
        for step in self.steps:
            given = (await step.acall(brief=brief, inbox=inbox, desk=desk))["handoff"]
            payload = _merged(payload, given) if isinstance(given, dict) else given
        return dspy.Prediction(handoff=payload)


def _merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    merged = before | after
    if isinstance(before.get("files"), list) and isinstance(after.get("files"), list):
        merged["files"] = list(dict.fromkeys([*before["files"], *after["files"]]))
    return merged


def _payload(brief: Brief, files: list[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """`files` and `with:`; what the contract does not name is dropped."""
    payload: dict[str, Any] = {"files": files, **given}
    return payload if brief.contract is None else {key: value for key, value in payload.items() if key in brief.fields}


def procedure(steps: Sequence[Procedure]) -> Specialist:
    """The specialist for a task's `do:`."""
    made = [_made(step) for step in steps]
    return made[0] if len(made) == 1 else ProcedureSequence(made)


def _made(step: Procedure) -> Specialist:
    match step:
        case Command():
            return CommandProcedure(step)
        case Template():
            return TemplateProcedure(step)
        case Codemod():
            return CodemodProcedure(step)
