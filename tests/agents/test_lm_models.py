"""Which model, where, with which key: over a real HTTP server, whose log shows who was asked with what."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import dspy
import pytest

from swarm.agents.lm.budget import PLAN, Budget, BudgetSpent, Ledger, Scope
from swarm.agents.lm.engine import Mode, reason_of
from swarm.agents.lm.limits import ProviderBroken
from swarm.agents.lm.models import Models, endpoint_for, ledger_for, parse_model, roomy, try_model
from swarm.agents.lm.names import ModelName
from swarm.agents.lm.record import Caller, MemoryRecord
from swarm.agents.lm.retry import Policy
from swarm.agents.lm.turns import my_turn
from swarm.engine.calls import CallRow, Spend, Tokens
from swarm.errors import EnvironmentFault, UsageError
from swarm.plans import schema
from swarm.plans.graph import compile_plan
from swarm.plans.load import parse_plan
from tests.model_server import BY_SUFFIX, Answer, Chat, Fixed, ModelServer, Status, faulty, fields, huge

KEY = "sk-a-very-secret-key"
FORTY_TWO = fields(answer="42")
ONCE = Policy(tries=1)


def serving(then: Any = FORTY_TWO, key: str = KEY) -> ModelServer:
    return ModelServer(faulty(Fixed(then=then), suffixes=BY_SUFFIX), key=key)


def models(environment: Mapping[str, str], **how: Any) -> Models:
    return Models(environment, how.pop("record", None) or MemoryRecord(), how.pop("ledger", None) or Ledger(), policy=ONCE, **how)


async def asked(lm: Any, question: str = "why?") -> str:
    with dspy.context(lm=lm, swarm_call=Caller("c.t", "c", 1), disable_history=True, trace=None):
        return str((await dspy.Predict("question -> answer").acall(question=question))["answer"])


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("openai/gpt-5-mini", ModelName("openai/gpt-5-mini")),
        (" OpenAI/gpt-5-mini ", ModelName("openai/gpt-5-mini")),
        ("ollama/qwen3:8b@http://localhost:11434/v1/", ModelName("ollama/qwen3:8b", "http://localhost:11434/v1")),
        ("openrouter/meta/llama:free", ModelName("openrouter/meta/llama:free")),
        ("vllm/@cf/meta@https://[::1]:8443", ModelName("vllm/@cf/meta", "https://[::1]:8443")),
    ],
)
def test_a_models_name_may_say_where_it_is(text: str, name: ModelName) -> None:
    assert parse_model(text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing is not a model's name"),
        ("gpt-4o", "'gpt-4o' is not a model's name: write provider/model"),
        ("/gpt", "not a model's name"),
        ("openai/", "not a model's name"),
        ("openai/gpt 4", "not a model's name"),
        ("claude-code:x/y", "not a model's name"),
        ("openai/gpt\x1b[31m", "\\x1b"),
        ("openai/" + "x" * 1000, "1007 characters is too long"),
        ("openai/x@ftp://host/v1", "the URL of the model openai/x is neither http nor https"),
        ("openai/x@http://", "has no host"),
        ("openai/x@http://host:notaport/v1", "is not one"),
        ("openai/x@http://host/v1?key=s3cret", "has a query"),
        ("openai/x@http://ho\nst/v1", "has no host"),
        ("openai/x@http://joe:s3cret@host/v1", "holds a user or a password"),
    ],
)
def test_what_is_no_models_name_is_told_in_one_line_without_its_secrets(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_model(text)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable()


# Keys and places

LOCAL = "http://localhost:8000/v1"
EVIL = "https://evil.example/v1"
EVERYTHING = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY", "AZURE_OPENAI_API_KEY", "XAI_API_KEY"), KEY)


@pytest.mark.parametrize(
    ("name", "environment", "trusted", "model", "key", "url"),
    [
        ("openai/gpt-4o", {"OPENAI_API_KEY": KEY}, False, "openai/gpt-4o", KEY, None),
        ("openai/gpt-4o", {"OPENAI_API_KEY": f" {KEY}\n"}, False, "openai/gpt-4o", KEY, None),
        ("openai/gpt-4o", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": LOCAL}, False, "openai/gpt-4o", KEY, LOCAL),
        ("openai/gpt-4o", {"OPENAI_API_BASE": "http://localhost:8000"}, False, "openai/gpt-4o", "none", LOCAL),
        ("anthropic/claude", {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://p"}, False, "anthropic/claude", KEY, "https://p/v1"),
        ("gemini/flash", {"GOOGLE_API_KEY": KEY}, False, "gemini/flash", KEY, None),
        ("xai/grok-4", {"XAI_API_KEY": KEY}, False, "xai/grok-4", KEY, None),
        ("zai/glm-5", {"ZAI_API_KEY": KEY}, False, "zai:glm-5", KEY, None),
        ("ollama/qwen3:8b", {}, False, "ollama/qwen3:8b", "ollama", None),
        ("ollama/qwen3:8b", {"OLLAMA_HOST": "gpu"}, False, "ollama/qwen3:8b", "ollama", "http://gpu:11434/v1"),
        ("ollama/qwen3:8b", {"OLLAMA_HOST": "gpu:99"}, False, "ollama/qwen3:8b", "ollama", "http://gpu:99/v1"),
        ("ollama/qwen3:8b", {"OLLAMA_API_BASE": "http://gpu:99/"}, False, "ollama/qwen3:8b", "ollama", "http://gpu:99/v1"),
        ("vllm/m", {"VLLM_API_KEY": KEY, "HOSTED_VLLM_API_BASE": LOCAL}, False, "vllm:m", KEY, LOCAL),
        # A URL beside the name: in a plan it gets no key, whatever there is; by the operator the one that was put beside it.
        (f"openai/gpt-4o@{EVIL}", EVERYTHING | {"SWARM_LM_KEY": KEY}, False, "openai/gpt-4o", "none", EVIL),
        (f"ollama/m@{EVIL}", EVERYTHING | {"SWARM_LM_KEY": KEY}, False, "ollama/m", "none", EVIL),
        (f"azure/m@{EVIL}", EVERYTHING | {"SWARM_LM_KEY": KEY}, False, "azure/m", "none", EVIL),
        (f"xai/m@{EVIL}", EVERYTHING | {"SWARM_LM_KEY": KEY}, False, "xai/m", "none", EVIL),
        (f"openai/gpt-4o@{LOCAL}", {"SWARM_LM_KEY": "sk-beside", **EVERYTHING}, True, "openai/gpt-4o", "sk-beside", LOCAL),
        (f"openai/gpt-4o@{LOCAL}", EVERYTHING, True, "openai/gpt-4o", "none", LOCAL),
        ("openai/gpt-4o", {"SWARM_LM_KEY": "sk-beside", **EVERYTHING}, True, "openai/gpt-4o", KEY, None),
    ],
)
def test_each_key_goes_to_its_own_place(name: str, environment: dict[str, str], trusted: bool, model: str, key: str, url: str) -> None:
    endpoint = endpoint_for(parse_model(name), environment, trusted=trusted)
    assert (endpoint.model, endpoint.key, endpoint.base_url) == (model, key, url)
    assert endpoint.environment == {}
    assert KEY not in repr(endpoint)


def test_a_clouds_own_settings_are_read_from_the_given_environment_unless_the_plan_names_a_url() -> None:
    environment = {"AZURE_OPENAI_ENDPOINT": "https://mine", "AZURE_OPENAI_API_KEY": KEY}
    assert endpoint_for(parse_model("azure/m"), environment, trusted=False).environment == environment
    assert KEY not in repr(endpoint_for(parse_model("azure/m"), environment, trusted=False))


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("openai/gpt-4o", {}, "needs a key, and OPENAI_API_KEY is not set"),
        ("gemini/flash", {"OPENAI_API_KEY": KEY}, "GEMINI_API_KEY or GOOGLE_API_KEY is not set"),
        ("openai/gpt-4o", {"OPENAI_API_KEY": f"{KEY}\nx: y"}, "OPENAI_API_KEY holds something that cannot be a key"),
        ("openai/gpt-4o", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"ftp://{KEY}"}, "what stands in OPENAI_BASE_URL is neither http nor"),
    ],
)
def test_a_missing_or_broken_key_or_place_is_named_by_its_variable_only(name: str, environment: dict[str, str], said: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        endpoint_for(parse_model(name), environment, trusted=False)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ["acme/m", "claude-code/opus", "openai-codex/gpt"])
def test_an_unknown_provider_and_one_with_somebodys_login_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"write one of anthropic, .*openai"):
        endpoint_for(parse_model(f"{name}@{EVIL}"), {}, trusted=False)


@pytest.mark.asyncio
async def test_a_plans_url_never_sees_the_key_that_the_environment_holds() -> None:
    async with serving(key=KEY) as server:
        opened = models(EVERYTHING | {"SWARM_LM_KEY": KEY})
        with pytest.raises(dspy.LMError) as caught:
            await asked(opened.lm(f"openai/gpt-4o@{server.base_url}"))
        await opened.close()
    assert isinstance(reason_of(caught.value), ProviderBroken)
    assert [exchange.key_right for exchange in server.log] == [False]


@pytest.mark.asyncio
async def test_a_plans_url_is_sent_a_placeholder_and_the_operators_the_key_beside_it() -> None:
    for key, override in (("none", None), ("sk-beside", True)):
        async with serving(key=key) as server:
            name = f"openai/gpt-4o@{server.base_url}"
            opened = models({"SWARM_LM_KEY": "sk-beside", **EVERYTHING}, override=name if override else None)
            assert await asked(opened.lm(name)) == "42"
            await opened.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_provider_that_repeats_the_key_in_its_complaint_is_not_quoted(status: int) -> None:
    async with serving(Status(status, message=f"bad header: Bearer {KEY}")) as server:
        opened = models({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url})
        with pytest.raises(dspy.LMError) as caught:
            await asked(opened.lm("openai/gpt-4o"))
        await opened.close()
        trial = await try_model("openai/gpt-4o", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url})
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [caught.value]
    while waiting:
        error = waiting.pop()
        if error is not None and error not in seen:  # an error may come back as its own context
            assert KEY not in f"{error!r}{error}{vars(error)}"
            seen.append(error)
            waiting += [error.__cause__, error.__context__]
    assert KEY not in trial.line


SCRIPT = """
import asyncio, os, sys
from swarm.agents.lm.models import Models
from swarm.agents.lm.budget import Ledger
from swarm.agents.lm.record import Caller, MemoryRecord
import dspy

