"""A recorded run: events and the status to them, with fixed times and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    BreakerChanged,
    CallFailed,
    CallFinished,
    CallQueued,
    Event,
    FileRejected,
    FileWritten,
    FirstTokenReceived,
    HandOffMade,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TestsRan,
    TestsStarted,
    TokensReceived,
    Usage,
)
from core.kinds import FaultKind, QueueReason, StepStatus
from core.state.scoreboard import Scoreboard
from core.state.status import (
    AgentStatus,
    BreakerStatus,
    EndpointStatus,
    EngineStatus,
    LatencyStatus,
    PoolStatus,
)
from core.state.suite import suite_of_report
from tests.support.evidence import PASS

MODEL = "SmolLM2-135M"
NOW = 1042.0
STARTED_AT = 1000.0
TASK = "Write a Python function that reverses a string, with tests"

BRIEF = """## Requirements

- R1 `reverse(text)` returns the characters of `text` in reverse order
- R2 an empty string gives an empty string
- R3 anything but a string raises `TypeError`
"""
CODE = '''The function checks its input first.

```python
def reverse(text: str) -> str:
    """Return the characters of text in reverse order."""
    if not isinstance(text, str):
        raise TypeError(f"expected a string, got {type(text).__name__}")
    return text[::-1]
```

It needs nothing but the standard library.
'''
HALF_TESTS = """```python
import pytest
from reverse import reverse


def test_an_empty_string_stays_empty():
"""


class FrozenClock:
    """Stands still at `at`; moves when a test says so."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def run_fields(at: float) -> dict[str, object]:
    return {"run_id": "20261122-120000-0001", "correlation_id": "c0ffee0000000001", "at": at}


def call_fields(agent_id: str, call_id: str, attempt: int, at: float, task_id: str = "") -> dict[str, object]:
    return run_fields(at) | {
        "agent_id": agent_id,
        "task_id": task_id or f"{call_id}",
        "call_id": call_id,
        "attempt": attempt,
    }


def start(task: str = TASK) -> Event:
    return RunStarted(
        **run_fields(STARTED_AT),  # type: ignore[arg-type]
        task=task,
        workflow="delivery",
        agents=("business_analyst", "developer", "qa_engineer", "devops_engineer", "technical_writer"),
        output_dir="output/reverse",
        model=MODEL,
    )


def step(agent_id: str, name: str, at: float, round_number: int = 0) -> Event:
    return StepStarted(**run_fields(at), step=name, agent_id=agent_id, round=round_number)  # type: ignore[arg-type]


def step_end(agent_id: str, name: str, at: float, status: StepStatus = "ok", notes: str = "") -> Event:
    return StepFinished(
        **run_fields(at),  # type: ignore[arg-type]
        step=name,
        agent_id=agent_id,
        round=0,
        status=status,
        notes=notes,
        duration_seconds=4.0,
    )


def attempt(agent_id: str, call_id: str, number: int, at: float) -> list[Event]:
    fields = call_fields(agent_id, call_id, number, at)
    return [
        AttemptStarted(**fields, model=MODEL),  # type: ignore[arg-type]
        FirstTokenReceived(**fields, ttft=0.4),  # type: ignore[arg-type]
    ]


def tokens(agent_id: str, call_id: str, number: int, at: float, text: str, size: int = 24) -> list[Event]:
    fields = call_fields(agent_id, call_id, number, at)
    pieces = [(offset, text[offset : offset + size]) for offset in range(0, len(text), size)]
    return [
        TokensReceived(**fields, seq=seq, offset=offset, text=piece)  # type: ignore[arg-type]
        for seq, (offset, piece) in enumerate(pieces)
    ]


def call(agent_id: str, call_id: str, at: float, text: str, output_tokens: int) -> list[Event]:
    """A whole call that succeeds at its first attempt."""
    fields = call_fields(agent_id, call_id, 1, at + 5)
    return [
        CallQueued(**call_fields(agent_id, call_id, 0, at), position=0),  # type: ignore[arg-type]
        *attempt(agent_id, call_id, 1, at),
        *tokens(agent_id, call_id, 1, at, text),
        CallFinished(
            **fields,  # type: ignore[arg-type]
            text=text,
            finish_reason="stop",
            usage=Usage(120, output_tokens),
            duration_seconds=5.0,
        ),
    ]


def file_written(path: str, at: float, agent_id: str = "developer", size_bytes: int = 812) -> Event:
    return FileWritten(
        **run_fields(at),  # type: ignore[arg-type]
        path=path,
        sha256="0" * 64,
        bytes=size_bytes,
        version=1,
        agent_id=agent_id,
    )


def file_rejected(path: str, why: str, at: float, agent_id: str = "developer") -> Event:
    return FileRejected(**run_fields(at), path=path, why=why, agent_id=agent_id)  # type: ignore[arg-type]


def hand_off(from_: str, to: str, what: str, at: float) -> Event:
    return HandOffMade(**run_fields(at), from_=from_, to=to, what=what)  # type: ignore[arg-type]


def first_half() -> list[Event]:
    """The brief is done, the code is written, QA and DevOps are at work, and the server begins to fail."""
    return [
        start(),
        step("business_analyst", "brief", 1000.0),
        *call("business_analyst", "brief", 1000.5, BRIEF, 96),
        step_end("business_analyst", "brief", 1006.0),
        hand_off("business_analyst", "developer", "requirements R1-R3", 1006.0),
        step("developer", "code", 1006.5),
        *call("developer", "reverse.py", 1007.0, CODE, 412),
        file_written("reverse.py", 1014.0),
        file_rejected("../setup.py", "outside the output folder", 1014.2),
        step_end("developer", "code", 1014.5),
        hand_off("developer", "qa_engineer", "reverse.py, 1 function", 1014.5),
        hand_off("developer", "devops_engineer", "reverse.py, 1 function", 1014.5),
        step("qa_engineer", "tests", 1015.0),
        step("devops_engineer", "packaging", 1015.0),
        CallQueued(**call_fields("qa_engineer", "tests", 0, 1015.0), position=0),  # type: ignore[arg-type]
        *attempt("qa_engineer", "tests", 1, 1015.0),
        *tokens("qa_engineer", "tests", 1, 1016.0, "The tests cover"),
        AttemptFailed(
            **call_fields("qa_engineer", "tests", 1, 1020.0),  # type: ignore[arg-type]
            kind="cut",
            message="the server closed the connection in the middle of the answer",
            will_retry=True,
            wait_seconds=1.8,
            received_chars=15,
        ),
        AttemptReset(**call_fields("qa_engineer", "tests", 2, 1022.0)),  # type: ignore[arg-type]
        *attempt("qa_engineer", "tests", 2, 1022.0),
        *tokens("qa_engineer", "tests", 2, 1023.0, HALF_TESTS),
        CallQueued(**call_fields("devops_engineer", "Dockerfile", 0, 1015.0), position=1),  # type: ignore[arg-type]
        *attempt("devops_engineer", "Dockerfile", 1, 1016.0),
        AttemptFailed(
            **call_fields("devops_engineer", "Dockerfile", 1, 1040.2),  # type: ignore[arg-type]
            kind="server",
            message="the server answered 500",
            will_retry=True,
            wait_seconds=3.6,
            received_chars=0,
        ),
    ]


def breaker_opens(at: float = 1041.0, retry_at: float = 1084.0) -> Event:
    return BreakerChanged(
        **run_fields(at),  # type: ignore[arg-type]
        name="127.0.0.1:8080 SmolLM2-135M",
        old="closed",
        new="open",
        retry_at=retry_at,
    )


def waits(
    agent_id: str,
    call_id: str,
    number: int,
    at: float,
    reason: QueueReason = "slot",
    *,
    until: float | None = None,
    position: int = 0,
) -> Event:
    return CallQueued(
        **call_fields(agent_id, call_id, number, at),  # type: ignore[arg-type]
        position=position,
        reason=reason,
        until=until,
    )


def fails(
    agent_id: str, call_id: str, number: int, at: float, kind: FaultKind, message: str, wait_seconds: float
) -> Event:
    return AttemptFailed(
        **call_fields(agent_id, call_id, number, at),  # type: ignore[arg-type]
        kind=kind,
        message=message,
        will_retry=True,
        wait_seconds=wait_seconds,
        received_chars=0,
    )


def finishes(call_id: str, number: int, text: str, *, finish_reason: str = "stop", cached: bool = False) -> Event:
    return CallFinished(
        **call_fields("developer", call_id, number, 1004.0),  # type: ignore[arg-type]
        text=text,
        finish_reason=finish_reason,
        usage=Usage(1, 2),
        duration_seconds=3.0,
        cached=cached,
    )


def breaker_holds_devops() -> Event:
    """The call that failed last in `first_half` has to wait for the breaker."""
    return waits("devops_engineer", "Dockerfile", 1, 1041.0, "breaker", until=1084.0)


def everybody_waits() -> list[Event]:
    """One agent in each kind of wait that has a countdown or a place in the line; the developer in mid-answer."""
    return [
        start(),
        *(
            step(agent_id, name, 1000.0)
            for agent_id, name in (
                ("business_analyst", "brief"),
                ("qa_engineer", "tests"),
                ("devops_engineer", "packaging"),
                ("technical_writer", "readme"),
                ("developer", "code"),
            )
        ),
        waits("business_analyst", "brief", 0, 1020.0, position=2),
        *attempt("developer", "reverse.py", 1, 1007.0),
        *tokens("developer", "reverse.py", 1, 1007.0, CODE[:120]),
        waits("developer", "reverse.py", 1, 1041.0, "breaker", until=1084.0),
        waits("qa_engineer", "tests", 0, 1020.0, "rate_limit", until=1054.0),
        AttemptStarted(
            **call_fields("devops_engineer", "Dockerfile", 1, 1030.0),  # type: ignore[arg-type]
            model="Qwen3-4B",
            endpoint="10.0.0.7:8000/Qwen3-4B",
            fallback=True,
        ),
        fails("devops_engineer", "Dockerfile", 1, 1040.2, "server", "10.0.0.7:8000 had an internal error", 3.6),
        waits("technical_writer", "README.md", 0, 1041.0, "own_rate", until=1045.0),
    ]


def server_comes_back() -> list[Event]:
    """The waits that have no countdown, an answer of a fallback, one of the cache, and one that was cut off."""
    return [
        start(),
        step("business_analyst", "brief", 1000.0),
        *attempt("business_analyst", "brief", 1, 1001.0),
        fails("business_analyst", "brief", 1, 1001.1, "loading", "127.0.0.1:8080 is still loading its model", 1.0),
        *attempt("business_analyst", "brief", 1, 1002.1),
        fails("business_analyst", "brief", 1, 1002.2, "loading", "127.0.0.1:8080 is still loading its model", 1.0),
        step("devops_engineer", "packaging", 1000.0),
        AttemptStarted(
            **call_fields("devops_engineer", "Dockerfile", 1, 1030.0),  # type: ignore[arg-type]
            model="Qwen3-4B",
            endpoint="10.0.0.7:8000/Qwen3-4B",
            fallback=True,
        ),
        *tokens("devops_engineer", "Dockerfile", 1, 1031.0, "```dockerfile\nFROM python:3.11-slim\n"),
        step("qa_engineer", "tests", 1000.0),
        *attempt("qa_engineer", "tests", 1, 1010.0),
        waits("qa_engineer", "tests", 1, 1041.0, "breaker"),
        step("developer", "code", 1000.0),
        finishes("reverse.py", 1, CODE[:120], cached=True),
        *attempt("developer", "cli.py", 1, 1005.0),
        finishes("cli.py", 1, "import sys\n", finish_reason="length"),
    ]


