"""The prompts sent before, walked through with Up and Down; the unsent draft is never lost."""

from __future__ import annotations

LONGEST_HISTORY = 200


class PromptHistory:
    """A list of sent prompts and a place in it; the place after the last one is the draft."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._place = 0
        self._draft = ""

    def add(self, text: str) -> None:
        """Remember a sent prompt once in a row, and go back to an empty draft."""
        if not self._sent or self._sent[-1] != text:
            self._sent.append(text)
            del self._sent[:-LONGEST_HISTORY]
        self._place = len(self._sent)
        self._draft = ""

    def previous(self, now_shown: str) -> str | None:
        """Return the prompt before the one shown; None at the first."""
        return self._go(-1, now_shown)

    def next(self, now_shown: str) -> str | None:
        """Return the prompt after the one shown, at last the draft; None at the draft."""
        return self._go(1, now_shown)

    def _go(self, step: int, now_shown: str) -> str | None:
        place = self._place + step
        if not 0 <= place <= len(self._sent):
            return None
        if self._place == len(self._sent):
            self._draft = now_shown
        self._place = place
        return self._draft if place == len(self._sent) else self._sent[place]
