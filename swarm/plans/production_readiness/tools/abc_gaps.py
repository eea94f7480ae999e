"""Prints each file with a class that says it is one of the village's abstract classes and leaves methods of it out.

Such a class can be imported but never made, so it is found by importing the code and asking Python, which also knows what a base
class of a base class supplies. Processors have a detector of their own.
"""

import village

village.enter()

FOLDERS = ("core", "experiments", "infrastructure")


def main() -> None:
    from core.registry import classes_of, paths

    for path in paths(f"{folder}/**/*.py" for folder in FOLDERS):
        if any(lacks_methods(cls) for cls in classes_of(path)):
            print(path)


def lacks_methods(cls: type) -> bool:
    """Whether abstract methods of the village's own classes are left, and the class is not there to declare some itself."""
    from core.interfaces.processing_interface import ProcessingInterface

    left: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
    if issubclass(cls, ProcessingInterface) or not left.isdisjoint(vars(cls)):
        return False
    return any(_is_ours(base) and not left.isdisjoint(vars(base)) for base in cls.__mro__)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in FOLDERS


main()
