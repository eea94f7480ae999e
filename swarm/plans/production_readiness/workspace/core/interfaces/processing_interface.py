"""What every processor of the village offers."""

from abc import ABC, abstractmethod
from typing import Any


class ProcessingInterface(ABC):
    """Takes data, and says what became of it."""

    @abstractmethod
    async def process(self, input_data: Any, **kwargs: Any) -> Any:
        """Processes one input; the answer says whether that succeeded."""

    @abstractmethod
    async def validate_input(self, input_data: Any) -> bool:
        """Whether an input can be processed at all."""

    @abstractmethod
    async def get_status(self) -> dict[str, Any]:
        """How the processor is doing."""
