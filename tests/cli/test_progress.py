"""A run as it happens: plain lines for pipes, a picture for terminals, and neither ever in the way of the run."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import enumerate as threads

import pytest

from swarm.cli.live import LiveProgress, _Tally, progress_for
from swarm.cli.progress import PlainProgress, duration, sentence
from swarm.cli.terminal import plain, width
from swarm.engine.events import (
    ApprovalGiven,
    AttemptCutOff,
    AttemptRefused,
    AttemptStarted,
    Entry,
    Event,
    GateMeasured,
    Landed,
    Landing,
    Measured,
    PhaseOpened,
    Promoted,
    PromotionUndone,
    RolledBack,
    RollingBack,
    RunEnded,
    RunPaused,
    RunStarted,
    SchedulerStarted,
    TaskRetried,
    TaskSatisfied,
)
from swarm.engine.schedule import blocked
from swarm.engine.state import State
from swarm.engine.views import open_gaps, phase_views
from swarm.plans.found import Found
from swarm.plans.graph import compile_plan
from swarm.plans.load import parse_plan
from swarm.signatures.evidence import Refused
from swarm.signatures.handoff import Handoff

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
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
    tasks:
      voice: {phase: base, goal: g, weight: 2, writes: [v.py], done_when: [{run: make v}]}
      count: {phase: base, goal: g, writes: [c.py], done_when: [{run: make c}]}
      tune: {phase: base, goal: g, needs: [count], writes: [t.py], done_when: [{run: make t}]}
      adopt: {phase: spread, goal: g, for_each: silent, needs: [voice], writes: ["{path}"]}
phases:
  - base: {}
  - spread:
      gate: [{phase: base, done: 50%}]
"""
GAPS = (Found(gap="silent", path="a.py"), Found(gap="silent", path="b.py"))
BASE = "b" * 40


@dataclass
class StillClock:
    """Stands still at five seconds after the start."""

    seconds: float = 5.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


def begun() -> State:
    """A state whose run has begun."""
    state = State(compile_plan(parse_plan(PLAN, "plan.yaml"), GAPS))
    begin = RunStarted(
        run="voices-1",
        plan="voices",
        plan_file="plan.yaml",
        plan_text=PLAN,
        files={},
        workspace="workspace",
        base=BASE,
        base_tree=BASE,
        parallel=2,
        sandbox="none",
        gaps=GAPS,
    )
    state.apply(Entry(seq=1, at=START, event=begin))
    return state


def told(state: State, *events: Event) -> Iterator[Entry]:
    """The entries, each folded into the state before it is given out, as the runner does."""
    for event in events:
        entry = Entry(seq=state.seq + 1, at=START + timedelta(seconds=state.seq), event=event)
        state.apply(entry)
        yield entry


