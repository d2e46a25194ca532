"""An answer that begins with a text which is known already, because a prefill or a cut-off answer goes before it.

What to send so that a server goes on, what of its words is new, and when to stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import itemgetter

from core.llm.endpoint import Endpoint
from core.llm.http.stream_decoder import ReportedUsage
from core.llm.request import CallRequest, ChatMessage

MAX_CONTINUATIONS = 2  # of one answer

MAX_PREAMBLE_CHARS = 400  # blank lines and a fence before the words of the rest; more than this is content
MIN_OVERLAP_CHARS = 8  # a shorter one in the middle of a line is an accident
MIN_DISTINCT_CHARS = 4  # rows of zeros, rulers and indentation end and begin alike without being a repetition
MIN_RESTART_CHARS = 40  # a rest that ends while it repeats this much of the beginning has brought nothing new

MAX_LOOP_PERIOD_CHARS = 200
MIN_LOOP_CHARS = 300  # an empty board or a matrix of zeros repeats itself for less
MIN_LOOP_ROUNDS = 3

_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^`\n]*$", re.MULTILINE)
_FENCE_LINE = re.compile(r"(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^`\n]*\n")
_FENCE_BEGINNING = re.compile(r"(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^`\n]*)$")
_MAY_HOLD_FENCES = frozenset({"", "markdown", "md"})  # languages of blocks in which a block may begin


def continued(request: CallRequest, text_so_far: str, endpoint: Endpoint) -> CallRequest:
    """Return the request that goes on after the whole answer so far, its prefill included."""
    if endpoint.kind == "embedded":
        return replace(request, prefill=text_so_far)
    asked = (ChatMessage.of_text("assistant", text_so_far), ChatMessage.of_text("user", request.continue_with))
    return replace(request, messages=(*request.messages, *asked), prefill="")


class ContinuedAnswer:
    """An answer that may take several requests, because each may end at the token limit.

    Attributes:
        text_so_far: what was cut off and is being continued; "" if nothing was.
    """

    def __init__(self) -> None:
        self.text_so_far = ""
        self._continuations = 0
        self._usages: list[ReportedUsage | None] = []

    def take(self, usage: ReportedUsage | None, text: str, *, may_go_on: bool) -> bool:
        """Add a part with which the whole text is now `text`; True if another request shall go on with it."""
        self._usages.append(usage)
        if not may_go_on or not self._is_worth_more(text):
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

    def _is_worth_more(self, text: str) -> bool:
        return (
            self._continuations < MAX_CONTINUATIONS
            and bool(text.strip())
            and text != self.text_so_far
            and not is_looping(text)
        )


def is_looping(text: str) -> bool:
    """Return whether the end of a text only repeats itself, so that more of it is worth nothing."""
    for period in range(1, MAX_LOOP_PERIOD_CHARS + 1):
        length = max(MIN_LOOP_CHARS, MIN_LOOP_ROUNDS * period)
        if length > len(text):
            return False
        if text[-length:-period] == text[period - length :]:
            return True
    return False


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


class OverlapJoiner:
    """Passes on what a server adds to a text, without what it repeats of its end.

    Held back are a preamble of at most MAX_PREAMBLE_CHARS, and the words that repeat a passage of the text which could still
    reach its end; so nothing new waits for longer than a few words. An overlap must be too long for an accident.
    """

    def __init__(self, text_so_far: str) -> None:
        self._text = text_so_far
        self._open_language = _open_block(text_so_far)
        self._held = ""
        self._places: dict[int, int] = {}  # where in the text each candidate for the first new word may stand
        self._is_joined = not text_so_far

    def feed(self, text: str) -> str:
        """Return what is new now that `text` has come; it may be nothing yet."""
        if self._is_joined:
            return text
        self._held += text
        preamble = self._read_preamble()
        if not preamble.is_known or any(self._may_reach_end(start) for start in preamble.starts):
            return ""
        return self._release(preamble)

    def end(self) -> str:
        """Return what was still held back when the rest ended."""
        return "" if self._is_joined else self._release(self._read_preamble(), is_whole=True)

    def _read_preamble(self) -> _Preamble:
        return _read_preamble(self._held[:MAX_PREAMBLE_CHARS], self._open_language)

    def _may_reach_end(self, start: int) -> bool:
        """Whether all that came from `start` on repeats a passage that ends before the text does."""
        came = self._held[start:]
        place = self._places.get(start, 0)
        if place < 0:
            return False
        # The first place is the likely one, and looking there alone keeps a long repetition cheap.
        if not (place + len(came) < len(self._text) and self._text.startswith(came, place)):
            place = self._text.find(came, place, max(0, len(self._text) - 1))
            self._places[start] = place
        return place >= 0

    def _release(self, preamble: _Preamble, *, is_whole: bool = False) -> str:
        self._is_joined = True
        held, self._held = self._held, ""
        rests = [held[start:] for start in preamble.starts]
        if is_whole and any(len(rest) >= MIN_RESTART_CHARS and self._text.startswith(rest) for rest in rests):
            return ""
        overlap, rest = max(((_overlap(self._text, rest), rest) for rest in rests), key=itemgetter(0))
        return rest[overlap:] if overlap else held[preamble.reopened_until :]


@dataclass(frozen=True, slots=True)
class _Preamble:
    """What stands before the words of the rest: each of `starts` may be where they begin.

    `reopened_until` is the end of a fence that opens once more the block that is open; 0 without one. A preamble that is
    not known yet can change with the next characters.
    """

    starts: tuple[int, ...]
    reopened_until: int = 0
    is_known: bool = True


def _read_preamble(head: str, open_language: str | None) -> _Preamble:
    is_long = len(head) == MAX_PREAMBLE_CHARS
    starts, begin = _line_starts(head, 0)
    if open_language is None or begin == len(head):
        return _Preamble(starts, is_known=is_long or begin < len(head))
    fence = _FENCE_LINE.match(head, begin)
    if fence is None:
        return _Preamble(starts, is_known=is_long or not _FENCE_BEGINNING.match(head, begin))
    inner_starts, inner_begin = _line_starts(head, fence.end())
    language = fence["language"].casefold()
    # A fence without a language closes the block, and in Markdown one with another language opens an inner one.
    is_reopening = bool(language) and (language == open_language or open_language not in _MAY_HOLD_FENCES)
    return _Preamble(
        (*starts, *inner_starts), fence.end() if is_reopening else 0, is_known=is_long or inner_begin < len(head)
    )


def _line_starts(head: str, start: int) -> tuple[tuple[int, ...], int]:
    """Return where words may begin from `start` on: there, after the blank lines, or after all space; and the last."""
    end = len(head) - len(head[start:].lstrip())
    line = head.rfind("\n", start, end) + 1 or start
    return tuple(sorted({start, line, end})), end


def _open_block(text: str) -> str | None:
    """Return the language of the code block that is open at the end of a text, None if there is none."""
    mark, language = "", None
    for fence in _FENCE.finditer(text):
        if language is None:
            mark, language = fence["mark"], fence["language"].casefold()
        elif not fence["language"] and fence["mark"].startswith(mark):
            language = None
    return language


def _overlap(text: str, addition: str) -> int:
    """Return how many of the first characters of `addition` repeat the end of `text`; 0 if that is an accident."""
    if len(text) >= MIN_OVERLAP_CHARS and addition.startswith(text):
        return len(text)
    probe, tail = addition[:MIN_DISTINCT_CHARS], text[-MIN_DISTINCT_CHARS:]
    place = text.find(probe, max(0, len(text) - len(addition)))
    while place >= 0:
        length = len(text) - place
        # The cheap look at its end comes first: in a monotonous text there are many places to begin at.
        if addition.endswith(tail, 0, length) and addition.startswith(text[place:]):
            if not _has_words(text[place:]):
                return 0  # nor have the shorter ones
            if length >= MIN_OVERLAP_CHARS or place == 0 or text[place - 1] == "\n":
                return length
        place = text.find(probe, place + 1)
    return 0


def _has_words(text: str) -> bool:
    return len(set(text) - set(" \t\n\r")) >= MIN_DISTINCT_CHARS
