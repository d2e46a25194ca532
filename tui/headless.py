"""A run without a terminal: progress on stderr, the files' paths (or every event as JSON) on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from core.doctor import examine, terminal_finding
from core.engine import Engine
from core.errors import ConfigValidationError, ModelUnavailableError, QuintetError
from core.events import Event, event_to_json
from core.settings import Settings, load_config
from core.telemetry.logs import setup_logging
from core.telemetry.metrics import set_metrics_enabled
from core.workflow.outcome import RunOutcome
from tui.progress import progress_line

EXIT_BY_STATUS = {"passed": 0, "failed": 1, "cancelled": 130}
MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}


def run_headless(
    task: str,
    *,
    overrides: Mapping[str, object],
    agents: Sequence[str] | None,
    output_dir: Path | None,
    as_json: bool,
) -> int:
    """Run one task and return the exit code; every expected fault is one line on stderr."""
    try:
        settings = _settings(overrides)
        return asyncio.run(_run(task, settings, agents, output_dir, as_json))
    except QuintetError as error:
        _say(f"quintet: {error}")
        return 1 if isinstance(error, ModelUnavailableError) else 2


def run_doctor(*, overrides: Mapping[str, object]) -> int:
    """Print the findings; 0 when a run would work, else 1."""
    try:
        settings = load_config(overrides=overrides)
    except ConfigValidationError as error:
        _say(f"quintet: {error}")
        return 1
    findings = [*asyncio.run(examine(settings)), terminal_finding()]
    for finding in findings:
        _write(sys.stdout, f"{MARKS[finding.grade]} {finding.name}: {finding.detail}")
    missing = sum(finding.grade == "missing" for finding in findings)
    _write(sys.stdout, "everything is there" if not missing else f"{missing} missing")
    return 1 if missing else 0


def _settings(overrides: Mapping[str, object]) -> Settings:
    settings = load_config(overrides=overrides)
    set_metrics_enabled(settings.telemetry.enable_metrics)
    log_warning = setup_logging(
        level=settings.logging.level, json_format=settings.logging.structured, log_file=settings.logging.file
    )
    for warning in filter(None, (*settings.warnings, log_warning)):
        _say(f"note: {warning}")
    return settings


async def _run(
    task: str, settings: Settings, agents: Sequence[str] | None, output_dir: Path | None, as_json: bool
) -> int:
    sink = _Sink(as_json)
    async with Engine(settings, emit=sink.receive) as engine:
        sink.on_closed_pipe = engine.cancel_run
        with _Interrupts(engine):
            outcome = await engine.run(task, output_dir=output_dir, agents=agents)
    if not as_json:
        _print_paths(outcome)
    return 1 if sink.pipe_closed else EXIT_BY_STATUS[outcome.status]


class _Sink:
    """Prints events as they come; a reader that has gone ends the run."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.pipe_closed = False
        self.on_closed_pipe: Callable[[], bool] = _nothing

    def receive(self, event: Event) -> None:
        if self.pipe_closed:
            return
        try:
            if self._as_json:
                _write(sys.stdout, json.dumps(event_to_json(event), ensure_ascii=True))
            elif (line := progress_line(event)) is not None:
                _say(line)
        except BrokenPipeError:
            self.pipe_closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.on_closed_pipe()


def _nothing() -> bool:
    return False


class _Interrupts:
    """Ctrl+C and SIGTERM end the run in order; a second one ends the process at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        main_task = asyncio.current_task()

        def interrupt() -> None:
            if self._asked or not self._engine.cancel_run():
                if main_task is not None:
                    main_task.cancel()
                return
            self._asked = True
            _say("stopping; once more to stop at once")

        for name in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(name, interrupt)
            except NotImplementedError:  # Windows: KeyboardInterrupt does the same through the task's cancellation
                return

    def __exit__(self, *unused: object) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.remove_signal_handler(name)
            except NotImplementedError:
                return


def _print_paths(outcome: RunOutcome) -> None:
    for path in outcome.files:
        _write(sys.stdout, str(outcome.output_dir / path))


def _say(line: str) -> None:
    _write(sys.stderr, line)


def _write(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()