def start(task: str, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(task=task, attempt=attempt, agent="code-analyzer", base=BASE, sandbox="none")


def refuse(task: str, text: str, *, attempt: int = 1, last: bool = False) -> AttemptRefused:
    return AttemptRefused(task=task, attempt=attempt, last=last, refused=Refused(attempt=attempt, kind="checks", text=text), seconds=1.0)


def handoff(task: str) -> Handoff:
    return Handoff(task=task, contract=None, payload={}, evidence=(), base_tree="1", result_tree="2", inputs=(), definition="d")


def landing(task: str) -> tuple[Event, Event]:
    commit = "c0ffee" + "0" * 34
    return (
        Landing(task=task, attempt=1, handoff=handoff(task), old=BASE, new=commit, new_tree="2", landed=(), seconds=1.0),
        Landed(task=task, commit=commit),
    )


OPENED = PhaseOpened(phase="base", gate=(), debt=())
GATE = (Measured(condition="phase: base done 50%", value=0.5, threshold=0.5, met=True),)
STORY: tuple[Event, ...] = (
    SchedulerStarted(fence=1, pid=7, sandbox="none"),
    OPENED,
    start("speech.voice"),
    start("speech.count"),
    *landing("speech.voice"),
    PhaseOpened(phase="spread", gate=GATE, debt=("speech.count",)),
    refuse("speech.count", "make c is not green:\n" + "\n".join(f"line {n}" for n in range(12))),
    start("speech.count", 2),
    refuse("speech.count", "no \x1b[31mred\x1b[0m", attempt=2, last=True),
    start("speech.adopt[a.py]"),
    AttemptCutOff(task="speech.adopt[a.py]", attempt=1, reason="git is missing\nsay"),
    RunEnded(state="stalled", reasons=("failed: speech.count",), gaps=GAPS),
)


def test_plain_progress_is_one_line_per_event_with_the_evidence_below() -> None:
    stream, state = io.StringIO(), begun()
    with PlainProgress(stream, StillClock()) as progress:
        tell = progress.following(state)
        for entry in told(state, *STORY):
            tell(entry)
    assert stream.getvalue().splitlines() == [
        "03:04:06 scheduler 7 took the run (fence 1, sandbox none)",
        "03:04:07 phase base opened",
        "03:04:08 speech.voice  attempt 1 started",
        "03:04:09 speech.count  attempt 1 started",
        "03:04:10 speech.voice  attempt 1 judged, landing",
        "03:04:11 speech.voice  landed c0ffee0",
        "03:04:12 phase spread opened (phase: base done 50%: 50%), owing speech.count",
        "03:04:13 speech.count  attempt 1 refused: make c is not green:",
        "    … 2 lines before",
        *(f"    line {n}" for n in range(2, 12)),
        "03:04:14 speech.count  attempt 2 started",
        "03:04:15 speech.count  attempt 2 refused, the last: no \\x1b[31mred\\x1b[0m",
        "03:04:16 speech.adopt[a.py]  attempt 1 started",
        "03:04:17 speech.adopt[a.py]  attempt 1 cut off: git is missing",
        "03:04:18 run stalled in 13.0 s",
        "    failed: speech.count",
    ]


def test_a_remark_has_its_time_and_no_escape() -> None:
    stream = io.StringIO()
    PlainProgress(stream, StillClock()).say("no sandbox\n\x1bc")
    assert stream.getvalue() == "03:04:10 no sandbox\n    \\x1bc\n"


def test_a_line_is_bounded_whatever_a_command_printed() -> None:
    stream, state = io.StringIO(), begun()
    tell = PlainProgress(stream, StillClock()).following(state)
    for entry in told(state, OPENED, start("speech.voice"), refuse("speech.voice", "x" * 5000 + "\n" + "y" * 5000)):
        tell(entry)
    assert max(map(len, stream.getvalue().splitlines())) == 300


class Gone(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_left_does_not_stop_the_run() -> None:
    state = begun()
    progress = PlainProgress(Gone(), StillClock())
    tell = progress.following(state)
    for entry in told(state, *STORY):
        tell(entry)
    progress.say("still here")


EVENTS: tuple[tuple[Event, str], ...] = (
    (
        GateMeasured(phase="p", head="a" * 40, conditions={"1": Measured(condition="run: make", value=None, threshold=None, met=False)}),
        "gate of phase p measured at aaaaaaa (run: make: not met)",
    ),
    (ApprovalGiven(phase="p", who="lead"), "phase p approved by lead"),
    (TaskSatisfied(task="a.b", attempt=1, handoff=handoff("a.b"), seconds=1.0), "a.b  satisfied: it was done before it began"),
    (TaskRetried(task="a.b"), "a.b  given its attempts back"),
    (RollingBack(what="phase:p", tasks=tuple("abcdefg"), old=BASE, new=BASE), "rolling back phase:p: a, b, c, d, e and 2 more"),
    (RolledBack(what="a.b", tasks=("a.b",), head=BASE), "rolled back a.b: a.b; the head is bbbbbbb"),
    (Promoted(what="folder", head=BASE, paths=1), "promoted bbbbbbb to folder: 1 path"),
    (PromotionUndone(paths=2), "promotion undone: 2 paths put back"),
    (RunPaused(reason="no model\ninstall one", missing=True), "run paused: no model"),
    (RunEnded(state="incomplete", reasons=("a", "b")), "run incomplete: a; b"),
)


@pytest.mark.parametrize(("event", "said"), EVENTS, ids=[event.kind for event, _ in EVENTS])
def test_every_event_is_a_sentence(event: Event, said: str) -> None:
    assert sentence(event) == said


def test_durations_read_like_durations() -> None:
    assert [duration(s) for s in (-1, 0, 5.64, 125, 3725)] == ["0.0 s", "0.0 s", "5.6 s", "2m05s", "1h02m"]


# Live


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "70"), ("LINES", "30")):
        monkeypatch.setenv(name, value)
    return Terminal()


