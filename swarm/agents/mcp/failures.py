"""How speaking with a server may fail."""

__all__ = ["Lost", "OutOfOrder", "Rejected"]


class OutOfOrder(Exception):
    """A server cannot do what was asked of it. The text is a sentence that a model can act on."""


class Lost(Exception):
    """The process has ended, or broke off the conversation. The text says how."""


class Rejected(Exception):
    """A server refused a request, or answered it in a form of its own. The text says how."""
