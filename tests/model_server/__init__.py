"""A model's provider for tests: a real HTTP server on loopback that speaks OpenAI's chat completions and plays a script.

Tests import it as `tests.model_server`, whatever folder they are in. See `server` for how to start it, `script` and `coder` for what
it says, `faults` for how it fails.
"""

from .coder import Coder, Edit, Lesson
from .faults import BY_SUFFIX, Cut, Drip, Fault, Garbage, Silence, Status, Truncated
from .protocol import Answer, Call, Chat, Usage, huge
from .script import Fixed, Script, faulty, fields
from .sending import Reply
from .server import Exchange, ModelServer

__all__ = [
    "BY_SUFFIX",
    "Answer",
    "Call",
    "Chat",
    "Coder",
    "Cut",
    "Drip",
    "Edit",
    "Exchange",
    "Fault",
    "Fixed",
    "Garbage",
    "Lesson",
    "ModelServer",
    "Reply",
    "Script",
    "Silence",
    "Status",
    "Truncated",
    "Usage",
    "faulty",
    "fields",
    "huge",
]
