"""What is said of an event, in every place where something is said: the app and a headless run phrase nothing else.

A fault is told once, where it happened: its step and its run name it by its place and do not repeat its words. What has
been told is known by ids (of the call, of the step), never by comparing sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

from core.events import (
    AlertFired,
    AlertResolved,
    ApprovalGiven,
    ApprovalRequested,
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    BreakerChanged,
    BudgetReached,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    ContextTruncated,
    Event,
    FileRejected,
    FileWritten,
    FirstTokenReceived,
    HandOffMade,
    RateLimited,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    SteeringReceived,
    StepFinished,
    StepStarted,
    TestsRan,
    TestsStarted,
    TokensReceived,
    Warned,
)
from core.state.waits import countdown
from core.text.sanitize import one_line, plain_line
from tui.words.call_narration import CallNarrator
from tui.words.event_words import NOTHING, WARNING_STYLE, EventWords, Note, TimelineEntry, Toast
from tui.words.file_narration import file_rejected, file_written
from tui.words.numbers import clock_time, counted
from tui.words.shown_path import shown_path
from tui.words.signs import OUTCOMES, SEVERITIES, Severity
from tui.words.tests_narration import tests_ran, tests_started

LOG_LINE_CHARACTERS = 300
TOAST_REASON_CHARACTERS = 160
TOASTS: Mapping[str, Severity] = {
    "critical": "error",
    "warning": "warning",
    "info": "information",
}
# Alerts that a BreakerChanged has told already; the opening has a toast that also says what to press.
TOLD_BY_BREAKERS = frozenset({"breaker_opened", "breaker_recovered"})


class Narrator:
    """Phrases the events of a run, one after the other.

    Args:
        title: the whole name of an agent, by its id.
        short: its short name.
        key: the key of an action, by its id.
        way_to: what to press for an action from where the user is now, by its id.

    Attributes:
        shown_note: words about the connection that stand on the screen all the time: no toast repeats them.
    """

    def __init__(
        self,
        *,
        title: Callable[[str], str],
        short: Callable[[str], str] | None = None,
        key: Callable[[str], str] = str,
        way_to: Callable[[str], str] = str,
    ) -> None:
        self.shown_note = ""
        self._title = title
        self._short = short or title
        self._key = key
        self._way_to = way_to
        self._calls = CallNarrator(title, self._short)
        self._told_steps: set[str] = set()  # steps that have told how they fell short

    def tell(self, event: Event) -> EventWords:
        """Return what is to be said of the event; log lines hold no control characters."""
        words = self._words(event)
        if words.log is None:
            return words
        indent = words.log[: len(words.log) - len(words.log.lstrip(" "))]
        return replace(words, log=indent + plain_line(words.log, limit=LOG_LINE_CHARACTERS))

    def _words(self, event: Event) -> EventWords:
        match event:
            case FirstTokenReceived() | TokensReceived() | ReasoningReceived() | AttemptReset():
                return NOTHING
            case CallQueued():
                return self._calls.queued(event)
            case AttemptStarted():
                return self._calls.attempt_started(event)
            case AttemptFailed():
                return self._calls.attempt_failed(event)
            case ContextTruncated():
                shortened = f"the prompt was too long: shortened from {event.before} to {event.after} tokens"
                return EventWords(note=Note(shortened, "warning"))
            case CallFinished() | CallFailed() | CallCancelled():
                return self._calls.ended(event)
            case StepStarted():
                self._calls.told_faults.discard(event.step)
                title, rework = self._title(event.agent_id), event.round
                return EventWords(
                    log=f"{title}: {event.step}" + (f", rework {rework}" if rework else "") + " ...",
                    note=Note(f"step {event.step}" + (f" (rework {rework})" if rework else "")),
                )
            case StepFinished():
                return self._step_finished(event)
            case HandOffMade():
                way = f"→ {self._short(event.from_)} → {self._short(event.to)}: {event.what}"
                return EventWords(timeline=TimelineEntry(way))
            case RunStarted():
                return self._run_started(event)
            case RunFinished():
                return self._run_finished(event)
            case FileWritten():
                return file_written(event)
            case FileRejected():
                return file_rejected(event)
            case TestsStarted():
                return tests_started(event)
            case TestsRan():
                return tests_ran(event)
            case BreakerChanged():
                return self._breaker_changed(event)
            case RateLimited():
                wait = max(0.0, event.until - event.at)
                return EventWords(
                    timeline=TimelineEntry(f"⏸ rate limited by the server for {wait:.0f} s", WARNING_STYLE)
                )
            case AlertFired():
                return _alert_fired(event)
            case AlertResolved():
                return EventWords(
                    log=f"  ! resolved: {event.message}",
                    timeline=TimelineEntry(f"✓ resolved {event.name}: {event.message}"),
                )
            case BudgetReached():
                words = f"budget reached: {event.what} {event.used:g} of {event.limit:g}"
                go_on = f"The run is held; {self._key('pause')} in the panes lets it go on for as much again."
                return EventWords(
                    log=f"  ! budget reached: {event.used:g} of {event.limit:g} {event.what}",
                    timeline=TimelineEntry(f"■ {words}", WARNING_STYLE),
                    toast=Toast(f"{words}. {go_on}"),
                )
            case Warned():
                words = f"{event.message} - {event.hint}" if event.hint else event.message
                return EventWords(
                    log=f"note: {words}",
                    timeline=TimelineEntry(f"! {words}", WARNING_STYLE),
                    toast=Toast(words) if event.message != self.shown_note else None,
                )
            case ApprovalRequested():
                return EventWords(
                    timeline=TimelineEntry(f"⏸ waits for your approval: {event.gate}", WARNING_STYLE),
                    toast=Toast(f"the team waits for your approval: {event.gate}"),
                )
            case ApprovalGiven():
                return EventWords(timeline=TimelineEntry(f"✓ {event.gate}: {event.decision}"))
            case SteeringReceived():
                to = self._short(event.agent_id) if event.agent_id else "all"
                return EventWords(note=Note(f"you: {event.text}"), timeline=TimelineEntry(f"you to {to}: {event.text}"))
            case _:
                assert_never(event)

    # Steps and runs.

    def _step_finished(self, event: StepFinished) -> EventWords:
        step, status = event.step, event.status
        notes = "" if step in self._calls.told_faults else event.notes
        self._calls.told_faults.discard(step)
        lasted = f"{self._title(event.agent_id)}: {step} {status} in {event.duration_seconds:.1f} s"
        log = lasted + (f" ({notes})" if notes else "")
        why = f": {notes}" if notes else ""
        if status == "ok":
            return EventWords(log=log, note=Note(notes, "warning") if notes else None)
        self._told_steps.add(step)
        timeline = TimelineEntry(f"◐ step {step}: {status}", WARNING_STYLE)
        match status:
            case "skipped":
                note = Note(f"step {step} was skipped{why}")
            case "failed":
                note = Note(f"step {step}: {status}{why}", "error")
            case "partial":
                note = Note(f"step {step}: {status}{why}", "warning")
            case _:
                assert_never(status)
        return EventWords(log=log, note=note, timeline=timeline)

    def _run_started(self, event: RunStarted) -> EventWords:
        self._calls.begin_run()
        self._told_steps.clear()
        return EventWords(
            log=f"run {event.run_id}: {event.workflow} on {event.model}, files go to {event.output_dir}",
            timeline=TimelineEntry(f"▶ run started: {event.workflow}, files go to {shown_path(event.output_dir)}"),
        )

    def _run_finished(self, event: RunFinished) -> EventWords:
        sign, word, style = OUTCOMES[event.status]
        where = f"{counted(len(event.files), 'file')} in {shown_path(event.output_dir)}"
        reason = self._reason(event)
        why = f": {reason}" if reason else ""
        brief = one_line(why, TOAST_REASON_CHARACTERS)  # all of it stands in the pane
        has_failed, is_passed = event.status == "failed", event.status == "passed"
        again = " Press Up to edit the task and send it again." if has_failed else ""
        ended = f"{event.status}, verdict {event.verdict}, {len(event.files)} files in {event.duration_seconds:.1f} s"
        toast_severity = TOASTS["critical" if has_failed else "info" if is_passed else "warning"]
        note = f"run {word}{why}" if event.status in {"failed", "unverified"} and why else f"run {word}: {where}"
        return EventWords(
            log=ended + why,
            note=Note(note, "error" if has_failed else "warning" if event.status == "unverified" else "info"),
            timeline=TimelineEntry(f"{sign} run {word}{why} ({clock_time(event.duration_seconds)}, {where})", style),
            toast=Toast(f"{sign} run {word}{brief}. {where}.{again}", toast_severity),
        )

    def _reason(self, event: RunFinished) -> str:
        """Return why a run ended so: the steps that have told it, or its own words."""
        if event.failed_steps and self._told_steps.issuperset(event.failed_steps):
            return ", ".join(f"step {step}" for step in event.failed_steps)
        return event.reason

    # The machinery.

    def _breaker_changed(self, event: BreakerChanged) -> EventWords:
        left = event.retry_at - event.at if event.retry_at is not None else None
        toast = None
        if event.new == "open" and event.old == "closed":
            when = f", next try in {countdown(left)}" if left is not None else ""
            toast = Toast(
                f"{event.name} fails again and again: its breaker is open. Calls wait until it answers{when}. "
                f"{self._way_to('retry_now')} retries now, {self._way_to('interrupt')} stops the run."
            )
        style = "$text-error" if event.new == "open" else WARNING_STYLE if event.new == "half-open" else ""
        when = f", next try in {left:.0f} s" if left is not None else ""
        return EventWords(
            log=f"  ! circuit breaker of {event.name}: {event.old} -> {event.new}{when}",
            timeline=TimelineEntry(f"breaker {event.name}: {event.old} → {event.new}", style),
            toast=toast,
        )


def _alert_fired(event: AlertFired) -> EventWords:
    """Tell of an alert: it comes when it begins, and again only as a reminder of a critical one."""
    sign, style = SEVERITIES.get(event.severity, ("?", WARNING_STYLE))
    shown = Toast(f"{sign} {event.severity}: {event.message}", TOASTS.get(event.severity, "warning"))
    toast = shown if event.name != "breaker_opened" else None
    if event.name in TOLD_BY_BREAKERS:
        return EventWords(toast=toast)
    return EventWords(
        log=f"  ! {event.severity} {event.name}: {event.message}",
        timeline=TimelineEntry(f"{sign} alert {event.name}: {event.message}", style),
        toast=toast,
    )
