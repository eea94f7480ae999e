"""Logs: one JSON object a line for machines, readable lines for a terminal, and no secret in either.

Underneath is the standard library: every module logs to `logging.getLogger(__name__)`. What is added here stands between that and the
sinks, and is in force only inside `with Logs(...)`; a program that uses `swarm` as a library keeps its own logging otherwise.

The caller's part is small: it formats the message, notes the ids of its context and puts both on a queue. One thread does the rest:
it redacts, bounds, and writes to every sink. So redaction is done once, before any sink, and no sink can be without it.

Logging never stops or slows a run. The queue is bounded: what does not fit is dropped, counted, and the count is written. A sink that fails
is dropped with one notice on the others. Nothing here raises into the caller. The record of a run is its journal, and not its log.

Redaction errs on the side of too much: it replaces the values of variables that sound like a secret, and whatever has the shape of one.
"""

import contextvars
import json
import logging
import math
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

from swarm.errors import UsageError

__all__ = [
    "COMPONENTS",
    "LINE_BYTES",
    "Ids",
    "Line",
    "Logs",
    "Redactor",
    "Sink",
    "Stream",
    "bound",
    "carry",
    "current",
    "environment",
    "json_line",
    "levels_from",
    "secrets_of",
    "terminal_line",
]

P = ParamSpec("P")
R = TypeVar("R")

COMPONENTS: Final = (
    "agents",
    "analytics",
    "cli",
    "door",
    "engine",
    "errors",
    "home",
    "journal",
    "plans",
    "replay",
    "runner",
    "signatures",
    "web",
    "wiring",
    "workspace",
)
"""What a level can be set for; a part of one too, such as `agents.lm`."""
LINE_BYTES: Final = 20_480
"""No line of JSON is longer."""

_ROOT: Final = "swarm"
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_COMPONENT: Final = re.compile(rf"(?:{'|'.join(COMPONENTS)})(?:\.\w+)*")
# Parts of a line, in characters of its JSON; together with the keys they stay below LINE_BYTES.
_MESSAGE: Final = 4096
_EXCEPTION: Final = 8192
_ID: Final = 256
_FIELDS: Final = 16
_FRAMES: Final = -20  # the innermost
# Before redaction a text is cut generously, so that a secret is seen whole; the last part, where one may have been cut, is then let go.
_RAW: Final = 16_384
_CUT_SECRET: Final = 8192
_QUEUED: Final = 4096  # lines; so even lines that are full hold no more than 130 MB


# ---- what a line says


@dataclass(frozen=True, slots=True)
class Ids:
    """Of what work a line speaks."""

    run: str | None = None
    task: str | None = None
    attempt: int | None = None
    agent: str | None = None
    correlation: str | None = None
    """The same for everything that one command or request from outside set going."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was logged.

    Attributes:
        time: seconds since 1970, by the wall clock; a label.
        component: the logger's name below `swarm`.
        fields: more that was given with it: `log.info("…", extra={"fields": {"seconds": 1.5}})`.
    """

    time: float
    level: str
    component: str
    message: str
    ids: Ids = Ids()
    fields: tuple[tuple[str, str | int | float | bool | None], ...] = ()
    exception: str = ""


_IDS: Final = contextvars.ContextVar("swarm-log-ids", default=Ids())  # noqa: B039 - frozen


def current() -> Ids:
    """The ids of this thread or task."""
    return _IDS.get()


@contextmanager
def bound(
    *, run: str | None = None, task: str | None = None, attempt: int | None = None, agent: str | None = None, correlation: str | None = None
) -> Iterator[Ids]:
    """Sets ids for what is logged inside: `with bound(task="docs.readme", attempt=2):`. The others stay as they are.

    Tasks of asyncio that are started inside have them too; for a thread of an executor see `carry`.
    """
    given = Ids(_id(run), _id(task), attempt, _id(agent), _id(correlation))
    token = _IDS.set(Ids(*(new if new is not None else old for new, old in zip(_values(given), _values(current()), strict=True))))
    try:
        yield current()
    finally:
        _IDS.reset(token)


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """The function, to be called in any thread and any number of threads, in the context of this moment (log ids and all others)."""
    context = contextvars.copy_context()

    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)  # a context can be entered once at a time

    return carried


