"""Everything that can happen in a run, as frozen dataclasses: the contract between the engine and every front end.

Exactly one of CallFinished, CallFailed and CallCancelled ends a call; the text of CallFinished equals the joined
texts of TokensReceived of its last attempt. A front end drops events of an attempt that is not the current one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from core.kinds import (
    BUG_PREFIX,
    AlertSeverity,
    ArtifactFaultKind,
    BreakerState,
    BudgetLimit,
    BugKind,
    FaultKind,
    QueueReason,
    RungName,
    RunStatus,
    StepStatus,
    Tier,
    VerdictValue,
)

SCHEMA_VERSION = 2  # raised when a type or a field means something else than before; both may be added without


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `estimated` marks numbers the server did not report."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunEventBase:
    run_id: str
    correlation_id: str
    at: float  # monotonic seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallEventBase(_RunEventBase):
    agent_id: str
    task_id: str
    call_id: str
    attempt: int  # from 1; 0 while the call has not sent anything


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_RunEventBase):
    """`tier` is how the model is led, and `tier_reason` says why."""

    task: str
    workflow: str
    agents: tuple[str, ...]
    output_dir: str
    model: str
    tier: Tier = "full"
    tier_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(_RunEventBase):
    """`reason` says why in a sentence; `failed_steps` are those whose notes are all that it says, if that is so.

    `evidence` is what the verdict rests on, as report.json has it; empty when nothing was to be executed. `run_command`
    starts what was delivered, from `output_dir`; empty if there is nothing to start.
    """

    status: RunStatus
    verdict: VerdictValue
    reason: str
    output_dir: str
    files: tuple[str, ...]
    duration_seconds: float
    failed_steps: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    run_command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(_RunEventBase):
    """`round` counts from 0; a rework of the same step has the next number."""

    step: str
    agent_id: str
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(_RunEventBase):
    """`notes` is at most 800 characters."""

    step: str
    agent_id: str
    round: int
    status: StepStatus
    notes: str
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOffMade(_RunEventBase):
    from_: str
    to: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueued(_CallEventBase):
    """The call waits before it sends anything more; emitted again whenever what it waits for has changed.

    `reason` is one of:

    * slot: a free slot; `position` counts the calls ahead, from 0.
    * breaker: it is open, or other calls probe the server.
    * server: it was lost and cannot be reached; `until` is when the call gives up.
    * rate_limit: the server asked for a pause.
    * own_rate: LLM_REQUESTS_PER_MINUTE or LLM_TOKENS_PER_MINUTE is reached.

    `until` is the monotonic time at which the wait ends at the latest; None if it is not known.
    """

    position: int
    reason: QueueReason = "slot"
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(_CallEventBase):
    """`endpoint` is the name of the breaker that watches this server and model; `fallback`: it is not the first choice."""

    model: str
    endpoint: str = ""
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTokenReceived(_CallEventBase):
    ttft: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensReceived(_CallEventBase):
    """`seq` counts from 0 within an attempt; `offset` is the number of characters that came before `text`."""

    seq: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningReceived(_CallEventBase):
    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(_CallEventBase):
    kind: FaultKind | BugKind
    message: str
    will_retry: bool
    wait_seconds: float
    received_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReset(_CallEventBase):
    """What the call has streamed is void; `attempt` starts from an empty text.

    It begins a new attempt, or comes within one, when what was taken for the answer has turned out to be thoughts.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTruncated(_CallEventBase):
    before: int  # tokens, estimated
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(_CallEventBase):
    """`cached`: the answer is one that was given before, and nothing was sent."""

    text: str
    finish_reason: str
    usage: Usage
    duration_seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(_CallEventBase):
    kind: FaultKind | BugKind
    message: str
    hint: str
    partial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCancelled(_CallEventBase):
    partial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged(_RunEventBase):
    """`retry_at` is monotonic, None unless open."""

    name: str
    old: BreakerState
    new: BreakerState
    retry_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(_RunEventBase):
    until: float  # monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWritten(_RunEventBase):
    """`kept` is where the file is that was there, if it was not Quintet's; `ignored` is what else the answer held, a line each.

    `planned_as` is how the plan named the file, if that had to be made portable.
    """

    path: str
    sha256: str
    bytes: int
    version: int
    agent_id: str
    kept: str = ""
    ignored: tuple[str, ...] = ()
    planned_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRejected(_RunEventBase):
    """`rule` is what was broken.

    `asked_again`: that answer was not taken, and the file is asked for once more. `held` is where a file is kept that acts
    without being asked, until the user has seen it.
    """

    path: str
    why: str
    agent_id: str
    rule: ArtifactFaultKind = "invalid"
    asked_again: bool = False
    held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsStarted(_RunEventBase):
    """Tests are being executed by a runner in a sandbox; TestsRan follows, unless the run is stopped meanwhile.

    `command` is empty while the runner has not said it. `collected` is how many tests there are, null while nobody
    knows. `round` counts from 0; every rework has the next number.
    """

    runner: str
    rung: RungName
    command: tuple[str, ...] = ()
    collected: int | None = None
    round: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsRan(_RunEventBase):
    """`report` is the evidence of a round, as report.json has it: round, verdict, reason, run, tests, findings."""

    report: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(_RunEventBase):
    gate: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(_RunEventBase):
    gate: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringReceived(_RunEventBase):
    """`agent_id` is empty when the words are for the whole team."""

    agent_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFired(_RunEventBase):
    name: str
    severity: AlertSeverity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved(_RunEventBase):
    name: str
    severity: AlertSeverity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReached(_RunEventBase):
    what: BudgetLimit
    limit: float
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(_RunEventBase):
    message: str
    hint: str


