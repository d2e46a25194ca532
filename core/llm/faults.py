"""The closed list of ways a call can go wrong: what is done about each, and what the user reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeGuard

from core.kinds import AttemptOutcome, BugKind, FaultKind
from core.llm.endpoint import Endpoint
from core.text.redaction import mask_keys
from core.text.sanitize import printable_line, strip_escape_sequences

FaultAction = Literal["retry", "free", "truncate", "wait", "fail"]
"""retry: with back-off; free: at once and uncounted; truncate: shorten and repeat; wait: uncounted; fail: at once."""

Adaptation = Literal["no_stream_options", "max_tokens", "max_completion_tokens", "no_temperature", "fold_system"]
"""A change of the request that a server asks for; what it changes is in RequestShape."""

MAX_DETAIL_CHARS = 300
OVERLOAD_STATUSES = frozenset({503, 529})


@dataclass(frozen=True, slots=True)
class FaultRule:
    """How one kind of fault is treated.

    Attributes:
        action: what the call does about it.
        outcome: what the circuit breaker counts.
        message: what happened; may name {host} and {model}.
        hint: what the user can do.
        is_timeout: it is counted as a timeout.
        is_overload: fewer calls at once may cure it.
        server_may_be_gone: the server may be down, or come back as another one.
        pauses_server: the server is well and says when to come back: all calls to it wait, and a retry costs little.
        is_retried_once: one retry at most, because a third answer would be the same.
        lasts: the next call would meet it again: the model is passed over for a while.
        concerns_endpoint: every agent would meet it alike.
        fallback_may_help: another endpoint may not have it; what a content filter stops is sent nowhere else in silence.
    """

    action: FaultAction
    outcome: AttemptOutcome
    message: str
    hint: str
    is_timeout: bool = False
    is_overload: bool = False
    server_may_be_gone: bool = False
    pauses_server: bool = False
    is_retried_once: bool = False
    lasts: bool = False
    concerns_endpoint: bool = False
    fallback_may_help: bool = False


_CHECK_SERVER = "start the server or check LLM_BASE_URL; `quintet doctor` shows what answers"
_SERVER_BROKE = "try again later; if the server is yours, look at its log"
_WAIT_OR_SWITCH = "try again later or use another model (LLM_MODEL)"

FAULT_RULES: dict[FaultKind, FaultRule] = {
    "connect": FaultRule(
        "retry", "failure", "cannot connect to {host}", _CHECK_SERVER, server_may_be_gone=True,
        concerns_endpoint=True, fallback_may_help=True,
    ),
    "connect_timeout": FaultRule(
        "retry", "failure", "{host} did not accept a connection in time", _CHECK_SERVER, is_timeout=True,
        server_may_be_gone=True, concerns_endpoint=True, fallback_may_help=True,
    ),
    "disconnected": FaultRule(
        "retry", "failure", "{host} closed the connection without an answer", _SERVER_BROKE, server_may_be_gone=True,
        fallback_may_help=True,
    ),
    "stale_connection": FaultRule("free", "neutral", "{host} had closed an idle connection", ""),
    "cut": FaultRule(
        "retry", "failure", "{host} broke the connection in the middle of the answer", _SERVER_BROKE,
        server_may_be_gone=True, fallback_may_help=True,
    ),
    "pool_timeout": FaultRule(
        "retry", "neutral", "no free connection to {host} in our own pool", "lower LLM_MAX_CONCURRENCY",
        is_timeout=True, fallback_may_help=True,
    ),
    "first_token_timeout": FaultRule(
        "retry", "failure", "{host} sent no first token in time",
        "raise LLM_FIRST_TOKEN_TIMEOUT if the server is only slow", is_timeout=True, is_overload=True,
        fallback_may_help=True,
    ),
    "read_timeout": FaultRule(
        "retry", "failure", "{host} stopped sending", "raise LLM_STALL_TIMEOUT if the server is only slow",
        is_timeout=True, is_overload=True, fallback_may_help=True,
    ),
    "stall": FaultRule(
        "retry", "failure", "{host} stalled in the middle of the answer",
        "raise LLM_STALL_TIMEOUT if the server is only slow", is_timeout=True, is_overload=True,
    ),
    "total_timeout": FaultRule(
        "fail", "failure", "the answer of {host} took longer than allowed",
        "raise LLM_TOTAL_TIMEOUT or lower LLM_MAX_TOKENS", is_timeout=True, is_overload=True,
    ),
    "truncated_stream": FaultRule(
        "retry", "failure", "the answer of {host} ended without its end mark", _SERVER_BROKE, fallback_may_help=True,
    ),
    "malformed": FaultRule(
        "retry", "failure", "{host} sent something that is not JSON", _SERVER_BROKE, fallback_may_help=True,
    ),
    "stream_error": FaultRule(
        "retry", "failure", "{host} reported an error inside its answer", _SERVER_BROKE, fallback_may_help=True,
    ),
    "server": FaultRule("retry", "failure", "{host} had an internal error", _SERVER_BROKE, fallback_may_help=True),
    "http_408": FaultRule(
        "retry", "failure", "{host} timed out waiting for the request (408)", _SERVER_BROKE, fallback_may_help=True,
    ),
    "http_409": FaultRule("retry", "failure", "{host} reported a conflict (409)", _SERVER_BROKE),
    "http_425": FaultRule(
        "retry", "failure", "{host} was not ready for the request (425)", _SERVER_BROKE, fallback_may_help=True,
    ),
    "loading": FaultRule(
        "wait", "neutral", "{host} is still loading its model", "wait until it has finished", fallback_may_help=True,
    ),
    "rate_limit": FaultRule(
        "retry", "neutral", "{host} limits the rate of requests", _WAIT_OR_SWITCH, is_overload=True,
        pauses_server=True, fallback_may_help=True,
    ),
    "quota": FaultRule(
        "fail", "neutral", "the quota at {host} is used up", "check plan and billing there, or use another endpoint",
        lasts=True, concerns_endpoint=True, fallback_may_help=True,
    ),
    "auth": FaultRule(
        "fail", "neutral", "the server at {host} refused the API key", "set LLM_API_KEY or check the key", lasts=True,
        concerns_endpoint=True, fallback_may_help=True,
    ),
    "not_found": FaultRule(
        "fail", "neutral", "{host} knows no model {model!r}, or nothing answers at this address",
        "check LLM_MODEL and LLM_BASE_URL (most servers want /v1 at its end)", lasts=True, concerns_endpoint=True,
        fallback_may_help=True,
    ),
    "bad_request": FaultRule(
        "fail", "neutral", "{host} did not accept the request", "check LLM_MODEL, LLM_MAX_TOKENS and LLM_TEMPERATURE",
    ),
    "context": FaultRule(
        "truncate", "success", "the request does not fit the context window of {model!r} at {host}",
        "use a model with a larger window, or give the task less text", fallback_may_help=True,
    ),
    "empty": FaultRule(
        "retry", "neutral", "{host} answered with no text", "try again or use another model", is_retried_once=True,
    ),
    "content_filter": FaultRule(
        "fail", "success", "the content filter of {host} stopped the answer", "word the task differently",
    ),
    "refused": FaultRule(
        "fail", "success", "{model!r} at {host} refused to answer", "word the task differently, or use another model",
    ),
    "not_sse": FaultRule(
        "fail", "neutral", "{host} sent something that is no answer of a language model",
        "check LLM_BASE_URL: it must be the API's address (most end in /v1), not a web page", lasts=True,
        concerns_endpoint=True, fallback_may_help=True,
    ),
    "breaker_open": FaultRule(
        "fail", "neutral", "calls to {host} are paused after repeated failures",
        "wait for it, or use another endpoint", fallback_may_help=True,
    ),
    "unavailable": FaultRule(
        "fail", "neutral", "{host} did not come back in time", _CHECK_SERVER, concerns_endpoint=True,
        fallback_may_help=True,
    ),
    "queue_full": FaultRule(
        "fail", "neutral", "too many calls wait for {host}", "run fewer agents at once or raise LLM_MAX_CONCURRENCY",
        fallback_may_help=True,
    ),
    "retry_budget": FaultRule(
        "fail", "neutral", "the team's retries are used up, because {host} fails too often",
        "wait until the server has recovered, then send the task again", fallback_may_help=True,
    ),
    "cancelled": FaultRule("fail", "neutral", "the call to {host} was cancelled", ""),
}  # fmt: skip

_BUG_RULE = FaultRule(
    "fail",
    "neutral",
    "an unexpected error in Quintet, on a call to {host}",
    "please report it with the log (`quintet doctor` shows its folder)",
)


def fault_rule(kind: FaultKind | BugKind) -> FaultRule:
    """Return how a kind of fault is treated."""
    return FAULT_RULES[kind] if _is_known(kind) else _BUG_RULE


def _is_known(kind: FaultKind | BugKind) -> TypeGuard[FaultKind]:
    return kind in FAULT_RULES


@dataclass(frozen=True, slots=True)
class RefusedWindow:
    """A context window as a server's error described it; None for what it did not say."""

    limit_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ServerError:
    """What a server said in its error answer, beside its words.

    Attributes:
        status: HTTP status, or the number that an error inside a stream named; None if there was none.
        retry_after_seconds: the wait that it asks for; None if it names none.
        blames_request: it says that the request is at fault, not the server.
        adaptation: the change of the request that it asks for.
        window: what it said of its context window.
    """

    status: int | None = None
    retry_after_seconds: float | None = None
    blames_request: bool = False
    adaptation: Adaptation | None = None
    window: RefusedWindow | None = None


