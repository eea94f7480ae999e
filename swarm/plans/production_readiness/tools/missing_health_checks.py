"""Lists the files of the bases and the infrastructure whose component cannot be asked for its health, one a line.

A file without a component is no gap; a file that cannot be imported is an error, since nobody can say what it lacks.
"""

import inspect
import sys

import village

__all__ = ["main"]


def main() -> int:
    """Prints the gaps; 1 where one of the files cannot be imported."""
    village.enter()
    from core import registry

    for path in registry.paths((*registry.BASES, *registry.INFRASTRUCTURE)):
        try:
            component = registry.component_of(path)
        except Exception as error:  # noqa: BLE001 - a module may fail in any way while it is imported
            print(f"{path} cannot be imported: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        if component is not None and not inspect.iscoroutinefunction(getattr(component, "health_check", None)):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