def breaker_closes(at: float = 1050.0) -> Event:
    return BreakerChanged(
        **run_fields(at),  # type: ignore[arg-type]
        name="127.0.0.1:8080 SmolLM2-135M",
        old="open",
        new="closed",
        retry_at=None,
    )


def call_failed(agent_id: str, call_id: str, number: int, at: float, message: str, hint: str) -> Event:
    return CallFailed(
        **call_fields(agent_id, call_id, number, at),  # type: ignore[arg-type]
        kind="auth",
        message=message,
        hint=hint,
        partial="",
    )


def second_half() -> list[Event]:
    """The server comes back; the run passes."""
    whole_tests = HALF_TESTS + '    assert reverse("") == ""\n```\n'
    rest = whole_tests[len(HALF_TESTS) :]
    qa = call_fields("qa_engineer", "tests", 2, 1055.0)
    return [
        breaker_closes(),
        TokensReceived(**qa, seq=99, offset=len(HALF_TESTS), text=rest),  # type: ignore[arg-type]
        CallFinished(
            **qa,  # type: ignore[arg-type]
            text=whole_tests,
            finish_reason="stop",
            usage=Usage(300, 208),
            duration_seconds=33.0,
        ),
        file_written("test_reverse.py", 1055.5, "qa_engineer", 1312),
        TestsStarted(**run_fields(1057.0), runner="pytest", rung="bubblewrap", collected=3),  # type: ignore[arg-type]
        TestsRan(**run_fields(1058.0), report=PASS),  # type: ignore[arg-type]
        step_end("qa_engineer", "tests", 1058.5),
        AttemptReset(**call_fields("devops_engineer", "Dockerfile", 2, 1051.0)),  # type: ignore[arg-type]
        *attempt("devops_engineer", "Dockerfile", 2, 1051.0),
        *tokens("devops_engineer", "Dockerfile", 2, 1052.0, "```dockerfile\nFROM python:3.11-slim\n```\n"),
        CallFinished(
            **call_fields("devops_engineer", "Dockerfile", 2, 1053.0),  # type: ignore[arg-type]
            text="```dockerfile\nFROM python:3.11-slim\n```\n",
            finish_reason="stop",
            usage=Usage(280, 44),
            duration_seconds=38.0,
        ),
        file_written("Dockerfile", 1053.5, "devops_engineer", 23),
        step_end("devops_engineer", "packaging", 1053.6),
        hand_off("qa_engineer", "technical_writer", "3 tests passed", 1058.5),
        step("technical_writer", "readme", 1059.0),
        *call("technical_writer", "README.md", 1059.0, "# reverse\n\nTurns a string around.\n", 18),
        file_written("README.md", 1065.0, "technical_writer", 34),
        step_end("technical_writer", "readme", 1065.2),
        RunFinished(
            **run_fields(1066.0),  # type: ignore[arg-type]
            status="passed",
            verdict="pass",
            reason="3 tests green, and red without the code",
            output_dir="output/reverse",
            files=("reverse.py", "test_reverse.py", "Dockerfile", "README.md"),
            duration_seconds=66.0,
            evidence=PASS,
        ),
    ]


