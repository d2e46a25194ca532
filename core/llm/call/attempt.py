"""One request and its stream, under four time limits; and what came: an answer, or something in its place."""

from __future__ import annotations

import asyncio
import json
import re
import string
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from core.clock import Clock
from core.kinds import FaultKind
from core.llm.call.call_events import CallEvents
from core.llm.endpoint import Endpoint
from core.llm.errors.classify import classify_exception, classify_stream
from core.llm.faults import Fault, RefusedWindow, ServerError, clean_detail
from core.llm.http.client import ConnectionTrace, watch_connection
from core.llm.http.stream_decoder import ReportedUsage, StreamDecoder
from core.telemetry.logs import log

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

    from core.settings import Settings

POOL_TIMEOUT_SECONDS = 5.0
WRITE_TIMEOUT_SECONDS = 30.0
USAGE_GRACE_SECONDS = 2.0  # between the finish_reason and the chunk with the token counts
DRAIN_SECONDS = 0.1  # after [DONE], so that the connection can be used again
LOCAL_PROMPT_TOKENS_PER_SECOND = 20  # of a slow CPU

MAX_ID_CHARS = 512  # of an X-Client-Request-Id; OpenAI refuses longer ones
_PRINTABLE = string.punctuation + " "

REARM_SHARE = 0.01  # of the stall limit; setting a timer costs more than decoding a token
MAX_REASON_CHARS = 40  # of a finish reason that is not in the table
FULL_WINDOW_SHARE = 0.95  # an empty answer to a prompt this close to the window means that the prompt was too long

MAX_QUOTED_CHARS = 300  # a longer text is the beginning of an answer, and not what a server says of it
MAX_PREAMBLE_CHARS = 300  # of a text tool call: "I will look at the files first."

