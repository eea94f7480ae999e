"""docs/seed.md: every row of the seed says where it is, every name that it cites is there, and nothing of the plan goes uncited.

A citation is a code span with a kind before a colon. Each kind is resolved against the thing itself: the plan as `swarm` reads
it, files on disk, definitions in their text, the commands of the program, headings of the documents.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from swarm.plans.load import Plan, load_plan
from swarm.plans.schema import TaskEntry, Template
from swarm.plans.vocabulary import ROSTER

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "swarm/plans/production_readiness"
DOCUMENT: Final = (ROOT / "docs/seed.md").read_text(encoding="utf-8")
SECTIONS: Final = (
    "Executive summary",
    "Framework",
    "Priority 1 critical items",
    "Categories",
    "Swarms of sub-agents",
    "Files of category A",
    "Components of category B",
    "Templates of category C",
    "Phases",
    "Instructions for analytics",
    "Instructions for observability",
    "Instructions for templates",
    "Success of category A",
    "Success of category B",
    "Success of category C",
    "Overall system health",
    "Risks",
    "Timeline",
    "Deployment readiness",
    "Expected outcomes",
    "Conclusion",
    "Where the seed contradicts itself",
    "Planned",
)
CITATION: Final = re.compile(r"`([a-z]+):([^`\s][^`]*)`")
Citation = tuple[str, str]


def _sections(text: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _rows(text: str) -> list[str]:
    """The rows of all tables, without the two lines at the head of each."""
    tables = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()[2:]]


def _where(row: str) -> str:
    """The last cell of a row."""
    return row.rstrip().removesuffix("|").rpartition("|")[2]


def _citations(text: str) -> set[Citation]:
    return {(found[1], found[2]) for found in CITATION.finditer(text)}


def _planned(text: str) -> set[str]:
    """The closed list of what is not in the product yet."""
    return set(re.findall(r"^- \*\*([a-z-]+)\*\*:", _sections(text)["Planned"], re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Product:
    """What citations are held against: the shipped plan and all around it. Each method answers for one kind, of the same name."""

    plan: Plan

    @property
    def tasks(self) -> dict[str, TaskEntry]:
        categories = self.plan.spec.categories
        return {f"{name}.{task}": entry for name, category in categories.items() for task, entry in category.tasks.items()}

    def has(self, citation: Citation) -> bool:
        kind, name = citation
        return kind in KINDS and KINDS[kind](self, name)

    def task(self, name: str) -> bool:
        return name in self.tasks

    def gap(self, name: str) -> bool:
        return name in self.plan.spec.gaps

    def contract(self, name: str) -> bool:
        return name in self.plan.spec.contracts

    def category(self, name: str) -> bool:
        return name in self.plan.spec.categories

    def phase(self, name: str) -> bool:
        return any(name in entry for entry in self.plan.spec.phases)

    def agent(self, name: str) -> bool:
        return name in self.plan.agents

    def check(self, name: str) -> bool:
        task, _, text = name.partition("/")
        entry = self.tasks.get(task)
        return entry is not None and _any_holds((*entry.done_when, *entry.keep), text)

    def criterion(self, name: str) -> bool:
        of, _, text = name.partition("/")
        spec = self.plan.spec
        if of == "plan":
            return _any_holds(spec.success, text)
        return of in spec.categories and _any_holds(spec.categories[of].success, text)

    def gate(self, name: str) -> bool:
        of, _, text = name.partition("/")
        return any(_any_holds(entry[of].gate, text) for entry in self.plan.spec.phases if of in entry)

    def file(self, name: str) -> bool:
        return (FOLDER / name).exists()

    def symbol(self, name: str) -> bool:
        path, _, symbol = name.partition("::")
        return bool(symbol) and (FOLDER / path).is_file() and _defines(FOLDER / path, symbol)

    def made(self, name: str) -> bool:
        path, _, symbol = name.partition("::")
        template = next((step.template for step in self._templates() if step.to == path), None)
        if template is None:
            return not symbol and any(path in entry.writes for entry in self.tasks.values())
        return not symbol or self.symbol(f"{template}::{symbol}")

    def _templates(self) -> Iterator[Template]:
        yield from (step for entry in self.tasks.values() for step in entry.do if isinstance(step, Template))

    def test(self, name: str) -> bool:
        path, _, function = name.rpartition("::")
        if not path:
            return any(_defines(found, function) for part in ("templates", "workspace/tests") for found in _files(FOLDER / part))
        return any(_defines(root / path, function) for root in (ROOT, FOLDER) if (root / path).is_file())

    def command(self, name: str) -> bool:
        from swarm.cli.app import app

        return name in {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}

    def feature(self, name: str) -> bool:
        documents = ("README.md", "docs/plan-language.md", "docs/architecture.md")
        text = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in documents).replace("`", "")
        return name in re.findall(r"^#+ (.+)$", text, re.MULTILINE)

    def planned(self, name: str) -> bool:
        return name in _planned(DOCUMENT)


KINDS: Final[dict[str, Callable[[Product, str], bool]]] = {
    "agent": Product.agent,
    "category": Product.category,
    "check": Product.check,
    "command": Product.command,
    "contract": Product.contract,
    "criterion": Product.criterion,
    "feature": Product.feature,
    "file": Product.file,
    "gap": Product.gap,
    "gate": Product.gate,
    "made": Product.made,
    "phase": Product.phase,
    "planned": Product.planned,
    "symbol": Product.symbol,
    "task": Product.task,
    "test": Product.test,
}


def _any_holds(checks: Iterable[object], text: str) -> bool:
    return any(text in str(check) for check in checks)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _defines(path: Path, symbol: str) -> bool:
    """Whether a text defines `name` or `Class.method`: Python by its syntax, templates and rules by their words."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return symbol in set(_definitions(ast.parse(text)))
    return all(re.search(rf"\b(?:class|def) +{re.escape(part)}\b", text) for part in symbol.split("."))


