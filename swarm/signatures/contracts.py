"""Contracts: the typed payloads of handoffs, built from a plan as pydantic models.

Payloads come from models, commands and templates, so they are read strictly: no text becomes a number, no number a
truth value. A whole number is accepted where a `float` is asked for, as JSON does not tell the two apart.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union

from swarm.errors import ContractBreach

if TYPE_CHECKING:
    from pydantic import BaseModel, ConfigDict

__all__ = ["Contracts", "FieldSpec", "TypeProblem", "check_payload"]

_SCALARS: Final = ("str", "int", "float", "bool", "path")
_CONSTRAINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ge": ("int", "float"),
    "gt": ("int", "float"),
    "le": ("int", "float"),
    "lt": ("int", "float"),
    "min_length": ("str", "path", "list", "dict"),
    "max_length": ("str", "path", "list", "dict"),
    "pattern": ("str", "path"),
}
_TOKEN: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]*|[\[\],]|[^\s\[\],]+)")
_SHOWN: Final = 5
_DEEPEST_TYPE: Final = 16
_DEEPEST_PAYLOAD: Final = 64
_MOST_BITS: Final = 1024
_OWN_NAME: Final = re.compile(r"field_\d+")


class TypeProblem(ValueError):
    """A contract cannot be built. `contract` and `field` say where, `key` which part of the field is wrong."""

    def __init__(self, contract: str, field_: str, text: str, key: str = "type") -> None:
        super().__init__(text)
        self.contract, self.field, self.key = contract, field_, key


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field, as declared. `constraints` holds those of ge gt le lt min_length max_length pattern that are given."""

    type: str
    required: bool = True
    default: Any = None
    measured: bool = False
    about: str = ""
    constraints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Type:
    """A parsed type: a scalar, `list`, `dict` or `optional` of something, a `literal` of words, or another contract."""

    name: str
    of: "_Type | None" = None
    words: tuple[str, ...] = ()

    def contracts(self) -> set[str]:
        if self.of is not None:
            return self.of.contracts()
        return set() if self.name in _SCALARS or self.words else {self.name}


