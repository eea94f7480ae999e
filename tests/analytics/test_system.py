"""The machine is read without anybody waiting, what cannot be read is left out and counted, and processes come with what they started."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.analytics.processes import MARK, ProcessReading, Usage, resources_of
from swarm.analytics.system import (
    SHORTEST_WINDOW_S,
    SYSTEM_METRICS,
    PsutilMachine,
    SystemMetricsCollector,
    busy_percent,
    per_second,
)
from swarm.workspace import processes as workspace_processes

MIB = 1024 * 1024
LONG_S = 30
"""How long a test waits for a signal that must come."""


class FakeMachine:
    """A machine with four processors on its own clock: what it did follows from how much time went by.

    Attributes:
        busy: share of the processors' time that is used.
        sent, received: bytes a second.
        broken: readings that raise.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.busy, self.sent, self.received = 0.25, 1000.0, 3000.0
        self.broken: set[str] = set()
        self.reads = 0
        self._worked = 0.0
        self._bytes = [5.0e9, 6.0e9]

    def clock(self) -> float:
        return self.now

    def live(self, seconds: float) -> None:
        self.now += seconds
        self._worked += 4 * seconds * self.busy
        self._bytes = [self._bytes[0] + seconds * self.sent, self._bytes[1] + seconds * self.received]

    def restart_network(self) -> None:
        self._bytes = [0.0, 0.0]

    def processor_seconds(self) -> tuple[float, float]:
        self._read("processor")
        return self._worked, 4 * self.now

    def memory(self) -> tuple[float, float]:
        self._read("memory")
        return 60.0, 512.0 * MIB

    def disk_bytes(self) -> tuple[float, float]:
        self._read("disk")
        return 30.0, 40.0

    def network_bytes(self) -> tuple[float, float]:
        self._read("network")
        return self._bytes[0], self._bytes[1]

    def _read(self, reading: str) -> None:
        self.reads += 1
        if reading in self.broken:
            raise OSError(f"no {reading}")


class Kept:
    """Keeps what is recorded; full after so many values."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.values: list[tuple[str, float]] = []

    def record_metric(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        if len(self.values) >= self.room:
            raise RuntimeError("full")
        self.values.append((name, value))


class Pace:
    """Time that the test gives: the collector's waits end at once if they are short, and when the test says so if they are long."""

    def __init__(self, machine: FakeMachine) -> None:
        self.machine = machine
        self.rested = threading.Semaphore(0)
        self.threads: set[threading.Thread] = set()
        self._go = threading.Semaphore(0)

    def wait(self, stopped: threading.Event, seconds: float) -> bool:
        if seconds > SHORTEST_WINDOW_S:
            self.threads.add(threading.current_thread())
            self.rested.release()
            assert self._go.acquire(timeout=LONG_S)
        self.machine.live(seconds)
        return stopped.is_set()

    def next(self) -> None:
        """Lets the interval pass and waits for the end of the next sample."""
        self._go.release()
        self.until_resting()

    def end(self) -> None:
        self._go.release()

    def until_resting(self) -> None:
        assert self.rested.acquire(timeout=LONG_S)


def collector(machine: FakeMachine, **options: Any) -> SystemMetricsCollector:
    return SystemMetricsCollector(10, machine=machine, clock=machine.clock, **{"wait": Pace(machine).wait} | options)


def collected(watched: SystemMetricsCollector) -> dict[str, float]:
    return asyncio.run(watched.collect_system_metrics())


def test_the_first_sample_already_holds_everything() -> None:
    assert collected(collector(FakeMachine())) == pytest.approx(
        {
            "system_cpu_percent": 25.0,
            "system_memory_percent": 60.0,
            "system_memory_available_mb": 512.0,
            "system_disk_percent": 75.0,
            "system_network_sent_bytes_per_second": 1000.0,
            "system_network_received_bytes_per_second": 3000.0,
        }
    )


def test_a_figure_is_about_the_time_since_the_last_sample() -> None:
    machine = FakeMachine()
    watched = collector(machine)
    collected(watched)
    machine.busy, machine.sent = 1.0, 50.0
    machine.live(5)
    machine.busy, machine.sent = 0.0, 0.0
    machine.live(5)
    sample = collected(watched)
    assert sample["system_cpu_percent"] == pytest.approx(50.0)
    assert sample["system_network_sent_bytes_per_second"] == pytest.approx(25.0)


def test_whoever_asks_again_at_once_gets_the_same_sample_and_the_machine_is_left_alone() -> None:
    machine = FakeMachine()
    watched = collector(machine)
    first, reads = collected(watched), machine.reads
    assert collected(watched) == first
    assert machine.reads == reads
    machine.live(SHORTEST_WINDOW_S)
    collected(watched)
    assert machine.reads == reads + 4


