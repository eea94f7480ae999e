"""What people read: texts of real documents, and that nothing a plan or command says can steer a terminal."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from swarm.cli import show
from swarm.cli.terminal import block, cell, clip, colourful, encodes, in_ascii, interactive, plain, shorten, width, write
from swarm.engine.events import (
    AttemptRefused,
    AttemptStarted,
    Entry,
    Event,
    Landed,
    Landing,
    Measured,
    PhaseOpened,
    RunEnded,
    RunPaused,
    RunStarted,
    SchedulerStarted,
)
from swarm.engine.state import State, fold
from swarm.engine.views import explain_view, gaps_view, handoff_views, phase_views, run_view, status_view
from swarm.plans.found import Found
from swarm.plans.graph import compile_plan
from swarm.plans.load import parse_plan
from swarm.signatures.evidence import Evidence, Refused, Verdict
from swarm.signatures.handoff import Handoff

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = "a\x1b[31mb\x9b2Jc\u202edc\u200b\r\n\x07"
PLAN = """
plan: voices
goal: Speak.
workspace: {path: workspace}
gaps:
  silent: {files: "*.py", lacking: say}
categories:
  speech:
    title: Voice
    priority: 1
    objective: Speak.
    lead: code-analyzer
    success: [{run: make check}]
    tasks:
      voice: {phase: base, goal: g, writes: [v.py], done_when: [{run: make v}]}
      count: {phase: base, goal: g, writes: [c.py], done_when: [{run: make c}]}
      tune: {phase: base, goal: g, needs: [count], writes: [t.py], done_when: [{run: make t}]}
      adopt: {phase: spread, goal: g, for_each: silent, needs: [voice], writes: ["{path}"]}
      check: {phase: review, goal: g, needs: [tune], keep: [{run: make}]}
phases:
  - base: {}
  - spread:
      gate: [{phase: base, done: 33%, must: [speech.voice]}]
  - review:
      gate:
        - {phase: base, done: 100%}
        - {phase: spread, done: 100%}
        - {run: make check}
        - {approval: lead}
