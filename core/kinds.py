"""The closed sets of words that events, statuses, errors and settings carry: each written once, here."""

from __future__ import annotations

from typing import Literal, NewType

FaultKind = Literal[
    "connect",
    "connect_timeout",
    "disconnected",
    "stale_connection",
    "cut",
    "pool_timeout",
    "first_token_timeout",
    "read_timeout",
    "stall",
    "total_timeout",
    "truncated_stream",
    "malformed",
    "stream_error",
    "server",
    "http_408",
    "http_409",
    "http_425",
    "loading",
    "rate_limit",
    "quota",
    "auth",
    "not_found",
    "bad_request",
    "context",
    "empty",
    "content_filter",
    "refused",
    "not_sse",
    "breaker_open",
    "unavailable",
    "queue_full",
    "retry_budget",
    "cancelled",
]
"""How a call can go wrong; what is done about each is in core/llm/faults.py."""

BUG_PREFIX = "bug:"
BugKind = NewType("BugKind", str)
"""An error of Quintet's own, as "bug:<Type>": the one kind that is no closed set, because any exception may be the type."""

RunStatus = Literal["passed", "failed", "unverified", "stopped"]
"""How a run ended: unverified is delivered, and nothing is proven; stopped is the user's doing."""
StepStatus = Literal["ok", "partial", "failed", "skipped"]
VerdictValue = Literal["pass", "fail", "unproven", "not_executed", "none"]
"""What executed tests say of the delivered files: unproven is that they prove nothing, none that there is nothing to execute."""
Opinion = Literal["pass", "fail", "unknown"]
"""What a model thinks of the files; it is shown as that and decides nothing."""

Tier = Literal["tiny", "compact", "full"]
"""How a model is led: tiny follows a few lines, compact a short page, full a long one; core/llm/tiers.py tells which one is which."""

TierSetting = Literal["auto", Tier]
"""The tier of all models; auto leaves it to what is known of each."""

CaseOutcome = Literal["passed", "failed", "error", "skipped", "expected_failure", "unexpected_pass"]
"""How one executed test ended; error is an exception outside its own assertions, in a fixture for example."""

RungName = Literal["bubblewrap", "landlock", "seatbelt", "container"]
SandboxSetting = Literal["auto", "bubblewrap", "landlock", "container", "off"]
"""Which sandbox runs model-written code: auto takes the first that works here; off runs nothing."""

CommandEnd = Literal["exited", "signalled", "wall_time", "cpu_time", "memory", "processes", "disk", "output", "lost"]
"""How a sandboxed command ended: by itself, by a signal of its own, by one of its limits, or lost (its sandbox broke)."""

EvidenceVerdict = Literal["pass", "fail", "unproven", "not_executed"]
"""What executed tests say: unproven if what ran proves nothing, not_executed if nothing could be run."""

ReadmeResult = Literal["ran", "failed", "missing", "endless", "not_run"]
"""What became of a command of a README: missing names what is not delivered, not_run cannot be tried here."""

Culprit = Literal["developer", "qa"]
"""Whose work is at fault when tests are not green: the code, or the tests."""

ArtifactFaultKind = Literal[
    # the answer
    "truncated",
    "unclosed",
    "no_block",
    "ambiguous",
    "does_not_apply",
    "refusal",
    "tool_call",
    "empty",
    # its path
    "control",
    "too_long",
    "absolute",
    "scheme",
    "drive",
    "backslash",
    "traversal",
    "trailing_slash",
    "spaces",
    "characters",
    "placeholder",
    "header",
    "address",
    "reserved",
    "own_folder",
    # what is at its path, or may not be put there
    "incomplete",
    "is_folder",
    "not_a_file",
    "not_a_folder",
    "own_file",
    "too_large",
    "too_many",
    "same_name",
    "symlink",
    "missing",
    "unreadable",
    # what is in it
    "invalid",
    "secret",
    "leaves_out",
    "elision",
    "unresolved_import",
    "unknown_package",
    "imports_itself",
    "no_code",
    "no_test",
    "untrue",
    # what it is for
    "other_language",
    "shadows",
    "acts",
]
"""The rule that an answer, or a file made of it, broke."""

BudgetLimit = Literal["tokens", "usd", "minutes"]

QueueReason = Literal["slot", "breaker", "server", "rate_limit", "own_rate"]
"""What a call waits for before it sends anything more; CallQueued says what each means."""

WaitReason = Literal[QueueReason, "retry", "loading"]
"""All that a call waits for: retry is a back-off, loading a model that its server is still loading."""

AgentPhase = Literal[
    "idle",
    "off",
    "queued",
    "thinking",
    "streaming",
    "retrying",
    "waiting",
    "done",
    "partial",
    "failed",
    "stopped",
]

BreakerState = Literal["closed", "open", "half-open"]
AttemptOutcome = Literal["success", "failure", "neutral"]
"""What a circuit breaker counts of an attempt; neutral counts nothing and gives its permit back."""

AlertSeverity = Literal["critical", "warning", "info"]
FindingSeverity = Literal["error", "warning", "info"]
"""What is found in the configuration: error stops the start; warning does not; info is what will be done about it."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

LayoutName = Literal["compact", "standard", "wide"]
LayoutSetting = Literal["auto", LayoutName]
"""How the panes are arranged; auto leaves it to the size of the terminal."""

CostKind = Literal["priced", "local", "unknown"]
"""What is known of the price of a call: an amount, nothing because it ran on this machine, or nothing at all."""

EndpointKind = Literal["embedded", "local", "remote"]
EndpointState = Literal["idle", "starting", "ready", "failed"]


def bug_kind(error: BaseException) -> BugKind:
    """Return the kind of fault that an unexpected exception is."""
    return BugKind(f"{BUG_PREFIX}{type(error).__name__}")