def environment(ids: Ids | None = None) -> dict[str, str]:
    """The ids as variables for commands: `SWARM_RUN`, `SWARM_TASK`, `SWARM_ATTEMPT`, `SWARM_AGENT`, `SWARM_CORRELATION_ID`."""
    told = ids or current()
    values = {"RUN": told.run, "TASK": told.task, "ATTEMPT": told.attempt, "AGENT": told.agent, "CORRELATION_ID": told.correlation}
    return {f"SWARM_{name}": str(value) for name, value in values.items() if value is not None}


def _id(text: str | None) -> str | None:
    """An id becomes a variable of commands, which can hold no NUL and no half of a character. A line shows its start, redacted before."""
    return None if text is None else text[: 4 * _ID].replace("\0", "").encode("utf-8", "backslashreplace").decode()


def _values(ids: Ids) -> tuple[Any, ...]:
    return (ids.run, ids.task, ids.attempt, ids.agent, ids.correlation)


# ---- levels


def levels_from(text: str) -> dict[str, int]:
    """Levels by component, as `--log` takes them: `agents=debug,journal=warning`. A level alone is for all others.

    Returns:
        The numbers of `logging` by component; that of all others by the empty name.

    Raises:
        UsageError: an unknown level or component, or one that is named twice.
    """
    levels: dict[str, int] = {}
    for entry in text.split(","):
        component, _, level = (part.strip().lower() for part in entry.rpartition("="))
        if problem := _level_problem(entry, component, level, levels):
            raise UsageError(f"--log {entry.strip()[:80]!r}: {problem}; write levels like agents=debug,journal=warning")
        levels[component] = getattr(logging, level.upper())
    return levels


def _level_problem(entry: str, component: str, level: str, levels: Mapping[str, int]) -> str | None:
    if level not in _LEVELS:
        return f"{level[:40]!r} is no level ({', '.join(_LEVELS)})"
    if "=" in entry and not _COMPONENT.fullmatch(component):
        return f"{component[:40]!r} is no component ({', '.join(COMPONENTS)})"
    return f"{component or 'the level of all others'} is named twice" if component in levels else None


# ---- secrets

_HIDDEN: Final = "[redacted]"
_SECRET_NAME: Final = re.compile(
    r"TOKEN(?!S|IZ)|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|API_?KEY|PRIVATE|(?:^|_)(?:KEY|KEYS|AUTH|PASS|PAT|PWD|COOKIE|DSN)(?:_|$)"
)
_NO_SECRET_NAMES: Final = frozenset({"PWD", "OLDPWD"})
_SHORTEST: Final = 6  # shorter values are words such as `none`; hiding each would hide the log
_SHORTEST_LINE: Final = 16  # of a secret of many lines
_MOST: Final = 1000
_PASSWORD_URL: Final = re.compile(r"://[^/@\s]*:[^/\s]*@")
_NAMED: Final = r"(?:passw(?:or)?d|passphrase|secret|api[_-]?key|private[_-]?key|(?:access|auth|refresh|session|id)[_-]?token)"
# Each starts with something rare and repeats a bounded class: about linear in the text, however hostile.
_SHAPES: Final = (
    (r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END).)*", _HIDDEN),
    (r"(?i)\b(bearer\s{1,4})[\w.~+/=-]{8,}", rf"\1{_HIDDEN}"),
    (r"(?i)\b(authorization\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?(?:(?:basic|digest|token)\s{1,4})?)[^\s\"',;\[]{4,}", rf"\1{_HIDDEN}"),
    (r"(?<![A-Za-z0-9])(?:sk|pk|rk)[-_][\w-]{16,}", _HIDDEN),  # OpenAI, Anthropic, OpenRouter, Stripe
    (r"(?<![A-Za-z0-9])(?:gsk_|xai-|pplx-|hf_|r8_|nvapi-|npm_|pypi-|dop_v1_|glpat-|github_pat_|gh[pousr]_)[\w-]{16,}", _HIDDEN),
    (r"(?<![A-Za-z0-9])xox[a-z]-[\w-]{10,}", _HIDDEN),  # Slack
    (r"(?<![A-Za-z0-9])AIza[\w-]{30,}", _HIDDEN),  # Google
    (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", _HIDDEN),  # AWS
    (r"(?<![A-Za-z0-9])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?", _HIDDEN),  # JSON Web Tokens
    (r"(://[^/@\s:]{0,200}:)[^/\s]{1,1000}@", rf"\1{_HIDDEN}@"),
    (r"(://)[\w.-]{20,200}@", rf"\1{_HIDDEN}@"),  # a token in the place of a user
    (r"(?i)(?<![\w-])(--[\w-]{0,40}(?:passw(?:or)?d|token|secret|api-?key)[ =])[^\s\[]+", rf"\1{_HIDDEN}"),
    (
        rf"(?i)((?:{_NAMED}[\w-]{{0,40}}|[?&](?:token|key|sig)|(?<=[\"'])token(?=\\?[\"']))\\?[\"']?\s{{0,4}}[=:]\s{{0,4}})"
        r"(?:\\?\"[^\"]{1,1000}\"?|'[^']{1,1000}'?|[^\s\"',;&\[]{4,})",
        rf"\1{_HIDDEN}",
    ),
)


