"""What a worker may say, as the scheduler reads it: a stranger's code runs there, so anything else ends it."""

import base64
import binascii
import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from swarm.errors import ProcedureFailed

__all__ = ["Done", "Failed", "ListFiles", "Message", "Model", "Note", "Read", "Run", "UseTool", "Write", "message_of"]

_Path = Annotated[str, Field(max_length=4096)]
_Short = Annotated[str, Field(max_length=200)]
_SHOWN: Final = 200


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Request(_Said):
    id: Annotated[int, Field(ge=0, le=2**53)]


class Model(_Request):
    """A question to the model, as `swarm.agents.lm.requests` writes it."""

    kind: Literal["model"]
    request: dict[str, Any]


class Read(_Request):
    kind: Literal["read"]
    path: _Path


def _bytes(content: object) -> object:
    """Base64 becomes bytes; JSON has none."""
    try:
        return base64.b64decode(content, validate=True) if isinstance(content, str) else content
    except binascii.Error as error:
        raise ValueError(str(error)) from error


class Write(_Request):
    kind: Literal["write"]
    path: _Path
    content: Annotated[bytes, BeforeValidator(_bytes)]


class ListFiles(_Request):
    kind: Literal["list_files"]


class Run(_Request):
    kind: Literal["run"]
    command: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class UseTool(_Request):
    kind: Literal["tool"]
    name: _Short
    arguments: dict[str, Any]


class Note(_Request):
    kind: Literal["note"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Done(_Said):
    """The program has answered.

    Attributes:
        returned: a `dspy.Prediction`, or something with the contract's names; or nothing at all.
    """

    kind: Literal["done"]
    returned: Literal["prediction", "mapping", "nothing"]
    value: dict[str, Any] = {}


class Failed(_Said):
    """The program has not.

    Attributes:
        ready: it was at work; otherwise it could not be made ready, and will not be the next time either.
        error: the class of what was raised; empty where `text` says everything.
        where: `file:line` in the user's own files, or empty.
    """

    kind: Literal["failed"]
    ready: bool
    error: _Short
    text: Annotated[str, Field(max_length=20_000)]
    where: Annotated[str, Field(max_length=5000)]


Message = Model | Read | Write | ListFiles | Run | UseTool | Note | Done | Failed
_MESSAGES: Final = TypeAdapter[Message](Annotated[Message, Field(discriminator="kind")])


def message_of(line: bytes) -> Message:
    """A line that the worker said.

    Raises:
        ProcedureFailed: it is none that it may say.
    """
    try:
        said = json.loads(line, parse_constant=_refuse_constant)
        if b"\\u" in line:
            json.dumps(said, ensure_ascii=False).encode()  # half of a surrogate pair is no text, and could not be written down
        return _MESSAGES.validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _odd(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", line) from error
    except (ValueError, RecursionError) as error:
        raise _odd(str(error), line) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _odd(why: str, line: bytes) -> ProcedureFailed:
    shown = line[:_SHOWN].decode("utf-8", "backslashreplace")
    return ProcedureFailed(f"the program's process said what no worker says ({why[:_SHOWN]}): {shown}")