def _definitions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")


@pytest.fixture(scope="module")
def product() -> Product:
    return Product(load_plan(FOLDER / "plan.yaml"))


def test_every_section_of_the_seed_is_there_and_has_rows() -> None:
    sections = _sections(DOCUMENT)
    assert [name for name in sections if name in SECTIONS] == list(SECTIONS)
    assert not [name for name in SECTIONS[:-1] if not _rows(sections[name])]


def test_every_row_says_where_it_is() -> None:
    assert not [row for row in _rows(DOCUMENT) if not CITATION.search(_where(row))]


def test_everything_that_is_cited_is_there(product: Product) -> None:
    missing = sorted(":".join(citation) for citation in _citations(DOCUMENT) if not product.has(citation))
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    "citation",
    [
        "`agent:nobody`",
        "`check:analytics.mirror/no check says this`",
        "`command:nothing`",
        "`criterion:plan/no criterion says this`",
        "`feature:No heading`",
        "`file:workspace/nothing.py`",
        "`gate:integration/no condition says this`",
        "`made:core/monitoring/health_checker.py::Nothing`",
        "`made:nothing.py`",
        "`planned:nothing`",
        "`symbol:workspace/docs/templates/unified_processing_templates.py::Nothing`",
        "`symbol:workspace/nothing.py::Nothing`",
        "`task:analytics.nothing`",
        "`test:test_nothing`",
        "`test:tests/house/test_seed.py::test_nothing`",
        "`tsak:analytics.mirror`",
    ],
)
def test_what_is_not_there_is_found_out(product: Product, citation: str) -> None:
    (only,) = _citations(citation)
    assert not product.has(only)


def test_each_of_the_fifteen_specialists_is_cited() -> None:
    cited = {name for kind, name in _citations(DOCUMENT) if kind == "agent"}
    assert len(ROSTER) == 15
    assert cited >= ROSTER.keys()


def test_nothing_of_the_plan_goes_uncited(product: Product) -> None:
    spec = product.plan.spec
    plan = {("task", name) for name in product.tasks}
    plan |= {("gap", name) for name in spec.gaps} | {("contract", name) for name in spec.contracts}
    plan |= {("category", name) for name in spec.categories} | {("phase", name) for entry in spec.phases for name in entry}
    uncited = sorted(":".join(name) for name in plan - _citations(DOCUMENT))
    assert not uncited, "\n".join(uncited)


def test_what_is_planned_is_a_closed_list_of_which_nothing_is_idle() -> None:
    assert _planned(DOCUMENT) == {name for kind, name in _citations(DOCUMENT) if kind == "planned"}
