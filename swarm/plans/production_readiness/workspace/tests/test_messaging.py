"""The message bus."""

import pytest

from infrastructure.messaging.message_bus import MessageBus


def test_messages_come_out_in_the_order_in_which_they_went_in():
    bus = MessageBus()
    for message in ("first", "second", "third"):
        bus.publish("news", message)
    assert bus.receive("news", limit=2) == ["first", "second"]
    assert bus.receive("news") == ["third"]
    assert bus.receive("news") == []


def test_topics_do_not_mix():
    bus = MessageBus()
    bus.publish("news", 1)
    bus.publish("weather", 2)
    assert bus.receive("weather") == [2]


def test_the_oldest_message_makes_room_for_the_newest():
    bus = MessageBus(capacity=2)
    for message in (1, 2, 3):
        bus.publish("news", message)
    assert bus.dropped == 1
    assert bus.receive("news") == [2, 3]


def test_a_message_without_a_topic_is_refused():
    with pytest.raises(ValueError, match="topic"):
        MessageBus().publish("", "hello")


async def test_a_bus_checks_itself_and_leaves_no_trace():
    bus = MessageBus()
    assert await bus.self_check()
    assert bus.receive("self-check") == []
