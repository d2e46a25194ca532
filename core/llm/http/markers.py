"""The marks that chat templates and reasoning models put around an answer, as they leak into its text.

One table of their spellings, and the words that stand for them where a server left them out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

MarkerKind = Literal[
    "thoughts_begin", "thoughts_end", "answer_begin", "answer_end", "turn_begin", "turn_end", "channel", "message"
]
"""thoughts_*: around reasoning; answer_*: around what follows it; turn_*: around one speaker's words.

channel and message: around the name of a Harmony channel (analysis, commentary, final).
"""

MAX_ATTRIBUTES_CHARS = 160

_THOUGHTS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "inner_thoughts",
    "inner_monologue", "internal_monologue", "chain_of_thought", "seed:think", "mm:think", "ant:thinking", "antthinking",
    "longcat_think", "reasoning_scratchpad", "thinking_process", "thought_process",
)  # fmt: skip
_THOUGHTS_BEGIN = (
    "begin_of_thought", "begin_of_thinking", "start_thinking", "start_of_thought", "start_of_thinking", "think_start", "inner_prefix",
    "thinking_start", "thought_start", "reasoning_start", "begin_of_reasoning",
)  # fmt: skip
_THOUGHTS_END = (
    "end_of_thought", "end_of_thinking", "end_thinking", "think_end", "inner_suffix",
    "thinking_end", "thought_end", "reasoning_end", "end_of_reasoning",
)  # fmt: skip
_ANSWER_BEGIN = ("begin_of_solution", "start_response", "begin_of_answer", "start_text", "begin_of_box", "content")
_ANSWER_END = ("end_of_solution", "end_response", "end_of_answer", "end_text", "end_of_box")
WRAPPERS = frozenset({"<answer>", "<response>"})  # after thoughts; elsewhere tags like any other
_TURN_BEGIN = (
    "im_start", "start", "start_header_id", "end_header_id", "start_of_turn", "start_of_role", "end_of_role", "assistant",
    "user", "system", "begin_of_text", "begin_of_sentence", "start_of_turn_token", "chatbot_token", "user_token",
    "system_token", "im_middle", "im_sep", "im_assistant", "im_user", "im_system", "header_start", "header_end", "begin",
    "observation", "bom", "bos", "startoftext",
)  # fmt: skip
_TURN_END = (
    "im_end", "eot_id", "eom_id", "end", "endoftext", "end_of_text", "end_of_turn", "endofturn", "end_of_turn_token",
    "end_of_sentence", "end_of_message", "return", "call", "eot", "eos", "eod", "eos_token", "endofpiece", "role_end",
    "assistant_end", "end_of_document", "pad", "eom", "end_of_msg", "endofassistant", "separator", "file_separator",
    "file_sep", "fim_pad", "fim_prefix", "fim_middle", "fim_suffix", "repo_name",
)  # fmt: skip

_TURN_END_TAGS = (
    "end_of_turn",
    "end_of_utterance",
    "eos",
    "eot",
    "eod",
    "eoa",
    "endoftext",
    "im_end",
    "seed:eos",
    "pad",
    "special_12",
)

_SECTIONS: dict[str, MarkerKind] = {
    "<|open|>think<|sep|>": "thoughts_begin",
    "<|close|>think<|sep|>": "thoughts_end",
    "<|open|>response<|sep|>": "answer_begin",
    "<|close|>response<|sep|>": "turn_end",
    "<|open|>message<|sep|>": "turn_begin",
    "<|close|>message<|sep|>": "turn_end",
}
"""Sections of a template that names them between two marks."""

_WHOLE: dict[str, MarkerKind] = {
    "[begin final response]": "answer_begin",
    "[end final response]": "turn_end",
    "[e~[": "turn_end",
}
"""Marks that are built like no others."""

# As `_spelled` writes them: lower case, no white space, no attributes, ASCII bars and brackets.
_KINDS: dict[str, MarkerKind] = {
    **{f"<{name}>": "thoughts_begin" for name in _THOUGHTS},
    **{f"</{name}>": "thoughts_end" for name in _THOUGHTS},
    **{f"[{name}]": "thoughts_begin" for name in _THOUGHTS[:5]},
    **{f"[/{name}]": "thoughts_end" for name in _THOUGHTS[:5]},
    **{f"<|{name}|>": "thoughts_begin" for name in (*_THOUGHTS[:5], *_THOUGHTS_BEGIN)},
    **{f"<|/{name}|>": "thoughts_end" for name in _THOUGHTS[:5]},
    **{f"<|{name}|>": "thoughts_end" for name in _THOUGHTS_END},
    **{f"<|{name}|>": "answer_begin" for name in _ANSWER_BEGIN},
    **{f"<|{name}|>": "answer_end" for name in _ANSWER_END},
    "<|channel>": "thoughts_begin",
    "<channel|>": "thoughts_end",
    **dict.fromkeys(WRAPPERS, "answer_begin"),
    "</answer>": "answer_end",
    "</response>": "answer_end",
    **{f"<|{name}|>": "turn_begin" for name in _TURN_BEGIN},
    **{f"[|{name}|]": "turn_begin" for name in ("assistant", "user", "system")},
    "<start_of_turn>": "turn_begin",
    "<|turn>": "turn_begin",
    "[inst]": "turn_begin",
    "[gmask]": "turn_begin",
    "<sop>": "turn_begin",
    "<bos>": "turn_begin",
    "<seed:bos>": "turn_begin",
    "<extra_id_1>": "turn_begin",
    "[unused16]": "thoughts_begin",
    "[unused17]": "thoughts_end",
    "[unused10]": "turn_end",
    **{f"<|{name}|>": "turn_end" for name in _TURN_END},
    **{f"[|{name}|]": "turn_end" for name in ("endofturn", "im_end")},
    **{f"<{name}>": "turn_end" for name in _TURN_END_TAGS},
    "</s>": "turn_end",
    "<turn|>": "turn_end",
    "[/inst]": "turn_end",
    "[eos]": "turn_end",
    "[pad]": "turn_end",
    "<|channel|>": "channel",
    "<|message|>": "message",
}  # fmt: skip
TAKES_ROLE = frozenset({"<|im_start|>", "<|start|>", "<|start_header_id|>", "<start_of_turn>", "<|turn>", "<|start_of_role|>", "<|header_start|>", "<|begin|>", "<|im_assistant|>", "<seed:bos>", "<extra_id_1>", "<sop>"})  # fmt: skip
DETAILS_BEGIN, DETAILS_END = "<details>", "</details>"  # marks of thoughts only as some web front ends write them

_OPEN = r"(?P<open>[<\[◁]|&lt;)[ \t]?(?P<bar>[|\uff5c]?/?)[ \t]?(?P<name>[\w:.\u2581-]*)"
_ATTRIBUTES = rf"(?P<attributes>[ \t][^<>\[\]◁▷|\uff5c\n&]{{0,{MAX_ATTRIBUTES_CHARS}}})?(?P<end_bar>[|\uff5c]?)"
_TRIGGER = re.compile(r"[<\[◁&]")
_MARKER = re.compile(rf"{_OPEN}{_ATTRIBUTES}(?P<close>[>\]▷]|&gt;)")
_BEGINNING = re.compile(rf"{_OPEN}{_ATTRIBUTES}(?:&(?:g(?:t)?)?)?\Z")
_ENTITY_BEGINNING = re.compile(r"&(?:l(?:t)?)?\Z")
_SECTION = re.compile(r"(?P<name>\w{1,20})[^<|\n]{0,160}<\|sep\|>")
_SECTION_BEGINNING = re.compile(r"(?:\w{1,20}[^<|\n]{0,160}(?:<(?:\|(?:s(?:e(?:p\|?)?)?)?)?)?)?\Z")
_OF_SECTION = frozenset({"<|open|>", "<|close|>"})
_ASCII = str.maketrans("\uff5c\u2581\u25c1\u25b7", "|_<>")
_QUOTES = frozenset("`\"'")


@dataclass(frozen=True, slots=True)
class Marker:
    """A mark in a text, from `start` to `end`; `spelling` is as the table has it."""

    kind: MarkerKind
    start: int
    end: int
    spelling: str


def may_hold_marker(text: str) -> bool:
    """Return whether a mark may begin in a piece of a text: what every piece of an answer is asked."""
    return "<" in text or "[" in text or "&" in text or (not text.isascii() and "◁" in text)


def next_marker(text: str, start: int, *, before: str = "", is_end: bool = False) -> Marker | int | None:
    """Return the first mark from `start` on, the place of what may yet become one, or None if there is neither.

    Args:
        text: a part of an answer.
        start: where to look from.
        before: the character before the text.
        is_end: nothing follows the text.
    """
    for trigger in _TRIGGER.finditer(text, start):
        at = trigger.start()
        marker = _marker_at(text, at)
        if marker is None:
            if not is_end and _may_become_marker(text, at):
                return at
            continue
        if marker.end == len(text) and not is_end:
            return at  # the next character tells whether it is quoted, or a link
        previous = text[at - 1] if at else before
        following = text[marker.end : marker.end + 1]
        is_quoted = previous in _QUOTES and previous == following
        is_link = marker.spelling.startswith("[") and following in {"(", "[", ":"}
        if not is_quoted and not is_link:
            return marker
    return None


def _marker_at(text: str, at: int) -> Marker | None:
    for whole, whole_kind in _WHOLE.items():
        if text[at : at + len(whole)].lower() == whole:
            return Marker(whole_kind, at, at + len(whole), whole)
    found = _MARKER.match(text, at)
    if found is None:
        return None
    spelling = _spelled(found["open"] + found["bar"] + found["name"]) + _spelled(found["end_bar"] + found["close"])
    if found["attributes"] and found["attributes"].strip():
        if spelling == DETAILS_BEGIN and 'type="reasoning"' in found["attributes"]:
            return Marker("thoughts_begin", at, found.end(), spelling)
        if found["bar"] or found["attributes"].rstrip().endswith("/"):
            return None
    if spelling == DETAILS_END:
        return Marker("thoughts_end", at, found.end(), spelling)
    if spelling in _OF_SECTION:
        return _section_at(text, at, found.end(), spelling)
    kind = _KINDS.get(spelling)
    return Marker(kind, at, found.end(), spelling) if kind is not None else None


def _section_at(text: str, at: int, end: int, mark: str) -> Marker | None:
    found = _SECTION.match(text, end)
    spelling = f"{mark}{found['name'].lower()}<|sep|>" if found is not None else ""
    if found is None or spelling not in _SECTIONS:
        return None
    return Marker(_SECTIONS[spelling], at, found.end(), spelling)


def _may_become_marker(text: str, at: int) -> bool:
    if _ENTITY_BEGINNING.match(text, at):
        return True
    begun = text[at : at + MAX_WHOLE_CHARS].lower()
    if any(whole.startswith(begun) for whole in _WHOLE):
        return True
    complete = _MARKER.match(text, at)
    if complete is not None:
        spelling = _spelled(
            complete["open"] + complete["bar"] + complete["name"] + complete["end_bar"] + complete["close"]
        )
        return spelling in _OF_SECTION and bool(_SECTION_BEGINNING.match(text, complete.end()))
    found = _BEGINNING.match(text, at)
    if found is None:
        return False
    begun = _spelled(found["open"] + found["bar"] + found["name"])
    if found["attributes"] or found["end_bar"]:
        begun += _spelled(found["end_bar"])
        return any(known.startswith(begun) and known[len(begun)] in "|>]" for known in _BEGINNINGS)
    return any(known.startswith(begun) for known in _BEGINNINGS)


def _spelled(text: str) -> str:
    return text.translate(_ASCII).lower().replace("&lt;", "<").replace("&gt;", ">")


_BEGINNINGS = (*_KINDS, *_OF_SECTION, DETAILS_BEGIN, DETAILS_END)
MAX_WHOLE_CHARS = max(map(len, _WHOLE))


class BareThoughts(NamedTuple):
    """The words that open an answer of this kind, and those between its thoughts and what follows them.

    `may_be_answer`: without the latter the former are words of the answer.
    """

    begin: str
    end: str
    may_be_answer: bool = True


# Harmony without its marks: "analysisWe ...assistantfinalThe ..."
_ANALYSIS = BareThoughts("analysis", "assistantfinal", may_be_answer=False)
_BARE_THOUGHTS = (
    _ANALYSIS,
    BareThoughts("Here is my thought process:", "Here is my response:"),
    BareThoughts("Here's my thought process:", "Here's my response:"),
    BareThoughts("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    BareThoughts("Thinking...\n", "...done thinking."),
)


def bare_thoughts(head: str, *, is_end: bool) -> BareThoughts | Literal["undecided"] | None:
    """Return what an answer that begins with `head` opens with; None if it is words of the answer."""
    for known in _BARE_THOUGHTS:
        if head.startswith(known.begin):
            following = head[len(known.begin) : len(known.begin) + 1]
            if known is not _ANALYSIS or following.isupper():
                return known
            if not following and not is_end:
                return "undecided"
        elif known.begin.startswith(head) and not is_end:
            return "undecided"
    return None


def kept_for_end(text: str, end: str) -> int:
    """Return how many of the last characters of `text` may be the beginning of `end`."""
    return next((chars for chars in range(len(end) - 1, 0, -1) if text.endswith(end[:chars])), 0)
