"""Metrics as Prometheus reads them: its text format, version 0.0.4; and what is shipped for Prometheus and Grafana.

The format is small, and names, tags and figures come from anywhere, so the text is written here and not by a client library, whose
registry would be a second place where metrics live. The rules that matter (https://prometheus.io/docs/instrumenting/exposition_formats/):
all lines of a metric stand together below its one HELP and TYPE; no two lines have the same name and labels; one line that breaks them
makes Prometheus throw the whole page away. So whatever cannot be said properly is left out and counted in
`swarm_exposition_dropped_lines`, which is always the last metric of the page. Timestamps are left out: a page says what is so now.

`EXPOSED` declares what `swarm` itself exposes: every measured metric of `definitions.BUILT_IN`, and the states that no metric holds. The
dashboard and the alert rules in `shipped/` are written over these names; a test holds all three together. Metrics that only a plan
declares are exposed too, by the same rules, and appear on no shipped panel.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

from swarm.analytics.definitions import BUILT_IN, SHARE, Definition
from swarm.analytics.health import HealthReport, Status

__all__ = [
    "CONTENT_TYPE",
    "EXPOSED",
    "MOST_CHARACTERS",
    "MOST_LINES",
    "PREFIX",
    "SHIPPED",
    "Exposed",
    "Sample",
    "Summary",
    "Type",
    "exposed_as",
    "exposition",
    "health_samples",
    "sample_of",
    "shipped_text",
]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "swarm_"
MOST_LINES: Final = 10_000
"""How many lines with a value a page has at most."""
MOST_CHARACTERS: Final = 4 * 1024 * 1024
"""How long all these lines together may be."""

SHIPPED: Final = ("grafana-dashboard.json", "prometheus-alerts.yml")

_DROPPED: Final = PREFIX + "exposition_dropped_lines"
_NAME_LENGTH: Final = 120
_TEXT_LENGTH: Final = 300
_MOST_LABELS: Final = 12
_TYPES: Final[Mapping[str, "Type"]] = MappingProxyType({"counter": "counter", "gauge": "gauge", "distribution": "summary"})
_TAKEN: Final = ("quantile", "le")
"""Labels that Prometheus gives a meaning of its own."""
_LEVELS: Final[Mapping[Status, float]] = MappingProxyType({"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0})

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_]")
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

Type = Literal["counter", "gauge", "summary", "untyped"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a distribution comes to.

    Attributes:
        sum, count: of all values since the process started; both only grow, or Prometheus takes it for a restart.
        quantiles: values by share, such as `{0.95: 1.2}`; of a window that the exposer chooses.
    """

    sum: float
    count: float
    quantiles: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value to expose. The samples of one name agree in type and help; where not, the first decides and the others are dropped."""

    name: str
    help: str
    type: Type
    labels: Mapping[str, str]
    value: float | Summary


@dataclass(frozen=True, slots=True)
class Exposed:
    """A metric that is exposed.

    Attributes:
        name: as it appears on the page.
        labels: that each of its samples has; a measured metric has the tags it was recorded with, and none of them is sure.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()

    def series(self) -> frozenset[str]:
        """The names that its lines have."""
        endings = ("", "_sum", "_count") if self.type == "summary" else ("",)
        return frozenset(self.name + ending for ending in endings)

    def sample(self, value: float | Summary, labels: Mapping[str, str]) -> Sample:
        """One value of it.

        Raises:
            ValueError: a label is missing.
        """
        if missing := [label for label in self.labels if label not in labels]:
            raise ValueError(f"a sample of {self.name} needs the label {missing[0]}")
        return Sample(self.name, self.help, self.type, labels, value)


def exposed_as(definition: Definition) -> Exposed:
    """How a measured metric is exposed: a counter's name ends in `_total`, a distribution is a summary, the unit is in the help."""
    ending = "_total" if definition.kind == "counter" and not definition.name.endswith("_total") else ""
    unit = f" Unit: {definition.unit}." if definition.unit and definition.unit != SHARE else ""
    return Exposed(_prefixed(definition.name + ending), _TYPES[definition.kind], definition.help + unit)


