"""Starts the engine behind the screen, keeps it, and ends it; nothing of it is imported before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from core.clock import Clock

if TYPE_CHECKING:
    from core.engine import Engine
    from core.events import Event
    from core.settings import Settings

SettingsLoader = Callable[[Mapping[str, object]], "Settings"]


class EngineOwner:
    """One engine, from its settings to its end.

    Attributes:
        engine: the engine while it can be used, else None.
    """

    def __init__(self, load_settings: SettingsLoader | None, *, emit: Callable[[Event], None], clock: Clock) -> None:
        self._load_settings = load_settings or _load_from_everywhere
        self._emit = emit
        self._clock = clock
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self.engine: Engine | None = None

    async def live(
        self,
        overrides: Mapping[str, object],
        *,
        on_settings: Callable[[Settings, str | None], Awaitable[None]],
        on_engine: Callable[[], None],
    ) -> None:
        """Load, enter and at last leave the engine, all in one task; returns after `close`.

        Args:
            overrides: settings of the command line by their dotted names.
            on_settings: told the settings, and why no log is written if that is so.
            on_engine: called as soon as `engine` can be used.

        Raises:
            QuintetError: the settings or the prompts cannot be used.
        """
        if self._closing.is_set():
            return
        self._ended.clear()
        try:
            settings, log_warning = await asyncio.to_thread(self._prepare, overrides)
            await on_settings(settings, log_warning)
            engine_class = await asyncio.to_thread(_import_engine)
            if self._closing.is_set():
                return
            async with engine_class(settings, emit=self._emit, clock=self._clock) as engine:
                self.engine = engine
                on_engine()
                await self._closing.wait()
        finally:
            self.engine = None
            self._ended.set()

    async def close(self, limit_seconds: float) -> bool:
        """End the run and the engine; False when that did not end within the limit."""
        self._closing.set()
        if self.engine is not None:
            self.engine.cancel_run()
        try:
            async with asyncio.timeout(limit_seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _prepare(self, overrides: Mapping[str, object]) -> tuple[Settings, str | None]:
        """Load the settings and apply those of the whole process; returns why no log is written, if that is so."""
        from core.telemetry.start import start_telemetry

        settings = self._load_settings(overrides)
        return settings, start_telemetry(settings, owns_terminal=True, clock=self._clock)


def _load_from_everywhere(overrides: Mapping[str, object]) -> Settings:
    from core.settings import load_config

    return load_config(overrides=overrides)


def _import_engine() -> type[Engine]:
    from core.engine import Engine

    return Engine
