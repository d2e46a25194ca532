"""Events become spans: one trace, right parents, GenAI names, and nothing that anybody has said."""

from __future__ import annotations

import itertools
import json
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallFailed,
    CallFinished,
    ContextTruncated,
    Event,
    FirstTokenReceived,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TokensReceived,
    Usage,
)
from core.kinds import FaultKind, RunStatus, StepStatus
from core.telemetry.export.spans import MAX_CONTENT, SpanSink
from core.text.redaction import register_secret

AGENTS = ("business_analyst", "developer", "qa_engineer", "devops_engineer", "technical_writer")
TASK, ANSWER = "the secret task", "the secret answer"


class RunIds(TypedDict):
    run_id: str
    correlation_id: str
    at: float


class CallIds(RunIds):
    agent_id: str
    task_id: str
    call_id: str


RUN = RunIds(run_id="r1", correlation_id="c1", at=1.0)


class Sink:
    """A SpanSink whose spans are kept."""

    def __init__(self, *, capture_content: bool = False) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.sink = SpanSink(provider.get_tracer("test"), capture_content=capture_content)

    def take(self, *events: Event) -> None:
        for event in events:
            self.sink.receive(event)

    def spans(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans() if span.name == name]
        return span


def run_started() -> RunStarted:
    return RunStarted(**RUN, task=TASK, workflow="delivery", agents=AGENTS, output_dir="/out", model="m")


def run_finished(status: RunStatus = "passed") -> RunFinished:
    return RunFinished(
        **RUN, status=status, verdict="pass", reason=ANSWER, output_dir="/out", files=(), duration_seconds=1.0
    )


def step_started(agent: str = "developer", step: str = "code") -> StepStarted:
    return StepStarted(**RUN, step=step, agent_id=agent, round=0)


def step_finished(agent: str = "developer", step: str = "code", status: StepStatus = "ok") -> StepFinished:
    return StepFinished(**RUN, step=step, agent_id=agent, round=0, status=status, notes=ANSWER, duration_seconds=1.0)


class Call:
    """The events of one call."""

    _numbers = itertools.count()

    def __init__(self, agent: str = "developer", task: str = "code/main.py", run: RunIds = RUN) -> None:
        self._ids = CallIds(**run, agent_id=agent, task_id=task, call_id=f"call-{next(self._numbers)}")

    def started(
        self, attempt: int = 1, endpoint: str = "models.example:8080/m", *, fallback: bool = False
    ) -> AttemptStarted:
        return AttemptStarted(**self._ids, attempt=attempt, model="m", endpoint=endpoint, fallback=fallback)

    def first_token(self, ttft: float = 0.25) -> FirstTokenReceived:
        return FirstTokenReceived(**self._ids, attempt=1, ttft=ttft)

    def tokens(self) -> TokensReceived:
        return TokensReceived(**self._ids, attempt=1, seq=0, offset=0, text=ANSWER)

    def attempt_failed(self, kind: FaultKind = "stall") -> AttemptFailed:
        return AttemptFailed(
            **self._ids, attempt=1, kind=kind, message=ANSWER, will_retry=True, wait_seconds=1.0, received_chars=3
        )

    def truncated(self) -> ContextTruncated:
        return ContextTruncated(**self._ids, attempt=0, before=9000, after=4000)

    def reset(self) -> AttemptReset:
        return AttemptReset(**self._ids, attempt=2)

    def finished(self, usage: Usage | None = None, *, cached: bool = False) -> CallFinished:
        return CallFinished(
            **self._ids,
            attempt=1,
            text=ANSWER,
            finish_reason="stop",
            usage=usage or Usage(10, 20),
            duration_seconds=1.0,
            cached=cached,
        )

    def failed(self, kind: FaultKind = "auth") -> CallFailed:
        return CallFailed(**self._ids, attempt=1, kind=kind, message=ANSWER, hint="", partial=ANSWER)

    def cancelled(self) -> CallCancelled:
        return CallCancelled(**self._ids, attempt=1, partial=ANSWER)


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def test_five_agents_at_once_make_one_trace_with_the_right_parents() -> None:
    sink = Sink()
    calls = {agent: Call(agent, f"{agent}-step/answer") for agent in AGENTS}
    sink.take(run_started())
    sink.take(*(step_started(agent, f"{agent}-step") for agent in AGENTS))
    sink.take(*(call.started() for call in calls.values()))
    sink.take(*(call.finished() for call in reversed(calls.values())))
    sink.take(*(step_finished(agent, f"{agent}-step") for agent in AGENTS))
    sink.take(run_finished())

    spans = sink.spans()
    workflow = sink.one("invoke_workflow delivery")
    steps = {attributes_of(span)["gen_ai.agent.name"]: span for span in spans if span.name.startswith("invoke_agent")}
    chats = [span for span in spans if span.name == "chat m"]
    assert len(spans) == 11
    assert len({span.context.trace_id for span in spans if span.context is not None}) == 1
    assert workflow.parent is None
    assert {span.parent.span_id for span in steps.values() if span.parent is not None} == {span_id(workflow)}
    for chat in chats:
        assert chat.parent is not None
        assert chat.parent.span_id == span_id(steps[attributes_of(chat)["gen_ai.agent.name"]])
    assert {attributes_of(span)["quintet.correlation_id"] for span in spans} == {"c1"}
    assert {chat.kind for chat in chats} == {SpanKind.CLIENT}


