"""Logs: whole lines with the right ids from any thread, no secret on any sink, and nothing that reaches the caller."""

import asyncio
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics import logs
from swarm.analytics.logs import (
    COMPONENTS,
    LINE_BYTES,
    Ids,
    Line,
    Logs,
    Redactor,
    Sink,
    bound,
    carry,
    current,
    environment,
    json_line,
    levels_from,
    secrets_of,
    terminal_line,
)
from swarm.errors import UsageError

AGENTS = logging.getLogger("swarm.agents.lm.engine")
JOURNAL = logging.getLogger("swarm.journal.sqlite")
KEY = "sk-proj-abcdefghijklmnop0123456789"


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@contextmanager
def logging_to(**options: Any) -> Iterator[io.StringIO]:
    """A log of everything as JSON in memory."""
    stream = io.StringIO()
    with Logs([Sink("memory", stream)], **{"levels": {"": logging.DEBUG}, **options}):
        yield stream


# ---- lines


def test_a_line_is_one_object_with_time_level_component_message_and_ids() -> None:
    with logging_to() as stream, bound(run="r1", task="docs.readme", attempt=2, agent="writer", correlation="c-7"):
        AGENTS.info("asked %s for %d tokens", "a model", 12, extra={"fields": {"seconds": 1.5}})
    (line,) = logged(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "component": "agents.lm.engine",
        "message": "asked a model for 12 tokens",
        "run": "r1",
        "task": "docs.readme",
        "attempt": 2,
        "agent": "writer",
        "correlation_id": "c-7",
        "fields": {"seconds": 1.5},
    }


def test_ids_that_are_not_known_are_null_and_not_absent() -> None:
    with logging_to() as stream:
        AGENTS.info("hello")
    assert {name: logged(stream)[0][name] for name in ("run", "task", "attempt", "agent", "correlation_id")} == {
        "run": None,
        "task": None,
        "attempt": None,
        "agent": None,
        "correlation_id": None,
    }


def test_an_exception_is_in_its_line() -> None:
    with logging_to() as stream:
        try:
            raise OSError("disk is full")
        except OSError:
            JOURNAL.exception("append failed")
    (line,) = logged(stream)
    assert line["exception"].endswith("OSError: disk is full\n")


IDS = st.builds(Ids, *[st.none() | st.text()] * 2, st.none() | st.integers(0, 10**6), *[st.none() | st.text()] * 2)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
LINES = st.builds(
    Line,
    st.floats(0, 4e9),
    st.sampled_from(["debug", "warning"]),
    st.text(),
    st.text(st.characters()),
    IDS,
    st.lists(st.tuples(st.text(), SCALARS), max_size=20).map(tuple),
    st.text(st.characters()),
)


@given(LINES)
def test_any_line_is_one_bounded_line_of_ascii_json(line: Line) -> None:
    text = json_line(line)
    assert text.isascii()
    assert len(text.splitlines()) == 1
    assert len(text.encode()) < LINE_BYTES
    assert json.loads(text)["level"] == line.level


@pytest.mark.parametrize("filling", ["x", "\0", "\n", "é", "\U0001f600", "\ud800", '"'])
def test_a_line_whose_every_part_is_overfull_keeps_its_bound(filling: str) -> None:
    full = filling * 100_000
    line = Line(4e9, "critical", full, full, Ids(full, full, 2**62, full, full), tuple((str(n) + full, full) for n in range(99)), full)
    text = json_line(line)
    assert LINE_BYTES * 0.6 < len(text) < LINE_BYTES
    assert json.loads(text)["message"].endswith("[cut]")
    assert len(terminal_line(line)) < 2 * LINE_BYTES


@given(LINES)
def test_a_terminal_gets_no_control_characters_and_no_line_that_looks_like_another(line: Line) -> None:
    first, *rest = terminal_line(line).split("\n")
    assert first.isprintable()
    assert all(further.startswith("    ") and further.isprintable() for further in rest)


def test_lines_for_people_are_readable() -> None:
    line = Line(0.0, "warning", "agents.lm", "slow\x1b[2J\u202e\nforged", Ids("r1", "docs.readme", 2, "writer"), (("seconds", 1.5),))
    assert terminal_line(line) == ("00:00:00 warning  agents.lm: slow\\x1b[2J\\u202e\n    forged seconds=1.5 [r1 docs.readme#2 writer]")


