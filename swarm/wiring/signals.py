"""Signals as cancellation: what a command has started ends before the command does.

Without this, SIGTERM or a closed terminal would end `swarm` alone, and leave detectors, setups and temporary folders behind.
SIGINT needs nothing of us: `asyncio.run` cancels the main task by itself.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["cancelled_by_signals", "handled"]


@contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """For the length of the block, SIGTERM and SIGHUP cancel the task that runs it."""
    main = asyncio.current_task()
    assert main is not None
    with handled(main.cancel, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def handled(stop: Callable[[], object], *signals: signal.Signals) -> Iterator[None]:
    """For the length of the block, signals call a function instead of ending the process; afterwards they end it again."""
    loop = asyncio.get_running_loop()
    for one in signals:
        with suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread: an embedding program handles its own
            loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        for one in signals:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(one)
