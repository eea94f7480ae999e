"""How long proving a plan of 10,000 tasks takes, step by step and as the command `swarm validate`.

    python bench/validate_plan.py [--tasks N] [--no-command] [SHAPE…]

Each shape is hard in its own way: `layers` in needs, `fan-out` in gaps, `chain` in order (all tasks write one path), `modules` in
globs, phases and categories. The command's time includes starting Python, the snapshot and the detectors.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from swarm.engine.proof import prove_plan
from swarm.plans.found import Found
from swarm.plans.graph import compile_plan
from swarm.plans.load import load_plan

HEAD = "plan: bench\ngoal: Measure.\nworkspace: workspace\n"


def layers(count: int) -> Iterator[str]:
    """Every task writes its own file and needs three tasks of the layer before."""
    yield HEAD + "phases: [work]\ncategories:\n  build:\n    objective: Build.\n    lead: code-generator\n    tasks:\n"
    for number in range(count):
        row, column = divmod(number, 100)
        before = [f"t{(row - 1) * 100 + (column + offset) % 100}" for offset in (0, 1, 7)] if row else []
        yield _task(f"t{number}", f"src/d{row}/f{column}.py", f"needs: [{', '.join(before)}]")


def fan_out(count: int) -> Iterator[str]:
    """One task over as many gaps as there are files."""
    yield HEAD + 'gaps: {todo: {files: "src/**", containing: TODO}}\nphases: [work]\n'
    yield "categories:\n  build:\n    objective: Build.\n    lead: code-generator\n    tasks:\n"
    yield _task("each", "{path}", "for_each: todo")


def chain(count: int) -> Iterator[str]:
    """A chain of tasks that all write the same path."""
    yield HEAD + "phases: [work]\ncategories:\n  build:\n    objective: Build.\n    lead: code-generator\n    tasks:\n"
    for number in range(count):
        yield _task(f"t{number}", "src/one.py", f"needs: [t{number - 1}]" if number else "weight: 1")


def modules(count: int) -> Iterator[str]:
    """Categories with a territory each, in four phases one after the other; tasks that write globs and read across."""
    phases = ["plan", "build", "test", "ship"]
    yield (
        HEAD
        + "phases:\n"
        + "".join(
            f"  - {phase}: {{gate: [{{phase: {phases[at - 1]}, done: 100%}}]}}\n" if at else f"  - {phase}\n"
            for at, phase in enumerate(phases)
        )
    )
    yield "categories:\n"
    for module in range(count // 100):
        yield f"  m{module}:\n    objective: Build.\n    lead: code-generator\n    territory: 'src/mod_{module}/**'\n    tasks:\n"
        for number in range(100):
            writes = f"src/mod_{module}/**" if number % 25 == 24 else f"src/mod_{module}/p{number}/**/*.py"
            needs = f'needs: ["m{module}.t*"]' if number == 99 else "needs: [t0]" if number % 25 == 0 and number else "weight: 1"
            extra = needs if number % 25 != 24 else f"needs: [{', '.join(f't{other}' for other in range(number - 24, number))}]"
            yield _task(f"t{number}", writes, extra, phases[number // 25])


def _task(name: str, writes: str, extra: str, phase: str = "work") -> str:
    at = "\n        "
    return f'      {name}:{at}phase: {phase}{at}goal: Write it.{at}writes: ["{writes}"]{at}{extra}{at}done_when: [{{run: make {name}}}]\n'


SHAPES: dict[str, Callable[[int], Iterator[str]]] = {"layers": layers, "fan-out": fan_out, "chain": chain, "modules": modules}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"any of {', '.join(SHAPES)}; all unless given")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--no-command", action="store_true", help="leave out `swarm validate` as a process")
    options = parser.parse_args()
    print(f"{'shape':<10}{'tasks':>8}{'load':>8}{'compile':>9}{'prove':>8}{'total':>8}{'command':>9}   seconds")
    for shape in options.shapes or SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            print(_row(shape, options.tasks, Path(folder), command=not options.no_command), flush=True)


def _row(shape: str, count: int, folder: Path, *, command: bool) -> str:
    plan_file = _lay_out(shape, count, folder)
    clock = [time.perf_counter()]
    plan = load_plan(plan_file)
    clock.append(time.perf_counter())
    gaps = [Found(gap="todo", path=f"src/f{number}.py", lines="1") for number in range(count)] if shape == "fan-out" else []
    graph = compile_plan(plan, gaps)
    clock.append(time.perf_counter())
    problems = prove_plan(graph)
    clock.append(time.perf_counter())
    if problems:
        sys.exit(f"{shape}: {len(problems)} problems, first: {problems[0]}")
    steps = [after - before for before, after in pairwise(clock)]
    ran = f"{_command(plan_file):9.2f}" if command else ""
    return f"{shape:<10}{len(graph.tasks):>8}{steps[0]:8.2f}{steps[1]:9.2f}{steps[2]:8.2f}{sum(steps):8.2f}{ran}"


def _lay_out(shape: str, count: int, folder: Path) -> Path:
    source = folder / "workspace" / "src"
    source.mkdir(parents=True)
    for number in range(count if shape == "fan-out" else 1):
        (source / f"f{number}.py").write_text("# TODO\n", encoding="utf-8")
    plan_file = folder / "plan.yaml"
    plan_file.write_text("".join(SHAPES[shape](count)), encoding="utf-8")
    return plan_file


def _command(plan_file: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "swarm", "validate", str(plan_file)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"swarm validate ended with {done.returncode}: {done.stdout}{done.stderr}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
