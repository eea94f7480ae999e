"""The sages' house: what is known is found, summarised, checked against its sources, and asked of the right one."""

import pytest

from experiments.agents.agents.sage.document_summarizer import DocumentSummarizer
from experiments.agents.agents.sage.fact_checker import FactChecker
from experiments.agents.agents.sage.knowledge_index import KnowledgeIndex
from experiments.agents.agents.sage.question_router import QuestionRouter
from experiments.agents.agents.sage.sage_agent import SageAgent


@pytest.mark.parametrize("agent_class", [DocumentSummarizer, FactChecker, KnowledgeIndex, QuestionRouter, SageAgent])
async def test_each_agent_does_its_example_again_and_again(agent_class):
    agent = agent_class()
    assert [await agent.self_check() for _ in range(3)] == [True, True, True]


def test_the_sage_quotes_the_passage_that_shares_the_rarest_words():
    sage = SageAgent(passages=["The river is wide.", "The river has a ford.", "The sea is salt."])
    assert sage.answer("Where is the ford of the river?")["quote"] == "The river has a ford."


def test_the_sage_says_how_much_of_a_question_a_quote_covers():
    sage = SageAgent(passages=["salt sea", "wide river"])
    assert sage.answer("Salt sea") == {"quote": "salt sea", "coverage": 1.0}
    assert sage.answer("sea monsters") == {"quote": "salt sea", "coverage": 0.5}


@pytest.mark.parametrize("passages", [[], ["The sea is salt."]])
def test_the_sage_admits_what_it_does_not_know(passages):
    with pytest.raises(LookupError, match="knows nothing about: dragons"):
        SageAgent(passages=passages).answer("dragons")


TEXT = "The mill grinds corn. Dogs bark! The corn feeds the mill and the village. Is it late? The village has a mill."


@pytest.mark.parametrize(
    ("sentences", "summary"),
    [
        (1, "The mill grinds corn."),
        (2, "The mill grinds corn. The corn feeds the mill and the village."),
        (99, TEXT),
    ],
)
def test_a_summary_keeps_the_weightiest_sentences_in_their_order(sentences, summary):
    assert DocumentSummarizer().summarize(TEXT, sentences) == summary


def test_keywords_are_the_words_used_most_without_the_common_ones():
    assert DocumentSummarizer().keywords(TEXT, limit=3) == ["mill", "corn", "village"]


@pytest.mark.parametrize(("text", "sentences"), [("", 1), ("  \n", 1), ("A mill.", 0)])
def test_nothing_cannot_be_summarised(text, sentences):
    with pytest.raises(ValueError, match="needs a text and at least one sentence"):
        DocumentSummarizer().summarize(text, sentences)


def test_sentences_of_common_words_alone_weigh_nothing():
    assert DocumentSummarizer().summarize("It is. Corn grows.", 1) == "Corn grows."


def test_documents_are_found_by_the_words_they_share_best_first():
    index = KnowledgeIndex()
    for document in ("the old mill", "the old gate", "a new gate"):
        assert index.add(document)
    assert index.find("Old GATE") == ["the old gate", "a new gate", "the old mill"]
    assert index.find("old gate", limit=1) == ["the old gate"]
    assert index.find("dragon") == []


def test_a_document_is_kept_once_and_in_the_order_of_adding():
    index = KnowledgeIndex()
    assert [index.add(document) for document in ("mill", "gate", "mill")] == [True, True, False]
    assert list(index.documents) == ["mill", "gate"]
    assert index.find("mill") == ["mill"]


def test_asking_for_an_unknown_word_does_not_make_the_index_grow():
    index = KnowledgeIndex()
    index.find("dragon")
    assert not index.documents_of


@pytest.mark.parametrize("document", ["", " ?! "])
def test_a_document_without_words_is_refused(document):
    with pytest.raises(ValueError, match="a document needs words"):
        KnowledgeIndex().add(document)


async def test_a_task_adds_a_document_and_finds_what_it_asks_for():
    index = KnowledgeIndex()
    await index.execute_task({"content": "the mill"})
    result = await index.execute_task({"content": "the gate", "query": "mill"})
    assert result["result"] == {"new": True, "documents": 2, "found": ["the mill"]}
    assert (await index.execute_task({"content": "the gate"}))["result"]["new"] is False


def source_of(known):
    async def source(subject):
        return known.get(subject)

    return source


async def broken(_subject):
    raise OSError("the archive burned")


SOURCES = {"watch": source_of({"the gate": "closed"}), "poet": source_of({"the gate": "open", "love": "blind"}), "archive": broken}


@pytest.mark.parametrize(
    ("claim", "verdict", "evidence"),
    [
        ("Love is blind.", "supported", {"poet": "blind"}),
        ("love is NOT  blind", "contradicted", {"poet": "blind"}),
        ("Love is kind", "contradicted", {"poet": "blind"}),
        ("Love is not kind!", "supported", {"poet": "blind"}),
        ("The gate is open", "disputed", {"watch": "closed", "poet": "open"}),
        ("Dragons are real", "unknown", {}),
    ],
)
async def test_a_claim_is_held_against_every_source_that_knows_about_it(claim, verdict, evidence):
    assert await FactChecker(sources=SOURCES).check(claim) == {"verdict": verdict, "evidence": evidence}


async def test_evidence_can_be_gathered_without_a_claim():
    assert await FactChecker().evidence("water") == {"almanac": "wet"}


async def test_what_claims_nothing_cannot_be_checked():
    with pytest.raises(ValueError, match="a claim says what something is: 'hello'"):
        await FactChecker().check("hello")


@pytest.mark.parametrize(
    ("question", "topic"), [("Where is the market?", "places"), ("When is the feast?", "times"), ("who owns the mill", "people")]
)
def test_a_question_goes_to_the_topic_that_most_likely_asks_it(question, topic):
    assert QuestionRouter().route(question) == topic


def test_among_equally_likely_topics_the_first_by_name_is_taken():
    assert QuestionRouter().route("xyzzy xyzzy") == "people"


async def test_the_router_learns_a_new_topic():
    router = QuestionRouter()
    for question in ("How much does bread cost", "How much is a cart", "How much corn is left"):
        router.teach(question, "prices")
    assert (await router.execute_task({"content": "How much is wine?"}))["result"] == {
        "topic": "prices",
        "topics": ["people", "places", "prices", "times"],
    }


@pytest.mark.parametrize(("question", "topic"), [("?", "people"), ("Who", "")])
def test_a_lesson_needs_a_question_and_a_topic(question, topic):
    with pytest.raises(ValueError, match="a lesson needs"):
        QuestionRouter().teach(question, topic)


def test_silence_is_routed_nowhere():
    with pytest.raises(ValueError, match="a question needs words"):
        QuestionRouter().route("...")
