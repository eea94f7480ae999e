"""What all metrics say, as one document: for programs, and from the same document for people.

The texts are made from the report and from nothing else, so that what people read is what programs were told. Tags and reasons come from
agents and files: they are escaped for the format they are put in.
"""

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from swarm.analytics.definitions import Definition
from swarm.analytics.metrics import Metrics
from swarm.analytics.readings import STATS, Window, over, over_each, points
from swarm.analytics.trends import trend

__all__ = ["Format", "Status", "as_html", "as_markdown", "rendered", "report"]

Format = Literal["json", "markdown", "html"]
Status = Literal["ok", "empty", "degraded"]
"""degraded: something was recorded that is in no figure. `problems` says what and why."""

_COLUMNS: Final = ("metric", "kind", "unit", "count", "last", "mean", "p50", "p95", "p99", "rate", "sum", "trend")
_LEFT: Final = frozenset({"metric", "kind", "unit", "trend"})


def report(metrics: Metrics, now: float, window_s: float | None = None, include_trends: bool = True) -> dict[str, Any]:
    """What the metrics say, in JSON types.

    Args:
        now: seconds since the epoch.
        window_s: seconds up to now; None for all that is kept.
        include_trends: whether each metric says where it is going.

    Returns:
        `status`, `generated_at` (ISO 8601, UTC), `window_s`, `problems` (texts), and `metrics` by name: unit, kind, help, one value for
        each statistic (None where nothing was measured), `min`, `max`, `sampled` (one in how many points is kept), `series` where there
        are tags, and `trend`.

    Raises:
        ValueError: a window of no length.
    """
    found = {name: _metric(metrics, name, window_s, now, include_trends) for name in metrics.names()}
    problems = [f"{one.name or 'metrics'}: {one.points:,} dropped: {one.reason}" for one in metrics.dropped()]
    status: Status = "degraded" if problems else "ok" if found else "empty"
    return {
        "status": status,
        "generated_at": datetime.fromtimestamp(now, UTC).isoformat(),
        "window_s": window_s,
        "problems": problems,
        "metrics": found,
    }


def rendered(document: Mapping[str, Any], report_format: str) -> dict[str, Any]:
    """A report in a format: itself, and for people its `text` beside the rest.

    Raises:
        ValueError: an unknown format.
    """
    if report_format not in get_args(Format):
        raise ValueError(f"a report's format is {', '.join(get_args(Format)[:-1])} or {get_args(Format)[-1]}, not {report_format!r:.40}")
    text = _TEXTS.get(report_format)
    return dict(document) if text is None else {**document, "text": text(document)}


def as_markdown(document: Mapping[str, Any]) -> str:
    """A report as Markdown: a table with a row for each metric and each of its series."""
    header = [_row(_COLUMNS), _row("---" if column in _LEFT else "---:" for column in _COLUMNS)]
    rows = [_row(map(_plain, cells)) for cells in _rows(document)]
    problems = [f"- {_plain(problem)}\n" for problem in document["problems"]]
    return "\n".join([f"# Metrics: {document['status']}", "", _about(document), "", *problems, *header, *rows, ""])


def as_html(document: Mapping[str, Any]) -> str:
    """A report as one page that needs nothing else: no script, no picture, no network."""
    header = _tagged("tr", (_tagged("th", [html.escape(column)]) for column in _COLUMNS))
    rows = (_tagged("tr", (_tagged("td", [html.escape(cell)]) for cell in cells)) for cells in _rows(document))
    problems = (_tagged("li", [html.escape(problem)]) for problem in document["problems"])
    title = html.escape(f"Metrics: {document['status']}")
    about = _tagged("p", [html.escape(_about(document))])
    body = "".join([_tagged("h1", [title]), about, _tagged("ul", problems), _tagged("table", [header, *rows])])
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>\n{body}\n</html>\n'


_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }
table { border-collapse: collapse; display: block; overflow-x: auto }
td, th { padding: .25rem .75rem; border-bottom: 1px solid #8884; text-align: left; font-variant-numeric: tabular-nums }
"""
_TEXTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {"markdown": as_markdown, "html": as_html}


def _metric(metrics: Metrics, name: str, window_s: float | None, now: float, include_trends: bool) -> dict[str, Any]:
    definition = metrics.definition(name)
    found: dict[str, Any] = {**_described(definition), **_figures(over(metrics, name, window_s, now)), "sampled": metrics.sampled(name)}
    series = over_each(metrics, name, window_s, now)
    if any(series):
        found["series"] = [{"tags": dict(labels), **_figures(window)} for labels, window in series.items()]
    if include_trends:
        found["trend"] = asdict(trend(points(metrics, name, window_s, now)))
    return found


def _described(definition: Definition) -> dict[str, Any]:
    return {"unit": definition.unit, "kind": definition.kind, "help": definition.help}


def _figures(window: Window) -> dict[str, Any]:
    tally = window.tally
    smallest = {"min": tally.low, "max": tally.high} if tally.count else {"min": None, "max": None}
    return {**{stat: window.stat(stat) for stat in STATS}, "count": tally.count, **smallest}


# Texts


def _about(document: Mapping[str, Any]) -> str:
    window = document["window_s"]
    return f"{'All that is kept' if window is None else f'The last {window:g} seconds'}, as of {document['generated_at']}."


def _rows(document: Mapping[str, Any]) -> Iterable[list[str]]:
    for name, one in document["metrics"].items():
        yield [_cell({"metric": name, **one, "trend": _going(one)}, column) for column in _COLUMNS]
        for series in one.get("series", ()):
            tags = ", ".join(f"{key}={value}" for key, value in series["tags"].items())
            yield [_cell({"metric": f"{name} ({tags})", "kind": "", "unit": "", "trend": "", **series}, column) for column in _COLUMNS]


def _cell(one: Mapping[str, Any], column: str) -> str:
    value = one[column]
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _going(one: Mapping[str, Any]) -> str:
    """A trend in a few words; nothing where it was not asked for."""
    known = one.get("trend")
    if known is None:
        return ""
    if known["direction"] == "steady":
        return "steady"
    return f"changed: {known['slope_per_hour']:+.4g} {one['unit']}/h ({known['confidence']:.0%})".replace(" /h", "/h")


def _plain(text: str) -> str:
    """A text that stays one cell of a Markdown table, and text."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return "".join(f"\\{char}" if char in "\\`*[]|" else char for char in html.escape(shown, quote=False))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _tagged(tag: str, inner: Iterable[str]) -> str:
    return f"<{tag}>{''.join(inner)}</{tag}>"
