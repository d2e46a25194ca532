"""What the parts that act for the user need of the app."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Protocol

from tui.control.status_poll import StatusPoll
from tui.words.signs import Severity

if TYPE_CHECKING:
    from core.engine import Engine


class Say(Protocol):
    """Shows a toast."""

    def __call__(self, message: str, severity: Severity = "information") -> None: ...


class AppServices(Protocol):
    """The app, as far as its commands need it; `status_poll` draws the engine's state, now or until nothing moves."""

    status_poll: StatusPoll

    @property
    def engine(self) -> Engine | None:
        """The engine; None while there is none."""

    def say(self, message: str, severity: Severity = "information") -> None:
        """Show a toast."""

    def begin(self, run: Coroutine[None, None, None]) -> None:
        """Let a run go on beside everything else."""

    def report_fault(self, error: Exception) -> str:
        """Show a fault of our own, and return the words for it."""
