"""The beginning of an answer that was put into the model's mouth, joined with what the server sends after it."""

from __future__ import annotations


class PrefillJoiner:
    """Puts the beginning in front of an answer exactly once.

    llama.cpp repeats the beginning in some answers and goes on after it in others, so the first characters are held
    back until it is clear which of the two this is.
    """

    def __init__(self, prefill: str) -> None:
        self._prefill = prefill
        self._held = ""
        self._is_joined = not prefill

    def feed(self, text: str) -> str:
        """Return what can be shown now that `text` has come; it may be nothing yet."""
        if self._is_joined:
            return text
        self._held += text
        beginning, came = self._prefill.strip(), self._held.lstrip()
        if len(came) < len(beginning) and beginning.startswith(came):
            return ""
        self._is_joined = True
        return self._held if came.startswith(beginning) else self._prefill + self._held

    def end(self) -> str:
        """Return what was still held back when the answer ended; nothing if nothing had come."""
        if self._is_joined or not self._held.strip():
            return ""
        self._is_joined = True
        return self._prefill + self._held
