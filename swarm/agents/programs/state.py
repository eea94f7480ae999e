"""Saved state of programs, as `module.save("file.json")` writes it, and whether it is for the program that it is given to.

DSPy loads any state into any program: fields that do not fit are ignored or get another field's description, without a word. What is
compared here is what such a file holds: the names of the predictors, and the prefixes of their fields, in order. Its text is a
plan's, so it is never unpickled, and nothing but what optimisers make is taken from it: a model that it names is left out, since the
plan says which model is asked.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from swarm.errors import EnvironmentFault

__all__ = ["check_state", "load_state"]

_BESIDE: Final = frozenset({"metadata", "swarm"})
_TAKEN: Final = frozenset({"traces", "train", "demos", "signature", "fields"})
_SELF: Final = "self"
_AGAIN: Final = "optimise and save the agent again, or take its `state:` out"


def load_state(module: Any, content: bytes) -> None:
    """Loads a file's state into a program that it was made for.

    Raises:
        EnvironmentFault: it is for another program, or is no state; the program is as it was.
    """
    saved = _parsed(content)
    check_state(module, saved)
    clean = {name: _clean(entry) for name, entry in _entries(module, saved).items()}
    try:
        for for_good in (False, True):  # on copies first: a state that is refused half-way shall leave the program as it was
            _load(module, clean, for_good=for_good)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvironmentFault(f"the agent's saved state cannot be loaded ({type(error).__name__}: {error}): {_AGAIN}") from error


def _load(module: Any, clean: Mapping[str, Any], *, for_good: bool) -> None:
    """Predictor by predictor: DSPy's own way copies the whole program first, with everything that it holds beside."""
    for name, predictor in module.named_parameters():
        (predictor if for_good else predictor.deepcopy()).load_state(clean[name])


def check_state(module: Any, saved: Mapping[str, Any]) -> None:
    """Refuses the state of another program.

    Raises:
        EnvironmentFault: predictors or their fields differ; the text says which.
    """
    entries = _entries(module, saved)
    predictors = dict(module.named_parameters())
    if unknown := [name for name in entries if name not in predictors]:
        raise _unfit(f"it has the predictor {unknown[0]}, which the program has not ({_list(predictors)})")
    for name, predictor in predictors.items():
        if name not in entries:
            raise _unfit(f"the program's predictor {name} is not in it ({_list(entries)})")
        _check_fields(name, predictor, entries[name])


def _check_fields(name: str, predictor: Any, entry: Any) -> None:
    saved = _prefixes(name, entry)
    signature = getattr(predictor, "signature", None)
    here = [] if signature is None else [field["prefix"] for field in signature.dump_state()["fields"]]
    for position in range(max(len(saved), len(here))):
        was, now = (_at(fields, position) for fields in (saved, here))
        if was != now:
            raise _unfit(f"field {position + 1} of the predictor {name} is {was} there and {now} in the program")


def _prefixes(name: str, entry: Any) -> list[str]:
    try:
        return [str(field["prefix"]) for field in entry["signature"]["fields"]]
    except (KeyError, TypeError) as error:
        raise _unfit(f"its entry {name} is no predictor's") from error


def _at(prefixes: list[str], position: int) -> str:
    return repr(prefixes[position].rstrip(":")) if position < len(prefixes) else "not there"


def _entries(module: Any, saved: Mapping[str, Any]) -> dict[str, Any]:
    """By predictor; a program that is one predictor has its entry at the top."""
    entries = {name: entry for name, entry in saved.items() if name not in _BESIDE}
    return {_SELF: entries} if _is_predictor(module) else entries


def _is_predictor(module: Any) -> bool:
    return any(part is module for _, part in module.named_parameters())


def _clean(entry: Mapping[str, Any]) -> dict[str, Any]:
    """DSPy makes an attribute of every key that it does not know, and a client of a named model."""
    return {**{key: value for key, value in entry.items() if key in _TAKEN}, "lm": None}


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        saved = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EnvironmentFault(f"the agent's saved state is no JSON ({error}): save it by `module.save('file.json')`") from error
    if not isinstance(saved, dict):
        raise EnvironmentFault("the agent's saved state is no JSON object: save it by `module.save('file.json')`")
    return saved


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "none"


def _unfit(how: str) -> EnvironmentFault:
    return EnvironmentFault(f"the agent's saved state is not for this program: {how}; {_AGAIN}")
