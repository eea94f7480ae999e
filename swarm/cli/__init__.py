"""The command line: parse, call, print, exit status. What the commands do is in `swarm.wiring`."""

from swarm.cli.entry import main

__all__ = ["main"]
