"""Prints each file under core/ with a processor that cannot be made, or that cannot process its own EXAMPLE."""

import asyncio
import inspect
from typing import Any

import village

village.enter()


def main() -> None:
    from core.interfaces.processing_interface import ProcessingInterface
    from core.registry import classes_of, paths

    for path in paths(["core/**/*.py"]):
        processors = [cls for cls in classes_of(path) if issubclass(cls, ProcessingInterface) and cls is not ProcessingInterface]
        if not all(works(cls) for cls in processors):
            print(path)


def works(processor: type[Any]) -> bool:
    """Whether its example is processed. A processor built on the template answers with a failure instead of raising."""
    if inspect.isabstract(processor):
        return False
    try:
        result = asyncio.run(processor().process(getattr(processor, "EXAMPLE", None)))
    except NotImplementedError:
        return False
    return bool(getattr(result, "succeeded", True))


main()