class _Parser:
    """`TYPE := scalar | list[TYPE] | dict[str, TYPE] | optional[TYPE] | literal[word, …] | Contract`."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.text = text
        self.depth = 0

    def parse(self) -> _Type:
        found = self._type()
        if self.tokens:
            raise ValueError(f"{self.tokens[0]!r} is left over in {self.text!r}")
        return found

    def _next(self, wanted: str | None = None) -> str:
        token = self.tokens.pop(0) if self.tokens else ""
        if not token or (wanted is not None and token != wanted):
            expected = repr(wanted) if wanted else "a name"
            raise ValueError(f"{self.text!r} is no type: {expected} expected{f', found {token!r}' if token else ''}")
        return token

    def _type(self) -> _Type:
        name = self._next()
        if name in ("list", "dict", "optional", "literal"):
            return self._generic(name)
        return _Type(name)

    def _generic(self, name: str) -> _Type:
        self._next("[")
        self.depth += 1
        if self.depth > _DEEPEST_TYPE:
            raise ValueError(f"a type nested deeper than {_DEEPEST_TYPE} levels")
        if name == "literal":
            return _Type("literal", words=self._words())
        if name == "dict":
            self._next("str")
            self._next(",")
        inner = self._type()
        self._next("]")
        return _Type(name, inner)

    def _words(self) -> tuple[str, ...]:
        words = [self._next()]
        while (token := self._next()) == ",":
            words.append(self._next())
        if token != "]":
            raise ValueError(f"{self.text!r} is no type: ']' expected, found {token!r}")
        return tuple(words)


class Contracts:
    """The contracts of a plan, by name.

    Args:
        declared: contract name to its fields.
    """

    def __init__(self, declared: Mapping[str, Mapping[str, FieldSpec]]) -> None:
        self.declared = declared
        self._types: dict[tuple[str, str], _Type] = {}
        self._models: dict[str, type[BaseModel]] = {}
        self.problems = tuple(self._parse_all())

    def _parse_all(self) -> list[TypeProblem]:
        problems: list[TypeProblem] = []
        for contract, fields in self.declared.items():
            for name, spec in fields.items():
                problems += self._parse(contract, name, spec)
        return problems or self._nesting()

    def _parse(self, contract: str, name: str, spec: FieldSpec) -> list[TypeProblem]:
        try:
            parsed = _Parser(spec.type).parse()
        except ValueError as error:
            return [TypeProblem(contract, name, str(error))]
        unknown = sorted(parsed.contracts() - set(self.declared))
        if unknown:
            known = f"{', '.join(_SCALARS)}, list[…], dict[str, …], optional[…], literal[…] or a contract"
            return [TypeProblem(contract, name, f'the type "{unknown[0]}" does not exist; there are {known}')]
        self._types[contract, name] = parsed
        return _constraint_problems(contract, name, spec, parsed)

    def _nesting(self) -> list[TypeProblem]:
        """A contract that holds itself has no finite payload; and pydantic builds and checks nested ones by recursion."""
        parts = {contract: self._parts([contract]) for contract in self.declared}
        try:
            inner_first = tuple(TopologicalSorter(parts).static_order())
        except CycleError as error:
            ring = error.args[1]
            return [TypeProblem(c, self._holder(c, held), f"{c} holds itself") for held, c in sorted(pairwise(ring), key=itemgetter(1))]
        depth: dict[str, int] = {}
        for contract in inner_first:
            depth[contract] = 1 + max((depth[part] for part in parts[contract]), default=0)
        deepest = [contract for contract in self.declared if depth[contract] > _DEEPEST_TYPE]
        return [TypeProblem(c, next(iter(self.declared[c])), f"contracts nested deeper than {_DEEPEST_TYPE}") for c in deepest]

    def _holder(self, contract: str, held: str) -> str:
        """The field of a contract that holds another."""
        return next(name for name in self.declared[contract] if held in self._types[contract, name].contracts())

    def _parts(self, contracts: Iterable[str]) -> set[str]:
        return {inner for each in contracts for name in self.declared[each] for inner in self._types[each, name].contracts()}

    def _reachable(self, contracts: Iterable[str]) -> set[str]:
        seen: set[str] = set()
        fresh = set(contracts)
        while fresh:
            seen |= fresh
            fresh = self._parts(fresh) - seen
        return seen

    def used_by(self, contract: str) -> dict[str, Mapping[str, FieldSpec]]:
        """A contract and those it is made of: what its meaning depends on."""
        return {name: self.declared[name] for name in sorted(self._reachable([contract]))}

    def accepts(self, contract: str, name: str, value: object) -> bool:
        """Whether a value fits one field of a contract."""
        from pydantic import ValidationError, create_model

        annotation = self._annotation(self._types[contract, name], dict(self.declared[contract][name].constraints))
        alone = create_model("Alone", __config__=_strictly(), value=(annotation, ...))
        try:
            alone.model_validate({"value": value})
        except ValidationError:
            return False
        return True

    def model(self, contract: str) -> "type[BaseModel]":
        """The pydantic model of a contract. Extra fields are refused, values read strictly."""
        if contract not in self._models:
            self._models[contract] = self._build(contract)
        return self._models[contract]

    def _build(self, contract: str) -> "type[BaseModel]":
        from pydantic import create_model

        fields: dict[str, Any] = {}
        for position, (name, spec) in enumerate(self.declared[contract].items()):
            fields[name if _is_free(name) else f"field_{position}"] = self._field(contract, name, spec)
        return create_model(contract, __config__=_strictly(), **fields)

    def _field(self, contract: str, name: str, spec: FieldSpec) -> tuple[Any, Any]:
        from pydantic import Field

        default = ... if spec.required else spec.default
        annotation = self._annotation(self._types[contract, name], dict(spec.constraints))
        return annotation, Field(default, alias=None if _is_free(name) else name, description=spec.about or None, validate_default=True)

    def _annotation(self, parsed: _Type, constraints: dict[str, Any]) -> Any:
        from pydantic import AfterValidator, Field

        if parsed.name == "optional":
            assert parsed.of is not None
            if parsed.of.words:
                # typing keeps one union for equal parts, and literals are equal as sets: the schema would show another one's order.
                return Literal[(*parsed.of.words, None)]
            return Union[self._annotation(parsed.of, constraints), None]  # noqa: UP007 - built at run time
        plain = self._plain(parsed)
        annotation = Annotated[plain, AfterValidator(_path)] if parsed.name == "path" else plain
        return Annotated[annotation, Field(**constraints)] if constraints else annotation

    def _plain(self, parsed: _Type) -> Any:
        if parsed.words:
            return Literal[parsed.words]
        if parsed.of is not None:
            inner = self._annotation(parsed.of, {})
            return list[inner] if parsed.name == "list" else dict[str, inner]  # type: ignore[valid-type] # built at run time
        scalars: dict[str, Any] = {"str": str, "path": str, "int": int, "float": float, "bool": bool}
        return scalars.get(parsed.name) or self.model(parsed.name)

    def type_of(self, contract: str, name: str) -> str:
        """The head of a field's type: `list`, `path`, a contract's name…"""
        return self._types[contract, name].name

    def accepts_paths(self, contract: str, name: str) -> bool:
        """Whether a list of paths fits the field."""
        parsed = self._types[contract, name]
        parsed = parsed.of if parsed.name == "optional" and parsed.of else parsed
        return parsed.name == "list" and parsed.of is not None and parsed.of.name in ("path", "str")


def _strictly() -> "ConfigDict":
    from pydantic import ConfigDict

    return ConfigDict(extra="forbid", strict=True, protected_namespaces=())


def _is_free(name: str) -> bool:
    """Whether a pydantic model can have an attribute of that name. Other fields get a name of ours, and theirs as alias."""
    from pydantic import BaseModel

    return name.isidentifier() and not name.startswith("_") and not hasattr(BaseModel, name) and not _OWN_NAME.fullmatch(name)


def _constraint_problems(contract: str, name: str, spec: FieldSpec, parsed: _Type) -> list[TypeProblem]:
    inner = parsed.of if parsed.name == "optional" and parsed.of else parsed
    unfit = [key for key in spec.constraints if inner.name not in _CONSTRAINTS[key]]
    problems = [TypeProblem(contract, name, f"{key} says nothing about {spec.type}", key) for key in unfit]
    pattern = spec.constraints.get("pattern")
    if pattern is not None and not _compiles(pattern):
        problems.append(TypeProblem(contract, name, f"{pattern!r} is no regular expression", "pattern"))
    return problems


def _compiles(pattern: str) -> bool:
    """Whether pydantic's own (Rust) regular expressions take the pattern: they know no look-around."""
    from pydantic import Field, TypeAdapter
    from pydantic_core import SchemaError

    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except SchemaError:
        return False
    return True