@pytest.mark.parametrize("value", [10**5000, -(10**5000), float("nan"), float("inf"), object(), b"bytes", Path("a"), [1, {2: 3}]], ids=type)
def test_a_field_of_any_kind_is_written(value: object) -> None:
    with logging_to() as stream:
        AGENTS.info("odd", extra={"fields": {"value": value}})
        AGENTS.info("next")
    assert [line["message"] for line in logged(stream)] == ["odd", "next"]
    assert isinstance(logged(stream)[0]["fields"]["value"], str)


# ---- levels


def test_each_component_has_its_own_level_and_the_rest_the_common_one() -> None:
    with logging_to(levels=levels_from("agents=debug, journal=ERROR,info")) as stream:
        AGENTS.debug("a")
        JOURNAL.warning("b")
        JOURNAL.error("c")
        logging.getLogger("swarm.runner.loop").debug("d")
        logging.getLogger("swarm.runner.loop").info("e")
    assert [line["message"] for line in logged(stream)] == ["a", "c", "e"]


def test_without_levels_warnings_are_logged_and_part_of_a_component_can_have_a_level() -> None:
    with logging_to(levels=levels_from("agents.lm=debug")) as stream:
        AGENTS.debug("a")
        logging.getLogger("swarm.agents.mcp").info("b")
        logging.getLogger("swarm.agents.mcp").warning("c")
    assert [line["message"] for line in logged(stream)] == ["a", "c"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("agents=loud", "'loud' is no level (debug, info, warning, error, critical)"),
        ("agents=debug,jurnal=info", "'jurnal' is no component"),
        ("agents", "'agents' is no level"),
        ("", "'' is no level"),
        ("agents=debug,", "'' is no level"),
        ("=debug", "'' is no component"),
        ("agents=debug,agents=info", "agents is named twice"),
        ("debug,info", "the level of all others is named twice"),
        ("agents=notset", "'notset' is no level"),
        ("agents\n=debug=debug", "is no component"),
        ("x" * 5000, "is no level"),
    ],
)
def test_a_wrong_level_is_one_clear_message(text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        levels_from(text)
    message = str(raised.value)
    assert complaint in message
    assert "write levels like agents=debug,journal=warning" in message
    assert "\n" not in message
    assert len(message) < 600


def test_every_part_of_the_program_is_a_component() -> None:
    package = Path(logs.__file__).parents[1]
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__", "__main__", "__pycache__"} <= set(COMPONENTS)


def test_what_was_set_before_is_put_back() -> None:
    root, agents = logging.getLogger("swarm"), logging.getLogger("swarm.agents")
    before = (root.level, root.propagate, list(root.handlers), agents.level)
    with suppress(KeyError), logging_to(levels={"agents": logging.DEBUG}):
        assert agents.level == logging.DEBUG
        raise KeyError
    assert (root.level, root.propagate, list(root.handlers), agents.level) == before


# ---- ids


def test_ids_nest_and_end_with_their_block() -> None:
    with bound(run="r1", correlation="c"):
        with suppress(KeyError), bound(task="a.b", attempt=1):
            assert current() == Ids(run="r1", task="a.b", attempt=1, correlation="c")
            raise KeyError
        assert current() == Ids(run="r1", correlation="c")
    assert current() == Ids()


def test_tasks_of_a_loop_keep_their_ids_apart() -> None:
    async def attempt(name: str, all_in: asyncio.Barrier) -> str | None:
        with bound(task=name):
            await all_in.wait()
            return current().task

    async def run() -> list[str | None]:
        all_in = asyncio.Barrier(5)
        return await asyncio.gather(*(attempt(f"t{number}", all_in) for number in range(5)))

    assert asyncio.run(run()) == [f"t{number}" for number in range(5)]


def test_a_thread_of_an_executor_has_the_ids_that_were_carried_to_it_and_otherwise_none() -> None:
    together = threading.Barrier(4)

    def seen(number: int) -> tuple[int, str | None]:
        together.wait(10)  # all four are in the carried context at once
        return number, current().task

    with ThreadPoolExecutor(4) as pool:
        with bound(task="a.b"):
            carried = carry(seen)
        assert sorted(pool.map(carried, range(4))) == [(number, "a.b") for number in range(4)]
        assert sorted(pool.map(seen, range(4))) == [(number, None) for number in range(4)]


def test_what_a_carried_call_binds_stays_its_own() -> None:
    def deeper() -> str | None:
        logs._IDS.set(Ids(task="other"))
        return current().task

    carried = carry(deeper)
    assert (carried(), carried(), current().task) == ("other", "other", None)


def test_commands_get_the_ids_as_variables() -> None:
    assert environment() == {}
    with bound(run="r1", task="a.b[x\0\ud800y]", attempt=2, agent="w", correlation="c"):
        assert environment() == {
            "SWARM_RUN": "r1",
            "SWARM_TASK": "a.b[x\\ud800y]",
            "SWARM_ATTEMPT": "2",
            "SWARM_AGENT": "w",
            "SWARM_CORRELATION_ID": "c",
        }
    assert environment(Ids(run="r2")) == {"SWARM_RUN": "r2"}


def test_lines_of_many_threads_arrive_whole_each_with_its_own_ids() -> None:
    def work(number: int) -> None:
        with bound(task=f"t{number}", attempt=number):
            for step in range(200):
                AGENTS.info("%d-%d", number, step)

    with logging_to(patience_s=30) as stream:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = logged(stream)
    assert all(line["task"] == f"t{line['message'].split('-')[0]}" for line in lines)
    for number in range(8):
        assert [line["message"] for line in lines if line["attempt"] == number] == [f"{number}-{step}" for step in range(200)]


# ---- secrets


def everywhere(secret: str) -> str:
    """Everything that a secret could stand in, on both sinks."""
    machine, people = io.StringIO(), io.StringIO()
    with (
        Logs([Sink("json", machine), Sink("terminal", people, terminal_line)], levels={"": logging.DEBUG}, secrets=[secret]),
        bound(task=f"a.b[{secret}]", agent=secret, correlation=f"c {secret}"),
    ):
        AGENTS.info("in an argument: %s", secret)
        AGENTS.info(f"in the text: <{secret}>", extra={"fields": {"value": secret, secret: 1, "list": [secret]}})
        try:
            raise ValueError(f"cannot use {secret!r}") from KeyError(secret)
        except ValueError:
            AGENTS.exception("in an exception and its cause")
        AGENTS.info("x" * 3000 + secret * 800)
    return machine.getvalue() + people.getvalue()


@given(st.text("ABCXYZ0189+/=%\"'\\\n é", min_size=8, max_size=60).filter(lambda text: len(set(text)) > 4 and text == text.strip()))
def test_a_known_secret_is_on_no_sink(secret: str) -> None:
    written = everywhere(secret)
    shown = {secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1]}
    assert not [form for form in shown if form in written]
    assert "[redacted]" in written


