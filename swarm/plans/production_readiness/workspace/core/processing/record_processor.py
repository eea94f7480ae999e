"""Records as the village stores them: fields named alike, and nothing that says nothing."""

import re
from typing import Any, ClassVar

from core.interfaces.processing_interface import ProcessingInterface

NOTHING = frozenset({"", "-", "n/a", "none", "null"})
SEPARATORS = re.compile(r"[^a-z0-9]+")


class RecordProcessor(ProcessingInterface):
    """Cleans records, which are dicts from elsewhere."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"First Name": " Ada ", "e-mail": "n/a", "Born": 1815}

    async def validate_input(self, input_data: Any) -> bool:
        return isinstance(input_data, dict)

    def clean(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with snake_case fields and trimmed texts; fields without a value are left out.

        Raises:
            ValueError: two fields get the same name.
        """
        cleaned: dict[str, Any] = {}
        for name, value in record.items():
            field, content = _field_name(name), _content(value)
            if field in cleaned:
                raise ValueError(f"two fields are called {field!r}")
            if content is not None:
                cleaned[field] = content
        return cleaned


def _field_name(name: str) -> str:
    return SEPARATORS.sub("_", name.strip().lower()).strip("_")


def _content(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    return None if text.lower() in NOTHING else text
