"""Calling a tool: its arguments are checked, and whatever goes wrong is a sentence that a model can act on.

A model's mistakes are part of the conversation, so they are answered and not raised. Raised is only what ends the attempt (its time is
up) or is nobody's mistake (something is missing on this machine, the record failed).
"""

import errno
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from swarm.agents.tools.answers import cut, harmless
from swarm.errors import AttemptTimedOut, EnvironmentFault, Refusal, SwarmError

__all__ = ["Declined", "ToolDescription", "answering", "described"]

_SENTENCE: Final = 3_000
_MACHINE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""Faults of the machine, which no other argument would mend."""

Owner = TypeVar("Owner")
P = ParamSpec("P")


class Declined(Exception):
    """A tool cannot do what was asked; the text says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A tool as a model is told of it.

    Attributes:
        parameters: JSON Schema of the arguments, without references.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


def answering(
    tool: Callable[Concatenate[Owner, P], Awaitable[str]],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, str]]:
    """Makes a method a tool: it always answers, harmlessly and briefly.

    Raises, when called:
        AttemptTimedOut: the attempt is over.
        EnvironmentFault: something needed is missing.
    """
    signature, model = inspect.signature(tool), _model(tool)

    @functools.wraps(tool)
    async def answer(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            given = _checked(tool.__name__, signature, model, *args, **kwargs)
            text = await tool(self, **given)  # type: ignore[call-arg] # checked just now, against the same signature
        except Exception as error:  # noqa: BLE001 - what is not to be answered is raised again, and cancellation is no Exception
            text = cut(_sentence(tool.__name__, error), _SENTENCE)
        return cut(harmless(text))

    return answer


def _sentence(tool: str, error: Exception) -> str:
    """What a model is told of an error, without a traceback or a place on this machine."""
    if isinstance(error, SwarmError) and (isinstance(error, AttemptTimedOut) or not isinstance(error, Refusal)):
        raise error
    if isinstance(error, (Declined, Refusal)):
        return str(error)
    if isinstance(error, OSError):
        if error.errno in _MACHINE:
            raise EnvironmentFault(f"{tool} cannot go on: {error.strerror}") from error
        return f"{tool} failed: {error.strerror or type(error).__name__}"
    return f"{tool} failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _checked(tool: str, signature: inspect.Signature, model: type[BaseModel], *args: Any, **kwargs: Any) -> dict[str, Any]:
    try:
        given = signature.bind(None, *args, **kwargs).arguments
        given.pop("self")
        values = model.model_validate(given)
    except TypeError as error:
        raise Declined(f"{tool}: {error}; it takes {_usage(model)}") from error
    except ValidationError as error:
        raise Declined(f"{tool}: {_first_fault(error)}; it takes {_usage(model)}") from error
    return {name: getattr(values, name) for name in values.model_fields_set}


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _usage(model: type[BaseModel]) -> str:
    return ", ".join(name if field.is_required() else f"{name} (optional)" for name, field in model.model_fields.items())


def _model(tool: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(tool, include_extras=True)
    parameters = [each for each in inspect.signature(tool).parameters.values() if each.name != "self"]
    fields: dict[str, Any] = {p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in parameters}
    return create_model(tool.__name__, __config__=ConfigDict(extra="forbid", coerce_numbers_to_str=True), **fields)


def described(tool: Callable[..., Any]) -> ToolDescription:
    """What a model is told of a tool: its docstring, and a schema made from its signature."""
    schema = _model(inspect.unwrap(tool)).model_json_schema()
    definitions = schema.pop("$defs", {})
    return ToolDescription(tool.__name__, inspect.cleandoc(tool.__doc__ or ""), _plain(schema, definitions))


def _plain(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references, which not every provider follows, and without titles, which say nothing."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _plain(value, definitions) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
