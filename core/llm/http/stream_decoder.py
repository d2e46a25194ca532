"""The bytes of an answer become text: one strict decoder for server-sent events and for whole JSON bodies.

An answer is complete only if a finish_reason or [DONE] was seen; whatever else ends it is a named fault.
How the bytes are cut into reads makes no difference to the result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard

import msgspec

from core.kinds import FaultKind
from core.llm.http.content_parts import read_content

MAX_COUNT = 1_000_000_000  # of tokens; a server that says more has miscounted
MAX_EVENT_BYTES = 32 * 1024 * 1024  # a server that never ends a line must not eat the memory
_LINE_FEED, _CARRIAGE_RETURN = b"\n\r"
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_KEEP_ALIVE_EVENTS = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive"})


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call that the model asks for; `index` tells the pieces of several calls apart."""

    index: int = 0
    name: str = ""
    arguments: str = ""


class StreamDelta(NamedTuple):
    """What one read added to the answer: the texts of all its events, joined."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()


class ReportedUsage(NamedTuple):
    """Token counts the server sent."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class StreamFault:
    """Why a stream is no answer: a fault kind, and the server's error if it sent one.

    `kind` None leaves the choice to the classification of `body`, an error object or text.
    """

    kind: FaultKind | None
    body: object = None
    detail: str = ""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one chunk adds to the answer."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    refusal: str | None = None
    tool_calls: Any = None


