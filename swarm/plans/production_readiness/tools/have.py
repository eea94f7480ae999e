"""Says which Python modules are missing before anything starts: `have.py NAME…`."""

import importlib.util
import sys

__all__ = ["missing"]


def missing(names: list[str]) -> list[str]:
    """The modules that this Python does not have, in the order given."""
    return [name for name in names if importlib.util.find_spec(name) is None]


if __name__ == "__main__":
    absent = missing(sys.argv[1:])
    if absent:
        sys.exit(f"{sys.executable} lacks {', '.join(absent)}; install the extra: pip install 'mece-swarm[tools]'")
