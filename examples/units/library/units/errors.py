"""What can go wrong."""


class UnitError(ValueError):
    """A text that is no quantity, a unit that there is not, or two units that cannot be compared. The text names them."""
