"""What is said of the calls: their waits, attempts and ends; each fault once, by the event that knows most of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from core.events import AttemptFailed, AttemptStarted, CallCancelled, CallFailed, CallFinished, CallQueued
from core.state.waits import Wait
from tui.words.event_words import NOTHING, WARNING_STYLE, EventWords, Note, TimelineEntry


class CallNarrator:
    """Phrases the events of calls.

    Args:
        title: the whole name of an agent, by its id.
        short: its short name.

    Attributes:
        told_faults: the steps whose last call failed, and has told why.
    """

    def __init__(self, title: Callable[[str], str], short: Callable[[str], str]) -> None:
        self.told_faults: set[str] = set()
        self._title = title
        self._short = short
        self._logged: dict[str, tuple[str, str, float | None]] = {}  # by call: the wait or fallback that was told last
        self._fallbacks: dict[str, str] = {}  # by agent: the endpoint its calls go to instead of the first choice
        self._loading_calls: set[str] = set()  # that have said so in their pane
        self._last_faults: dict[str, Note] = {}  # by call: what ended its last attempt, until its end tells it

    def begin_run(self) -> None:
        """Forget what the run before has told."""
        self.told_faults.clear()
        self._fallbacks.clear()

    def queued(self, event: CallQueued) -> EventWords:
        """Tell a wait for anything but a slot in the log, again only when it changes."""
        if event.reason == "slot" or self._is_logged(event.call_id, (event.reason, "", event.until)):
            return NOTHING
        wait = Wait.from_queued(event).words(event.at)
        return EventWords(log=f"  ! {self._title(event.agent_id)}: {wait}")

    def attempt_started(self, event: AttemptStarted) -> EventWords:
        """Tell of a fallback: once a call in the log, once in the timeline when an agent's calls begin to go elsewhere."""
        self.told_faults.discard(_step_of(event.task_id))
        note = self._last_faults.pop(event.call_id, None)
        if not event.fallback:
            self._fallbacks.pop(event.agent_id, None)
            return EventWords(note=note)
        target = event.endpoint or event.model
        is_logged = self._is_logged(event.call_id, ("fallback", target, None))
        is_known = self._fallbacks.get(event.agent_id) == event.endpoint
        self._fallbacks[event.agent_id] = event.endpoint
        shown = f"⇄ {self._short(event.agent_id)} uses the fallback {target}"
        return EventWords(
            log=None if is_logged else f"  ! {self._title(event.agent_id)}: uses the fallback {target}",
            note=note,
            timeline=None if is_known else TimelineEntry(shown, WARNING_STYLE),
        )

    def attempt_failed(self, event: AttemptFailed) -> EventWords:
        title = self._title(event.agent_id)
        if event.kind == "loading":  # it is asked again every second
            is_noted = event.call_id in self._loading_calls
            self._loading_calls.add(event.call_id)
            is_logged = self._is_logged(event.call_id, ("loading", event.message, None)) or not event.will_retry
            return EventWords(
                log=None if is_logged else f"  ! {title}: {event.message}",
                note=None if is_noted else Note(event.message),
            )
        note = Note(f"try {event.attempt} failed: {event.message}", "warning")
        if not event.will_retry:  # what fails for good is told with its remedy, by the end of the call
            self._last_faults[event.call_id] = note
            return NOTHING
        again = f"  ! {title}: {event.message} ({event.kind}), again in {event.wait_seconds:.1f} s"
        return EventWords(log=again, note=note)

    def ended(self, event: CallFinished | CallFailed | CallCancelled) -> EventWords:
        self._logged.pop(event.call_id, None)
        self._loading_calls.discard(event.call_id)
        held, step = self._last_faults.pop(event.call_id, None), _step_of(event.task_id)
        title = self._title(event.agent_id)
        match event:
            case CallFinished():
                self.told_faults.discard(step)
                log = f"  = {title}: {event.task_id} from the cache" if event.cached else None
                return EventWords(log=log, note=held)  # what was received before the fault was enough
            case CallFailed():
                self.told_faults.add(step)
                hint = f" - {event.hint}" if event.hint else ""
                return EventWords(
                    log=f"  ! {title}: {event.message} ({event.kind}){hint}",
                    note=Note(f"{event.message}{hint}", "error"),
                )
            case CallCancelled():
                return NOTHING
            case _:
                assert_never(event)

    def _is_logged(self, call_id: str, what: tuple[str, str, float | None]) -> bool:
        """Return whether that was the last to be told of the call, and keep that it is."""
        before, self._logged[call_id] = self._logged.get(call_id), what
        return before == what


def _step_of(task_id: str) -> str:
    """Return the step that a call works for: the first part of its task's id."""
    return task_id.partition("/")[0]
