"""The outermost frame: every error becomes one message and an exit status here, and nowhere else."""

import os
import sys
from typing import NoReturn, TextIO

from swarm.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_RECORD, Bug, PlanRefused, SwarmError

__all__ = ["main"]

_NO_SPACE = 28


def main() -> NoReturn:
    """Runs the command line and ends the process."""
    os.environ.setdefault("TYPER_USE_RICH", "0")  # plain help: half the start-up time
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed by whoever called us; it lives as long as we
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    status = _run()
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(status)


def _run() -> int:
    try:
        from swarm.cli.app import app

        app()
    except SystemExit as ended:
        return _status(ended.code)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0
    except SwarmError as error:
        _tell(error)
        return error.exit_status
    except OSError as error:
        print(f"swarm: error: {error}", file=sys.stderr)
        return EXIT_RECORD if error.errno == _NO_SPACE else EXIT_INCOMPLETE
    except Exception as error:  # noqa: BLE001 - the last frame: a fault of ours becomes a message, not a traceback
        return _bug(error)
    return 0


def _status(code: object) -> int:
    return code if isinstance(code, int) else 0 if code is None else EXIT_INCOMPLETE


def _let_go(stream: TextIO) -> None:
    """Where the reader has gone, what is left goes nowhere, so that the interpreter has nothing to complain of when it flushes."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(error: SwarmError) -> None:
    from swarm.cli.terminal import block

    if isinstance(error, Bug) and os.environ.get("SWARM_TRACEBACK"):
        raise error
    text = _problems(error) if isinstance(error, PlanRefused) else "\n".join(block(f"swarm: error: {error}"))
    print(text, file=sys.stderr)


def _problems(refused: PlanRefused) -> str:
    from swarm.cli.sources import rendered

    return f"{rendered(refused.problems)}\nswarm: error: {refused}"


def _bug(error: Exception) -> int:
    if os.environ.get("SWARM_TRACEBACK"):
        raise error
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    print(f"swarm: internal error: {what}\nThis is a fault in swarm: please report it; SWARM_TRACEBACK=1 shows where.", file=sys.stderr)
    return EXIT_INCOMPLETE