class Choice(msgspec.Struct, frozen=True, gc=False):
    """One of the answers that a server may write at once."""

    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    content_filter_results: Any = None


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One event of a stream; every field that we read, and none of the others."""

    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    object: str | None = None


_decode = msgspec.json.Decoder(Chunk).decode


def usual_chunk(data: bytes) -> Chunk | None:
    """Return the chunk if it holds text in the usual places or nothing; None if it needs a closer look.

    Errors, other types than usual, and whatever is no JSON or no UTF-8 need one.
    """
    try:
        chunk = _decode(data)
    except (ValueError, RecursionError):
        return None
    if chunk.error is not None or chunk.object == "error":
        return None
    if chunk.choices:
        choice = chunk.choices[0]
        if choice.delta is None or choice.finish_reason == "error" or len(chunk.choices) > 1:
            return None
    return chunk


class StreamDecoder:
    """Decodes one answer; feed it bytes until `finished`, then ask `end()`.

    Args:
        event_stream: whether the content type says text/event-stream; only used to name a fault rightly.

    Attributes:
        tool_name: of the tool that the answer calls first, "" if it has no name; None if it calls none.
        filters: the names of the content filters that stopped the answer.
    """

    __slots__ = (
        "_body", "_body_bytes", "_carry", "_data", "_data_bytes", "_event", "_event_stream", "_fields_seen", "_mode",
        "_reasoning", "_refusal", "_skip_line_feed", "_tail", "_tail_bytes", "_text", "_tool_calls",
        "done", "fault", "filters", "finish_reason", "tool_name", "usage",
    )  # fmt: skip

    def __init__(self, *, event_stream: bool = True) -> None:
        self.finish_reason: str | None = None
        self.done = False  # [DONE] was seen
        self.usage: ReportedUsage | None = None
        self.fault: StreamFault | None = None
        self.tool_name: str | None = None
        self.filters: tuple[str, ...] = ()
        self._refusal: list[str] = []
        self._event_stream = event_stream
        self._mode: Literal["unknown", "json", "sse"] = "unknown"
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._skip_line_feed = False
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event = b""
        self._fields_seen = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._carry = ""
        self._tool_calls: list[ToolCallDelta] = []

    @property
    def complete(self) -> bool:
        """Whether the answer is known to be whole."""
        return self.fault is None and (self.done or self.finish_reason is not None)

    @property
    def refusal(self) -> str:
        """What the model says in place of an answer; "" if it does not refuse."""
        return "".join(self._refusal)

    @property
    def finished(self) -> bool:
        """Whether further bytes would make no difference."""
        return self.done or self.fault is not None

    def feed(self, data: bytes) -> StreamDelta | None:
        """Take the next bytes; None if they bring no part of an answer, as comments do and what follows [DONE] or a fault."""
        if self.done or self.fault is not None or not data:
            return None
        if self._mode != "sse":
            self._feed_body(data)
        elif (
            # One whole event, as most servers send them: there is nothing to split and nothing to join.
            data.startswith(b"data: {")
            and data.find(b"\n") == len(data) - 2
            and data[-1] == _LINE_FEED
            and _CARRIAGE_RETURN not in data
            and not (self._tail or self._data or self._event)
        ):
            self._skip_line_feed = False
            self._fields_seen = True
            self._dispatch(data[6:-2])
        else:
            self._feed_lines(data)
        return self._take()

    def end(self) -> StreamDelta | None:
        """Take the end of the body; afterwards either `complete` is true or `fault` is set."""
        if self._mode == "json" and not self.finished:
            self._decode_whole()
        if self._carry and not self.fault:
            self._carry = ""
            self._text.append("\ufffd")
        if not self.complete and self.fault is None:
            self.fault = self._unfinished()
        return self._take()

    def _unfinished(self) -> StreamFault:
        if self._mode == "sse" and not self._fields_seen and not self._event_stream:
            line = b"".join(self._tail)
            if not line.startswith(_FIELDS) and not any(field.startswith(line) for field in _FIELDS):
                return StreamFault("not_sse", detail=_excerpt(line))
        return StreamFault("truncated_stream")

    def _take(self) -> StreamDelta | None:
        if not self._text and not self._reasoning and not self._tool_calls:
            return None
        delta = StreamDelta("".join(self._text), "".join(self._reasoning), tuple(self._tool_calls))
        self._text.clear()
        self._reasoning.clear()
        if self._tool_calls:
            self._tool_calls.clear()
        return delta

    def _feed_body(self, data: bytes) -> None:
        self._body.append(data)
        self._body_bytes += len(data)
        if self._mode == "json":
            if self._body_bytes > MAX_EVENT_BYTES:
                self._fail("malformed", "the body has no end")
            return
        head = b"".join(self._body)
        if _BOM.startswith(head):
            return
        head = head.removeprefix(_BOM).lstrip()
        self._body = [head]
        if not head:
            return
        if head[:1] in b"{[":
            self._mode = "json"
        elif head[:1] == b"<":
            self._fail("not_sse", _excerpt(head))
        else:
            self._mode = "sse"
            self._body = []
            self._feed_lines(head)

    def _feed_lines(self, data: bytes) -> None:
        if self._skip_line_feed:
            self._skip_line_feed = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_line_feed = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
            self._tail, self._tail_bytes = [], 0
        for line in lines:
            self._line(line)
            if self.done or self.fault is not None:
                return
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
            if self._tail_bytes > MAX_EVENT_BYTES:
                self._fail("malformed", "a line has no end")

    def _line(self, line: bytes) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                self._data, self._data_bytes = [], 0
                self._dispatch(data)
            self._event = b""
        elif line.startswith(b"data:"):
            self._fields_seen = True
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._data_bytes += len(value)
            if self._data_bytes > MAX_EVENT_BYTES:
                self._fail("malformed", "an event has no end")
        elif line.startswith(b"event:"):
            self._fields_seen = True
            self._event = line[6:].strip()
        elif line.startswith(b"error:"):
            self._fields_seen = True
            value = line[6:].strip()
            try:
                body = json.loads(value.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                body = value.decode("utf-8", "replace")
            self.fault = StreamFault("server", body)
        elif line.startswith(_FIELDS):
            self._fields_seen = True

    def _dispatch(self, data: bytes) -> None:
        if not self._event:
            chunk = usual_chunk(data)
            if chunk is not None:
                self._usual_chunk(chunk)
                return
        self._dispatch_leniently(data)

    def _dispatch_leniently(self, data: bytes) -> None:
        if self._event in _KEEP_ALIVE_EVENTS:
            return
        data = data.strip()
        if data == b"[DONE]":
            self.done = True
            return
        if not data:
            return
        try:
            payload = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            if self._event == b"error":
                self.fault = StreamFault("stream_error", data.decode("utf-8", "replace"))
            else:
                self._fail("malformed", _excerpt(data))
            return
        if isinstance(payload, dict):
            if self._event == b"error" and "error" not in payload:
                self.fault = StreamFault("stream_error", payload)
            else:
                self._chunk(payload)
        elif self._event == b"error":
            self.fault = StreamFault("stream_error", payload)

    def _usual_chunk(self, chunk: Chunk) -> None:
        if chunk.usage is not None:
            self._usage(chunk.usage)
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        delta = choice.delta
        if choice.index or delta is None:
            return
        if delta.content:
            if self._carry:
                self._add_text(delta.content)
            else:
                self._text.append(delta.content)
        reasoning = delta.reasoning_content or delta.reasoning or delta.thinking
        if reasoning:
            self._reasoning.append(reasoning)
        if delta.tool_calls:
            self._add_tool_calls(delta.tool_calls)
        if delta.refusal:
            self._refusal.append(delta.refusal)
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason
        if choice.content_filter_results is not None:
            self._add_filters(choice.content_filter_results)

    def _chunk(self, payload: dict[str, Any]) -> None:  # JSON of a foreign server
        error = payload.get("error")
        if error is not None and error is not False and error != "":
            self.fault = StreamFault(None, error)
            return
        if payload.get("object") == "error":
            self.fault = StreamFault(None, payload)
            return
        usage = payload.get("usage")
        if usage is not None:
            self._usage(usage)
        choices = payload.get("choices")
        if not isinstance(choices, list):
            return
        ours = (choice for choice in choices if isinstance(choice, dict) and choice.get("index") in (0, None))
        if (choice := next(ours, None)) is None:
            return
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta)
        elif isinstance(choice.get("text"), str):
            self._add_text(choice["text"])
        self._add_filters(choice.get("content_filter_results"))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            if reason == "error":
                self.fault = StreamFault("stream_error", choice.get("error") or payload)
            else:
                self.finish_reason = reason

    def _delta(self, delta: dict[str, Any]) -> None:  # JSON of a foreign server
        content = read_content(delta.get("content"))
        if content.text:
            self._add_text(content.text)
        field = delta.get("reasoning_content") or delta.get("reasoning") or delta.get("thinking")
        reasoning = content.reasoning + (field if isinstance(field, str) else "")
        if reasoning:
            self._reasoning.append(reasoning if reasoning.isascii() else _without_surrogates(reasoning))
        field = delta.get("refusal")
        refusal = content.refusal + (field if isinstance(field, str) else "")
        if refusal:
            self._refusal.append(refusal if refusal.isascii() else _without_surrogates(refusal))
        if delta.get("tool_calls"):
            self._add_tool_calls(delta["tool_calls"])

    def _add_tool_calls(self, value: object) -> None:
        calls = _tool_calls(value)
        self.tool_name = self.tool_name or next((call.name for call in calls if call.name), "")
        self._tool_calls += calls

    def _add_filters(self, results: object) -> None:
        if isinstance(results, dict):
            stopped = (
                name for name, result in results.items() if isinstance(result, dict) and result.get("filtered") is True
            )
            self.filters = tuple(dict.fromkeys((*self.filters, *map(str, stopped))))

    def _add_text(self, text: str) -> None:
        if self._carry or not text.isascii():
            # JSON may write one character as two escapes, and a server may send them in two chunks.
            text = self._carry + text
            self._carry = ""
            if text and "\ud800" <= text[-1] <= "\udbff":
                self._carry = text[-1]
                text = text[:-1]
            text = _without_surrogates(text)
        if text:
            self._text.append(text)

    def _usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if _is_count(prompt) and _is_count(completion):
            self.usage = ReportedUsage(prompt, completion)

    def _decode_whole(self) -> None:
        text = b"".join(self._body).decode("utf-8", "replace")
        try:
            payload = json.loads(text)
        except json.JSONDecodeError as wrong:
            kind: FaultKind = "malformed" if wrong.msg.startswith("Extra data") else "truncated_stream"
            self._fail(kind, _excerpt(text.encode()))
            return
        except (ValueError, RecursionError):
            self._fail("malformed", _excerpt(text.encode()))
            return
        if isinstance(payload, list) and payload:
            payload = payload[0]
        if not isinstance(payload, dict) or not ({"error", "choices"} & payload.keys() or "object" in payload):
            self._fail("not_sse", _excerpt(text.encode()))
            return
        self._chunk(payload)
        if self.fault is None and self.finish_reason is None:
            if isinstance(payload.get("choices"), list) and payload["choices"]:
                self.finish_reason = "stop"  # the closing brace came: nothing is missing
            else:
                self._fail("not_sse", _excerpt(text.encode()))

    def _fail(self, kind: FaultKind, detail: str) -> None:
        self.fault = StreamFault(kind, detail=detail)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_COUNT


def _tool_calls(value: object) -> list[ToolCallDelta]:
    """Return the pieces of tool calls in a delta; what cannot be read is still a piece of one."""
    return [_tool_call(entry) for entry in value] if isinstance(value, list) else [ToolCallDelta()]


def _tool_call(entry: object) -> ToolCallDelta:
    fields = entry if isinstance(entry, dict) else {}
    function = fields.get("function")
    called = function if isinstance(function, dict) else {}
    index, name, arguments = fields.get("index"), called.get("name"), called.get("arguments")
    return ToolCallDelta(
        index if _is_count(index) else 0,
        name if isinstance(name, str) else "",
        arguments if isinstance(arguments, str) else "",
    )


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _excerpt(raw: bytes) -> str:
    return raw[:200].decode("utf-8", "replace")