def test_only_a_capable_terminal_gets_the_live_display(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress_for(terminal, StillClock()), LiveProgress)
    assert isinstance(progress_for(io.StringIO(), StillClock()), PlainProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_for(terminal, StillClock()), PlainProgress)


def test_off_a_terminal_no_escape_is_written() -> None:
    stream, state = io.StringIO(), begun()
    with progress_for(stream, StillClock()) as progress:
        tell = progress.following(state)
        for entry in told(state, *STORY):
            tell(entry)
        progress.say("\x1b]0;title\x07")
    assert [line for line in stream.getvalue().splitlines() if plain(line) != line] == []


def pictured(state: State, *events: Event, columns: int = 80) -> list[str]:
    tally = _Tally(state, StillClock())
    for entry in told(state, *events):
        tally.take(entry)
    return [text for text, _ in tally.picture(StillClock(8.0), columns)]


def test_the_picture_shows_bars_marks_counts_and_running_tasks() -> None:
    assert pictured(begun(), *STORY[:8], start("speech.count", 2)) == [
        "voices-1  voices  running  8.0 s",
        "base     ██████████████┃░░░░░░░░░░░░░░░   50%   1 of 3   open",
        "spread   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    0%   0 of 2   open",
        "verified 1   failed 0   blocked 0   waiting 3   gaps left 2 of 2",
        "  speech.count  attempt 2   3.0 s",
        "03:04:13 speech.count  attempt 1 refused: make c is not green:",
    ]


def test_the_last_picture_says_how_the_run_ended() -> None:
    assert pictured(begun(), *STORY)[-5:] == [
        "verified 1   failed 1   blocked 1   waiting 2   gaps left 2 of 2",
        "03:04:13 speech.count  attempt 1 refused: make c is not green:",
        "03:04:15 speech.count  attempt 2 refused, the last: no \\x1b[31mred\\x1b[0m",
        "03:04:17 speech.adopt[a.py]  attempt 1 cut off: git is missing",
        "  failed: speech.count",
    ]


@pytest.mark.parametrize("columns", [100, 60, 40, 20])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    for upto in range(1, len(STORY) + 1):
        assert max(map(width, pictured(begun(), *STORY[:upto], columns=columns))) <= columns


def test_counting_along_comes_to_the_same_as_asking_the_state() -> None:
    rolled = RolledBack(what="speech.voice", tasks=("speech.voice",), head=BASE)
    events = (*STORY[:-1], TaskRetried(task="speech.count"), start("speech.adopt[b.py]"), *landing("speech.adopt[b.py]"), rolled)
    state = begun()
    tally = _Tally(state, StillClock())
    for entry in told(state, *events):
        tally.take(entry)
        assert tally.blocked == blocked(state)
        assert tally.gaps == set(open_gaps(state))
        assert tally.finished == {name for name in state.tasks if state.finished(name)}
        assert set(tally.flights) == state.running | state.landing
        for counted, asked in zip(tally.phases.values(), phase_views(state), strict=True):
            assert {key: counted[key] for key in ("done", "state", "verified")} == {
                key: asked[key] for key in ("done", "state", "verified")
            }


def test_the_display_is_stopped_and_the_cursor_shown_when_the_run_raises(terminal: Terminal) -> None:
    state, before = begun(), set(threads())

    def run() -> None:
        with progress_for(terminal, StillClock()) as progress:
            tell = progress.following(state)
            for entry in told(state, *STORY[:4]):
                tell(entry)
            progress.say("a remark \x1b[5m")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    written = terminal.getvalue()
    for drawing in set(threads()) - before:
        drawing.join(5)
    assert set(threads()) == before
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert "a remark \\x1b[5m" in written
    assert "interrupted" in written[written.rindex("voices-1") :]


def test_the_display_takes_whatever_it_is_told(terminal: Terminal) -> None:
    with LiveProgress(terminal, StillClock()) as progress:
        tell = progress.following(begun())
        tell(Entry(seq=9, at=START, event=Landed(task="no.such", commit="x")))


def test_a_display_that_never_began_leaves_nothing(terminal: Terminal) -> None:
    with progress_for(terminal, StillClock()):
        pass
    assert terminal.getvalue() == ""
