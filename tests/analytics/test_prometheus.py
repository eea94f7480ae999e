"""The page holds to Prometheus' text format whatever it is given, and what is shipped speaks of nothing that is not exposed."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics import prometheus
from swarm.analytics.definitions import BUILT_IN, Definition
from swarm.analytics.health import HealthChecker
from swarm.analytics.prometheus import (
    EXPOSED,
    SHIPPED,
    Sample,
    Summary,
    exposed_as,
    exposition,
    health_samples,
    sample_of,
    shipped_text,
)

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus")

LAST = "swarm_exposition_dropped_lines"
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
LINE = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def gauge(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, "Help.", "gauge", labels, value)


def dropped(page: str) -> int:
    return int(page.splitlines()[-1].removeprefix(f"{LAST} "))


def body(page: str) -> str:
    """Without the count of what was left out, which always ends it."""
    return page[: page.index(f"# HELP {LAST}")]


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


def parsed(page: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """What a strict reader finds: metrics in one piece each, under one HELP and TYPE, no series twice."""
    known: set[str] = set()
    seen: set[str] = set()
    name, type_ = "", ""
    for line in page.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in known
            known.add(name)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == name
            type_ = line.split(" ")[3]
        else:
            found = LINE.fullmatch(line)
            assert found, line
            assert found[1] in ({name, f"{name}_sum", f"{name}_count"} if type_ == "summary" else {name})
            series = line.rpartition(" ")[0]
            assert series not in seen
            seen.add(series)
            yield found[1], {label: unescaped(value) for label, value in LABEL.findall(found[2] or "")}, float(found[3])


def test_a_page_reads_as_prometheus_wants_it() -> None:
    page = exposition(
        [
            Sample("attempts", "Attempts.", "counter", {"agent": "tester"}, 3),
            Sample("swarm_wait", "A wait.", "summary", {"agent": "tester"}, Summary(12.5, 4, {0.95: 5, 0.5: 2.25})),
            Sample("attempts", "Attempts.", "counter", {}, 1e300),
            gauge("odd", math.nan),
            gauge("cold", -math.inf),
        ]
    )
    assert body(page) == (
        "# HELP swarm_attempts Attempts.\n"
        "# TYPE swarm_attempts counter\n"
        'swarm_attempts{agent="tester"} 3\n'
        "swarm_attempts 1e+300\n"
        "# HELP swarm_wait A wait.\n"
        "# TYPE swarm_wait summary\n"
        'swarm_wait{agent="tester",quantile="0.5"} 2.25\n'
        'swarm_wait{agent="tester",quantile="0.95"} 5\n'
        'swarm_wait_sum{agent="tester"} 12.5\n'
        'swarm_wait_count{agent="tester"} 4\n'
        "# HELP swarm_odd Help.\n"
        "# TYPE swarm_odd gauge\n"
        "swarm_odd NaN\n"
        "# HELP swarm_cold Help.\n"
        "# TYPE swarm_cold gauge\n"
        "swarm_cold -Inf\n"
    )
    assert dropped(page) == 0


def test_label_values_and_help_are_escaped() -> None:
    page = exposition([Sample("x", 'a "b" \\ \n c', "gauge", {"path": 'C:\\new "dir"\nswarm_healthy 1'}, 1)])
    assert '# HELP swarm_x a "b" \\\\ \\n c\n' in page
    assert 'swarm_x{path="C:\\\\new \\"dir\\"\\nswarm_healthy 1"} 1\n' in page


def test_the_same_series_twice_is_left_out_once_and_counted() -> None:
    page = exposition([gauge("x", 1, a="1"), gauge("x", 2, a="1"), gauge("x", 3, a="2")])
    assert [value for _, _, value in parsed(body(page))] == [1, 3]
    assert dropped(page) == 1


def test_names_that_become_the_same_are_one_metric() -> None:
    page = exposition([gauge("a.b", 1), gauge("a b", 2), gauge("swarm_a_b", 3, x="y")])
    assert list(parsed(body(page))) == [("swarm_a_b", {}, 1), ("swarm_a_b", {"x": "y"}, 3)]
    assert dropped(page) == 1


def test_a_metric_has_one_type_and_its_values_go_with_it() -> None:
    strange = [
        gauge("x", 1),
        Sample("x", "Help.", "counter", {"a": "b"}, 1),
        Sample("y", "Help.", "summary", {}, 1),
        Sample("z", "Help.", "gauge", {}, Summary(1, 1)),
    ]
    page = exposition(strange)
    assert list(parsed(body(page))) == [("swarm_x", {}, 1)]
    assert dropped(page) == 1 + 1 + 2


def test_a_summary_that_would_repeat_a_line_of_another_metric_is_left_out_whole() -> None:
    page = exposition([gauge("wait_count", 7), Sample("wait", "Help.", "summary", {}, Summary(1, 2, {0.5: 1}))])
    assert list(parsed(body(page))) == [("swarm_wait_count", {}, 7)]
    assert dropped(page) == 3


def test_a_summary_that_would_repeat_a_line_of_its_own_is_left_out_whole() -> None:
    twice = {float("nan"): 1.0, float("nan"): 2.0}
    assert len(twice) == 2
    page = exposition([Sample("wait", "Help.", "summary", {}, Summary(1, 2, twice))])
    assert (body(page), dropped(page)) == ("", 4)


def test_labels_that_prometheus_keeps_for_itself_are_renamed() -> None:
    labels = {"quantile": "mine", "le": "mine", "__name__": "evil", "7": "seven", "": "none"}
    [(_, found, _)] = parsed(body(exposition([Sample("x", "Help.", "gauge", labels, 1)])))
    assert found == {"exported_quantile": "mine", "exported_le": "mine", "name__": "evil", "exported_7": "seven", "label": "none"}


def test_a_page_has_a_last_line_however_much_is_exposed() -> None:
    page = exposition((gauge("x", 1, number=str(number)) for number in range(1000)), most_lines=10)
    assert len(list(parsed(body(page)))) == 10
    assert dropped(page) == 990


def test_a_page_has_a_length_however_long_the_labels_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MOST_CHARACTERS", 1000)
    page = exposition([Sample("x" * 10**6, "h" * 10**6, "gauge", {f"l{n}": f"{n}" + "v" * 10**6}, n) for n in range(50)])
    assert len(page) < 2000
    assert dropped(page) > 40


def test_nobody_else_says_what_was_left_out() -> None:
    page = exposition([gauge("exposition_dropped_lines", 5), gauge(LAST, 6, a="b")])
    assert body(page) == ""
    assert dropped(page) == 2


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=12) | st.sampled_from(
    ["__name__", "quantile", "le", "a", "b", ""]
)
numbers = st.floats() | st.integers() | st.just(10**400)
summaries = st.builds(Summary, numbers, numbers, st.dictionaries(st.floats(0, 1), numbers, max_size=3))
samples = st.builds(
    Sample,
    texts,
    texts,
    st.sampled_from(["counter", "gauge", "summary", "untyped"]),
    st.dictionaries(texts, texts, max_size=4),
    numbers | summaries,
)


@given(st.lists(samples, max_size=12))
def test_whatever_is_exposed_the_page_is_well_formed_and_nothing_is_lost_silently(given_: list[Sample]) -> None:
    page = exposition(given_)
    page.encode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", page)
    assert all(name.startswith("swarm_") for name, _, _ in parsed(page))
    lines = sum(len(one.value.quantiles) + 2 if isinstance(one.value, Summary) else 1 for one in given_)
    assert len(list(parsed(body(page)))) + dropped(page) == lines


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True).filter(lambda name: name != "le"), st.text('ab\\"\n{}=, é', max_size=30), max_size=5
    )
)
def test_label_values_come_out_as_they_went_in(labels: dict[str, str]) -> None:
    [(_, found, _)] = parsed(body(exposition([Sample("x", "Help.", "gauge", labels, 1)])))
    assert found == labels


@needs_promtool
def test_prometheus_reads_a_hostile_page() -> None:
    """promtool ends with 1 where it cannot read the page, and with 3 where it only finds a name unlovely."""
    hostile = ['"} 1\nswarm_evil 1', "\x00\x01\r\x7f", "\ud800", "\\", "\\n", "é{}=,", "{{", "#", "x" * 5000, "__name__", "le"]
    page = exposition(Sample(name, name, "gauge", {label: name}, math.inf) for name in hostile for label in hostile)
    read = promtool("check", "metrics", stdin=page)
    assert read.returncode in (0, 3), read.stderr


def every_exposed() -> list[Sample]:
    summary = Summary(1.5, 2, {0.5: 1.0})
    return [
        one.sample(summary if one.type == "summary" else 1, dict.fromkeys(one.labels, "some"))
        for one in EXPOSED.values()
        if one.name != LAST
    ]


def test_what_is_declared_is_on_the_page_under_its_own_name() -> None:
    page = exposition(every_exposed())
    assert {name for name, _, _ in parsed(page)} >= EXPOSED.keys() - {one.name for one in EXPOSED.values() if one.type == "summary"}
    assert dropped(page) == 0


@needs_promtool
def test_prometheus_reads_all_that_is_declared() -> None:
    assert promtool("check", "metrics", stdin=exposition(every_exposed())).returncode in (0, 3)


def test_every_measured_metric_is_exposed_with_its_unit_and_kind() -> None:
    assert {exposed_as(one).name for one in BUILT_IN.values()} < EXPOSED.keys()
    assert exposed_as(Definition("model_calls", "", "counter", "Calls.")).name == "swarm_model_calls_total"
    assert exposed_as(Definition("x_total", "", "counter", "Calls.")).name == "swarm_x_total"
    time = EXPOSED["swarm_task_processing_time"]
    assert (time.type, time.help.endswith("Unit: s.")) == ("summary", True)
    assert EXPOSED["swarm_system_cpu_percent"].type == "gauge"


def test_only_what_is_declared_can_be_sampled_by_name() -> None:
    assert sample_of("swarm_gaps_open", 3, run="nightly").labels == {"run": "nightly"}
    with pytest.raises(ValueError, match="not declared"):
        sample_of("swarm_gap_open", 3)
    with pytest.raises(ValueError, match="needs the label run"):
        sample_of("swarm_gaps_open", 3)


def test_health_is_exposed_as_numbers() -> None:
    checker = HealthChecker()
    checker.register_check("disk", lambda: {"status": "degraded"})
    found = list(parsed(body(exposition(health_samples(checker.run_health_checks_now(), {"disk": 4})))))
    assert ("swarm_healthy", {}, 0.5) in found
    assert ("swarm_check_healthy", {"check": "disk"}, 0.5) in found
    assert ("swarm_check_flips_total", {"check": "disk"}, 4) in found


RULES: dict[str, Any] = yaml.safe_load(shipped_text("prometheus-alerts.yml"))
DASHBOARD: dict[str, Any] = json.loads(shipped_text("grafana-dashboard.json"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def named(text: str) -> set[str]:
    return set(re.findall(r"\bswarm_[a-z0-9_]+", text))


def test_what_is_shipped_speaks_of_what_is_exposed_and_of_nothing_else() -> None:
    series = {name for one in EXPOSED.values() for name in one.series()}
    variables = [str(one["query"]) for one in DASHBOARD["templating"]["list"]]
    assert named(" ".join(EXPRESSIONS + variables)) <= series
    assert named(" ".join(alert["expr"] for alert in ALERTS)) <= series


def test_all_that_is_exposed_is_on_the_dashboard() -> None:
    shown = named(" ".join(EXPRESSIONS))
    assert {name for name, one in EXPOSED.items() if shown.isdisjoint(one.series())} == set()


def test_panels_have_a_place_and_a_number_of_their_own() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]
    assert [place["y"] for place in places] == sorted(place["y"] for place in places)


def overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    return across and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]


def test_every_panel_asks_the_chosen_source_about_the_chosen_instance() -> None:
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"]), panel["title"]


def test_every_alert_says_how_bad_it_is_and_what_it_means() -> None:
    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"info", "warning", "critical"}
        assert alert["annotations"]["summary"].endswith("."), alert["alert"]


def test_only_what_is_shipped_can_be_had() -> None:
    assert all(shipped_text(name) for name in SHIPPED)
    with pytest.raises(ValueError, match="not shipped"):
        shipped_text("../prometheus.py")


def promtool(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], input=stdin, capture_output=True, encoding="utf-8", check=False, timeout=60)


@needs_promtool
def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    checked = promtool("check", "rules", str(shipped_file(tmp_path)))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_prometheus_accepts_every_question_of_the_dashboard(tmp_path: Path) -> None:
    """As recording rules, with Grafana's variables filled in."""
    filled = [one.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$run", ".*") for one in EXPRESSIONS]
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def shipped_file(folder: Path) -> Path:
    file = folder / "prometheus-alerts.yml"
    file.write_text(shipped_text(file.name), encoding="utf-8")
    return file


HEALTHY = {"swarm_healthy": "1x1000"}
SLOW_AFTER_SIX_HOURS = "1x360 9x40"

# Series of one value a minute (`AxN`: A, N times more; `A+BxN`: rising by B); what fires at one minute and what at a later one.
STORIES: dict[str, tuple[dict[str, str], dict[int, set[str]]]] = {
    "all is well": (
        {
            "swarm_check_healthy": "1x60",
            "swarm_check_seconds": "0.1x60",
            "swarm_check_flips_total": "3x60",
            "swarm_system_cpu_percent": "80x60",
            "swarm_system_memory_percent": "80x60",
            "swarm_system_memory_available_mb": "900x60",
            "swarm_system_disk_percent": "80x60",
            'swarm_run_state{run="r",state="running"}': "1x60",
            'swarm_tasks{run="r",state="verified"}': "0+1x60",
            'swarm_alerts_firing{run="r",severity="critical"}': "0x60",
            'swarm_alerts_firing{run="r",severity="warning"}': "2x60",
            "swarm_task_error_rate_sum": "5x60",
            "swarm_task_error_rate_count": "5+10x60",
            'swarm_task_processing_time{quantile="0.95"}': "9x60",
            "swarm_model_calls_total": "0+10x60",
            "swarm_model_errors_total": "0+1x60",
            "swarm_system_reading_failures_total": "7x60",
            "swarm_points_dropped_total": "7x60",
            LAST: "0x60",
        },
        {1: set(), 30: set(), 60: set()},
    ),
    "nothing is scraped": ({"swarm_healthy": "_x60"}, {4: set(), 6: {"SwarmAbsent"}}),
    "unhealthy": ({"swarm_healthy": "0x60"}, {1: set(), 3: {"SwarmUnhealthy"}}),
    "unhealthy, and well again": ({"swarm_healthy": "0x5 1x60"}, {5: {"SwarmUnhealthy"}, 7: set()}),
    "degraded": ({"swarm_healthy": "0.5x60"}, {14: set(), 16: {"SwarmDegraded"}}),
    "a check fails": ({'swarm_check_healthy{check="disk"}': "0x60"}, {4: set(), 6: {"SwarmCheckUnhealthy"}}),
    "a check is slow": ({"swarm_check_seconds": "4x60"}, {14: set(), 16: {"SwarmCheckSlow"}}),
    "a check flaps": ({"swarm_check_flips_total": "0x30 0+1x30"}, {34: set(), 45: {"SwarmCheckFlapping"}}),
    "busy": ({"swarm_system_cpu_percent": "99x60"}, {19: set(), 21: {"SwarmProcessorBusy"}}),
    "memory is short": ({"swarm_system_memory_percent": "95x60"}, {4: set(), 6: {"SwarmMemoryShort"}}),
    "memory is exhausted": ({"swarm_system_memory_available_mb": "100x60"}, {1: set(), 3: {"SwarmMemoryExhausted"}}),
    "the disk fills": (
        {"swarm_system_disk_percent": "95x20 99x60"},
        {9: set(), 11: {"SwarmDiskFilling"}, 23: {"SwarmDiskFilling", "SwarmDiskFull"}},
    ),
    "stalled": ({'swarm_run_state{run="r",state="stalled"}': "1x60"}, {0: {"SwarmRunStalled"}}),
    "paused": ({'swarm_run_state{run="r",state="paused"}': "1x60"}, {29: set(), 31: {"SwarmRunPaused"}}),
    "stuck": (
        {
            'swarm_run_state{run="r",state="running"}': "1x200",
            'swarm_tasks{run="r",state="verified"}': "0 1x200",
            'swarm_run_state{run="moving",state="running"}': "1x200",
            'swarm_tasks{run="moving",state="verified"}': "0+1x200",
        },
        {60: set(), 80: {"SwarmRunStuck"}},
    ),
    "the plan's own alert": ({'swarm_alerts_firing{run="r",severity="critical"}': "0x5 1x60"}, {4: set(), 7: {"SwarmPlanAlert"}}),
    "tasks fail": (
        {"swarm_task_error_rate_sum": "0+1x60", "swarm_task_error_rate_count": "0+10x60"},
        {5: set(), 20: {"SwarmTasksFail"}},
    ),
    "too few attempts to judge": ({"swarm_task_error_rate_sum": "0 1x60", "swarm_task_error_rate_count": "0 2x60"}, {12: set(), 20: set()}),
    "tasks become slow": ({'swarm_task_processing_time{quantile="0.95"}': SLOW_AFTER_SIX_HOURS}, {365: set(), 380: {"SwarmTasksSlow"}}),
    "models fail": (
        {"swarm_model_calls_total": "0+10x60", "swarm_model_errors_total": "0+5x60"},
        {4: set(), 20: {"SwarmModelErrors"}},
    ),
    "readings fail": ({"swarm_system_reading_failures_total": "0+1x60"}, {5: set(), 20: {"SwarmReadingsFail"}}),
    "values are dropped": ({"swarm_points_dropped_total": "0+1x60"}, {10: set(), 30: {"SwarmValuesDropped"}}),
    "the page is cut": ({LAST: "3x60"}, {4: set(), 6: {"SwarmPageCut"}}),
}


def test_every_alert_has_its_story() -> None:
    assert set().union(*(fires for _, then in STORIES.values() for fires in then.values())) == {alert["alert"] for alert in ALERTS}
    assert all(earlier < later for _, then in STORIES.values() for earlier, later in pairwise(then))


def on_one_machine(series: str) -> str:
    return series.replace("{", '{instance="here",') if "{" in series else series + '{instance="here"}'


def story(series: Mapping[str, str], then: Mapping[int, set[str]]) -> dict[str, Any]:
    question = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "interval": "1m",
        "input_series": [{"series": on_one_machine(name), "values": values} for name, values in (HEALTHY | dict(series)).items()],
        "promql_expr_test": [
            {
                "expr": question,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(fires)],
            }
            for minute, fires in then.items()
        ],
    }


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    tests = [story(*one) | {"name": name} for name, one in STORIES.items()]
    verdict = told(tmp_path, tests)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def told(folder: Path, tests: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    file = folder / "stories.yml"
    whole = {"rule_files": [str(shipped_file(folder))], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(whole), encoding="utf-8")
    return promtool("test", "rules", str(file))


@needs_promtool
def test_an_alert_speaks_plainly(tmp_path: Path) -> None:
    disk = {
        "eval_time": "11m",
        "alertname": "SwarmDiskFilling",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "warning", "instance": "here"},
                "exp_annotations": {
                    "summary": "The disk of here is 93% full.",
                    "description": "`swarm gc` removes what old runs left.",
                },
            }
        ],
    }
    verdict = told(tmp_path, [story({"swarm_system_disk_percent": "93.2x60"}, {}) | {"alert_rule_test": [disk]}])
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
