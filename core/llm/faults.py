"""The closed list of ways a call can go wrong: what is done about each, and how it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from core.resilience.outcome import Outcome
from core.text.sanitize import printable_line, strip_escape_sequences

Action = Literal["retry", "free", "truncate", "wait", "fail"]
"""retry: with back-off; free: at once and uncounted; truncate: shorten and repeat; wait: uncounted; fail: at once."""

MAX_DETAIL_CHARS = 300
OVERLOAD_STATUSES = frozenset({503, 529})


@dataclass(frozen=True, slots=True)
class FaultRule:
    """How one kind of fault is treated; `message` may name {host} and {model}."""

    action: Action
    outcome: Outcome
    message: str
    hint: str


_CHECK_SERVER = "start the server or check LLM_BASE_URL; `quintet doctor` shows what answers"
_SERVER_BROKE = "try again later; if the server is yours, look at its log"
_WAIT_OR_SWITCH = "try again later or use another model (LLM_MODEL)"

FAULT_RULES: dict[str, FaultRule] = {
    "connect": FaultRule("retry", "failure", "cannot connect to {host}", _CHECK_SERVER),
    "connect_timeout": FaultRule("retry", "failure", "{host} did not accept a connection in time", _CHECK_SERVER),
    "disconnected": FaultRule("retry", "failure", "{host} closed the connection without an answer", _SERVER_BROKE),
    "stale_connection": FaultRule("free", "neutral", "{host} had closed an idle connection", ""),
    "cut": FaultRule("retry", "failure", "{host} broke the connection in the middle of the answer", _SERVER_BROKE),
    "pool_timeout": FaultRule(
        "retry", "neutral", "no free connection to {host} in our own pool", "lower LLM_MAX_CONCURRENCY"
    ),
    "first_token_timeout": FaultRule(
        "retry",
        "failure",
        "{host} sent no first token in time",
        "raise LLM_FIRST_TOKEN_TIMEOUT if the server is only slow",
    ),
    "read_timeout": FaultRule(
        "retry", "failure", "{host} stopped sending", "raise LLM_STALL_TIMEOUT if the server is only slow"
    ),
    "stall": FaultRule(
        "retry",
        "failure",
        "{host} stalled in the middle of the answer",
        "raise LLM_STALL_TIMEOUT if the server is only slow",
    ),
    "total_timeout": FaultRule(
        "fail",
        "failure",
        "the answer of {host} took longer than allowed",
        "raise LLM_TOTAL_TIMEOUT or lower LLM_MAX_TOKENS",
    ),
    "truncated_stream": FaultRule("retry", "failure", "the answer of {host} ended without its end mark", _SERVER_BROKE),
    "malformed": FaultRule("retry", "failure", "{host} sent something that is not JSON", _SERVER_BROKE),
    "stream_error": FaultRule("retry", "failure", "{host} reported an error inside its answer", _SERVER_BROKE),
    "server": FaultRule("retry", "failure", "{host} had an internal error", _SERVER_BROKE),
    "http_408": FaultRule("retry", "failure", "{host} timed out waiting for the request (408)", _SERVER_BROKE),
    "http_409": FaultRule("retry", "failure", "{host} reported a conflict (409)", _SERVER_BROKE),
    "http_425": FaultRule("retry", "failure", "{host} was not ready for the request (425)", _SERVER_BROKE),
    "loading": FaultRule("wait", "neutral", "{host} is still loading its model", "wait until it has finished"),
    "rate_limit": FaultRule("retry", "neutral", "{host} limits the rate of requests", _WAIT_OR_SWITCH),
    "quota": FaultRule(
        "fail", "neutral", "the quota at {host} is used up", "check plan and billing there, or use another endpoint"
    ),
    "auth": FaultRule(
        "fail", "neutral", "the server at {host} refused the API key", "set LLM_API_KEY or check the key"
    ),
    "not_found": FaultRule(
        "fail",
        "neutral",
        "{host} knows no model {model!r}, or nothing answers at this address",
        "check LLM_MODEL and LLM_BASE_URL (most servers want /v1 at its end)",
    ),
    "bad_request": FaultRule(
        "fail", "neutral", "{host} did not accept the request", "check LLM_MODEL, LLM_MAX_TOKENS and LLM_TEMPERATURE"
    ),
    "context": FaultRule(
        "truncate",
        "success",
        "the request does not fit the context window of {model!r} at {host}",
        "use a model with a larger window, or give the task less text",
    ),
    "empty": FaultRule("retry", "neutral", "{host} answered with no text", "try again or use another model"),
    "content_filter": FaultRule(
        "fail", "success", "the content filter of {host} stopped the answer", "word the task differently"
    ),
    "not_sse": FaultRule(
        "fail",
        "neutral",
        "{host} sent something that is no answer of a language model",
        "check LLM_BASE_URL: it must be the API's address (most end in /v1), not a web page",
    ),
    "breaker_open": FaultRule(
        "fail", "neutral", "calls to {host} are paused after repeated failures", "wait for it, or use another endpoint"
    ),
    "unavailable": FaultRule("fail", "neutral", "{host} did not come back in time", _CHECK_SERVER),
    "queue_full": FaultRule(
        "fail", "neutral", "too many calls wait for {host}", "run fewer agents at once or raise LLM_MAX_CONCURRENCY"
    ),
    "retry_budget": FaultRule(
        "fail",
        "neutral",
        "the team's retries are used up, because {host} fails too often",
        "wait until the server has recovered, then send the task again",
    ),
    "cancelled": FaultRule("fail", "neutral", "the call to {host} was cancelled", ""),
}

_BUG = FaultRule(
    "fail",
    "neutral",
    "an unexpected error in Quintet, on a call to {host}",
    "please report it with the log (`quintet doctor` shows its folder)",
)

TIMEOUT_KINDS = frozenset(
    {"connect_timeout", "pool_timeout", "first_token_timeout", "read_timeout", "stall", "total_timeout"}
)
OVERLOAD_KINDS = frozenset({"rate_limit", "first_token_timeout", "read_timeout", "stall", "total_timeout"})
"""Fewer calls at once may cure them."""

LOST_KINDS = frozenset({"connect", "connect_timeout", "disconnected", "cut"})
"""After them the server may be gone."""

LASTING_KINDS = frozenset({"auth", "quota", "not_found", "not_sse"})
"""The next call would meet them again: the endpoint is passed over for a while."""

ENDPOINT_KINDS = LASTING_KINDS | {"connect", "connect_timeout", "unavailable"}
"""They concern the endpoint, and so every agent alike."""

FALLBACK_KINDS = LASTING_KINDS | {
    *("connect", "connect_timeout", "disconnected", "cut", "first_token_timeout", "read_timeout", "pool_timeout"),
    *("server", "http_408", "http_425", "rate_limit", "truncated_stream", "malformed", "stream_error"),
    *("loading", "unavailable", "breaker_open", "context", "queue_full", "retry_budget"),
}
"""Another endpoint may not have them. What a content filter stops is not asked elsewhere in silence."""

_SECRET = re.compile(r"\b(?:sk|pk|gsk|xai|hf)[-_][A-Za-z0-9_*-]{6,}|(?i:bearer)\s+[^\s\"']+")


class Fault(Exception):  # noqa: N818 - the domain's word, and only ever seen inside core.llm
    """One attempt, or the call before any attempt, ended without an answer.

    Attributes:
        kind: a key of FAULT_RULES, or "bug:<Type>".
        action: what is done about it.
        outcome: what the breaker is told.
        message: one line: what happened and to which endpoint.
        hint: what the user can do.
        status: HTTP status of the answer, or the number an error inside a stream named; None if there was none.
        retry_after_seconds: the wait the server asked for; None if it named none.
        repeat_key: equal for answers that would only repeat; "" if they may differ.
        adaptation: the change of the request that the server asks for; "" if none.
        window: what the server said of its context window.
    """

    def __init__(
        self,
        kind: str,
        *,
        host: str,
        model: str = "",
        detail: str = "",
        status: int | None = None,
        retry_after_seconds: float | None = None,
        action: Action | None = None,
        hint: str | None = None,
        repeat_key: str = "",
        adaptation: str = "",
        window: Window | None = None,
    ) -> None:
        rule = FAULT_RULES.get(kind, _BUG)
        message = rule.message.format(host=host, model=model)
        super().__init__(f"{message}: {detail}" if detail else message)
        self.kind = kind
        self.action: Action = action or rule.action
        self.outcome: Outcome = rule.outcome
        self.message = f"{message}: {detail}" if detail else message
        self.hint = rule.hint if hint is None else hint
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.repeat_key = repeat_key
        self.adaptation = adaptation
        self.window = window

    @property
    def is_overload(self) -> bool:
        """Whether fewer calls at once may cure it."""
        return self.kind in OVERLOAD_KINDS or (self.kind == "server" and self.status in OVERLOAD_STATUSES)


@dataclass(frozen=True, slots=True)
class Window:
    """A context window as a server's error described it; None for what it did not say."""

    limit_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def clean_detail(text: str, api_key: str | None = None) -> str:
    """Return a server's words as one short line without control characters and without keys."""
    text = _without_key(text, api_key)
    text = printable_line(strip_escape_sequences(text[: MAX_DETAIL_CHARS * 8]), MAX_DETAIL_CHARS * 8)
    # Once more: what is left out may have stood between the parts of a key.
    return printable_line(_SECRET.sub("***", _without_key(text, api_key)), MAX_DETAIL_CHARS)


def _without_key(text: str, api_key: str | None) -> str:
    """Return the text without the key, be it as it is or as it is written in an address."""
    if not api_key:
        return text
    for written in {api_key, quote(api_key), quote(api_key, safe="")}:
        text = text.replace(written, "***")
    return text