def _prefixed(name: str) -> str:
    """The prefix also saves names that begin with a digit. Colons are kept for the rules of whoever reads."""
    allowed = _NOT_IN_NAMES.sub("_", name[:_NAME_LENGTH])
    return allowed if allowed.startswith(PREFIX) else PREFIX + allowed


_STATES: Final = (
    Exposed("swarm_healthy", "gauge", "The whole by its health checks: 1 healthy, 0.5 degraded, 0 unhealthy."),
    Exposed("swarm_check_healthy", "gauge", "One health check: 1 healthy, 0.5 degraded, 0 unhealthy.", ("check",)),
    Exposed("swarm_check_seconds", "gauge", "Time that a health check's last answer took.", ("check",)),
    Exposed("swarm_check_flips_total", "counter", "Times that a health check changed its mind.", ("check",)),
    Exposed("swarm_system_reading_failures_total", "counter", "Readings of the machine that failed.", ("reading",)),
    Exposed("swarm_run_state", "gauge", "1 for the state that a run is in.", ("run", "state")),
    Exposed("swarm_tasks", "gauge", "Tasks of a run in a state.", ("run", "state")),
    Exposed("swarm_phase_done", "gauge", "Verified share of a phase, 0 to 1.", ("run", "phase")),
    Exposed("swarm_gaps_open", "gauge", "Gaps of a run that no verified work has closed yet.", ("run",)),
    Exposed("swarm_alerts_firing", "gauge", "Alerts of the plan that are firing.", ("run", "severity")),
    Exposed("swarm_agent_cpu_seconds", "gauge", "Processor time of an agent's living processes.", ("agent",)),
    Exposed("swarm_agent_resident_bytes", "gauge", "Resident memory of an agent's processes.", ("agent",)),
    Exposed("swarm_agent_processes", "gauge", "An agent's processes, with their children.", ("agent",)),
    Exposed("swarm_points_dropped_total", "counter", "Values that were recorded and not kept.", ("metric", "reason")),
    Exposed(_DROPPED, "gauge", "Lines left out of this page: too many, doubled, or not to be said in this format."),
)

EXPOSED: Final[Mapping[str, Exposed]] = MappingProxyType({one.name: one for one in (*map(exposed_as, BUILT_IN.values()), *_STATES)})
"""What `swarm` exposes, by name."""


def sample_of(name: str, value: float | Summary, **labels: str) -> Sample:
    """A sample of a declared metric.

    Raises:
        ValueError: `EXPOSED` does not have it, or it lacks a label.
    """
    if name not in EXPOSED:
        raise ValueError(f"{name} is not declared in EXPOSED")
    return EXPOSED[name].sample(value, labels)


def health_samples(report: HealthReport, flips: Mapping[str, int]) -> list[Sample]:
    """A health report as samples.

    Args:
        flips: by check, from its `History`.
    """
    samples = [sample_of("swarm_healthy", _LEVELS[report["status"]])]
    for name, check in report["checks"].items():
        samples.append(sample_of("swarm_check_healthy", _LEVELS[check["status"]], check=name))
        samples.append(sample_of("swarm_check_seconds", check["seconds"], check=name))
        samples.append(sample_of("swarm_check_flips_total", flips.get(name, 0), check=name))
    return samples


