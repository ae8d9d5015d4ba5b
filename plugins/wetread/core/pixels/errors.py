"""The one way in which an image can fail."""

from __future__ import annotations


class PixelError(Exception):
    """An instance gives no picture; ``reason`` is the code in ``outcomes.toml`` that it ends with.

    It decides the outcome of one instance and never fails a study. ``detail`` holds sizes, UIDs of
    transfer syntaxes and names of exceptions, never the value of another attribute: those may name
    the patient.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason, detail)

    def __str__(self) -> str:
        return f"[{self.reason}] {self.detail}"
