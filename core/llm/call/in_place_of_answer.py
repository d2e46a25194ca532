"""What a server sends in place of an answer: a refusal, the name of a filter that stopped it, a tool call, or nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from core.kinds import FaultKind
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault, clean_detail
from core.llm.http.stream_decoder import StreamDecoder

MAX_QUOTED_CHARS = 300  # a longer text is the beginning of an answer, and not what a server says of it
MAX_PREAMBLE_CHARS = 300  # of a text tool call: "I will look at the files first."

_TOOL_CALL = re.compile(
    r"^[ \t]*(?:<(?:[\w\uff5c]{1,20}:)?(?:tool_calls?|function_calls?|tool_use|invoke|tool_code|tools?)\b[^>\n]*>|<function=|"
    r"<toolcall>|<longcat_tool_call>|<\uff5cdsml\uff5c\w{1,20}|\[TOOL_(?:CALLS|REQUEST)\]|functools\[|\u273fFUNCTION\u273f|"
    r"<\|(?:python_tag|tool_calls?(?:_begin|_start|_section_begin)?|start_action|action_start|plugin|functioncallbegin)\|>|"
    r"<\|tool_call>|<\|open\|>tools?\b[^<\n]*<\|sep\|>|<\uff5ctool\u2581calls?\u2581begin\uff5c>|```(?:tool_call|tool_code)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_TOOL_NAME = re.compile(
    r"\"(?:name|tool)\"\s*:\s*\"([^\"\n]{1,80})\"|<function=([\w.:-]{1,80})|\b(?:name|tool)=\"([^\"\n]{1,80})\"|"
    r"<\|tool_call>call:([\w.:-]{1,80})|\bfunctions\.([\w-]{1,80})|\u273fFUNCTION\u273f:[ \t]*([\w.-]{1,80})|<\|tool_call_start\|>\[(\w{1,80})\("
)
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_TOOL_KEYS = frozenset({"name", "tool", "id", "type", *_ARGUMENTS})


def fault_in_place_of_answer(decoder: StreamDecoder, reason: str, text: str, endpoint: Endpoint) -> Fault | None:
    """Return the fault that an answer is, if it holds something else than what was asked for.

    Args:
        decoder: has read the whole answer.
        reason: how it ended, in our words.
        text: of the answer.
        endpoint: where it comes from.
    """
    refusal = decoder.refusal.strip()
    said = refusal or (text.strip() if len(text) <= MAX_QUOTED_CHARS else "")
    if reason == "content_filter":
        filters = f"filtered for {', '.join(decoder.filters)}" if decoder.filters else ""
        words = "; ".join(part for part in (filters, said) if part) or f"finish_reason {decoder.finish_reason}"
        return _fault("content_filter", endpoint, words)
    if refusal or reason == "refusal":
        return _fault("refused", endpoint, said)
    if reason == "length":
        return None
    if decoder.tool_name is not None or reason == "tool_calls":
        return None if text.strip() else _tool_call(decoder.tool_name or "", endpoint)
    name = tool_call_in(text)
    return _tool_call(name, endpoint) if name is not None else None


def tool_call_in(text: str) -> str | None:
    """Return the name of the tool that a text calls, "" if it names none; None if it is no tool call."""
    text = text.strip()
    if (name := _json_tool_name(text)) is not None:
        return name
    found = _TOOL_CALL.search(text, 0, MAX_PREAMBLE_CHARS * 2)
    if found is None or found.start() > MAX_PREAMBLE_CHARS or _is_more_than_preamble(text[: found.start()]):
        return None
    named = _TOOL_NAME.search(text, found.start())
    return next((name for name in named.groups() if name), "") if named is not None else ""


def _is_more_than_preamble(before: str) -> bool:
    return "```" in before or before.lstrip().startswith("#") or before.strip().count("\n\n") > 1


def _json_tool_name(text: str) -> str | None:
    if not text.startswith(("{", "[", "`")):
        return None
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced is not None else text)
    except (ValueError, RecursionError):
        return None
    calls = value if isinstance(value, list) else [value]
    names = [_called_name(call) for call in calls]
    return names[0] if names and None not in names else None


def _called_name(call: Any) -> str | None:  # JSON of a model
    if not isinstance(call, dict):
        return None
    for wrapper in ("function", "function_call", "tool_call"):
        if isinstance(call.get(wrapper), dict) and not call.keys() - {wrapper, "id", "type", "index"}:
            return _called_name(call[wrapper])
    if isinstance(call.get("tool_calls"), list) and not call.keys() - {"tool_calls", "content", "role"}:
        return _called_name(call["tool_calls"][0]) if call["tool_calls"] else None
    name = call.get("name") or call.get("tool")
    has_arguments = any(isinstance(call.get(key), dict | str) for key in _ARGUMENTS)
    return name if isinstance(name, str) and has_arguments and not call.keys() - _TOOL_KEYS else None


def _tool_call(name: str, endpoint: Endpoint) -> Fault:
    shown = clean_detail(name, endpoint.api_key)[:80]
    called = f"a tool call ({shown})" if shown else "a tool call"
    return Fault(
        "empty",
        endpoint,
        detail=f"it answered with {called}, which this job does not take",
        hint="turn off the tools that the server or its model adds on its own, or use another model",
    )


def _fault(kind: FaultKind, endpoint: Endpoint, words: str) -> Fault:
    return Fault(kind, endpoint, detail=clean_detail(words, endpoint.api_key))
