"""An answer that may take several requests, because each may end at the token limit: what has come, and whether to go on."""

from __future__ import annotations

from core.llm.call.attempt import Answer
from core.llm.call.continuation import is_looping
from core.llm.http.stream_decoder import ReportedUsage

MAX_CONTINUATIONS = 2


class ContinuedAnswer:
    """One answer in the making.

    Attributes:
        text_so_far: what was cut off and is being continued; "" while there is no such thing.
    """

    def __init__(self) -> None:
        self.text_so_far = ""
        self._continuations = 0
        self._usages: list[ReportedUsage | None] = []

    def take(self, part: Answer, text: str, *, may_go_on: bool) -> bool:
        """Add a part with which the whole text is now `text`; True if another request shall go on with it."""
        self._usages.append(part.usage)
        if not may_go_on or not self._is_worth_more(part, text):
            return False
        self._continuations += 1
        self.text_so_far = text
        return True

    def usage(self) -> ReportedUsage | None:
        """Return what all requests of the answer have used; None if the server did not say it of each."""
        reported = [usage for usage in self._usages if usage is not None]
        if len(reported) < len(self._usages) or not reported:
            return None
        return ReportedUsage(sum(one.input_tokens for one in reported), sum(one.output_tokens for one in reported))

    def _is_worth_more(self, part: Answer, text: str) -> bool:
        return (
            part.finish_reason == "length"
            and self._continuations < MAX_CONTINUATIONS
            and bool(text.strip())
            and text != self.text_so_far
            and not is_looping(text)
        )
