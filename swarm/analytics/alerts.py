"""Alerts: when a measured number has crossed a bound long enough to act, and when it is over. Pure: it decides, others do.

An alert moves along a table, and only as a reading or the time pushes it::

    inactive ──crossed──▶ pending ──for_s──▶ firing ──clear──▶ recovering ──for_s──▶ recovered
        ▲                    │                 ▲                   │                     │
        └─── not crossed ────┘                 └──── not clear ────┘      crossed ▶ pending

Two things keep a number that trembles at its bound from firing again and again: it recovers only beyond a second bound
(`clear`), and both ways take `for_s` without a break. Turning back half way is counted as a flap, never hidden.

A reading that is missing proves nothing, so it moves nothing: a collector that died must neither fire an alert nor end one. After
a while the state says `no_data`; when numbers come again, a wait that was under way starts anew, since nobody saw what happened in between.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

__all__ = [
    "Action",
    "AlertRule",
    "AlertState",
    "Bound",
    "BoundKind",
    "Command",
    "Fired",
    "FlagOff",
    "Log",
    "Pause",
    "Recovered",
    "Rollback",
    "Severity",
    "Stage",
    "Stat",
    "Webhook",
    "decide",
]

BoundKind = Literal["above", "below", "at_least", "at_most"]
Severity = Literal["info", "warning", "critical"]
Stage = Literal["inactive", "pending", "firing", "recovering", "recovered"]
Stat = Literal["last", "mean", "p50", "p95", "p99", "rate", "sum", "count"]
_Seen = Literal["crossed", "between", "clear"]

_MARGIN: Final = 0.05
_TEXT_LENGTH: Final = 4096
_WORDS: Final = 256
_CLEARING: Final[Mapping[BoundKind, BoundKind]] = {"above": "at_most", "at_least": "below", "below": "at_least", "at_most": "above"}
_UPWARD: Final = ("above", "at_least")


@dataclass(frozen=True, slots=True)
class Bound:
    """A side of a number: `Bound("above", 5)` holds for 5.1.

    Raises:
        ValueError: an unknown kind, or a value that is not finite.
    """

    kind: BoundKind
    value: float

    def __post_init__(self) -> None:
        _among(self.kind, get_args(BoundKind), "bound")
        if not math.isfinite(self.value):
            raise ValueError(f"a bound needs a finite number, not {self.value}")

    def holds(self, value: float) -> bool:
        """Whether the number is on the bound's side."""
        match self.kind:
            case "above":
                return value > self.value
            case "below":
                return value < self.value
            case "at_least":
                return value >= self.value
            case "at_most":
                return value <= self.value

    @property
    def upward(self) -> bool:
        """Whether large numbers hold."""
        return self.kind in _UPWARD

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Log:
    """Write a line."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Tell an address, over HTTP or HTTPS.

    Raises:
        ValueError: anything but an `http` or `https` address with a host.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)  # raises ValueError itself where brackets do not match
        if parts.scheme not in ("http", "https") or not parts.hostname or len(self.url) > _TEXT_LENGTH:
            raise ValueError("a webhook needs an address that starts with http:// or https:// and names a host")


@dataclass(frozen=True, slots=True)
class Command:
    """Run a program, without a shell.

    Raises:
        ValueError: no words, too many, or one that no program can be given.
    """

    argv: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0] or len(self.argv) > _WORDS:
            raise ValueError(f"a command needs 1 to {_WORDS} words, the first of which names a program")
        if any("\0" in word or len(word) > _TEXT_LENGTH for word in self.argv):
            raise ValueError(f"a word of a command has at most {_TEXT_LENGTH} characters and no NUL")


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause the run."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """Take landed work back, with everything that depends on it. `what` is a task, a category or a phase, as `swarm rollback` takes it."""

    what: str

    def __post_init__(self) -> None:
        if not self.what:
            raise ValueError("say what to roll back: a task, a category or a phase")


@dataclass(frozen=True, slots=True)
class FlagOff:
    """Switch a flag off for the rest of the run."""

    flag: str

    def __post_init__(self) -> None:
        if not self.flag:
            raise ValueError("say which flag to switch off")


Action = Log | Webhook | Command | Pause | Rollback | FlagOff


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When to act on a metric, and how.

    Attributes:
        stat: which statistic of the metric, over the last `window_s` seconds.
        threshold: crossed where it holds.
        clear: the alert is over where this holds. By default 5% of the threshold on its other side; less where the threshold is
            near 1 or 100, so that an alert on a share or a percentage can always recover.
        for_s: how long, without a break, before it fires, and again before it has recovered.
        no_data_s: silence of the metric after which the state says so; twice the window unless given.

    Raises:
        ValueError: a duration that is none, or a `clear` that overlaps the threshold.
    """

    name: str
    metric: str
    threshold: Bound
    stat: Stat = "last"
    window_s: float = 60.0
    for_s: float = 0.0
    severity: Severity = "warning"
    actions: tuple[Action, ...] = (Log(),)
    clear: Bound | None = None
    no_data_s: float | None = None

    def __post_init__(self) -> None:
        _among(self.stat, get_args(Stat), "stat")
        _among(self.severity, get_args(Severity), "severity")
        _duration("window", self.window_s, least=math.ulp(0.0))
        _duration("for", self.for_s)
        _duration("no data", self.silence_s)
        if _overlap(self.threshold, self.clearing):
            raise ValueError(f"alert {self.name}: a number may not be both {self.threshold} and {self.clearing}: it would never settle")

    @property
    def clearing(self) -> Bound:
        """The bound beyond which the alert is over."""
        return self.clear or _default_clear(self.threshold)

    @property
    def silence_s(self) -> float:
        """Seconds without a reading after which there is no data."""
        return 2 * self.window_s if self.no_data_s is None else self.no_data_s

    def seen(self, value: float) -> _Seen:
        """Where a number stands."""
        if self.threshold.holds(value):
            return "crossed"
        return "clear" if self.clearing.holds(value) else "between"

    def __str__(self) -> str:
        return f"{self.metric} ({self.stat} over {self.window_s:g} s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """How an alert stands. Times are seconds of the clock that `decide` is given.

    Attributes:
        since: when the stage began; of an alert that fired, when its threshold was crossed.
        heard: when the last reading came; before the first, when watching began.
        firing_since: when it last fired; None before.
        no_data: the metric has been silent for longer than the rule allows.
        fired: how often it has fired.
        flaps: how often it turned back before its time was over, or crossed again within a window of its recovery.
    """

    stage: Stage = "inactive"
    since: float
    heard: float
    firing_since: float | None = None
    value: float | None = None
    no_data: bool = False
    fired: int = 0
    flaps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """An alert began: do its rule's actions.

    Attributes:
        at: when, in seconds of the clock that `decide` is given.
        held_s: for how long the threshold had been crossed.
        times: how often it has fired, this time included.
    """

    rule: AlertRule
    value: float
    at: float
    held_s: float
    times: int
    flaps: int

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.rule} is {self.value:g}, {self.rule.threshold}, for {self.held_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """An alert is over.

    Attributes:
        at: when, in seconds of the clock that `decide` is given.
        fired_s: for how long it had been firing, the wait for its end included.
    """

    rule: AlertRule
    value: float
    at: float
    fired_s: float
    flaps: int

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.rule} is {self.value:g}, {self.rule.clearing}, after {self.fired_s:g} s"


# What a reading does. A pair that is absent changes nothing.
_MOVES: Final[Mapping[tuple[Stage, _Seen], Stage]] = {
    ("inactive", "crossed"): "pending",
    ("pending", "between"): "inactive",
    ("pending", "clear"): "inactive",
    ("firing", "clear"): "recovering",
    ("recovering", "between"): "firing",
    ("recovering", "crossed"): "firing",
    ("recovered", "crossed"): "pending",
}
# What `for_s` seconds in a stage do.
_DUE: Final[Mapping[Stage, Stage]] = {"pending": "firing", "recovering": "recovered"}
_TURNS_BACK: Final = {("pending", "inactive"), ("recovering", "firing")}


def decide(
    rules: Sequence[AlertRule], states: Mapping[str, AlertState], readings: Mapping[str, float | None], now: float
) -> tuple[Mapping[str, AlertState], tuple[Fired | Recovered, ...]]:
    """The next state of every alert, and what is to be told and done.

    Args:
        states: of the last decision, by the rule's name; a rule without one starts inactive, one without a rule is forgotten.
        readings: the statistic of each rule, by the rule's name. One that is absent, None, infinite or not a number counts as missing.
        now: seconds of a clock that never goes back, the same from call to call.

    Raises:
        ValueError: two rules share a name.
    """
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError("two alerts share a name")
    after: dict[str, AlertState] = {}
    told: list[Fired | Recovered] = []
    for rule in rules:
        before = states.get(rule.name) or AlertState(since=now, heard=now)
        after[rule.name] = state = _next(rule, before, readings.get(rule.name), now)
        told += _told(rule, before, state, now)
    return MappingProxyType(after), tuple(told)


def _next(rule: AlertRule, state: AlertState, value: float | None, now: float) -> AlertState:
    if value is None or not math.isfinite(value):
        return replace(state, no_data=now - state.heard >= rule.silence_s)
    return _due(rule, _moved(rule, _heard(state, value, now), rule.seen(value), now), now)


def _heard(state: AlertState, value: float, now: float) -> AlertState:
    """A wait that was under way when the data stopped starts anew."""
    since = now if state.no_data and state.stage in _DUE else state.since
    return replace(state, since=since, value=value, heard=now, no_data=False)


def _moved(rule: AlertRule, state: AlertState, seen: _Seen, now: float) -> AlertState:
    target = _MOVES.get((state.stage, seen), state.stage)
    if target == state.stage:
        return state
    again = state.stage == "recovered" and now - state.since < rule.window_s
    flapped = again or (state.stage, target) in _TURNS_BACK
    return replace(state, stage=target, since=now, flaps=state.flaps + flapped)


def _due(rule: AlertRule, state: AlertState, now: float) -> AlertState:
    if state.stage not in _DUE or now - state.since < rule.for_s:
        return state
    target = _DUE[state.stage]
    if target == "firing":
        return replace(state, stage=target, firing_since=now, fired=state.fired + 1)
    return replace(state, stage=target, since=now)


def _told(rule: AlertRule, before: AlertState, after: AlertState, now: float) -> list[Fired | Recovered]:
    value = after.value if after.value is not None else math.nan
    if after.fired > before.fired:
        return [Fired(rule=rule, value=value, at=now, held_s=now - after.since, times=after.fired, flaps=after.flaps)]
    if after.stage == "recovered" and before.stage != "recovered":
        began = now if after.firing_since is None else after.firing_since
        return [Recovered(rule=rule, value=value, at=now, fired_s=now - began, flaps=after.flaps)]
    return []


def _default_clear(threshold: Bound) -> Bound:
    """A little on the threshold's other side. Nothing is above 100%, so upward the margin is taken from what is left to 1 or 100."""
    kind, value = _CLEARING[threshold.kind], threshold.value
    room = next((ceiling - value for ceiling in (1.0, 100.0) if 0.0 <= value <= ceiling), value)
    return Bound(kind, value - _MARGIN * abs(value) if threshold.upward else value + _MARGIN * min(abs(value), abs(room)))


def _overlap(one: Bound, other: Bound) -> bool:
    """Whether some number is on the side of both."""
    if one.upward == other.upward:
        return True
    low, high = (one, other) if one.upward else (other, one)
    touching = low.kind == "at_least" and high.kind == "at_most"
    return low.value < high.value or (touching and low.value == high.value)


def _duration(name: str, seconds: float, least: float = 0.0) -> None:
    if not (math.isfinite(seconds) and seconds >= least):
        raise ValueError(f"{name}: {seconds} is no number of seconds")


def _among(value: str, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise ValueError(f"{name}: {str(value)[:40]!r} is none of {', '.join(known)}")