def _path(value: str) -> str:
    parts = value.split("/")
    if not value or value.startswith("/") or ".." in parts or "\0" in value:
        raise ValueError("a path is relative to the workspace, without '..'")
    return value


def check_payload(contracts: Contracts, contract: str | None, payload: object, *, drop_extra: bool = False) -> dict[str, Any]:
    """A payload that satisfies its contract, with defaults filled in.

    Args:
        contract: its name; None accepts any mapping that JSON can hold.
        drop_extra: leave fields out that the contract does not name, instead of refusing them.

    Raises:
        ContractBreach: it does not fit; the text names the fields.
    """
    if not isinstance(payload, dict) or not all(isinstance(key, str) for key in payload):
        raise ContractBreach(f"a handoff is a JSON object, not {type(payload).__name__}")
    _refuse_odd(payload, "", _DEEPEST_PAYLOAD)
    if contract is None:
        return payload
    return _fit(contracts.model(contract), contract, payload, drop_extra)


def _fit(model: "type[BaseModel]", contract: str, payload: dict[str, Any], drop_extra: bool) -> dict[str, Any]:
    from pydantic import ValidationError

    known = {field.alias or name for name, field in model.model_fields.items()}
    kept = {key: value for key, value in payload.items() if key in known} if drop_extra else payload
    try:
        return model.model_validate(kept).model_dump(mode="json", by_alias=True)
    except ValidationError as error:
        shown = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:_SHOWN]]
        more = error.error_count() - len(shown)
        raise ContractBreach(f"the payload does not fit {contract}: {'; '.join(shown)}{f'; {more} more' if more else ''}") from error


def _refuse_odd(value: object, where: str, levels: int) -> None:
    """JSON has no NaN and no infinity, and nothing beside its own types; and what is nested without end is no payload."""
    if levels == 0:
        raise ContractBreach(f"the payload is nested deeper than {_DEEPEST_PAYLOAD} levels")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ContractBreach(f"{where or 'the payload'} has the key {key!r}: the keys of a JSON object are text")
            _refuse_odd(inner, f"{where}.{key}" if where else key, levels - 1)
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            _refuse_odd(inner, f"{where}[{position}]", levels - 1)
    elif isinstance(value, (int, float)):
        _refuse_odd_number(value, where)
    elif value is not None and not isinstance(value, str):
        raise ContractBreach(f"{where} is {type(value).__name__}, which JSON cannot hold")


def _refuse_odd_number(value: int | float, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ContractBreach(f"{where} is {value}: a handoff holds finite numbers")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ContractBreach(f"{where} is a whole number of {value.bit_length()} bits: at most {_MOST_BITS}")
