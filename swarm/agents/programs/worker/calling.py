"""Calling a user's module as it is: its parameters are filled by name, and what it returns is read by kind."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import dspy
from pydantic import BaseModel, TypeAdapter
from pydantic_core import CoreSchema, core_schema, to_jsonable_python

from swarm.agents.programs.worker.loading import CannotLoad
from swarm.signatures.brief import Brief
from swarm.signatures.programmed import brief_text

__all__ = ["Told", "arguments", "brief_of", "is_async", "returned"]


class Told(Brief):
    """A brief that reads well wherever it is put into a prompt: as text it is what a model is told, without the run's id."""

    __slots__ = ()

    def __str__(self) -> str:
        return brief_text(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """DSPy shows an input as pydantic writes it."""
        return core_schema.is_instance_schema(cls, serialization=core_schema.to_string_ser_schema())


_FIELDS: Final = tuple(field.name for field in fields(Brief))


def brief_of(said: Mapping[str, Any]) -> Told:
    """The brief that `Brief.as_json` was taken of."""
    brief = TypeAdapter(Brief).validate_python(said)
    return Told(**{name: getattr(brief, name) for name in _FIELDS})


def is_async(kind: type[Any]) -> bool:
    """Whether `aforward` is what is called; it goes before `forward`.

    Raises:
        CannotLoad: there is neither.
    """
    if not hasattr(kind, "aforward") and not hasattr(kind, "forward"):
        raise CannotLoad(f"{kind.__name__} has neither forward nor aforward: give it one")
    return hasattr(kind, "aforward")


def arguments(kind: type[Any], brief: Told, **others: Any) -> dict[str, Any]:
    """What the module's method asks for by name; all there is for `**kwargs`.

    Args:
        others: what there is beside the brief and its fields.

    Raises:
        CannotLoad: it requires what there is not.
    """
    name = "aforward" if is_async(kind) else "forward"
    known = {"brief": brief, **others, **{field: getattr(brief, field) for field in _FIELDS}}
    wanted = list(inspect.signature(getattr(kind, name)).parameters.values())[1:]
    missing = [each.name for each in wanted if _is_required(each) and (each.name not in known or each.kind is each.POSITIONAL_ONLY)]
    if missing:
        raise CannotLoad(f"{kind.__name__}.{name} wants {', '.join(missing)}; a program can have {', '.join(known)}")
    if any(each.kind is each.VAR_KEYWORD for each in wanted):
        return known
    return {each.name: known[each.name] for each in wanted if each.name in known and each.kind is not each.POSITIONAL_ONLY}


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def returned(value: Any) -> dict[str, Any]:
    """What the module returned, as the scheduler is told.

    Raises:
        TypeError: it is of no kind that can be handed over.
    """
    if value is None:
        return {"returned": "nothing"}
    if isinstance(value, dspy.Prediction):
        return {"returned": "prediction", "value": {name: _plain(name, each) for name, each in value.items()}}
    if isinstance(value, Mapping):
        return {"returned": "mapping", "value": {str(name): _plain(name, each) for name, each in value.items()}}
    if isinstance(value, BaseModel):
        return {"returned": "mapping", "value": _plain(type(value).__name__, value)}
    raise TypeError(
        f"the module returned {type(value).__name__}; it may return a dspy.Prediction with `handoff` or with the contract's fields,"
        " a dict, or a pydantic model"
    )


def _plain(name: str, value: Any) -> Any:
    """In JSON's types; pydantic knows `Path`, but not the pure ones."""
    try:
        return to_jsonable_python(value, fallback=os.fspath)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the module returned {name} as {type(value).__name__}, which JSON cannot hold: {error}") from error