def test_a_chat_carries_what_the_conventions_ask_for() -> None:
    sink, call = Sink(), Call()
    sink.take(run_started(), step_started(), call.started(), call.first_token(), call.tokens(), call.finished())

    chat = attributes_of(sink.one("chat m"))
    assert chat.pop("quintet.call_id")
    assert chat == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": "c1",
        "gen_ai.request.model": "m",
        "gen_ai.agent.name": "developer",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "server.address": "models.example",
        "server.port": 8080,
        "quintet.correlation_id": "c1",
        "quintet.run_id": "r1",
        "quintet.task_id": "code/main.py",
        "quintet.attempt": 1,
    }


@pytest.mark.parametrize(
    ("endpoint", "address", "port"),
    [
        ("models.example/meta/llama", "models.example", None),
        ("127.0.0.1:8080/m", "127.0.0.1", 8080),
        ("[::1]:8080/m", "::1", 8080),
        ("embedded/smollm2", None, None),
        ("", None, None),
        ("host:not-a-port/m", None, None),
    ],
)
def test_the_server_is_named_by_its_address(endpoint: str, address: str | None, port: int | None) -> None:
    sink, call = Sink(), Call()
    sink.take(call.started(endpoint=endpoint), call.finished())

    chat = attributes_of(sink.one("chat m"))
    assert (chat.get("server.address"), chat.get("server.port")) == (address, port)


@pytest.mark.parametrize(("usage", "cached"), [(Usage(10, 20, estimated=True), False), (Usage(10, 20), True)])
def test_tokens_that_were_guessed_or_not_used_are_not_told(usage: Usage, cached: bool) -> None:
    sink, call = Sink(), Call()
    sink.take(call.started(), call.finished(usage, cached=cached))

    chat = attributes_of(sink.one("chat m"))
    assert not [name for name in chat if name.startswith("gen_ai.usage")]
    assert chat.get("quintet.cached", False) is cached


def test_each_attempt_is_a_span_and_a_failed_one_names_its_kind_of_fault() -> None:
    sink, call = Sink(), Call()
    sink.take(
        call.started(), call.attempt_failed("stall"), call.reset(), call.started(2, fallback=True), call.finished()
    )

    first, second = sink.spans()
    assert first.status.status_code is StatusCode.ERROR
    assert attributes_of(first)["error.type"] == "stall"
    assert (attributes_of(first)["quintet.attempt"], attributes_of(second)["quintet.attempt"]) == (1, 2)
    assert attributes_of(second)["quintet.fallback"] is True
    assert "error.type" not in attributes_of(second)


def test_an_attempt_that_is_repeated_uncounted_ends_the_one_before() -> None:
    sink, call = Sink(), Call()
    sink.take(call.started(), call.started(), call.finished())

    assert len(sink.spans()) == 2


def test_a_call_that_fails_in_its_last_attempt_is_told_once() -> None:
    sink, call = Sink(), Call()
    sink.take(call.started(), call.attempt_failed("auth"), call.failed("auth"))

    assert len(sink.spans()) == 1


def test_a_call_that_never_sent_anything_is_no_span() -> None:
    sink, call = Sink(), Call()
    sink.take(call.failed("breaker_open"))

    assert sink.spans() == []


