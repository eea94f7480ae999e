"""The worker's life: take the streams over, hear the assignment, do it, say how it ended."""

import os
import sys
from pathlib import Path
from typing import Any

from swarm.agents.programs.worker.channel import Channel, private_streams

_TEXT = 4000


def main() -> None:
    """Never returns: a thread that the program has left behind must not keep its answer waiting."""
    channel = Channel(*private_streams())
    hello = channel.hello()
    try:
        channel.tell("done", **_work(hello, channel))
    except BaseException as error:  # noqa: BLE001 - a user's code may raise anything, `SystemExit` too; it is passed on as text
        _flush()
        channel.tell("failed", **_failure(error, hello))
    _flush()
    os._exit(0)


def _work(hello: dict[str, Any], channel: Channel) -> dict[str, Any]:
    from swarm.agents.programs.worker.work import work

    return work(hello, channel)


def _failure(error: BaseException, hello: dict[str, Any]) -> dict[str, Any]:
    from swarm.agents.programs.worker.loading import CannotLoad, own_folder, place
    from swarm.errors import EnvironmentFault

    if isinstance(error, (CannotLoad, EnvironmentFault)):
        return {"ready": False, "error": "", "text": str(error)[:_TEXT], "where": ""}
    where = place(error, own_folder(hello["program"], Path(hello["plan_folder"])))
    return {"ready": True, "error": type(error).__name__[:200], "text": _said(error)[:_TEXT], "where": where}


def _said(error: BaseException) -> str:
    """Its text, which may hold what cannot be encoded, and whose making may fail."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001 - a user's class, as broken as it may be
        return ""


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue


if __name__ == "__main__":
    main()