# What servers write for the ways an answer can end; other words are passed on and count as incomplete.
_USUAL_FINISH_REASONS = frozenset({"stop", "length", "tool_calls"})
_FINISH_REASONS = {
    **dict.fromkeys(("eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("max_tokens", "model_length"), "length"),
    **dict.fromkeys(("function_call", "tool_use"), "tool_calls"),
    **dict.fromkeys(("safety", "recitation", "sensitive", "prohibited_content", "blocklist", "spii"), "content_filter"),
    **dict.fromkeys(("abort", "network_error", "insufficient_system_resource"), "stream_error"),
}

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


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long it may take to connect, until the first token, between two tokens, and as a whole."""

    connect_seconds: float
    first_token_seconds: float
    stall_seconds: float
    total_seconds: float


LOCAL = TimeLimits(connect_seconds=2, first_token_seconds=180, stall_seconds=60, total_seconds=900)
REMOTE = TimeLimits(connect_seconds=5, first_token_seconds=60, stall_seconds=45, total_seconds=600)
REASONING_FIRST_TOKEN_SECONDS = 180.0  # some providers send nothing at all while a model thinks

_REASONING = re.compile(r"(?:^|[/:_.-])(?:o[1-9]|gpt-5|r1|qwq|magistral)(?:$|[:_.-])|reason|thinking", re.IGNORECASE)


def time_limits(settings: Settings, endpoint: Endpoint, prompt_tokens: int) -> TimeLimits:
    """Return the limits of the settings, and where they name none, those for the endpoint's place."""
    llm = settings.llm
    usual = LOCAL if endpoint.is_local else REMOTE
    first_token_seconds = usual.first_token_seconds
    if _REASONING.search(endpoint.model):
        first_token_seconds = max(first_token_seconds, REASONING_FIRST_TOKEN_SECONDS)
    if endpoint.is_local:
        first_token_seconds = max(first_token_seconds, prompt_tokens / LOCAL_PROMPT_TOKENS_PER_SECOND)
    return TimeLimits(
        connect_seconds=usual.connect_seconds if llm.connect_timeout is None else llm.connect_timeout,
        first_token_seconds=first_token_seconds if llm.first_token_timeout is None else llm.first_token_timeout,
        stall_seconds=usual.stall_seconds if llm.stall_timeout is None else llm.stall_timeout,
        total_seconds=max(usual.total_seconds, first_token_seconds) if llm.total_timeout is None else llm.total_timeout,
    )


@dataclass(frozen=True, slots=True)
class Completion:
    """How a whole answer ended; its text is with the events of the call."""

    finish_reason: str
    usage: ReportedUsage | None


async def run_attempt(
    client: AsyncOpenAI,
    endpoint: Endpoint,
    body: Mapping[str, Any],  # JSON values
    *,
    correlation_id: str,
    limits: TimeLimits,
    events: CallEvents,
    clock: Clock,
) -> Completion:
    """Send one request and pass its answer on piece by piece.

    Raises:
        Fault: there is no whole answer.
    """
    trace = ConnectionTrace()
    fault: Fault | None = None
    try:
        with watch_connection(trace):
            decoder = await _receive(client, body, correlation_id, limits, events)
    except _TimeLimitExceededError as exceeded:
        fault = Fault(exceeded.kind, endpoint, detail=exceeded.detail)
    except _transport_errors() as error:
        received = events.first_token_seconds is not None or trace.answered
        fault = classify_exception(
            error, endpoint, clock.now(), received=received, reused=trace.reused, in_tls=trace.in_tls
        )
    else:
        if decoder.fault is None:
            return _completion_of(decoder, endpoint, events)
        fault = classify_stream(decoder.fault, endpoint, clock.now())
    # Raised out here, so that it carries no exception along that holds the request with its key.
    raise fault


class _TimeLimitExceededError(Exception):
    """Never leaves this module."""

    def __init__(self, kind: FaultKind, seconds: float) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = f"limit {seconds:g} s"


async def _receive(
    client: AsyncOpenAI,
    body: Mapping[str, Any],  # JSON values
    correlation_id: str,
    limits: TimeLimits,
    events: CallEvents,
) -> StreamDecoder:
    import httpx2

    loop = asyncio.get_running_loop()
    started = loop.time()
    deadline = started + limits.total_seconds
    # An answer that is not streamed comes as a whole or not at all.
    first_limit = deadline if not body["stream"] else min(deadline, started + limits.first_token_seconds)
    decoder: StreamDecoder | None = None
    ends_by = float("inf")
    rearm_at = float("-inf")
    timeout = httpx2.Timeout(
        connect=limits.connect_seconds,
        pool=min(POOL_TIMEOUT_SECONDS, limits.connect_seconds),
        write=WRITE_TIMEOUT_SECONDS,
        read=None,  # the wall clock below limits every wait; a timer for each read would cost more than the read
    )
    try:
        async with asyncio.timeout_at(first_limit) as timer:
            request = client.chat.completions.with_streaming_response.create(
                **body, extra_headers={"X-Client-Request-Id": _header_value(correlation_id)}, timeout=timeout
            )
            async with request as response:
                content_type = response.headers.get("content-type", "").lower()
                decoder = StreamDecoder(event_stream="event-stream" in content_type)
                async with aclosing(_body_of(response.http_response)) as reads:
                    async for data in reads:
                        delta = decoder.feed(data)
                        if delta is not None:
                            events.received(delta)
                        if decoder.fault is not None:
                            break
                        if decoder.done:
                            ends_by = min(ends_by, loop.time() + DRAIN_SECONDS)
                        elif decoder.finish_reason is not None:
                            ends_by = min(ends_by, loop.time() + USAGE_GRACE_SECONDS)
                        elif delta is None or loop.time() < rearm_at:
                            continue
                        now = loop.time()
                        limit = min(deadline, ends_by, now + limits.stall_seconds)
                        timer.reschedule(limit)
                        rearm_at = now + limits.stall_seconds * REARM_SHARE
                        if limit < deadline:
                            # The total limit is armed exactly: a moment early it would pass for a stall.
                            rearm_at = min(rearm_at, deadline - limits.stall_seconds)
    except TimeoutError:
        if decoder is None or not decoder.complete:
            raise _exceeded_limit(loop.time() >= deadline, events, limits, streamed=bool(body["stream"])) from None
    except _transport_errors():
        if decoder is None or not decoder.complete:
            raise
        log("DEBUG", "the connection broke after the end of the answer")
    delta = decoder.end()
    if delta is not None:
        events.received(delta)
    events.ended()
    return decoder


def _header_value(correlation_id: str) -> str:
    """Return the caller's id as a header may carry it: what is not printable ASCII as percent codes."""
    return quote(correlation_id, safe=_PRINTABLE)[:MAX_ID_CHARS]


def _body_of(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    # Every layer that a read passes costs as much as decoding it: unpacking is left out where nothing is packed.
    return response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()


def _exceeded_limit(total: bool, events: CallEvents, limits: TimeLimits, *, streamed: bool) -> _TimeLimitExceededError:
    if total or not streamed:
        return _TimeLimitExceededError("total_timeout", limits.total_seconds)
    if events.first_token_seconds is None:
        return _TimeLimitExceededError("first_token_timeout", limits.first_token_seconds)
    return _TimeLimitExceededError("stall", limits.stall_seconds)


def _transport_errors() -> tuple[type[Exception], ...]:
    import httpx2
    import openai

    return (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError)


def _completion_of(decoder: StreamDecoder, endpoint: Endpoint, events: CallEvents) -> Completion:
    given = decoder.finish_reason or "stop"
    reason = given if given in _USUAL_FINISH_REASONS else _translated(given, endpoint)
    if reason == "stream_error":
        raise Fault("stream_error", endpoint, detail=clean_detail(f"finish_reason {given}", endpoint.api_key))
    if (fault := _fault_in_place_of_answer(decoder, reason, events.text, endpoint)) is not None:
        raise fault
    if reason not in {"length", "tool_calls"} and not events.text.strip():
        window = endpoint.context_tokens
        if decoder.usage is not None and window and decoder.usage.input_tokens >= window * FULL_WINDOW_SHARE:
            refused = RefusedWindow(window, decoder.usage.input_tokens)
            raise Fault("context", endpoint, error=ServerError(window=refused))
        raise Fault("empty", endpoint, detail="only its thoughts came" if events.reasoning.strip() else "")
    return Completion(reason, decoder.usage)


def _translated(finish_reason: str, endpoint: Endpoint) -> str:
    known = _FINISH_REASONS.get(finish_reason.lower())
    return known or clean_detail(finish_reason, endpoint.api_key)[:MAX_REASON_CHARS]


def _fault_in_place_of_answer(decoder: StreamDecoder, reason: str, text: str, endpoint: Endpoint) -> Fault | None:
    """Return the fault that an answer is: a refusal, the name of a filter that stopped it, a tool call; None if it is none.

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
    name = _tool_call_in(text)
    return _tool_call(name, endpoint) if name is not None else None


def _tool_call_in(text: str) -> str | None:
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