def test_a_cancelled_call_is_neither_success_nor_failure() -> None:
    sink, call = Sink(), Call()
    sink.take(call.started(), call.cancelled())

    chat = sink.one("chat m")
    assert chat.status.status_code is StatusCode.UNSET
    assert attributes_of(chat)["quintet.outcome"] == "cancelled"
    assert "error.type" not in attributes_of(chat)


@pytest.mark.parametrize(
    ("status", "is_error"), [("passed", False), ("failed", True), ("unverified", False), ("stopped", False)]
)
def test_the_end_of_a_run_is_the_end_of_its_span(status: RunStatus, is_error: bool) -> None:
    sink = Sink()
    sink.take(run_started(), run_finished(status))

    workflow = sink.one("invoke_workflow delivery")
    assert attributes_of(workflow)["quintet.outcome"] == status
    assert (workflow.status.status_code is StatusCode.ERROR) is is_error
    assert workflow.status.description is None


def test_a_run_that_ends_early_leaves_nothing_open() -> None:
    sink, call = Sink(), Call()
    sink.take(run_started(), step_started(), call.started(), run_finished("stopped"))

    assert len(sink.spans()) == 3


def test_closing_ends_what_is_open() -> None:
    sink, call = Sink(), Call()
    sink.take(run_started(), step_started(), call.started())

    sink.sink.close()
    sink.take(call.finished(), step_finished(), run_finished())

    assert len(sink.spans()) == 3


def test_a_skipped_step_is_no_span() -> None:
    sink = Sink()
    sink.take(run_started(), step_finished(status="skipped"), run_finished())

    assert [span.name for span in sink.spans()] == ["invoke_workflow delivery"]


def test_a_call_outside_a_run_stands_alone() -> None:
    sink = Sink()
    call = Call(task="call", run=RunIds(run_id="", correlation_id="c9", at=1.0))
    sink.take(run_started(), call.started(), call.finished())

    assert sink.one("chat m").parent is None


def test_a_shortened_prompt_shows() -> None:
    sink, call = Sink(), Call()
    sink.take(call.truncated(), call.started(), call.finished())

    assert attributes_of(sink.one("chat m"))["gen_ai.conversation.compacted"] is True


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1)), max_size=40))
def test_events_in_any_order_leave_no_span_open(choices: list[tuple[int, int]]) -> None:
    sink, calls = Sink(), (Call(), Call(task="elsewhere/x"))
    opened = 0
    for choice, which in choices:
        call = calls[which]
        opening: list[Event] = [run_started(), step_started(), call.started()]
        others: list[Event] = [
            run_finished(), step_finished(), call.finished(), call.failed(), call.cancelled(), call.first_token(),
            call.attempt_failed(), call.truncated(), call.tokens(), call.reset(),
        ]  # fmt: skip
        sink.take([*opening, *others][choice])
        opened += choice < len(opening)
    sink.sink.close()

    assert len(sink.spans()) == opened


def everything(sink: Sink) -> str:
    call, failing = Call(), Call()
    sink.take(run_started(), step_started(), call.started(), call.first_token(), call.tokens(), call.finished())
    sink.take(failing.started(), failing.attempt_failed(), failing.failed())
    sink.take(step_finished(status="failed"), run_finished("failed"))
    return "\n".join(span.to_json() for span in sink.spans())


def test_no_word_of_a_user_or_a_model_is_in_a_span() -> None:
    told = everything(Sink())

    assert TASK not in told
    assert ANSWER not in told


def test_words_go_along_when_the_settings_ask_for_them() -> None:
    sink = Sink(capture_content=True)
    everything(sink)

    workflow = attributes_of(sink.one("invoke_workflow delivery"))
    chat = next(attributes_of(span) for span in sink.spans() if span.name == "chat m")
    assert json.loads(str(workflow["gen_ai.input.messages"])) == [
        {"role": "user", "parts": [{"type": "text", "content": TASK}]}
    ]
    assert json.loads(str(chat["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}
    ]


def test_captured_words_are_cut_and_hold_no_secret() -> None:
    register_secret("a-secret-in-words")
    sink = Sink(capture_content=True)
    long = RunStarted(
        **RUN, task="a-secret-in-words " + "x" * 100_000, workflow="w", agents=(), output_dir="", model="m"
    )
    sink.take(long)
    sink.sink.close()

    told = str(attributes_of(sink.one("invoke_workflow w"))["gen_ai.input.messages"])
    assert "a-secret-in-words" not in told
    assert len(told) < MAX_CONTENT + 200
