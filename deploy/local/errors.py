"""What a user of the stack is told in one line."""


class StackError(Exception):
    """The stack cannot be started or ended; the message says why, and what would help."""
