"""How an agent ends: the pseudo tool `finish` takes the payload, and what can be computed is not asked for."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm.agents.tools.calling import ToolDescription
from swarm.signatures.contracts import Contracts, FieldSpec, check_payload

__all__ = ["FINISH", "Finishing"]

FINISH: Final = "finish"

_FILES: Final = "files"
_PATHS: Final = frozenset({"list[path]", "optional[list[path]]"})
_ABOUT: Final = "Ends the work and hands over its result. Calls after it are not carried out."
_MEASURED: Final = "measured, never estimated: a figure that a command of this attempt printed"
_COMPUTED: Final = "may be left out: the files that were changed are filled in"
_SUMMARY: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"summary": {"type": "string", "description": "what was done, and what is left undone, in a few sentences"}},
    "required": ["summary"],
}


@dataclass(frozen=True, slots=True)
class Finishing:
    """The end of one attempt.

    Attributes:
        contract: of the payload; None where nothing is owed.
        changed: the sorted paths that the attempt has changed.
    """

    contracts: Contracts
    contract: str | None
    changed: Callable[[], Awaitable[Sequence[str]]]

    @property
    def description(self) -> ToolDescription:
        """The tool as the model is told of it."""
        return ToolDescription(FINISH, _ABOUT, _SUMMARY if self.contract is None else self._schema(self.contract))

    async def payload(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The payload that the arguments of `finish` make; an empty one where nothing is owed.

        Raises:
            ContractBreach: they do not fit the contract.
        """
        if self.contract is None:
            return {}
        return check_payload(self.contracts, self.contract, await self._completed(given))

    async def _completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if not self._counts_files:
            return dict(given)
        changed = list(await self.changed())
        named = given.get(_FILES)
        right = isinstance(named, list) and named and all(path in changed for path in named)
        return {**given, _FILES: named if right else changed}

    @property
    def _specs(self) -> Mapping[str, FieldSpec]:
        return {} if self.contract is None else self.contracts.declared[self.contract]

    @property
    def _counts_files(self) -> bool:
        return _FILES in self._specs and self._specs[_FILES].type.replace(" ", "") in _PATHS

    def _schema(self, contract: str) -> dict[str, Any]:
        schema: dict[str, Any] = _untitled(self.contracts.model(contract).model_json_schema())
        for name, spec in self._specs.items():
            about = "; ".join(self._about(name, spec))
            schema["properties"][name] |= {"description": about} if about else {}
        if self._counts_files:
            schema["required"] = [name for name in schema.get("required", ()) if name != _FILES]
        return schema

    def _about(self, name: str, spec: FieldSpec) -> Iterator[str]:
        if spec.about:
            yield spec.about
        if spec.measured:
            yield _MEASURED
        if name == _FILES and self._counts_files:
            yield _COMPUTED


def _untitled(schema: Any) -> Any:
    """Without titles, which repeat the names."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