ENDPOINT = EndpointStatus(label="127.0.0.1", kind="embedded", model=MODEL, state="ready")
IDLE = EngineStatus(
    endpoint=ENDPOINT,
    agents=tuple(
        AgentStatus(agent_id)
        for agent_id in ("business_analyst", "developer", "qa_engineer", "devops_engineer", "technical_writer")
    ),
    pool=PoolStatus(active_clients=1, slots=5),
)


def agents_after(events: Sequence[Event], at: float, **changes: Mapping[str, object]) -> tuple[AgentStatus, ...]:
    """Return what the scoreboard has of the agents at that time, with no speed and the changes by agent."""
    board = Scoreboard([agent.agent_id for agent in IDLE.agents])
    for event in events:
        board.follow(event)
    return tuple(
        replace(agent, **{"tokens_per_second": 0.0, **changes.get(agent.agent_id, {})})  # type: ignore[arg-type]
        for agent in board.agents({}, at)
    )


def status_after(events: list[Event]) -> EngineStatus:
    """Return what the engine would report of the agents, had these events happened."""
    board = Scoreboard([agent.agent_id for agent in IDLE.agents])
    for event in events:
        board.follow(event)
    return replace(IN_THE_MIDDLE, agents=board.agents({}, NOW), suite=board.suite)


