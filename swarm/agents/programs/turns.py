"""A turn of an agent, as text and as values: a thought, and the calls that it makes.

Reading is generous in form: fences, prose around the JSON, other names for the two keys. It is strict in content. JSON that is not
whole is never mended, since of an answer that was cut off at its length limit a mended half would be carried out; and one bad call
makes the whole turn unreadable, so that a model always knows what was done.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from swarm.agents.tools.answers import cut
from swarm.errors import ContractBreach
from swarm.signatures.contracts import Contracts, check_payload

__all__ = ["LONGEST_ANSWER", "MOST_CALLS", "Call", "Step", "Unreadable", "read", "rendered", "sendable"]

LONGEST_ANSWER: Final = 200_000
"""Characters."""
MOST_CALLS: Final = 30
"""In one turn."""

_LONGEST_NAME: Final = 100
_LONGEST_THOUGHT: Final = 4_000
_HEADER: Final = re.compile(r"^[ \t]*\[\[ ## (thought|calls|completed) ## \]\]", re.MULTILINE)
_NO_CONTRACTS: Final = Contracts({})


class Call(BaseModel):
    """A tool, and the arguments by name."""

    model_config = ConfigDict(frozen=True)

    tool: str
    args: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One turn as it happened. An answer that made no calls, or could not be read, has what it was told as its only observation."""

    thought: str
    calls: tuple[Call, ...]
    observations: tuple[str, ...]


class Unreadable(Exception):
    """An answer is no turn. The text says why, for the model."""


def read(text: str) -> tuple[str, tuple[Call, ...]]:
    """Thought and calls of an answer.

    Raises:
        Unreadable: it is no turn.
    """
    if len(text) > LONGEST_ANSWER:
        raise Unreadable(f"it has {len(text):,} characters, and at most {LONGEST_ANSWER:,} are read; write long files in pieces")
    thought, listed = _parts(text)
    calls = [listed] if isinstance(listed, Mapping) else listed
    if not isinstance(calls, list):
        raise Unreadable(f"calls is {type(calls).__name__}, not a list")
    if len(calls) > MOST_CALLS:
        raise Unreadable(f"it makes {len(calls):,} calls, and at most {MOST_CALLS} are carried out in one turn")
    return cut(thought, _LONGEST_THOUGHT), tuple(_call(number, call) for number, call in enumerate(calls, 1))


def _parts(text: str) -> tuple[str, Any]:
    """The thought, and the JSON of the calls; the first of each counts, since some models go on to invent the results."""
    headers = list(_HEADER.finditer(text))
    sections: dict[str, str] = {}
    for header, following in zip_longest(headers, headers[1:]):
        sections.setdefault(header[1], text[header.end() : following.start() if following else None].strip())
    if "calls" in sections:
        return sections.get("thought", ""), _json(sections["calls"])
    whole = _json(text)
    if isinstance(whole, Mapping) and "calls" in whole:
        return str(whole.get("thought", "")), whole["calls"]
    return "", whole


def _json(text: str) -> Any:
    """The first JSON value that is a list or an object; raw line ends inside of its texts are taken as meant."""
    starts = [at for at in (text.find("["), text.find("{")) if at >= 0]
    if not starts:
        raise Unreadable("it holds no JSON list of calls")
    try:
        return _DECODER.raw_decode(text, min(starts))[0]
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"its calls are no JSON: {cut(str(error), 200)}; if the answer was cut off, make fewer calls in a turn") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=_no_number)


def _call(number: int, given: Any) -> Call:
    if not isinstance(given, Mapping):
        raise Unreadable(f'call {number} is {type(given).__name__}, not an object like {{"tool": "…", "args": {{…}}}}')
    tool = given.get("tool", given.get("name"))
    if not isinstance(tool, str) or not tool.isprintable() or not 0 < len(tool) <= _LONGEST_NAME:
        raise Unreadable(f'call {number} does not name its "tool"')
    return Call(tool=tool, args=_args(f"call {number} ({tool})", given.get("args", given.get("arguments"))))


def _args(which: str, given: Any) -> dict[str, Any]:
    """Arguments as an object, which some models write as a text that holds it."""
    args = _json(given) if isinstance(given, str) and given.strip().startswith("{") else given
    try:
        return check_payload(_NO_CONTRACTS, None, {} if args is None else args)
    except ContractBreach as breach:
        detail = breach if isinstance(args, Mapping) else f"a JSON object is wanted, not {type(args).__name__}"
        raise Unreadable(f"{which} has unfit args: {detail}") from breach


def rendered(thought: str, calls: Iterable[Call | Mapping[str, Any]]) -> str:
    """A turn in the one form in which conversations show it, whatever the form in which it was answered."""
    listed: Sequence[Mapping[str, Any]] = [call.model_dump() if isinstance(call, Call) else call for call in calls]
    return sendable(f"[[ ## thought ## ]]\n{thought}\n\n[[ ## calls ## ]]\n{json.dumps(listed, ensure_ascii=False)}")


def sendable(text: str) -> str:
    """The text with lone surrogates written out: JSON brings them, and no request can hold them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