RunEvent = (
    RunStarted
    | RunFinished
    | StepStarted
    | StepFinished
    | HandOffMade
    | BreakerChanged
    | RateLimited
    | FileWritten
    | FileRejected
    | TestsStarted
    | TestsRan
    | ApprovalRequested
    | ApprovalGiven
    | SteeringReceived
    | AlertFired
    | AlertResolved
    | BudgetReached
    | Warned
)
CallEvent = (
    CallQueued
    | AttemptStarted
    | FirstTokenReceived
    | TokensReceived
    | ReasoningReceived
    | AttemptFailed
    | AttemptReset
    | ContextTruncated
    | CallFinished
    | CallFailed
    | CallCancelled
)
Event = RunEvent | CallEvent

EventSink = Callable[[Event], None]
"""Takes one event; synchronous, must return at once and must not raise."""


def event_type_name(event_class: type[Event]) -> str:
    """Return the snake_case name scripts see: CallFinished -> call_finished."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_class.__name__).lower()


def event_to_json(event: Event) -> dict[str, Any]:  # JSON values only
    """Return the event as a plain dict, `type` first; nested values become dicts, tuples become lists."""
    out: dict[str, Any] = {"type": event_type_name(type(event))}
    for part in fields(event):
        value = getattr(event, part.name)
        if isinstance(value, Usage):
            value = {name: getattr(value, name) for name in Usage.__dataclass_fields__}
        elif isinstance(value, tuple):
            value = list(value)
        out[part.name.rstrip("_")] = value
    return out


def uses_known_words(record: Mapping[str, object]) -> bool:
    """Return whether a decoded event holds, wherever its type has a closed set of words, one of them.

    Types and fields of a newer version are not judged: both may be added.
    """
    words_by_field = _closed_fields().get(str(record.get("type")), {})
    return all(
        record[name] in words or (name == "kind" and str(record[name]).startswith(BUG_PREFIX))
        for name, words in words_by_field.items()
        if name in record
    )


@cache
def _closed_fields() -> dict[str, dict[str, tuple[object, ...]]]:
    """Return the words of every field that has a closed set of them, by type of event."""
    closed: dict[str, dict[str, tuple[object, ...]]] = {}
    for event_class in get_args(Event):
        hints = get_type_hints(event_class)
        words = {name: _words_of(hint) for name, hint in hints.items()}
        closed[event_type_name(event_class)] = {name: found for name, found in words.items() if found}
    return closed


def _words_of(hint: object) -> tuple[object, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(word for part in get_args(hint) for word in _words_of(part))
