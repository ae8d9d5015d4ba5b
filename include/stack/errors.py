"""What stops the stack, with a code that does not change."""

from __future__ import annotations


class StackError(Exception):
    """Say what failed, on which object, and what to do next."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)

    def __str__(self) -> str:
        return f"[{self.code}] {self.args[0]}"
