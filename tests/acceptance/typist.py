"""Types commands on behalf of the tests: a program that has `swarm` and what it needs imported, and forks for each command.

A command is a process like any other, with its own session, folder, environment and pipes; only the second and a half that
Python takes to import DSPy is paid once and not hundreds of times. Started with the path of the socket to listen on. A client
sends the command as JSON with the descriptors of its standard streams, and reads two lines: the pid, and at the end the status.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile

_MOST = 1 << 20


def _serve(path: str) -> None:
    """Returns in the process of a command, and there only. Ends with whoever started us, however they end: that closes our input."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            client, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _attend(client)
                return
            client.close()
    sys.exit()


def _attend(client: socket.socket) -> None:
    text, streams, _, _ = socket.recv_fds(client, _MOST, 3)
    pid = os.fork()
    if pid == 0:
        client.close()
        _become(json.loads(text), streams)
        return
    for stream in streams:
        os.close(stream)
    client.sendall(f"{pid}\n".encode())
    client.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    os._exit(0)


def _become(command: dict[str, object], streams: list[int]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # The old objects remember of what kind their files were.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 - closed by the interpreter
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    os.chdir(str(command["folder"]))
    os.environ.clear()
    tempfile.tempdir = None  # looked up by an import
    os.environ.update(command["environment"])  # type: ignore[call-overload] # JSON, from the tests
    sys.argv = ["swarm", *command["arguments"]]  # type: ignore[misc] # JSON, from the tests


def _warm() -> None:
    os.environ.setdefault("TYPER_USE_RICH", "0")
    import swarm.agents.procedures
    import swarm.cli.app
    import swarm.cli.live
    import swarm.wiring.changes
    import swarm.wiring.execution
    import swarm.wiring.looking
    import swarm.wiring.replaying  # noqa: F401

    gc.freeze()


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _warm()
    _serve(sys.argv[1])
    from swarm.cli import main

    main()