async def main():
    models = Models(dict(os.environ), MemoryRecord(), Ledger())
    with dspy.context(lm=models.lm("openai/gpt-4o"), swarm_call=Caller("c.t", "c", 1)):
        print((await dspy.Predict("question -> answer").acall(question="why?"))["answer"])
    await models.close()

asyncio.run(main())
print([name for name in sys.modules if name.split(".")[0] in ("litellm", "openai")])
"""


def test_a_base_url_in_the_environment_is_obeyed_and_brings_no_other_client_in() -> None:
    with serving().in_thread() as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": KEY}
        ran = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split("\n")[:2] == ["42", "[]"]
    assert [exchange.status for exchange in server.log] == [200]


# The models of a run


@pytest.mark.asyncio
async def test_a_model_is_opened_once_and_all_share_one_account() -> None:
    async with serving() as server:
        ledger = Ledger(Budget(calls=1))
        opened = models({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}, ledger=ledger)
        first, other = opened.lm("openai/gpt-4o"), opened.lm("openai/gpt-5-mini")
        assert first is opened.lm("OpenAI/gpt-4o")
        assert first is not other
        assert await asked(first) == "42"
        with pytest.raises(dspy.LMError) as caught:
            await asked(other)
        await opened.close()
        await opened.close()
    assert isinstance(reason_of(caught.value), BudgetSpent)
    assert len(server.chats) == 1


@pytest.mark.asyncio
async def test_what_the_operator_chose_takes_the_place_of_every_model() -> None:
    async with serving() as server:
        opened = models({"SWARM_LM_KEY": KEY}, override=f"openai/mine@{server.base_url}")
        lm = opened.lm("anthropic/claude")
        assert lm is opened.lm(None)
        assert lm is opened.lm(f"openai/other@{EVIL}")
        assert await asked(lm) == "42"
        await opened.close()
    assert [chat.model for chat in server.chats] == ["mine"]


@pytest.mark.asyncio
async def test_closing_leaves_no_connection_open() -> None:
    async with serving() as server:
        opened = models({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url})
        await asyncio.gather(*(asked(opened.lm("openai/gpt-4o"), str(number)) for number in range(5)))
        assert server._connections
        await opened.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*server._connections)  # each ends when its client is gone


def test_without_a_name_there_is_no_model() -> None:
    assert models({}).lm(None) is None
    assert models({}).unpriced(None) is False


@pytest.mark.asyncio
async def test_a_replay_needs_no_key_and_connects_to_nobody() -> None:
    record = MemoryRecord()
    async with serving() as server:
        name = f"openai/gpt-4o@{server.base_url}"
        opened = models({"SWARM_LM_KEY": KEY}, record=record, override=name)
        assert await asked(opened.lm(None)) == "42"
        await opened.close()
    again = models({}, record=record, mode=Mode.REPLAY, override=name)
    assert await asked(again.lm(None)) == "42"
    from_elsewhere = models({}, record=record, mode=Mode.REPLAY)
    assert await asked(from_elsewhere.lm("openai/gpt-4o")) == "42"
    await again.close()
    await from_elsewhere.close()


def test_a_model_without_a_known_price_says_so() -> None:
    opened = models({})
    assert opened.unpriced("openai/gpt-4o") is False
    assert opened.unpriced("ollama/some-model-of-mine") is True
    assert models({}, override="vllm/mine").unpriced("openai/gpt-4o") is True


PLAN_TEXT = """
plan: p
goal: g
workspace: w
limits: {budget: {calls: 100}}
phases: [work]
categories:
  c:
    objective: o
    lead: code-generator
    budget: {tokens: 5000}
    tasks:
      a: {phase: work, goal: g, keep: [{run: t}], budget: {usd: 0.5, calls: 7}}
      b: {phase: work, goal: g, keep: [{run: t}]}
