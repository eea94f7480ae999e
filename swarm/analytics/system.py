"""What the machine is doing: processor, memory, disk, network. Read in threads, so that no event loop ever waits for it.

Processor and network are known only as counters since the machine was started; a figure is the difference between two looks. So the
very first sample looks twice, `SHORTEST_WINDOW_S` apart, and whoever asks again within that time gets the same sample: a figure over a
shorter time would be noise, and a page that is fetched a thousand times a second must not read the machine a thousand times.

There is one sample under way at a time, and all who ask share it. A reading that hangs (a disk on a dead network) therefore costs one
thread; a reading that fails is left out of the sample and counted in `failures`.

`psutil.cpu_percent` is not used: since psutil 5.9.6 it remembers its last look per thread, and each of our samples has a new one.
"""

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from swarm.analytics.health import in_daemon_thread

__all__ = [
    "SHORTEST_WINDOW_S",
    "SYSTEM_METRICS",
    "Done",
    "Machine",
    "PsutilMachine",
    "Recorder",
    "SystemMetricsCollector",
    "busy_percent",
    "per_second",
]

SHORTEST_WINDOW_S: Final = 0.1
"""The least time that a figure is taken over."""

SYSTEM_METRICS: Final = (
    "system_cpu_percent",
    "system_memory_percent",
    "system_memory_available_mb",
    "system_disk_percent",
    "system_network_sent_bytes_per_second",
    "system_network_received_bytes_per_second",
)
"""All that a sample may hold. Percentages are 0 to 100; `mb` are mebibytes."""

_MEBIBYTE: Final = 1024 * 1024


