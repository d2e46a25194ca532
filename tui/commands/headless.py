"""A run without a terminal: progress on stderr, the files' paths (or every event as JSON) on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.doctor import Finding, examine, terminal_finding
from core.engine import Engine
from core.errors import ConfigValidationError, ModelUnavailableError, QuintetError
from core.events import Event
from core.sessions.journal import JournalLines, schema_line
from core.settings import Settings, load_config
from core.system.path_state import MARKDOWN_REPORT
from core.telemetry.start import start_telemetry
from core.text.sanitize import one_line
from tui.commands.output import give_up, print_lines, print_text, say, write_line
from tui.exit_codes import EXIT_BY_STATUS, EXIT_FAILED, EXIT_OK, EXIT_STOPPED
from tui.words.narration import Narrator

MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}


@dataclass(frozen=True, slots=True)
class HeadlessRun:
    """What the command line asks for.

    `agents` and `output_dir` are those of `Engine.run`. With `approve_all` a budget that is used up is raised; else it
    ends the run, because there is nobody to ask.
    """

    task: str
    agents: Sequence[str] | None
    output_dir: Path | None
    as_json: bool
    approve_all: bool


def run_headless(run: HeadlessRun, *, overrides: Mapping[str, object]) -> int:
    """Run one task and return the exit code; every expected fault is one line on stderr."""
    try:
        return asyncio.run(_run(run, _settings(overrides)))
    except QuintetError as error:
        say(f"quintet: {error}")
        return 1 if isinstance(error, ModelUnavailableError) else 2
    except asyncio.CancelledError:  # the second interrupt
        return EXIT_STOPPED


def run_doctor(*, overrides: Mapping[str, object], as_json: bool = False) -> int:
    """Print the findings; 0 when a run would work, else 1."""
    try:
        findings = [*asyncio.run(examine(load_config(overrides=overrides))), terminal_finding()]
    except ConfigValidationError as error:
        if not as_json:
            say(f"quintet: {error}")
            return EXIT_FAILED
        findings = [Finding("missing", "settings", problem) for problem in error.problems]
    missing = sum(finding.grade == "missing" for finding in findings)
    if as_json:
        report = {"ok": not missing, "findings": [asdict(finding) for finding in findings]}
        told = print_text([json.dumps(report, indent=2)])
    else:
        lines = [f"{MARKS[finding.grade]} {finding.name}: {finding.detail}" for finding in findings]
        lines.append("everything is there" if not missing else f"{missing} missing")
        told = print_text(lines)
    return EXIT_OK if told and not missing else EXIT_FAILED


def _settings(overrides: Mapping[str, object]) -> Settings:
    settings = load_config(overrides=overrides)
    log_warning = start_telemetry(settings, owns_terminal=False)
    for warning in dict.fromkeys(filter(None, (*settings.warnings, log_warning))):
        say(f"note: {warning}")
    return settings


async def _run(run: HeadlessRun, settings: Settings) -> int:
    sink = _Sink(run.as_json)
    engine = Engine(settings, emit=sink.receive, when_budget_is_reached="go_on" if run.approve_all else "fail")
    sink.on_lost_reader = engine.cancel_run
    sink.titles = {agent.id: agent.title for agent in engine.agents.values()}
    sink.start()
    with _Interrupts(engine):
        async with engine:
            for warning in engine.warnings:
                if warning in settings.warnings:
                    continue  # it was said before the start
                say(f"note: {warning}")
            try:
                outcome = await engine.run(run.task, output_dir=run.output_dir, agents=run.agents)
            finally:
                sink.finish()
    report = outcome.output_dir / MARKDOWN_REPORT
    if not run.as_json and report.is_file():
        say(f"evidence: {one_line(str(report), 1000)}")
    # The bytes of the path as the file system has them: a script can use them whatever the encoding of the output.
    told = run.as_json or print_lines(os.fsencode(outcome.output_dir / path) for path in outcome.files)
    return EXIT_BY_STATUS[outcome.status] if told and not sink.lost_reader else 1


class _Sink:
    """Prints events as they come; a reader that has gone, or events that cannot be kept, end the run."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.lost_reader = False
        self.titles: Mapping[str, str] = {}
        self._narrator = Narrator(title=lambda agent_id: self.titles.get(agent_id, ""))
        # The lines of the journal: a server that repeats a key it was sent must not bring it into a script's log.
        self._json_lines = JournalLines()
        self.on_lost_reader: Callable[[], bool] = _nothing

    def start(self) -> None:
        """Print which schema the lines follow, for scripts."""
        if self._as_json:
            self._write([schema_line().decode("ascii").rstrip("\n")])

    def receive(self, event: Event) -> None:
        if self._as_json:
            self._write(line.decode("ascii").rstrip("\n") for line in self._json_lines.of(event))
        elif (line := self._narrator.tell(event).log) is not None:
            self._write([line])

    def finish(self) -> None:
        """Print what was held back, because it might have become a key."""
        if self._as_json:
            self._write(line.decode("ascii").rstrip("\n") for line in self._json_lines.rest())

    def _write(self, lines: Iterable[str]) -> None:
        if self.lost_reader:
            return
        try:
            for line in lines:
                write_line(sys.stdout if self._as_json else sys.stderr, line)
        except OSError as error:
            give_up(sys.stdout if self._as_json else sys.stderr, error)
            if self._as_json or isinstance(error, BrokenPipeError):  # a full disk under a log is no reason to end
                self.lost_reader = True
                self.on_lost_reader()


def _nothing() -> bool:
    return False


class _Interrupts:
    """Ctrl+C, SIGTERM and a terminal that goes away end the run in order; a second one ends the process at once.

    What whoever started us has told us to ignore, as nohup does, is ignored.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked = False
        names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        main_task = asyncio.current_task()

        def interrupt() -> None:
            if self._asked or not self._engine.cancel_run():
                if main_task is not None:
                    main_task.cancel()
                return
            self._asked = True
            say("stopping; once more to stop at once")

        for number in self._numbers:
            try:
                loop.add_signal_handler(number, interrupt)
            except NotImplementedError:  # Windows: KeyboardInterrupt does the same through the task's cancellation
                return

    def __exit__(self, *unused: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self._numbers:
            try:
                loop.remove_signal_handler(number)
            except NotImplementedError:
                return
