"""The state of the whole as frozen values: pulled by a front end twice a second, never pushed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.kinds import AgentPhase, BreakerState, EndpointKind, EndpointState
from core.spending.costs import Cost
from core.state.suite import NO_TESTS_YET, SuiteStatus
from core.state.waits import Wait

if TYPE_CHECKING:
    from core.telemetry.alerts.board import AlertStatus


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """One agent now; times are monotonic seconds.

    Attributes:
        detail: words for the state ("breaker open 42 s", "reasoning"); may be empty.
        wait: what a queued, retrying or waiting agent waits for.
        call_id: the current call, or the last one; "" before the first.
        attempt: the current attempt of that call; 0 while it has sent nothing. Events of another attempt are late.
        in_call: whether that call has not ended yet.
        is_fallback: the attempt goes to another endpoint than the first choice.
        tokens_per_second: of the call that streams now, else of the last one.
        cost: in the current or last run, and of calls outside of runs since it began.
    """

    agent_id: str
    enabled: bool = True
    state: AgentPhase = "idle"
    detail: str = ""
    wait: Wait | None = None
    call_id: str = ""
    attempt: int = 0
    in_call: bool = False
    model: str = ""
    is_fallback: bool = False
    call_started_at: float | None = None
    call_ended_at: float | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_per_second: float = 0.0
    cost: Cost = field(default_factory=Cost)

    @property
    def has_wait_to_end(self) -> bool:
        """Whether the agent waits for something that the user may end."""
        return self.wait is not None and self.wait.can_be_ended


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One circuit breaker; `retry_in_seconds` is 0 unless open."""

    name: str
    state: BreakerState
    failures: int
    threshold: int
    retry_in_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """Where calls go."""

    label: str
    kind: EndpointKind
    model: str
    state: EndpointState
    note: str = ""


@dataclass(frozen=True, slots=True)
class PoolStatus:
    active_clients: int = 0
    in_flight: int = 0
    waiting: int = 0
    slots: int = 0  # calls that may run at once
    total_requests: int = 0
    success_rate: float | None = None


@dataclass(frozen=True, slots=True)
class LatencyStatus:
    """Exact percentiles in seconds of answered calls, without their waits, over the window; None while there is none."""

    p50_seconds: float | None = None
    p95_seconds: float | None = None
    p99_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Everything the sidebar shows."""

    endpoint: EndpointStatus
    agents: tuple[AgentStatus, ...] = ()
    breakers: tuple[BreakerStatus, ...] = ()
    pool: PoolStatus = field(default_factory=PoolStatus)
    latency: LatencyStatus = field(default_factory=LatencyStatus)
    requests: int = 0  # calls that ended
    errors: int = 0  # calls that failed
    failed_attempts: int = 0  # of all calls, also of those that were answered in the end
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_per_second: float = 0.0  # of all agents together, last few seconds
    files_written: int = 0
    files_rejected: int = 0
    suite: SuiteStatus = NO_TESTS_YET  # the tests of the run that is on, else of the last one
    running: bool = False
    paused: bool = False
    run_seconds: float = 0.0
    workflow: str = ""
    round: int = 0
    output_dir: str = ""
    alerts: tuple[AlertStatus, ...] = ()  # the most severe first
    run_cost: Cost = field(default_factory=Cost)  # of the run that is on, else of the last one
    session_cost: Cost = field(default_factory=Cost)  # since the engine was made
