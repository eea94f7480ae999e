"""Text as the village stores it: one form for what looks the same, and no stray white space."""

import re
import unicodedata
from typing import Any, ClassVar, Final

from core.interfaces.processing_interface import ProcessingInterface

FORM: Final = "NFKC"
SPACE = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\n{3,}")


class TextProcessor(ProcessingInterface):
    """Brings texts into the form in which they can be compared."""

    EXAMPLE: ClassVar[str] = "A  village\u00a0of   agents \n\n\n\n ﬁnds its way. "

    async def process(self, input_data: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("texts cannot be processed yet")

    async def validate_input(self, input_data: Any) -> bool:
        return isinstance(input_data, str)

    async def get_status(self) -> dict[str, Any]:
        return {"form": FORM}

    def normalise(self, text: str) -> str:
        """The text in Unicode's compatibility form, with single spaces, bare line ends and at most one blank line in a row."""
        lines = unicodedata.normalize(FORM, text).splitlines()
        return BLANK_LINES.sub("\n\n", "\n".join(SPACE.sub(" ", line).strip() for line in lines)).strip()