@pytest.mark.parametrize(
    ("reading", "missing"),
    [("processor", SYSTEM_METRICS[:1]), ("memory", SYSTEM_METRICS[1:3]), ("disk", SYSTEM_METRICS[3:4]), ("network", SYSTEM_METRICS[4:])],
)
def test_a_reading_that_fails_is_left_out_and_counted_and_comes_back(reading: str, missing: tuple[str, ...]) -> None:
    machine = FakeMachine()
    watched = collector(machine)
    whole = collected(watched)
    machine.broken = {reading}
    machine.live(10)
    assert collected(watched) == pytest.approx({name: value for name, value in whole.items() if name not in missing})
    assert watched.failures == {reading: 1}
    machine.broken = set()
    machine.live(10)
    assert collected(watched) == pytest.approx(whole)
    assert watched.failures == {reading: 1}


def test_a_number_that_is_none_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeMachine()
    monkeypatch.setattr(machine, "memory", lambda: (float("nan"), 1.0))
    watched = collector(machine)
    assert "system_memory_percent" not in collected(watched)
    assert watched.failures == {"memory": 1}


def test_counters_that_start_anew_give_no_figure_once() -> None:
    machine = FakeMachine()
    watched = collector(machine)
    collected(watched)
    machine.restart_network()
    machine.live(10)
    assert set(SYSTEM_METRICS) - collected(watched).keys() == set(SYSTEM_METRICS[4:])
    machine.live(10)
    assert collected(watched)["system_network_received_bytes_per_second"] == pytest.approx(3000.0)
    assert watched.failures == {}


def test_each_sample_is_recorded_and_a_recorder_that_fails_spoils_nothing() -> None:
    machine, kept = FakeMachine(), Kept(room=6)
    watched = collector(machine, recorder=kept)
    sample = collected(watched)
    assert dict(kept.values) == sample
    machine.live(10)
    assert collected(watched) == pytest.approx(sample)
    assert watched.failures == {"recorder": 1}


def test_the_event_loop_runs_on_while_the_machine_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, told = FakeMachine(), threading.Event()
    monkeypatch.setattr(machine, "memory", lambda: (float(told.wait(LONG_S)), 1.0))

    async def meanwhile() -> dict[str, float]:
        sampling = asyncio.create_task(collector(machine).collect_system_metrics())
        await asyncio.sleep(0)
        assert not sampling.done()
        told.set()  # only a loop that runs gets here
        return await sampling

    assert asyncio.run(meanwhile())["system_memory_percent"] == 1.0


def test_a_reading_that_hangs_costs_one_thread_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, told = FakeMachine(), threading.Event()
    calls = []

    def hanging() -> tuple[float, float]:
        calls.append(threading.current_thread())
        return float(told.wait(LONG_S)), 2.0

    monkeypatch.setattr(machine, "disk_bytes", hanging)
    watched = collector(machine)

    async def impatient() -> None:
        askers = [asyncio.create_task(watched.collect_system_metrics()) for _ in range(20)]
        await asyncio.sleep(0)
        askers[0].cancel()
        await asyncio.wait(askers[:1])
        told.set()
        assert [sample["system_disk_percent"] for sample in await asyncio.gather(*askers[1:])] == [50.0] * 19
        assert len(calls) == 1

    asyncio.run(impatient())


def test_collection_goes_on_in_the_background_until_it_is_stopped() -> None:
    machine, kept = FakeMachine(), Kept()
    pace = Pace(machine)
    watched = collector(machine, recorder=kept, wait=pace.wait)
    watched.start_collection()
    watched.start_collection()  # harmless
    pace.until_resting()
    assert len(kept.values) == 6
    assert watched.latest == dict(kept.values)
    pace.next()
    pace.next()
    assert len(kept.values) == 18
    watched.stop_collection()
    watched.stop_collection()  # harmless
    [thread] = pace.threads
    assert thread.daemon
    pace.end()
    thread.join(LONG_S)
    assert not thread.is_alive()
    assert len(kept.values) == 18


def test_collection_can_be_started_again() -> None:
    machine, kept = FakeMachine(), Kept()
    pace = Pace(machine)
    watched = collector(machine, recorder=kept, wait=pace.wait)
    for _ in range(2):
        watched.start_collection()
        pace.until_resting()
        watched.stop_collection()
        pace.end()
        machine.live(10)
    assert len(kept.values) == 12


def test_starting_and_stopping_may_be_awaited_too() -> None:
    machine = FakeMachine()
    pace = Pace(machine)
    watched = collector(machine, wait=pace.wait)

    async def as_the_seed_writes_it() -> None:
        await watched.start_collection()
        await watched.stop_collection()

    asyncio.run(as_the_seed_writes_it())
    pace.end()


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_an_interval_that_makes_no_sense_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        SystemMetricsCollector(interval)


def test_without_psutil_everything_is_left_out_and_nothing_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    watched = SystemMetricsCollector(machine=PsutilMachine(), wait=lambda *_: False)
    assert collected(watched) == {}
    assert watched.failures.keys() == {"processor", "memory", "disk", "network"}


def test_this_machine_gives_sensible_figures() -> None:
    pytest.importorskip("psutil")
    sample = collected(SystemMetricsCollector())
    assert sample["system_memory_available_mb"] > 0
    assert all(0 <= value <= 100 for name, value in sample.items() if name.endswith("_percent"))
    assert {"system_cpu_percent", "system_memory_percent", "system_disk_percent"} <= sample.keys()


