"""The directions of imports, who may import what, and what a command may not load."""

import subprocess
import sys

HEAVY = ("dspy", "litellm", "networkx", "pydantic", "yaml", "jinja2", "ast_grep_py", "rich.live")


def test_imports_point_down_and_foreign_packages_stay_where_they_belong() -> None:
    # In a process of its own: it sets up logging anew, which would silence the loggers of the tests after it.
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def _loaded_by(*arguments: str) -> set[str]:
    program = (
        "import sys\n"
        f"sys.argv = ['swarm', *{arguments!r}]\n"
        "from swarm.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ended.stderr.rsplit("\n", 2)[-2].split())


def test_help_loads_nothing_heavy() -> None:
    assert _loaded_by("--help").isdisjoint(HEAVY)


def test_looking_at_runs_loads_no_agent_framework() -> None:
    assert _loaded_by("runs").isdisjoint({"dspy", "litellm", "jinja2", "ast_grep_py"})


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, swarm; print(' '.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()).isdisjoint(HEAVY)
