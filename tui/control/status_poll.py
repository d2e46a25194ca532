"""Asks the engine for its state twice a second, as long as anything moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.timer import Timer

if TYPE_CHECKING:
    from core.state.status import EngineStatus

PULL_SECONDS = 0.5


class StatusPoll:
    """Rests while nothing moves: an idle app must not cost anything.

    Args:
        app: whose timer is used.
        read: gives the state; None while there is no engine.
        show: draws it.
        tick: draws what changes by itself, while there is no state.
    """

    def __init__(
        self,
        app: App[Any],  # Any: what the app returns plays no part
        *,
        read: Callable[[], EngineStatus | None],
        show: Callable[[EngineStatus], None],
        tick: Callable[[], None],
    ) -> None:
        self._app = app
        self._read = read
        self._show = show
        self._tick = tick
        self._timer: Timer | None = None
        self.is_resting = False

    def start(self) -> None:
        """Begin to ask."""
        self._timer = self._app.set_interval(PULL_SECONDS, self.pull)

    def pull(self) -> None:
        """Draw the state now; rest when nothing moves until `wake`."""
        if not self._app.is_running:
            return
        status = self._read()
        if status is None:
            self._tick()
        else:
            self._show(status)
        if self._timer is not None and (status is None or not _moves(status)):
            self._timer.pause()
            self.is_resting = True

    def wake(self) -> None:
        """Ask again twice a second, until nothing moves any more."""
        if self._timer is not None:
            self._timer.resume()
            self.is_resting = False


def _moves(status: EngineStatus) -> bool:
    return (
        status.running
        or status.endpoint.state == "starting"
        or any(breaker.state != "closed" for breaker in status.breakers)
        or bool(status.alerts)  # their age
    )