def shipped_text(name: str) -> str:
    """A file made for Prometheus or Grafana: one of `SHIPPED`.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in SHIPPED:
        raise ValueError(f"{name!r} is not shipped; there are: {', '.join(SHIPPED)}")
    return files("swarm.analytics").joinpath("shipped", name).read_text(encoding="utf-8")


def exposition(samples: Iterable[Sample], most_lines: int = MOST_LINES) -> str:
    """The page. Metrics come in the order of their first samples, lines in the order of theirs.

    Names are prefixed with `swarm_` unless they are already; what Prometheus does not allow in a name becomes an underscore.
    """
    page = _Page(most_lines)
    for sample in samples:
        page.add(sample)
    return page.text()


@dataclass(slots=True)
class _Metric:
    type: Type
    help: str
    lines: list[str] = field(default_factory=list)


class _Page:
    """Puts lines where they belong, as long as there is room, and counts those that have no place."""

    def __init__(self, most_lines: int) -> None:
        self._lines_left = most_lines
        self._characters_left = MOST_CHARACTERS
        self._metrics: dict[str, _Metric] = {}
        self._series: set[str] = set()
        self._dropped = 0

    def add(self, sample: Sample) -> None:
        """All lines of a sample or none: half a summary would be a false one."""
        name = _prefixed(sample.name)
        lines = list(_lines(name, sample))
        series = {one for one, _ in lines}
        texts = [f"{one} {value}" for one, value in lines]
        if self._is_free(name, sample) and len(series) == len(lines) and self._series.isdisjoint(series) and self._has_room(texts):
            self._metrics.setdefault(name, _Metric(sample.type, sample.help)).lines += texts
            self._series |= series
            self._lines_left -= len(texts)
            self._characters_left -= sum(map(len, texts))
        else:
            self._dropped += len(lines)

    def text(self) -> str:
        own = EXPOSED[_DROPPED]
        last = _Metric(own.type, own.help, [f"{own.name} {self._dropped}"])
        return "".join(_block(name, metric) for name, metric in (*self._metrics.items(), (own.name, last)))

    def _is_free(self, name: str, sample: Sample) -> bool:
        """Whether the name may be spoken of so: of one type, with values that go with it."""
        fits = isinstance(sample.value, Summary) == (sample.type == "summary")
        return fits and name != _DROPPED and (name not in self._metrics or self._metrics[name].type == sample.type)

    def _has_room(self, texts: list[str]) -> bool:
        return 0 < len(texts) <= self._lines_left and sum(map(len, texts)) <= self._characters_left


def _block(name: str, metric: _Metric) -> str:
    help_ = _escaped(metric.help, quotes=False)
    return "\n".join((f"# HELP {name} {help_}", f"# TYPE {name} {metric.type}", *metric.lines, ""))


def _lines(name: str, sample: Sample) -> Iterator[tuple[str, str]]:
    """Series and values."""
    labels = _labels(sample.labels)
    if not isinstance(sample.value, Summary):
        yield _series(name, labels), _number(sample.value)
        return
    for share, value in sorted(sample.value.quantiles.items()):
        yield _series(name, {**labels, "quantile": _number(share)}), _number(value)
    yield _series(f"{name}_sum", labels), _number(sample.value.sum)
    yield _series(f"{name}_count", labels), _number(sample.value.count)


def _series(name: str, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{written}}}" if written else name


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """In the order of their names, so that equal labels are equal text; of two that become the same name, the later stands."""
    chosen = sorted(labels.items())[:_MOST_LABELS]
    return {_label(name): _escaped(value, quotes=True) for name, value in chosen}


def _label(name: str) -> str:
    """Prometheus keeps names with two leading underscores, and some others, for itself."""
    allowed = _NOT_IN_NAMES.sub("_", name[:_NAME_LENGTH]).lstrip("_") or "label"
    return f"exported_{allowed}" if allowed in _TAKEN or allowed[0].isdigit() else allowed


def _escaped(text: str, *, quotes: bool) -> str:
    """Of bounded length and without what UTF-8 or a parser stumbles over."""
    plain = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text[:_TEXT_LENGTH]).encode("utf-8", "replace").decode("utf-8")
    escaped = plain.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quotes else escaped


def _number(value: float) -> str:
    """As Prometheus writes it. A number too large for a float is infinite."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if math.isfinite(number):
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