def secrets_of(variables: Mapping[str, str]) -> frozenset[str]:
    """The values that no line may show: of variables whose name sounds like a secret, and addresses with a password in them."""
    return frozenset(value for name, value in variables.items() if len(value) >= _SHORTEST and _secret(name, value))


def _secret(name: str, value: str) -> bool:
    upper = name.upper()
    return (upper not in _NO_SECRET_NAMES and bool(_SECRET_NAME.search(upper))) or bool(_PASSWORD_URL.search(value))


class Redactor:
    """Takes secrets out of texts.

    Args:
        secrets: values to hide wherever they stand: as they are, quoted for an address or for JSON, and line by line.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = sorted({form for secret in secrets for form in _forms(secret)}, key=lambda value: (-len(value), value))[:_MOST]
        self._values = re.compile("|".join(map(re.escape, values))) if values else None
        self._shapes = [(re.compile(shape), shown) for shape, shown in _SHAPES]

    def __call__(self, text: str) -> str:
        """The text with every secret replaced; cut where it is longer than a log line would ever show."""
        shown = text[:_RAW]
        if self._values:
            shown = self._values.sub(_HIDDEN, shown)
        for shape, instead in self._shapes:
            shown = shape.sub(instead, shown)
        return shown[:-_CUT_SECRET] if len(text) > _RAW else shown

    def line(self, line: Line) -> Line:
        """The line without secrets: in its message, its exception, its ids and its fields."""
        return replace(
            line,
            message=self(line.message),
            exception=self(line.exception),
            ids=Ids(*(self._value("", value) for value in _values(line.ids))),
            fields=tuple((self(name), self._value(name, value)) for name, value in line.fields),
        )

    def _value(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return _HIDDEN if _secret(name, "") else self(value)


def _forms(secret: str) -> Iterator[str]:
    """How a secret may stand in a text. A key of many lines may be shown in part."""
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE]
    for form in (secret, secret.strip(), *lines):
        if len(form) >= _SHORTEST:
            yield from (form, quote(form, safe="", errors="replace"), json.dumps(form)[1:-1])


# ---- how a line is written


def json_line(line: Line) -> str:
    """One JSON object in ASCII without line ends, never longer than LINE_BYTES: nothing that was logged can look like another line."""
    ids = dict(zip(("run", "task", "attempt", "agent", "correlation_id"), _values(line.ids), strict=True))
    told: dict[str, Any] = {
        "time": _moment(line.time).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": line.level,
        "component": _fit(line.component, _ID),
        "message": _fit(line.message, _MESSAGE),
        **{name: _sized(value) for name, value in ids.items()},
    }
    if line.fields:
        told["fields"] = {_fit(name, _ID // 4): _sized(value) for name, value in line.fields[:_FIELDS]}
    if line.exception:
        told["exception"] = _fit(line.exception, _EXCEPTION)
    return json.dumps(told, separators=(",", ":"))


def terminal_line(line: Line) -> str:
    """For people: time in UTC, level, component, message, ids in brackets. Further lines are indented, control characters escaped."""
    run, task, attempt, agent, _ = map(_sized, _values(line.ids))
    turn = "" if attempt is None else f"#{attempt}"
    where = " ".join(filter(None, [run, f"{task}{turn}" if task else "", agent]))
    fields = "".join(f" {_fit(name, _ID // 4)}={_sized(value)}" for name, value in line.fields[:_FIELDS])
    first = f"{_moment(line.time):%H:%M:%S} {line.level:<8} {_fit(line.component, _ID)}: {_fit(line.message, _MESSAGE)}{fields}"
    text = first + (f" [{where}]" if where else "") + (f"\n{_fit(line.exception.rstrip(), _EXCEPTION)}" if line.exception else "")
    return "\n    ".join(map(_printable, text.split("\n")))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _fit(text: str, size: int) -> str:
    """As much of the start as fits into `size` characters of JSON."""
    if len(text) * 12 <= size or len(json.dumps(text)) <= size:
        return text
    cut = text[: size - 8]
    while len(json.dumps(cut)) > size - 6:
        cut = cut[: len(cut) * 3 // 4]
    return cut + "[cut]"


def _sized(value: Any) -> Any:
    return _fit(value, _ID) if isinstance(value, str) else value


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


# ---- from loggers to sinks


class Stream(Protocol):
    """Where a sink writes: an open text file, `sys.stderr`."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Sink:
    """Where lines go, and how they are written there (`json_line`, `terminal_line`). Closing the stream is for whoever opened it."""

    name: str
    stream: Stream
    form: Callable[[Line], str] = json_line