class Recorder(Protocol):
    """Where samples go. Called from other threads than the caller's."""

    def record_metric(self, name: str, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Takes one value."""
        ...


class Machine(Protocol):
    """Where readings come from. Each may raise, may block, and is called from one thread at a time."""

    def processor_seconds(self) -> tuple[float, float]:
        """Seconds that all processors together were busy, and seconds in all, since the machine was started."""
        ...

    def memory(self) -> tuple[float, float]:
        """Percent in use, and bytes available."""
        ...

    def disk_bytes(self) -> tuple[float, float]:
        """Bytes used, and bytes in all."""
        ...

    def network_bytes(self) -> tuple[float, float]:
        """Bytes sent and received through all interfaces since the machine was started."""
        ...


class PsutilMachine:
    """This machine, by psutil, which is loaded at the first reading.

    Args:
        disk: any path on the file system to watch.
    """

    def __init__(self, disk: Path = Path("/")) -> None:
        self._disk = disk

    def processor_seconds(self) -> tuple[float, float]:
        """Waiting for a disk is idle, and a guest's time is in the host's already: as htop and psutil count."""
        times = _psutil().cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return total - times.idle - getattr(times, "iowait", 0.0), total

    def memory(self) -> tuple[float, float]:
        memory = _psutil().virtual_memory()
        return memory.percent, memory.available

    def disk_bytes(self) -> tuple[float, float]:
        disk = _psutil().disk_usage(str(self._disk))
        return disk.used, disk.total

    def network_bytes(self) -> tuple[float, float]:
        network = _psutil().net_io_counters()  # None in a container without interfaces: fails, and is counted
        return network.bytes_sent, network.bytes_recv


def busy_percent(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """Share of the time between two looks that the processors were busy, 0 to 100; None where no time passed on them."""
    total = after[1] - before[1]
    if total <= 0:
        return None
    return min(max((after[0] - before[0]) / total, 0.0), 1.0) * 100


def per_second(before: float, after: float, seconds: float) -> float | None:
    """How fast a counter grew; None where it started anew, or no time passed."""
    return (after - before) / seconds if seconds > 0 and after >= before else None


class Done:
    """It has happened already. May be awaited, and there is nothing to wait for: so one name serves callers of both kinds."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class SystemMetricsCollector:
    """Samples in the background from `start_collection` to `stop_collection`, and whenever it is asked. May be used from any thread.

    Args:
        collection_interval: seconds between two samples.
        recorder: where each sample goes as well; one that raises is counted under `recorder` in `failures`, and the sample stands.
        machine: where readings come from.
        clock: seconds that never go back.
        wait: waits until an event is set or the seconds are over, and says whether it was set.

    Raises:
        ValueError: an interval that is no positive number.
    """

    def __init__(
        self,
        collection_interval: float = 30,
        *,
        recorder: Recorder | None = None,
        machine: Machine | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        if not 0 < collection_interval < math.inf:
            raise ValueError(f"the collection interval must be a positive number of seconds, not {collection_interval}")
        self.collection_interval = collection_interval
        self._recorder = recorder
        self._clock = clock
        self._wait = wait
        self._sampler = _Sampler(machine or PsutilMachine(), clock)
        self._lock = threading.Lock()
        self._stopped: threading.Event | None = None
        self._sampling: Future[dict[str, float]] | None = None
        self._sampled_at = -math.inf
        self._latest: dict[str, float] = {}

    @property
    def latest(self) -> dict[str, float]:
        """The last sample, without reading anything; empty before the first."""
        return dict(self._latest)

    @property
    def failures(self) -> dict[str, int]:
        """How often each reading failed: `processor`, `memory`, `disk`, `network`; and `recorder`, `thread`."""
        return dict(self._sampler.failures)

    def start_collection(self) -> Done:
        """Begins to sample in the background, at once and then at each interval. Returns at once; harmless while it samples."""
        with self._lock:
            if self._stopped is None:
                self._stopped = threading.Event()
                started = in_daemon_thread(partial(self._collect_until, self._stopped), "swarm-system-metrics")
                if started.done() and started.exception() is not None:
                    self._stopped = None
                    self._sampler.failures["thread"] += 1
        return Done()

    def stop_collection(self) -> Done:
        """Ends it. Returns at once: a sample that is under way is still recorded. Harmless while nothing is collected."""
        with self._lock:
            if self._stopped is not None:
                self._stopped.set()
                self._stopped = None
        return Done()

    async def collect_system_metrics(self) -> dict[str, float]:
        """One sample: the `SYSTEM_METRICS` that could be read. Never raises; what fails is left out, and counted in `failures`."""
        sample = await asyncio.wrap_future(self._sample_under_way())
        return dict(sample)

    def _collect_until(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self._sample_under_way().result()
            self._wait(stopped, self.collection_interval)

    def _sample_under_way(self) -> "Future[dict[str, float]]":
        """The sample that is being taken or was just taken, else a new one."""
        with self._lock:
            if self._sampling is None or (self._sampling.done() and self._clock() - self._sampled_at >= SHORTEST_WINDOW_S):
                self._sampling = self._new_sample()
            return self._sampling

    def _new_sample(self) -> "Future[dict[str, float]]":
        sampling = in_daemon_thread(self._sample, "swarm-system-sample")
        if not sampling.done() or sampling.exception() is None:
            return sampling
        self._sampler.failures["thread"] += 1
        nothing: Future[dict[str, float]] = Future()
        nothing.set_result({})
        return nothing

    def _sample(self) -> dict[str, float]:
        if self._sampler.first():
            self._wait(threading.Event(), SHORTEST_WINDOW_S)
        self._latest = sample = self._sampler.sample()
        self._sampled_at = self._clock()
        self._record(sample)
        return sample

    def _record(self, sample: Mapping[str, float]) -> None:
        if self._recorder is None:
            return
        try:
            for name, value in sample.items():
                self._recorder.record_metric(name, value)
        except Exception:  # noqa: BLE001 - watching never stops what is watched
            self._sampler.failures["recorder"] += 1


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    counters: tuple[float, float]


class _Sampler:
    """Takes readings, and remembers the last good look at each counter. Used by one thread at a time."""

    def __init__(self, machine: Machine, clock: Callable[[], float]) -> None:
        self._machine = machine
        self._clock = clock
        self._looks: dict[str, _Look] = {}
        self._looked = False
        self.failures: Counter[str] = Counter()

    def first(self) -> bool:
        """Looks at the counters if nobody has; says whether it did."""
        if self._looked:
            return False
        self._looked = True
        self._since_last("processor", self._machine.processor_seconds)
        self._since_last("network", self._machine.network_bytes)
        return True

    def sample(self) -> dict[str, float]:
        found = dict(zip(SYSTEM_METRICS, (self._processor(), *self._memory(), self._disk(), *self._network()), strict=True))
        return {name: value for name, value in found.items() if value is not None}

    def _processor(self) -> float | None:
        looks = self._since_last("processor", self._machine.processor_seconds)
        return busy_percent(looks[0].counters, looks[1].counters) if looks else None

    def _memory(self) -> tuple[float | None, float | None]:
        memory = self._tried("memory", self._machine.memory)
        return (memory[0], memory[1] / _MEBIBYTE) if memory else (None, None)

    def _disk(self) -> float | None:
        disk = self._tried("disk", self._machine.disk_bytes)
        return disk[0] / disk[1] * 100 if disk and disk[1] else None

    def _network(self) -> tuple[float | None, float | None]:
        looks = self._since_last("network", self._machine.network_bytes)
        if not looks:
            return None, None
        seconds = looks[1].at - looks[0].at
        sent, received = zip(looks[0].counters, looks[1].counters, strict=True)
        return per_second(*sent, seconds), per_second(*received, seconds)

    def _since_last(self, reading: str, read: Callable[[], tuple[float, float]]) -> tuple[_Look, _Look] | None:
        """The last good look and this one; None where one of them is missing."""
        numbers = self._tried(reading, read)
        if numbers is None:
            return None
        before, now = self._looks.get(reading), _Look(self._clock(), numbers)
        self._looks[reading] = now
        return (before, now) if before else None

    def _tried(self, reading: str, read: Callable[[], tuple[float, float]]) -> tuple[float, float] | None:
        try:
            numbers = read()
            if all(map(math.isfinite, numbers)):
                return numbers
        except Exception:  # noqa: BLE001 - watching never stops what is watched
            pass
        self.failures[reading] += 1
        return None


def _psutil() -> Any:
    import psutil  # type: ignore[import-untyped]  # ships no type information

    return psutil
