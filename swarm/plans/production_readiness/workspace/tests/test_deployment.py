"""Deployment: commands are run, known ones only."""

import pytest

from infrastructure.deployment.command_runner import CommandRunner, Outcome


def test_a_command_s_output_is_kept():
    assert CommandRunner().run("echo", "hello", "village") == Outcome(0, "hello village\n", "")


def test_a_command_that_fails_says_so():
    runner = CommandRunner()
    assert runner.run("false").status == 1
    runner.run("true")
    assert runner.status() == {"ran": 2, "failed": 1}


def test_what_a_command_complains_of_is_kept(tmp_path):
    outcome = CommandRunner().run("ls", str(tmp_path / "nowhere"))
    assert outcome.status != 0
    assert "nowhere" in outcome.errors


def test_only_known_programs_are_run():
    with pytest.raises(ValueError, match="'rm' is none of the programs"):
        CommandRunner().run("rm", "everything")


def test_a_program_that_is_not_installed_is_named():
    with pytest.raises(LookupError, match="no-such-program is not installed"):
        CommandRunner(programs=["no-such-program"]).run("no-such-program")


def test_a_command_that_takes_too_long_is_ended():
    runner = CommandRunner(programs=["sleep"], patience=0.02)
    with pytest.raises(TimeoutError, match=r"sleep took longer than 0\.02 s"):
        runner.run("sleep", "2")
    assert runner.status() == {"ran": 0, "failed": 0}


async def test_a_runner_checks_itself_and_leaves_no_trace():
    runner = CommandRunner()
    assert await runner.self_check()
    assert runner.status() == {"ran": 0, "failed": 0}