class Logs:
    """Sends what is logged under `swarm` to sinks, from `with Logs(...):` to its end; what was set before is then put back.

    Args:
        sinks: in what form to write where. They are used from one thread only, one after the other.
        levels: as `levels_from` gives them; what is not named there is logged from warnings up.
        secrets: values that no line may show, see `secrets_of`.
        patience_s: how long the end waits for a slow sink.
    """

    def __init__(
        self, sinks: Sequence[Sink], *, levels: Mapping[str, int] | None = None, secrets: Iterable[str] = (), patience_s: float = 2.0
    ) -> None:
        self._writer = _Writer(list(sinks), Redactor(secrets))
        self._handler = _Handler(self._writer.take)
        self._levels = {"": logging.WARNING, **(levels or {})}
        self._patience_s = patience_s
        self._undo: list[Callable[[], None]] = []

    @property
    def dropped(self) -> int:
        """How many lines were dropped because the sinks were too slow."""
        return self._writer.dropped

    def __enter__(self) -> "Logs":
        root = logging.getLogger(_ROOT)
        self._undo = [*map(_level_restorer, self._levels), _propagation_restorer(root), lambda: root.removeHandler(self._handler)]
        for component, level in self._levels.items():
            _logger(component).setLevel(level)
        root.propagate = False  # a handler above would show secrets
        root.addHandler(self._handler)
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()
        self._writer.stop(self._patience_s)


def _logger(component: str) -> logging.Logger:
    return logging.getLogger(f"{_ROOT}.{component}" if component else _ROOT)


def _level_restorer(component: str) -> Callable[[], None]:
    logger = _logger(component)
    level = logger.level
    return lambda: logger.setLevel(level)


def _propagation_restorer(logger: logging.Logger) -> Callable[[], None]:
    propagate = logger.propagate

    def restore() -> None:
        logger.propagate = propagate

    return restore


