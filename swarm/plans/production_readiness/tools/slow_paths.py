"""Lists the files whose work grows faster than their input, a line each.

Work is counted and never timed, so that a busy machine finds what an idle one finds: documents count how often they are compared.
A list searched for every new document compares about n² / 2 times, which doubling n makes four times as much; a keyed lookup
hardly compares at all.
"""

import sys
from collections.abc import Callable, Iterator

import village

DOCUMENTS = 200
FEW = 10  # comparisons a document, which are nobody's concern however they grow


class Document(str):
    """A text that counts comparisons."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Document.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def add_to_index(count: int) -> None:
    """Adds as many documents to a knowledge index, all different."""
    from experiments.agents.agents.sage.knowledge_index import KnowledgeIndex

    index = KnowledgeIndex()
    for number in range(count):
        index.add(Document(f"document {number}"))


PATHS: dict[str, Callable[[int], None]] = {"experiments/agents/agents/sage/knowledge_index.py": add_to_index}


def comparisons(work: Callable[[int], None], count: int) -> int:
    """What a piece of work compares for so many documents."""
    Document.comparisons = 0
    work(count)
    return Document.comparisons


def slow(work: Callable[[int], None], count: int = DOCUMENTS) -> bool:
    """Whether twice the documents need far more than twice the comparisons: three times or more, where linear work needs two."""
    return comparisons(work, 2 * count) > max(3 * comparisons(work, count), 2 * count * FEW)


def slow_paths() -> Iterator[str]:
    """The files that do slow work, sorted."""
    return (path for path, work in sorted(PATHS.items()) if slow(work))


if __name__ == "__main__":
    village.enter()
    try:
        for found in slow_paths():
            print(found)
    except Exception as error:  # noqa: BLE001 - whatever stops the work, "nothing is slow" would be a wrong answer
        sys.exit(f"slow_paths: the work could not be counted: {type(error).__name__}: {error}")