IN_THE_MIDDLE = EngineStatus(
    endpoint=ENDPOINT,
    agents=agents_after(
        [*first_half(), breaker_opens(), breaker_holds_devops()],
        NOW,
        qa_engineer={"output_tokens": 58, "tokens_per_second": 38.0},
        technical_writer={"enabled": False, "state": "off"},
    ),
    breakers=(BreakerStatus("127.0.0.1:8080 SmolLM2-135M", "open", 5, 5, 42.0),),
    pool=PoolStatus(active_clients=1, in_flight=1, waiting=1, slots=5, total_requests=5, success_rate=0.6),
    latency=LatencyStatus(0.8, 2.1, 3.0),
    requests=5,
    errors=2,
    retries=1,
    input_tokens=240,
    output_tokens=566,
    tokens_per_second=38.0,
    files_written=1,
    files_rejected=1,
    running=True,
    run_seconds=42.0,
    workflow="delivery",
    output_dir="output/reverse",
)


AT_THE_END = EngineStatus(
    endpoint=ENDPOINT,
    agents=agents_after([*first_half(), breaker_opens(), breaker_holds_devops(), *second_half()], 1066.0),
    breakers=(BreakerStatus("127.0.0.1:8080 SmolLM2-135M", "closed", 0, 5),),
    pool=PoolStatus(active_clients=1, slots=5, total_requests=7, success_rate=0.71),
    latency=LatencyStatus(1.1, 2.6, 3.0),
    requests=7,
    errors=2,
    retries=2,
    input_tokens=940,
    output_tokens=778,
    files_written=4,
    files_rejected=1,
    suite=suite_of_report(PASS),
    run_seconds=66.0,
    workflow="delivery",
    output_dir="output/reverse",
)