class _Handler(logging.Handler):
    """The caller's part: what cannot be known later. It takes no lock; the queue behind it needs none."""

    def __init__(self, take: Callable[[Line], None]) -> None:
        super().__init__()
        self._take = take

    def createLock(self) -> None:
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._take(_line_of(record))
        except Exception as error:  # noqa: BLE001 - arguments that do not fit, a `__str__` that fails: the caller's work goes on
            text = f"{record.filename}:{record.lineno}: could not be logged: {type(error).__name__}"
            self._take(Line(record.created, "error", _component(record), text, current()))


def _line_of(record: logging.LogRecord) -> Line:
    return Line(
        time=record.created,
        level=record.levelname.lower(),
        component=_component(record),
        message=record.getMessage()[: _RAW + 1],
        ids=current(),
        fields=tuple((str(name), _scalar(value)) for name, value in getattr(record, "fields", {}).items()),
        exception="".join(traceback.format_exception(record.exc_info[1], limit=_FRAMES))[: _RAW + 1] if record.exc_info else "",
    )


def _component(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{_ROOT}.")


def _scalar(value: object) -> str | int | float | bool | None:
    """What JSON knows, as it is; text for the rest, which may have changed by the time it is written."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)[: _RAW + 1]  # `str` refuses integers of thousands of digits
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)[: _RAW + 1]


@dataclass(eq=False)
class _Writer:
    """The thread that writes, and the queue to it."""

    sinks: list[Sink]
    redact: Redactor
    dropped: int = 0
    _queue: "SimpleQueue[Line | None]" = field(default_factory=SimpleQueue)
    _told: int = 0
    _thread: threading.Thread | None = None

    def take(self, line: Line) -> None:
        """Puts a line on the queue. The bound is a soft one: asking for the length and putting are two steps."""
        if self._queue.qsize() >= _QUEUED:
            self.dropped += 1
        else:
            self._queue.put(line)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._write_all, name="swarm-logs", daemon=True)
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Writes what is queued. A sink that hangs is left to its daemon thread."""
        self._queue.put(None)
        if self._thread:
            self._thread.join(patience_s)

    def _write_all(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._write(line)
            except Exception as error:  # noqa: BLE001 - one line that cannot be redacted is not to end the log
                self._write(_notice(line.time, f"a line could not be written: {type(error).__name__}"))
            self._tell_dropped(line)
        self._flush()

    def _next(self) -> Line | None:
        """The next line; where none waits yet, what was written is flushed first."""
        with suppress(Empty):
            return self._queue.get_nowait()
        self._flush()
        return self._queue.get()

    def _write(self, line: Line) -> None:
        shown = self.redact.line(line)
        for sink in tuple(self.sinks):
            self._try(sink, partial(_put, sink, shown))

    def _flush(self) -> None:
        for sink in tuple(self.sinks):
            self._try(sink, sink.stream.flush)

    def _tell_dropped(self, after: Line) -> None:
        if (dropped := self.dropped) > self._told:
            self._told = dropped
            self._write(_notice(after.time, f"{dropped} lines were dropped so far: the sinks are slower than what is logged"))

    def _try(self, sink: Sink, act: Callable[[], object]) -> None:
        if sink not in self.sinks:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a full disk, a closed pipe, a form that fails: the other sinks go on
            self.sinks.remove(sink)
            self._say_gone(f"the log sink {sink.name} failed and gets no more lines: {type(error).__name__}: {error}")

    def _say_gone(self, text: str) -> None:
        notice = _notice(datetime.now(UTC).timestamp(), text)
        if self.sinks:
            self._write(notice)
            self._flush()
        elif sys.__stderr__ is not None:
            with suppress(Exception):
                sys.__stderr__.write(terminal_line(self.redact.line(notice)) + "\n")


def _put(sink: Sink, line: Line) -> None:
    sink.stream.write(sink.form(line) + "\n")


def _notice(time: float, text: str) -> Line:
    return Line(time, "warning", "analytics.logs", text)
