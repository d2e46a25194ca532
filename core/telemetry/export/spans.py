"""The events of a run as one trace: the workflow, in it each agent's steps, in them each attempt of a call."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from core.events import (
    AttemptFailed,
    AttemptStarted,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    ContextTruncated,
    Event,
    FirstTokenReceived,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from core.telemetry.export import names
from core.text.redaction import redact

MAX_CONTENT = 16_384  # characters of one message; servers refuse spans that are too large
_NO_PARENT = Context()  # a span that the surrounding program has open is no parent of ours

Attributes = dict[str, str | int | float | bool | list[str]]


class SpanSink:
    """Makes spans of events. Not thread-safe: to be used from one thread.

    Prompts are in no event; with `capture_content` the spans hold the user's task and the answers.
    """

    def __init__(self, tracer: Tracer, *, capture_content: bool = False) -> None:
        self._tracer = tracer
        self._capture_content = capture_content
        self._runs: dict[str, Span] = {}
        self._steps: dict[tuple[str, str], Span] = {}
        self._attempts: dict[str, tuple[str, Span]] = {}  # by call; with the run it belongs to
        self._compacted: set[str] = set()

    def receive(self, event: Event) -> None:
        """Open, change or end the span that an event is about; most events are about none."""
        match event:
            case RunStarted():
                self._run_started(event)
            case RunFinished():
                self._run_finished(event)
            case StepStarted():
                self._step_started(event)
            case StepFinished():
                self._step_finished(event)
            case ContextTruncated():
                self._compacted.add(event.call_id)
            case AttemptStarted():
                self._attempt_started(event)
            case FirstTokenReceived():
                self._first_token(event)
            case AttemptFailed():
                self._end_attempt(event, {}, error=event.kind)
            case CallFinished():
                self._call_finished(event)
            case CallFailed():
                self._end_call(event, {}, error=event.kind)
            case CallCancelled():
                self._end_call(event, {names.OUTCOME: "cancelled"})
            case _:
                pass

    def close(self) -> None:
        """End what is still open: a run that is aborted has no RunFinished."""
        for _, attempt in self._attempts.values():
            attempt.end()
        for span in (*self._steps.values(), *self._runs.values()):
            span.end()
        self._attempts, self._steps, self._runs = {}, {}, {}

    def _run_started(self, event: RunStarted) -> None:
        attributes = _of_run(event, names.INVOKE_WORKFLOW) | {names.WORKFLOW_NAME: event.workflow}
        if self._capture_content:
            attributes[names.INPUT_MESSAGES] = _message("user", event.task)
        _end_open(self._runs.pop(event.run_id, None))
        self._runs[event.run_id] = self._open(f"{names.INVOKE_WORKFLOW} {event.workflow}", None, attributes)

    def _run_finished(self, event: RunFinished) -> None:
        for call_id in [call_id for call_id, (run_id, _) in self._attempts.items() if run_id == event.run_id]:
            self._attempts.pop(call_id)[1].end()
        for key in [key for key in self._steps if key[0] == event.run_id]:
            self._steps.pop(key).end()
        span = self._runs.pop(event.run_id, None)
        if span is not None:
            _end(span, {names.OUTCOME: event.status, names.VERDICT: event.verdict}, failed=event.status == "failed")

    def _step_started(self, event: StepStarted) -> None:
        attributes = _of_run(event, names.INVOKE_AGENT) | {
            names.AGENT_NAME: event.agent_id,
            names.STEP: event.step,
            names.ROUND: event.round,
        }
        parent = self._runs.get(event.run_id)
        _end_open(self._steps.pop((event.run_id, event.step), None))
        self._steps[event.run_id, event.step] = self._open(f"{names.INVOKE_AGENT} {event.agent_id}", parent, attributes)

    def _step_finished(self, event: StepFinished) -> None:
        span = self._steps.pop((event.run_id, event.step), None)  # a skipped step has no StepStarted
        if span is not None:
            _end(span, {names.OUTCOME: event.status}, failed=event.status == "failed")

    def _attempt_started(self, event: AttemptStarted) -> None:
        self._end_attempt(event, {})  # an earlier one without an end event
        model = redact(event.model)
        attributes = _of_run(event, names.CHAT) | {
            names.PROVIDER: names.PROVIDER_NAME,
            names.REQUEST_MODEL: model,
            names.AGENT_NAME: event.agent_id,
            names.TASK_ID: event.task_id,
            names.CALL_ID: event.call_id,
            names.ATTEMPT: event.attempt,
            **_server(event.endpoint),
        }
        if event.fallback:
            attributes[names.FALLBACK] = True
        if event.call_id in self._compacted:
            attributes[names.COMPACTED] = True
        step = self._steps.get((event.run_id, event.task_id.partition("/")[0]))
        parent = step if step is not None else self._runs.get(event.run_id)
        span = self._open(f"{names.CHAT} {model}", parent, attributes, SpanKind.CLIENT)
        self._attempts[event.call_id] = (event.run_id, span)

    def _first_token(self, event: FirstTokenReceived) -> None:
        if event.call_id in self._attempts:
            self._attempts[event.call_id][1].set_attribute(names.TIME_TO_FIRST_CHUNK, event.ttft)

    def _call_finished(self, event: CallFinished) -> None:
        attributes: Attributes = {names.FINISH_REASONS: [event.finish_reason]}
        if event.cached:
            attributes[names.CACHED] = True
        elif not event.usage.estimated:
            attributes[names.INPUT_TOKENS] = event.usage.input_tokens
            attributes[names.OUTPUT_TOKENS] = event.usage.output_tokens
        if self._capture_content:
            attributes[names.OUTPUT_MESSAGES] = _message("assistant", event.text, event.finish_reason)
        self._end_call(event, attributes)

    def _end_call(self, event: CallEvent, attributes: Attributes, error: str = "") -> None:
        self._compacted.discard(event.call_id)
        self._end_attempt(event, attributes, error=error)

    def _end_attempt(self, event: CallEvent, attributes: Attributes, error: str = "") -> None:
        _, span = self._attempts.pop(event.call_id, ("", None))
        if span is not None:
            _end(span, attributes, failed=bool(error), error=error)

    def _open(self, name: str, parent: Span | None, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL) -> Span:
        context = _NO_PARENT if parent is None else set_span_in_context(parent, _NO_PARENT)
        return self._tracer.start_span(name, context, kind, attributes)


def _of_run(event: Event, operation: str) -> Attributes:
    return {
        names.OPERATION: operation,
        names.CONVERSATION_ID: event.correlation_id,
        names.CORRELATION_ID: event.correlation_id,
        names.RUN_ID: event.run_id,
    }


def _end_open(span: Span | None) -> None:
    """End a span of which the same thing begins again without an end event."""
    if span is not None:
        span.end()


def _end(span: Span, attributes: Attributes, *, failed: bool, error: str = "") -> None:
    span.set_attributes(attributes)
    if failed:
        # No description: error messages of servers quote the prompt.
        span.set_attribute(names.ERROR_TYPE, error or names.OTHER_ERROR)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _server(endpoint: str) -> Attributes:
    """Return the address of "host:port/model"; none for the embedded model."""
    host = endpoint.partition("/")[0]
    if not host or host == "embedded":
        return {}
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return {}
    address: Attributes = {names.SERVER_ADDRESS: redact(parts.hostname or "")}
    return address if port is None else address | {names.SERVER_PORT: port}


def _message(role: str, text: str, finish_reason: str = "") -> str:
    """Return one message in the conventions' form, cut and without secrets."""
    message: dict[str, object] = {"role": role, "parts": [{"type": "text", "content": redact(text)[:MAX_CONTENT]}]}
    if finish_reason:
        message["finish_reason"] = finish_reason
    return json.dumps([message], ensure_ascii=False)
