"""Messages between components, by topic, kept in memory until they are read."""

import logging
from collections import defaultdict, deque
from typing import Any

logger = logging.getLogger(__name__)


class MessageBus:
    """A bounded queue for each topic: the oldest message makes room for the newest."""

    def __init__(self, capacity: int = 1000) -> None:
        self.capacity = capacity
        self.dropped = 0
        self._topics: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=capacity))

    def publish(self, topic: str, message: Any) -> None:
        """Adds a message to a topic.

        Raises:
            ValueError: the topic has no name.
        """
        if not topic:
            raise ValueError("a message needs a topic")
        queue = self._topics[topic]
        if len(queue) == self.capacity:
            self.dropped += 1
            logger.warning("topic %s is full; the oldest message was dropped", topic)
        queue.append(message)

    def receive(self, topic: str, limit: int = 10) -> list[Any]:
        """Takes the oldest messages of a topic, at most `limit`."""
        queue = self._topics[topic]
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    async def self_check(self) -> bool:
        """Whether a message that goes in comes out."""
        self.publish("self-check", "ping")
        return self.receive("self-check") == ["ping"]