def test_psutil_is_not_loaded_before_something_is_read() -> None:
    program = "import sys, swarm.analytics.system, swarm.analytics.processes; sys.exit('psutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


counters = st.floats(0, 1e12)


@given(st.tuples(counters, counters), st.tuples(counters, counters))
def test_a_busy_share_is_a_share_whatever_the_counters_say(before: tuple[float, float], after: tuple[float, float]) -> None:
    percent = busy_percent(before, after)
    assert (percent is None) == (after[1] <= before[1])
    assert percent is None or 0 <= percent <= 100


@given(counters, counters, st.floats(-1, 1e6))
def test_a_rate_is_never_negative(before: float, after: float, seconds: float) -> None:
    rate = per_second(before, after, seconds)
    assert rate is None or rate >= 0


class FakeTable:
    """Processes by number: their parent, and what they were started with. Each cost its number in seconds, and ten times that in bytes.

    Attributes:
        gone: those that vanish between being listed and being asked.
    """

    def __init__(self, processes: Mapping[int, tuple[int, Mapping[str, str]]], gone: frozenset[int] = frozenset()) -> None:
        self.processes = processes
        self.gone = gone

    def parents(self) -> Mapping[int, int]:
        return {pid: parent for pid, (parent, _) in self.processes.items()}

    def environment(self, pid: int) -> Mapping[str, str] | None:
        return None if pid in self.gone else self.processes[pid][1]

    def usage(self, pid: int) -> Usage | None:
        return None if pid in self.gone or pid not in self.processes else Usage(float(pid), 10 * pid)


FAMILY = FakeTable(
    {
        0: (0, {}),
        1: (0, {}),
        10: (1, {MARK: "home:run:77-1", "SWARM_TASK": "a.b"}),
        11: (10, {MARK: "home:run:77-1", "SWARM_TASK": "a.b"}),
        12: (11, {}),
        20: (1, {MARK: "home:run2:77-2", "SWARM_TASK": "a.bc"}),
        30: (1, {MARK: "home:run.draft.5-6"}),
    }
)


def test_processes_come_with_all_that_descends_from_them() -> None:
    assert resources_of([10], FAMILY) == ProcessReading(cpu_seconds=33, rss_bytes=330, processes=3, children=2)
    assert resources_of([11, 10, 20], FAMILY) == ProcessReading(cpu_seconds=53, rss_bytes=530, processes=4, children=1)


@pytest.mark.parametrize(
    ("whose", "pids"),
    [("home:run", {10, 11, 12, 30}), ("home:run:77-1", {10, 11, 12}), ("home:run2", {20}), ("home:ru", set()), ("run", set())],
)
def test_a_mark_is_known_with_or_without_its_numbers_and_never_by_half_a_word(whose: str, pids: set[int]) -> None:
    assert resources_of(whose, FAMILY).cpu_seconds == sum(pids)


def test_processes_are_known_by_the_variables_they_were_started_with() -> None:
    assert resources_of({"SWARM_TASK": "a.b"}, FAMILY) == ProcessReading(cpu_seconds=33, rss_bytes=330, processes=3, children=1)
    assert resources_of({"SWARM_TASK": "a.b", MARK: "home:run"}, FAMILY) == ProcessReading()


def test_a_process_that_vanishes_is_no_error() -> None:
    table = FakeTable(FAMILY.processes, gone=frozenset({11}))
    assert resources_of([10, 999], table) == ProcessReading(cpu_seconds=22, rss_bytes=220, processes=2, children=1, unread=2)
    assert resources_of([], table) == ProcessReading()


@pytest.mark.parametrize("nothing", ["", {}])
def test_nothing_to_know_processes_by_is_refused(nothing: Any) -> None:
    with pytest.raises(ValueError, match="needed to know processes by"):
        resources_of(nothing, FAMILY)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.sets(st.integers(0, 40)))
def test_nobody_is_counted_twice(parents: list[int], roots: set[int]) -> None:
    """Parents are any numbers here, so that there are circles too."""
    table = FakeTable({pid: (parent, {}) for pid, parent in enumerate(parents)})
    expected = set(roots)
    while more := {pid for pid, parent in enumerate(parents) if parent in expected} - expected:
        expected |= more
    there = {pid for pid in expected if pid < len(parents)}
    reading = resources_of(roots, table)
    assert (reading.cpu_seconds, reading.processes, reading.unread) == (sum(there), len(there), len(expected - there))


def test_the_mark_is_the_workspaces() -> None:
    assert MARK == workspace_processes.MARK


def test_a_living_process_is_read_and_a_dead_one_is_not() -> None:
    pytest.importorskip("psutil")
    mark = workspace_processes.own_mark(f"analytics-{os.getpid()}")
    process = subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"], MARK: mark})
    try:
        assert resources_of([process.pid]).rss_bytes > 0
        assert resources_of(mark).processes == resources_of(f"analytics-{os.getpid()}").processes == 1
        assert resources_of([os.getpid()]).children >= 1
    finally:
        process.kill()
        process.wait()
    assert resources_of([process.pid, -1]) == ProcessReading(unread=2)