def test_secrets_are_known_by_the_names_of_their_variables_and_by_passwords_in_addresses() -> None:
    told = {
        "OPENAI_API_KEY": "value-one",
        "github_token": "value-two",
        "DB_PASSWORD": "value-three",
        "AUTH": "value-four",
        "AWS_SECRET_ACCESS_KEY": "value-five",
        "HTTPS_PROXY": "http://me:pw@proxy:3128",
    }
    harmless = {
        "PWD": "/home/somebody",
        "PATH": "/usr/bin:/bin",
        "GIT_AUTHOR_NAME": "Somebody",
        "MAX_TOKENS": "100000",
        "TOKENIZERS_PARALLELISM": "parallel",
        "KEYBOARD": "querty-de",
        "HTTP_PROXY": "http://proxy:3128",
        "SHORT_KEY": "none",
    }
    assert secrets_of({**told, **harmless}) == set(told.values())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {KEY} refused", KEY),
        ("sk-ant-api03-AbCdEf_ghIJklmnopq-1234", "AbCdEf"),
        ("using sk_live_abcdefghijklmnop1234", "abcdefghijklmnop"),
        ("Authorization: Bearer abc.def-ghi_jkl", "abc.def"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ('{\\"Authorization\\": \\"token abcdef123\\"}', "abcdef123"),
        ("curl -H 'authorization:Bearer   abcdefgh12'", "abcdefgh12"),
        ("clone https://me:p4ss@w0rd@example.org/x", "w0rd"),
        ("clone https://me:p4ss@example.org/x", "p4ss"),
        ("clone https://abcdefghijklmnopqrst0@example.org/x", "abcdefghijklmnopqrst0"),
        ("redis://:p4ssw0rd@cache:6379", "p4ssw0rd"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefgh"),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "ABCDEFG0"),
        ("glpat-abcdefghijklmnop1234", "abcdefgh"),
        ("hf_abcdefghijklmnopqrstuvwxyz", "abcdefgh"),
        ("gsk_abcdefghijklmnopqrstuvwxyz", "abcdefgh"),
        ("xoxb-123456789012-abcdefghijkl", "123456789012"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "1234567890"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIi"),
        ("GET /x?api_key=abcd1234&page=2", "abcd1234"),
        ("GET /x?a=1&token=abcd1234", "abcd1234"),
        ("OPENAI_API_KEY=abcd1234 swarm execute", "abcd1234"),
        ("AWS_SECRET_ACCESS_KEY: abcd1234", "abcd1234"),
        ("{'password': 'two words'}", "words"),
        ('{\\"client_secret\\": \\"abcd1234\\"}', "abcd1234"),
        ('{"token": "abcd1234"}', "abcd1234"),
        ("run --password abcd1234 --verbose", "abcd1234"),
        ("run --github-token=abcd1234", "abcd1234"),
        ("-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC\n\nMIIEabcd\n-----END RSA PRIVATE KEY-----", "MIIEabcd"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEabcd", "MIIEabcd"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_hidden(text: str, secret: str) -> None:
    shown = Redactor()(f"before, {text} after")
    assert secret not in shown
    assert "[redacted]" in shown
    assert shown.startswith("before, ")


@pytest.mark.parametrize(
    "text",
    [
        "task docs.readme[src/risk-assessment-of-the-long-thing.py] verified in 1.5 s",
        "the token count is 4000 and the key is missing",
        "tokens: 4000, max_tokens=100000",
        "the bearer of news; basic authentication is off",
        "ssh://git@example.org/x and https://example.org:8080/y@z",
        "4bf92f3577b34da6a3ce929d0e0e4736 is a hash, disk-usage-of-everything too",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor(["a-real-secret"])(text) == text


def test_a_field_that_is_named_like_a_secret_is_hidden_and_a_count_is_not() -> None:
    with logging_to() as stream:
        AGENTS.info("x", extra={"fields": {"api_key": "plain", "tokens": 12, "model": "m"}})
    assert logged(stream)[0]["fields"] == {"api_key": "[redacted]", "tokens": 12, "model": "m"}


def test_a_secret_of_many_lines_is_hidden_line_by_line() -> None:
    secret = "-----first line of a key\nsecond line, which is long\nshort"
    assert Redactor([secret])("found 'second line, which is long'") == "found '[redacted]'"


def test_a_secret_is_not_half_shown_wherever_a_long_text_is_cut() -> None:
    secret = "S3CR3T" * 7
    redactor = Redactor([secret])
    for before in (*range(8140, 8240, 5), *range(16_330, 16_400, 3)):
        assert "S3CR3T" not in redactor(" " * before + secret + " " * 9000)


def test_a_secret_at_the_end_of_a_long_id_is_not_half_shown() -> None:
    secret = "S3CR3T" * 7
    with logging_to(secrets=[secret]) as stream, bound(task="x" * 240 + secret):
        AGENTS.info("hello")
    assert logged(stream)[0]["task"] == "x" * 240 + "[redacted]"


def test_secrets_that_shrink_when_hidden_bring_no_half_of_another_into_view() -> None:
    secret = "S3CR3T" * 7
    with logging_to(secrets=[secret]) as stream:
        AGENTS.info(secret * 1000)
    assert "S3CR3T" not in stream.getvalue()


# ---- trouble


class Broken(io.StringIO):
    """A file on a full disk, after so many lines."""

    def __init__(self, after: int = 0) -> None:
        super().__init__()
        self.left = after

    def write(self, text: str) -> int:
        if self.left == 0:
            raise OSError(28, f"no space left for {KEY}")
        self.left -= 1
        return super().write(text)


def test_a_sink_that_fails_is_dropped_with_one_notice_and_the_others_go_on() -> None:
    good, broken = io.StringIO(), Broken(after=1)
    with Logs([Sink("file", broken), Sink("memory", good)], levels={"": logging.INFO}):
        for number in range(4):
            AGENTS.info("%d", number)
    messages = [line["message"] for line in logged(good)]
    assert [text for text in messages if len(text) == 1] == ["0", "1", "2", "3"]
    (notice,) = [text for text in messages if len(text) > 1]
    assert notice == "the log sink file failed and gets no more lines: OSError: [Errno 28] no space left for [redacted]"
    assert len(logged(broken)) == 1


def test_a_sink_that_cannot_be_flushed_or_formed_is_dropped_too() -> None:
    class Unflushed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    def unformed(line: Line) -> str:
        raise ZeroDivisionError

    good = io.StringIO()
    with Logs([Sink("pipe", Unflushed()), Sink("odd", io.StringIO(), unformed), Sink("memory", good)], levels={"": logging.INFO}):
        AGENTS.info("hello")
    messages = [line["message"] for line in logged(good)]
    assert sorted(text.split()[3] for text in messages if text != "hello") == ["odd", "pipe"]
    assert "hello" in messages


def test_when_the_last_sink_fails_standard_error_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    last = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", last)
    with Logs([Sink("file", Broken())], levels={"": logging.INFO}):
        for _ in range(3):
            AGENTS.info("hello")
    assert last.getvalue().count("\n") == 1
    assert "the log sink file failed" in last.getvalue()


def test_no_standard_error_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (None, Broken()):
        monkeypatch.setattr(sys, "__stderr__", stream)
        with Logs([Sink("file", Broken())], levels={"": logging.INFO}):
            AGENTS.info("hello")


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("arguments", [("%d", "text"), ("%s %s", 1), ("%s", Unshowable())])
def test_what_cannot_be_formatted_is_said_and_does_not_reach_the_caller(arguments: tuple[object, ...]) -> None:
    with logging_to() as stream:
        AGENTS.info(*arguments)  # type: ignore[arg-type]  # wrong on purpose
        AGENTS.info("odd fields", extra={"fields": 3})
        AGENTS.info("next")
    said, odd, after = (line["message"] for line in logged(stream))
    assert re.fullmatch(r"test_logs\.py:\d+: could not be logged: \w+Error", said)
    assert odd.endswith("AttributeError")
    assert after == "next"


class Held(io.StringIO):
    """A sink that stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go.wait(30)
        return super().write(text)


def test_a_sink_that_stands_still_holds_nobody_up_and_what_was_dropped_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_QUEUED", 10)
    held = Held()
    with Logs([Sink("slow", held)], levels={"": logging.INFO}, patience_s=30) as log:
        AGENTS.info("first")
        assert held.reached.wait(30)
        for number in range(25):
            AGENTS.info("%d", number)
        assert log.dropped == 15
        held.go.set()
    messages = [line["message"] for line in logged(held)]
    assert [text for text in messages if text.isdigit()] == list(map(str, range(10)))
    assert [text for text in messages if "dropped" in text] == ["15 lines were dropped so far: the sinks are slower than what is logged"]


def test_the_end_does_not_wait_for_ever() -> None:
    held = Held()
    with Logs([Sink("slow", held)], levels={"": logging.INFO}, patience_s=0.0):
        AGENTS.info("first")
    assert held.getvalue() == ""
    held.go.set()


def test_lines_are_flushed_while_the_program_goes_on() -> None:
    flushed = threading.Event()

    class Watched(io.StringIO):
        def flush(self) -> None:
            if self.getvalue():
                flushed.set()

    with Logs([Sink("file", Watched())], levels={"": logging.INFO}):
        AGENTS.info("hello")
        assert flushed.wait(30)


def test_a_logger_above_sees_nothing_unredacted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), logging_to():
        AGENTS.info("x")
    assert caplog.records == []


def test_two_logs_at_once_get_the_same_lines() -> None:
    with logging_to() as outer:
        with logging_to() as inner:
            AGENTS.info("both")
        AGENTS.info("one")
    assert [line["message"] for line in logged(inner)] == ["both"]
    assert [line["message"] for line in logged(outer)] == ["both", "one"]