"""


def row(task: str, calls: int) -> CallRow:
    tokens = Tokens(10, 10)
    return CallRow(task, "c", 1, 1, "k", 1, 1, "openai-chat", "openai/x", "r", "a", tokens, Spend(calls=calls, tokens=20), 0.1)


def refused(ledger: Ledger, task: str, estimate: Spend) -> Scope | None:
    try:
        ledger.settle(ledger.reserve(task, "c", estimate), Spend())
    except BudgetSpent as spent:
        return spent.scope
    return None


def test_the_accounts_have_the_budgets_of_plan_category_and_task_and_what_was_spent_before() -> None:
    plan = parse_plan(PLAN_TEXT, "plan.yaml", {})
    ledger = ledger_for(plan, compile_plan(plan), [row("c.a", 6), row("c.b", 90)])
    assert refused(ledger, "c.a", Spend(calls=1)) is None
    assert refused(ledger, "c.a", Spend(calls=2)) == Scope("task", "c.a")
    assert refused(ledger, "c.a", Spend(usd_known=0.6)) == Scope("task", "c.a")
    assert refused(ledger, "c.b", Spend(tokens=5000)) == Scope("category", "c")
    assert refused(ledger, "c.b", Spend(calls=5)) == PLAN


def test_a_limit_of_the_command_line_takes_the_place_of_the_plans_own_and_of_no_other() -> None:
    plan = parse_plan(PLAN_TEXT, "plan.yaml", {})
    given, of_category = schema.Budget(calls=600, usd=1.0), {"c": schema.Budget(calls=550)}
    ledger = ledger_for(plan, compile_plan(plan), [row("c.b", 200)], given, of_category)
    assert refused(ledger, "c.b", Spend(calls=340)) is None
    assert refused(ledger, "c.b", Spend(calls=351)) == Scope("category", "c")
    assert refused(ledger, "c.b", Spend(usd_known=1.5)) == PLAN
    assert refused(ledger, "c.b", Spend(tokens=5000)) == Scope("category", "c"), "a limit in calls takes none off the tokens"
    assert refused(ledger, "c.a", Spend(calls=8)) == Scope("task", "c.a")


# The doctor


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "key", "said"),
    [
        ("gpt-4o", KEY, "openai/gpt-4o@{url}: gpt-4o of openai-chat answered in {ms} ms, 14 tokens in, 1 out"),
        ("gpt-4o", "sk-wrong", "openai/gpt-4o@{url}: {url} refuses the key (401): set the right key: SWARM_LM_KEY"),
        ("m-404", KEY, "openai/m-404@{url}: {url} does not know the model m-404, or serves no models there: The scripted provider"),
        ("m-garbage", KEY, "openai/m-garbage@{url}: what {url} answers is no model's answer: look at the URL after @"),
        ("m-truncated", KEY, "openai/m-truncated@{url}: what {url} answers is no model's answer: look at the URL after @"),
        ("m-402", KEY, "openai/m-402@{url}: {url} refuses (402): The scripted provider refuses this."),
        ("m-unheard", KEY, "openai/m-unheard@{url}: {url} cannot be reached: server closed connection"),
    ],
)
async def test_the_doctor_says_in_one_line_what_a_model_did(model: str, key: str, said: str) -> None:
    script = faulty(Fixed(then=Answer("yes")), suffixes={**BY_SUFFIX, "-404": Status(404)})
    async with ModelServer(script, key=KEY) as server:
        trial = await try_model(f"openai/{model}@{server.base_url}", {"SWARM_LM_KEY": key})
    milliseconds = trial.line.partition("answered in ")[2].partition(" ms")[0]
    assert trial.line.startswith(said.format(url=server.base_url, ms=milliseconds))
    assert trial.worked is (model == "gpt-4o" and key == KEY)
    assert trial.line.isprintable()
    assert len(server.log) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        (
            "openai/m@http://127.0.0.1:9/v1",
            {},
            "nobody listens at http://127.0.0.1:9/v1: start the server there, or correct the URL",
        ),
        ("openai/m", {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "or correct OPENAI_BASE_URL or OPENAI_API_BASE"),
        ("openai/m", {}, "OPENAI_API_KEY is not set"),
        ("m", {}, "'m' is not a model's name"),
        ("acme/m", {}, "no provider 'acme'"),
        ("bedrock-chat/m", {}, "it is not set up: bedrock-chat: setting 'region' is required"),
    ],
)
async def test_the_doctor_says_what_is_missing_where_nobody_was_asked(name: str, environment: dict[str, str], said: str) -> None:
    trial = await try_model(name, environment)
    assert said in str(trial)
    assert not trial.worked


@pytest.mark.asyncio
async def test_the_doctor_does_not_wait_for_ever_and_tells_a_plans_url_from_the_operators() -> None:
    async with serving() as server:
        silent = await try_model(f"openai/m-silent@{server.base_url}", {"SWARM_LM_KEY": KEY}, within_s=0.05)
        planned = await try_model(f"openai/m@{server.base_url}", {"SWARM_LM_KEY": KEY}, trusted=False)
    assert silent.line.endswith(f"no answer within 0.05 s from {server.base_url}")
    assert "a plan's URL is given no key: choose the model by --lm" in planned.line


# Bounds


@pytest.mark.asyncio
async def test_an_answer_that_does_not_end_is_not_read_to_its_end_nor_asked_for_again() -> None:
    async with serving(huge(5 * 2**20)) as server:
        opened = Models({"SWARM_LM_KEY": KEY}, MemoryRecord(), Ledger(), override=f"openai/gpt-4o@{server.base_url}")
        with pytest.raises(dspy.LMError, match="larger than 4 MB"):
            await asked(opened.lm(None))
        await opened.close()
    assert len(server.chats) == 1


@pytest.fixture
def _garbage() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.asyncio
@pytest.mark.usefixtures("_garbage")
async def test_a_roomy_loop_has_threads_for_many_that_wait_for_each_other() -> None:
    roomy(asyncio.get_running_loop())
    together = threading.Barrier(32)
    await asyncio.gather(*(asyncio.to_thread(together.wait, 5) for _ in range(32)))


@pytest.mark.asyncio
async def test_few_of_a_crowd_go_in_one_round_of_the_loop_in_order_and_who_is_cancelled_keeps_nobody_waiting() -> None:
    went: list[tuple[int, int]] = []
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1
        loop.call_soon(count)

    async def walker(number: int) -> None:
        await my_turn()
        went.append((rounds, number))

    loop = asyncio.get_running_loop()
    loop.call_soon(count)
    crowd = [asyncio.create_task(walker(number)) for number in range(40)]
    await asyncio.sleep(0)
    crowd[30].cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert [number for _, number in went] == [number for number in range(40) if number != 30]
    assert max(sum(at == each for at, _ in went) for each in range(rounds + 1)) <= 5


def test_a_script_sees_the_model_under_its_own_name() -> None:
    seen: list[str] = []

    def script(chat: Chat) -> Answer:
        seen.append(chat.model)
        return Answer("yes")

    async def main() -> None:
        async with ModelServer(script, key="none") as server:
            assert (await try_model(f"vllm/org/model:tag@{server.base_url}", {})).worked

    asyncio.run(main())
    assert seen == ["org/model:tag"]