"""
GAPS = (Found(gap="silent", path="a.py", lines="3,7-9"), Found(gap="silent", path="b.py"))


def started() -> RunStarted:
    return RunStarted(
        run="voices-1",
        plan="voices",
        plan_file="plan.yaml",
        plan_text=PLAN,
        files={},
        workspace="workspace",
        base="b" * 40,
        base_tree="b" * 40,
        parallel=2,
        sandbox="none",
        gaps=GAPS,
    )


def entries(*events: Event) -> list[Entry]:
    """The events, two seconds apart."""
    return [Entry(seq=n, at=START + timedelta(seconds=2 * (n - 1)), event=event) for n, event in enumerate(events, 1)]


def begin(task: str, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(task=task, attempt=attempt, agent="code-analyzer", base="b" * 40, sandbox="none")


def land(task: str, payload: dict[str, Any] | None = None) -> Iterator[Event]:
    evidence = Evidence(key="k", check="run: make v", kind="done_when", before=False, after=True)
    handoff = Handoff(
        task=task,
        contract="Spoken" if payload else None,
        payload=payload or {},
        evidence=(evidence,),
        base_tree="1" * 40,
        result_tree="2" * 40,
        inputs=(),
        definition="d",
    )
    verdict = Verdict(key="k", check="run: make v", tree="2" * 40, green=True)
    yield Landing(
        task=task, attempt=1, handoff=handoff, old="b" * 40, new="c0ffee" + "0" * 34, new_tree="2" * 40, landed=(verdict,), seconds=1.5
    )
    yield Landed(task=task, commit="c0ffee" + "0" * 34)


def refuse(task: str, attempt: int, text: str, *, last: bool = False) -> AttemptRefused:
    return AttemptRefused(task=task, attempt=attempt, last=last, refused=Refused(attempt=attempt, kind="checks", text=text), seconds=0.5)


STORY: tuple[Event, ...] = (
    started(),
    SchedulerStarted(fence=1, pid=7, sandbox="none"),
    PhaseOpened(phase="base", gate=(), debt=()),
    begin("speech.voice"),
    begin("speech.count"),
    *land("speech.voice", {"files": ["v.py"]}),
    PhaseOpened(
        phase="spread",
        gate=(Measured(condition="phase: base done 33% and speech.voice", value=1 / 3, threshold=0.33, met=True),),
        debt=("speech.count", "speech.tune"),
    ),
    begin("speech.adopt[a.py]"),
    refuse("speech.count", 1, "run: make c is not green:\nexpected 3"),
    begin("speech.count", 2),
    refuse("speech.count", 2, "run: make c is not green:\nexpected 3", last=True),
)


def state_after(*events: Event) -> State:
    return fold(compile_plan(parse_plan(PLAN, "plan.yaml"), GAPS), entries(*events))


def status_after(*events: Event, live: bool = False) -> dict[str, Any]:
    return status_view(state_after(*events), live, START + timedelta(seconds=2 * len(events)))


def ended() -> RunEnded:
    return RunEnded(state="incomplete", gaps=GAPS, success=(Verdict(key="k", check="run: make check", tree="t", green=False),))


# Terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("ze\u200bro\ufeff", "ze\\u200bro\\ufeff"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("x\ufe0f\u3164", "x\\ufe0f\\u3164"),
        ("Grüße, 世界 – ok", "Grüße, 世界 – ok"),
    ],
)
def test_what_steers_hides_or_reorders_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_block_is_safe_line_by_line_and_keeps_the_end() -> None:
    assert block("one\ttab\r\n\x1bc\n", 2) == ["  one     tab", "  \\x1bc"]
    assert block("1\n2\n3\n4", 1, last=2) == [" … 2 lines before", " 3", " 4"]


def test_long_text_is_cut_in_the_middle_to_columns_not_characters() -> None:
    assert shorten("abcdefghij", 7) == "abc…hij"
    assert width(shorten("世界世界世界", 6)) <= 6
    assert [shorten("abc", n) for n in (0, 1, 2, 3)] == ["", "…", "a…", "abc"]
    assert cell("世界", 5) == "世界 "
    assert clip("abcdef", 4) == "abc…"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_dumb_terminal_is_not_interactive_and_no_color_only_takes_the_colour() -> None:
    stream = Terminal()
    assert interactive(stream, {"TERM": "xterm"})
    assert not interactive(stream, {"TERM": "dumb"})
    assert not interactive(io.StringIO(), {"TERM": "xterm"})
    assert interactive(stream, {"TERM": "xterm", "NO_COLOR": "1"})
    assert not colourful(stream, {"TERM": "xterm", "NO_COLOR": "1"})


def test_a_closed_stream_is_nobody() -> None:
    stream = io.StringIO()
    stream.close()
    assert not interactive(stream, {})


def test_a_stream_that_cannot_say_it_gets_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    assert not encodes(stream)
    write(stream, ["█░┃ → ✓ é"])
    assert raw.getvalue() == b"#.| > + \\xe9\n"


def test_ascii_takes_as_many_columns_as_the_drawing() -> None:
    drawn = "█░┃…✓✗·–→"
    assert in_ascii(drawn).isascii()
    assert len(in_ascii(drawn)) == len(drawn)


# Phases


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, "░░░░░░░░░░"), (1 / 3, "███░░░░░░░"), (0.999, "█████████░"), (1, "██████████")],
)
def test_a_bar_is_full_only_when_nothing_is_missing(share: float, drawn: str) -> None:
    assert show.bar(share, columns=10) == drawn


def test_marks_stand_where_the_filling_reaches_them() -> None:
    assert show.bar(0.5, (0.8, 1.0), columns=10) == "█████░░┃░┃"
    assert show.bar(0.8, (0.8,), columns=10) == "███████┃░░"
    assert show.bar(0, (0.01,), columns=10) == "┃░░░░░░░░░"


def test_a_percentage_is_never_rounded_up() -> None:
    assert [show.percent(share) for share in (0, 0.29, 0.9999, 1)] == ["0%", "29%", "99%", "100%"]


def test_phases_show_bars_gates_and_debt() -> None:
    assert show.phases(phase_views(state_after(*STORY))) == [
        "base     █████████┃░░░░░░░░░░░░░░░░░░░┃   33%   1 of 3   open",
        "         debt  speech.count, speech.tune",
        "spread   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░┃    0%   0 of 2   open",
        "         gate  phase: base done 33% and speech.voice  33% of 33%   met",
        "review   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    0%   0 of 1   waiting",
        "         gate  phase: base done 100%                  33% of 100%  not met",
        "         gate  phase: spread done 100%                0% of 100%   not met",
        "         gate  run: make check                        –            not measured",
        "         gate  approval: lead                         –            not met",
    ]


def test_planned_days_stand_beside_the_time_that_a_phase_took() -> None:
    paces = {"base": ("1-2", 75.0), "spread": (None, 3.0), "review": ("4", None)}
    lines = show.phases(phase_views(state_after(*STORY)), paces=paces)
    assert [line for line in lines if "days" in line] == ["         days  planned 1-2, took 1m15s", "         days  planned 4"]
    assert "  days  planned 1-2, took 1m15s" in show.status(status_after(*STORY), paces=paces)


def test_phases_have_an_ascii_form() -> None:
    lines = show.phases(phase_views(state_after(*STORY)), ascii=True)
    assert lines[0] == "base     #########|...................|   33%   1 of 3   open"
    assert all(line.isascii() for line in lines)


def test_many_debts_go_over_several_lines() -> None:
    phase = {"id": "p", "state": "open", "done": 0, "tasks": 40, "verified": 0, "gate": [], "debt": [f"speech.task-{n}" for n in range(40)]}
    lines = show.phases([phase])
    assert len(lines) > 3
    assert max(map(len, lines)) <= 100
    assert sum(line.count("speech.task-") for line in lines) == 40


# A run


def test_status_of_a_running_run() -> None:
    assert show.status(status_after(*STORY, live=True)) == [
        "voices-1  running for 24.0 s, plan voices, started 2026-01-02 03:04:05 UTC",
        "",
        "base     █████████┃░░░░░░░░░░░░░░░░░░░┃   33%   1 of 3   open",
        "  verified   speech.voice          1.5 s  c0ffee0",
        "  failed     speech.count          0.5 s           2 attempts",
        "             run: make c is not green:",
        "  blocked    speech.tune",
        "",
        "spread   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░┃    0%   0 of 2   open",
        "  running    speech.adopt[a.py]    8.0 s",
        "  ready      speech.adopt[b.py]",
        "",
        "review   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    0%   0 of 1   waiting",
        "  blocked    speech.check",
        "",
        "gaps     0 of 2 closed, 2 left",
        "           silent  a.py  lines 3,7-9",
        "           silent  b.py",
        "success  · run: make check",
    ]


def test_status_lists_forty_tasks_and_counts_the_rest() -> None:
    document = status_after(*STORY)
    task = document["tasks"][0]
    document["tasks"] += [{**task, "id": f"speech.more-{n}"} for n in range(60)]
    short, whole = show.status(document), show.status(document, every=True)
    assert "  … 26 more: 26 verified" in short
    assert sum(line.startswith("  verified") for line in short) == 35
    assert sum(line.startswith("  verified") for line in whole) == 61
    assert any("speech.count" in line for line in short)


def test_an_incomplete_run_is_explained_retried_and_resumed() -> None:
    assert show.next_steps(status_after(*STORY, ended())) == [
        "swarm explain voices-1 speech.count  says why",
        "swarm retry voices-1 speech.count    gives it its attempts back",
        "swarm resume voices-1                goes on then, with the plan as it was",
        "swarm diff voices-1                  shows what landed",
        "swarm promote voices-1 --incomplete  keeps it; then execute a mended plan, which finds that work done",
    ]


def test_a_complete_run_is_promoted() -> None:
    document = status_after(*STORY[:4], *land("speech.voice"), RunEnded(state="complete"))
    assert show.next_steps(document) == [
        "swarm diff voices-1     shows the change",
        "swarm promote voices-1  writes it into the folder",
    ]


def test_a_paused_run_waits_for_its_approval() -> None:
    document = status_after(*STORY, RunPaused(reason="approval", missing=False))
    assert show.next_steps(document) == ["swarm approve voices-1 review  approval: lead", "swarm resume voices-1          goes on"]


def test_nothing_is_to_be_done_about_a_running_or_empty_cancelled_run() -> None:
    assert show.next_steps(status_after(*STORY, live=True)) == []
    assert show.next_steps(status_after(*STORY[:3], RunEnded(state="cancelled"))) == []


def test_a_task_name_in_a_command_is_quoted_for_the_shell() -> None:
    document = status_after(*STORY[:4], *land("speech.voice"), *STORY[7:9], refuse("speech.adopt[a.py]", 1, "no", last=True), ended())
    assert show.next_steps(document)[0].startswith("swarm explain voices-1 'speech.adopt[a.py]'")


def test_gaps_are_counted_and_listed() -> None:
    assert show.gaps(gaps_view(state_after(*STORY))) == ["0 of 2 closed, 2 left", "  silent  a.py  lines 3,7-9", "  silent  b.py"]


def test_runs_are_aligned() -> None:
    row = run_view(state_after(*STORY, ended()), False, START)
    assert show.runs([row, {**row, "run": "v", "seconds": 3725.0}]) == [
        "run       plan    state       started              took",
        "voices-1  voices  incomplete  2026-01-02 03:04:05  24.0 s",
        "v         voices  incomplete  2026-01-02 03:04:05  1h02m",
    ]
    assert show.runs([]) == ["there is no run yet"]


def test_explain_gives_each_reason_with_its_output() -> None:
    assert show.explain(explain_view(state_after(*STORY), "speech.count")) == [
        "speech.count  failed",
        "  - all 2 attempts were refused; `swarm retry voices-1 speech.count` gives them back",
        "  - attempts 1, 2: run: make c is not green:",
        "    expected 3",
    ]


def test_explain_of_a_ready_task_says_that_only_room_is_missing() -> None:
    assert show.explain(explain_view(state_after(*STORY), "speech.adopt[b.py]"))[1:] == [
        "  - nothing but room is missing: it starts when an attempt ends"
    ]


# What passed


def test_handoffs_and_one_of_them() -> None:
    (document,) = handoff_views(state_after(*STORY), entries(*STORY))
    assert show.handoffs([document]) == [
        "id            task          contract  agent          red to green",
        f"{document['id'][:12]}  speech.voice  Spoken    code-analyzer  1 of 1",
    ]
    assert show.handoff(document) == [
        f"id       {document['id']}",
        "task     speech.voice, attempt 1 of code-analyzer",
        "contract Spoken",
        "commit   bbbbbbbbbbbb → c0ffee000000",
        "made     2026-01-02 03:04:17 UTC in 1.5 s",
        "checks   before → after → landed",
        "  ✗ → ✓ → ✓   run: make v",
        "payload",
        "  {",
        '    "files": [',
        '      "v.py"',
        "    ]",
        "  }",
    ]


def test_the_log_says_one_sentence_per_event() -> None:
    assert [show.log_line(entry) for entry in entries(*STORY)] == [
        "     1  2026-01-02 03:04:05  run begun: plan voices, 2 gaps found, 2 attempts at once",
        "     2  2026-01-02 03:04:07  scheduler 7 took the run (fence 1, sandbox none)",
        "     3  2026-01-02 03:04:09  phase base opened",
        "     4  2026-01-02 03:04:11  speech.voice  attempt 1 started",
        "     5  2026-01-02 03:04:13  speech.count  attempt 1 started",
        "     6  2026-01-02 03:04:15  speech.voice  attempt 1 judged, landing",
        "     7  2026-01-02 03:04:17  speech.voice  landed c0ffee0",
        "     8  2026-01-02 03:04:19  phase spread opened (phase: base done 33% and speech.voice: 33%), owin…",
        "     9  2026-01-02 03:04:21  speech.adopt[a.py]  attempt 1 started",
        "    10  2026-01-02 03:04:23  speech.count  attempt 1 refused: run: make c is not green:",
        "    11  2026-01-02 03:04:25  speech.count  attempt 2 started",
        "    12  2026-01-02 03:04:27  speech.count  attempt 2 refused, the last: run: make c is not green:",
    ]


# Verdicts


def test_validation_ends_with_what_the_proof_comes_to() -> None:
    document = {"ok": True, "problems": [], "tasks": 8, "gaps": {"found": 7, "covered": 7}, "critical_path": ["a.b", "a.c"]}
    assert show.validation(document, "") == [
        "the plan holds: no problems, 8 tasks, 7 of 7 gaps covered",
        "critical path  a.b → a.c",
    ]
    problem = {"severity": "error"}
    refused = {**document, "ok": False, "problems": [problem, problem, {"severity": "warning"}], "critical_path": []}
    assert show.validation(refused, "p:1:1: error: bad [cycle]\n    x") == [
        "p:1:1: error: bad [cycle]",
        "    x",
        "the plan is refused: 2 errors, 1 warning",
    ]


def test_a_replay_shows_every_difference() -> None:
    same = {"task": "a.b", "id": "1", "same": True, "differences": [], "patch_same": True, "calls": 0, "usd": 0.0}
    difference = {"field": "files", "recorded": ["a"], "replayed": None}
    other = {**same, "task": "a.c", "same": False, "differences": [difference], "patch_same": False, "calls": 1, "usd": 0.5}
    assert show.replay({"run": "r", "handoffs": [same, other]}) == [
        "✓ a.b  the same",
        "✗ a.c  different, another patch",
        "    files",
        '      recorded  ["a"]',
        "      replayed  null",
        "2 handoffs performed again: 1 the same, 1 different; 1 model call, $0.50",
    ]


# Hostile


def hostile(value: Any) -> Any:
    """The document with every free text made hostile."""
    if isinstance(value, str) and value not in _FIXED and not value.startswith("2026-"):
        return value + HOSTILE
    if isinstance(value, dict):
        return {key: item if key in ("at", "started_at", "ended_at") else hostile(item) for key, item in value.items()}
    return [hostile(item) for item in value] if isinstance(value, list) else value


_FIXED = {"waiting", "open", "done", "failed", "verified", "blocked", "running", "ready", "incomplete", "interrupted", "error"}


def test_no_document_can_steer_the_terminal() -> None:
    story = (*STORY, ended())
    document = hostile(status_after(*story))
    shown = [
        *show.status(document),
        *show.phases(document["phases"]),
        *show.gaps(document["gaps"]),
        *show.runs([hostile(run_view(state_after(*story), False, START))]),
        *show.explain(hostile(explain_view(state_after(*story), "speech.count"))),
        *show.handoffs(hostile(handoff_views(state_after(*story), entries(*story)))),
        *show.handoff(hostile(handoff_views(state_after(*story), entries(*story)))[0]),
        *(
            show.log_line(entry)
            for entry in entries(begin("x" + HOSTILE), refuse("x" + HOSTILE, 1, HOSTILE), RunPaused(reason=HOSTILE, missing=True))
        ),
        *show.validation({"ok": True, "problems": [], "tasks": 1, "gaps": {"found": 0, "covered": 0}, "critical_path": [HOSTILE]}, HOSTILE),
        *show.replay(
            hostile(
                {
                    "run": "r",
                    "handoffs": [
                        {
                            "task": "t",
                            "id": "i",
                            "same": False,
                            "differences": [{"field": "f", "recorded": "a", "replayed": {"k": "b"}}],
                            "patch_same": True,
                            "calls": 0,
                            "usd": 0,
                        }
                    ],
                }
            )
        ),
    ]
    assert [line for line in shown if plain(line) != line] == []
