"""An agent answers every task with a result, remembers a bounded number of them, and can check itself."""

import asyncio

import pytest

from experiments.agents.agents.unified_base_agent import HISTORY, UnifiedBaseAgent, resident_megabytes, success
from infrastructure.shared.experimental.agents.agents.unified_base_agent import UnifiedBaseAgent as MirroredAgent


class Forgetful(UnifiedBaseAgent):
    """Fails at whatever it is given."""

    async def _process_task(self, task):
        raise LookupError(f"forgot {task['content']}")


class Waiting(UnifiedBaseAgent):
    """Does nothing until it is told to, by the task itself."""

    async def _process_task(self, task):
        task["begun"].set()
        await task["go"].wait()
        return success(task["content"])


def waiting_task(content):
    return {"content": content, "begun": asyncio.Event(), "go": asyncio.Event()}


@pytest.mark.parametrize(("agent_class", "environment"), [(UnifiedBaseAgent, "experiments"), (MirroredAgent, "infrastructure")])
async def test_an_agent_does_a_task_and_says_where_it_runs(agent_class, environment):
    result = await agent_class("scribe").execute_task({"content": "hello"})
    assert result == {"status": "success", "success": True, "result": {"agent": "scribe", "environment": environment, "echo": "hello"}}


async def test_a_task_that_goes_wrong_becomes_a_failed_result():
    result = await Forgetful().execute_task({"content": "the key"})
    assert result == {"status": "failed", "success": False, "error": "LookupError: forgot the key"}


async def test_a_task_without_content_fails_and_the_next_one_does_not():
    agent = UnifiedBaseAgent()
    results = [await agent.execute_task(task) for task in ({}, {"content": "hello"})]
    assert [result["status"] for result in results] == ["failed", "success"]


async def test_tasks_run_at_the_same_time_and_keep_to_themselves():
    agent, first, second = Waiting(), waiting_task("first"), waiting_task("second")
    running = [asyncio.create_task(agent.execute_task(task)) for task in (first, second)]
    await asyncio.gather(first["begun"].wait(), second["begun"].wait())
    second["go"].set()
    assert (await running[1])["result"] == "second"
    assert not running[0].done()
    first["go"].set()
    assert (await running[0])["result"] == "first"


async def test_a_cancelled_task_is_cancelled_and_no_failure():
    agent, task = Waiting(), waiting_task("never")
    running = asyncio.create_task(agent.execute_task(task))
    await task["begun"].wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list(agent.history) == []


async def test_an_agent_remembers_each_task_with_its_end_and_its_time():
    agent = Forgetful()
    await agent.execute_task({"content": "the key"})
    (entry,) = agent.history
    assert (entry["task"], entry["status"]) == ({"content": "the key"}, "failed")
    assert entry["seconds"] >= 0


async def test_an_agent_forgets_its_oldest_tasks():
    agent = UnifiedBaseAgent()
    for number in range(HISTORY + 5):
        await agent.execute_task({"content": number})
    assert [entry["task"]["content"] for entry in agent.history] == list(range(5, HISTORY + 5))


@pytest.mark.parametrize(("agent_class", "healthy"), [(UnifiedBaseAgent, True), (Forgetful, False)])
async def test_an_agent_checks_itself_by_its_example(agent_class, healthy):
    assert await agent_class().self_check() is healthy


async def test_checking_leaves_the_example_as_it_is():
    before = dict(UnifiedBaseAgent.EXAMPLE)
    await UnifiedBaseAgent().self_check()
    assert before == UnifiedBaseAgent.EXAMPLE


@pytest.mark.parametrize(("platform", "mebibytes"), [("linux", 2.0), ("darwin", 2.0 / 1024)])
def test_memory_is_counted_in_mebibytes_on_every_platform(monkeypatch, platform, mebibytes):
    class Usage:
        ru_maxrss = 2048

    monkeypatch.setattr("resource.getrusage", lambda _who: Usage)
    monkeypatch.setattr("sys.platform", platform)
    assert resident_megabytes() == mebibytes


def test_a_process_takes_some_memory():
    assert resident_megabytes() > 1