class Fault(Exception):  # noqa: N818 - a fault that callers outside core.llm never see
    """One attempt, or the call before any attempt, ended without an answer.

    Attributes:
        kind: which one of the closed list, or a bug of ours.
        rule: how this kind is treated.
        action: what is done about it: the rule's action, unless what was seen will not change by another attempt.
        outcome: what the breaker counts: the rule's outcome, unless the server is not at fault.
        message: one line: what happened and at which endpoint.
        hint: what the user can do.
        error: what the server said; empty if it said nothing.
    """

    def __init__(
        self,
        kind: FaultKind | BugKind,
        endpoint: Endpoint,
        *,
        detail: str = "",
        action: FaultAction | None = None,
        outcome: AttemptOutcome | None = None,
        hint: str | None = None,
        error: ServerError = ServerError(),
    ) -> None:
        self.kind = kind
        self.rule = rule = fault_rule(kind)
        message = rule.message.format(host=endpoint.host, model=endpoint.model)
        self.message = f"{message}: {detail}" if detail else message
        super().__init__(self.message)
        self.action: FaultAction = action or rule.action
        self.outcome: AttemptOutcome = outcome or rule.outcome
        self.hint = rule.hint if hint is None else hint
        self.error = error

    @property
    def is_overload(self) -> bool:
        """Whether fewer calls at once may cure it."""
        return self.rule.is_overload or (self.kind == "server" and self.error.status in OVERLOAD_STATUSES)


def clean_detail(text: str, api_key: str | None = None) -> str:
    """Return a server's words as one short line without control characters and without keys."""
    text = mask_keys(text[: MAX_DETAIL_CHARS * 8], api_key)
    text = printable_line(strip_escape_sequences(text), MAX_DETAIL_CHARS * 8)
    # Once more: what is left out may have stood between the parts of a key.
    return printable_line(mask_keys(text, api_key), MAX_DETAIL_CHARS)
