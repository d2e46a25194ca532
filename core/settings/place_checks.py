"""Checks that what the settings name is there: folders, files, a port, a workflow, agents. Looks, and makes nothing."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.kinds import FindingSeverity
from core.resources import shipped_yaml_files, users_yaml_files
from core.settings.checking import doubt, plain_value, show_value
from core.settings.schema.finding import Finding
from core.settings.schema.origin import DEFAULT, SourcedValue
from core.settings.schema.sections import Settings
from core.system.local_port import METRICS_HINT, no_metrics_message, port_problem
from core.system.path_state import (
    LOG_HINT,
    Obstacle,
    nearest_that_exists,
    no_log_message,
    obstacle_to_appending,
    obstacle_to_filling,
    obstacle_to_folder,
    obstacle_to_model,
)
from core.text.suggest import did_you_mean

LIMIT_SECONDS = 2.0  # a folder on a network that is away answers after minutes, or never
PROMPTS_PARTS = ("agents", "workflows", "common.yaml")

_WORKFLOW_ID = re.compile(r"""^id:\s*["']?([\w-]+)""", re.MULTILINE)


def place_findings(
    settings: Settings,
    values: Mapping[str, SourcedValue],
    *,
    only: Collection[str],
    limit_seconds: float = LIMIT_SECONDS,
) -> tuple[Finding, ...]:
    """Return what is wrong with the places that these settings name.

    Args:
        settings: the checked settings.
        values: what was written, by the names of the settings.
        only: the settings to look at; those that are refused already hold defaults.
        limit_seconds: how long all disks together may take to answer.
    """
    look = _Look(settings, values)
    checks = {name: check for name, check in look.checks().items() if name in only}
    found: list[Finding] = []
    begun: list[str] = []

    def run() -> None:
        for name, check in checks.items():
            begun.append(name)
            found.extend(check())
        begun.append("")

    # A daemon: a disk that hangs must not hold the exit.
    looking = threading.Thread(target=run, name="places", daemon=True)
    looking.start()
    looking.join(limit_seconds)
    findings = tuple(found)
    name = begun[-1] if begun else next(iter(checks), "")
    if not name or not looking.is_alive():
        return findings
    late = f"{settings.origin_of(name).place}: {settings.value_of(name)} did not answer within {limit_seconds:g} s"
    return (*findings, doubt(settings, f"{late}: it was not checked", name, hint="is its disk or network there?"))


@dataclass(frozen=True, slots=True)
class _Look:
    """The checks, each for one setting.

    What would make every run fail is an error, and so is a path that can never be what it is set for. What may be
    otherwise tomorrow, and what the program can do without, is a warning.
    """

    settings: Settings
    values: Mapping[str, SourcedValue]

    def checks(self) -> dict[str, Callable[[], Iterator[Finding]]]:
        return {
            "team.prompts_dir": self._prompts_dir,
            "team.workflow": self._workflow,
            "team.off": self._agents_off,
            "llm.model_file": self._model_file,
            "workspace.dir": self._workspace,
            "workspace.output_dir": self._output_dir,
            "logging.file": self._log_file,
            "telemetry.metrics_port": self._metrics_port,
        }

    def _workspace(self) -> Iterator[Finding]:
        path = self.settings.workspace.dir
        if found := obstacle_to_folder(path):
            yield self._fault("workspace.dir", path, found.reason, "name the folder of the project")

    def _output_dir(self) -> Iterator[Finding]:
        path = self.settings.workspace.output_dir
        name, hint = "workspace.output_dir", "choose another folder with --output or OUTPUT_DIR"
        is_set = self._is_set(name)
        if found := obstacle_to_filling(path):
            # --output names another folder, and a full disk may be emptied.
            severity: FindingSeverity = "error" if is_set and not _is_full(found) else "warning"
            yield self._fault(name, path, found.reason, hint, severity)
        elif is_set:
            yield from self._will_be_made(name, path)

    def _log_file(self) -> Iterator[Finding]:
        path = self.settings.logging.file
        if path is None:
            return
        name = "logging.file"
        found = obstacle_to_appending(path)
        if found is None:
            yield from self._will_be_made(name, path.parent)
        elif found.code is None:
            yield self._fault(name, path, found.reason, LOG_HINT)
        elif _is_full(found):
            yield self._fault(name, path, f"{found.reason}: lines are lost", "free some space", "warning")
        else:
            yield doubt(self.settings, no_log_message(path, os.strerror(found.code)), name, hint=LOG_HINT)

    def _prompts_dir(self) -> Iterator[Finding]:
        path = self.settings.team.prompts_dir
        if path is None:
            return
        name = "team.prompts_dir"
        if found := obstacle_to_folder(path):
            yield self._fault(name, path, found.reason, "create it or remove the setting")
            return
        if not any(os.path.lexists(path / part) for part in PROMPTS_PARTS):
            parts = ", ".join(PROMPTS_PARTS)
            yield self._fault(
                name, path, f"holds none of {parts}: nothing is replaced", "is it the right one?", "warning"
            )
        for part in ("agents", "workflows"):
            if os.path.lexists(path / part) and (found := obstacle_to_folder(path / part)):
                yield self._fault(name, path, f"is not used whole: {part} {found.reason}", "", "warning")

    def _model_file(self) -> Iterator[Finding]:
        path = self.settings.llm.model_file
        if path is None or (found := obstacle_to_model(path)) is None:
            return
        needed = self.settings.uses_model_file and not self.settings.llm.fallbacks
        reason = found.reason if needed else f"{found.reason}; another endpoint answers in its place"
        severity: FindingSeverity = "error" if needed else "warning"
        yield self._fault("llm.model_file", path, reason, "name a .gguf file", severity)

    def _workflow(self) -> Iterator[Finding]:
        name = self.settings.team.workflow
        if not self._is_set("team.workflow"):
            return
        known = _workflow_ids(self.settings.team.prompts_dir)
        if known is not None and name not in known:
            yield self._unknown("team.workflow", (name,), "workflow", known)

    def _agents_off(self) -> Iterator[Finding]:
        off = self.settings.team.off
        if not off:
            return
        from core.roster import read_roster  # with the first need: it reads YAML

        known = [card.agent_id for card in read_roster(self.settings.team.prompts_dir)]
        unknown = tuple(agent_id for agent_id in off if agent_id not in known)
        if unknown:
            yield self._unknown("team.off", unknown, "agent", known)
        elif set(known) <= set(off):
            place = self._place("team.off")
            yield doubt(self.settings, f"{place}: all agents are off: a run has nobody to work for it", "team.off")

    def _metrics_port(self) -> Iterator[Finding]:
        port = self.settings.telemetry.metrics_port
        if port is not None and (reason := port_problem(port)):
            yield doubt(self.settings, no_metrics_message(port, reason), "telemetry.metrics_port", hint=METRICS_HINT)

    def _is_set(self, name: str) -> bool:
        return name in self.values

    def _place(self, name: str) -> str:
        return self.values[name].origin.place if name in self.values else DEFAULT.place

    def _fault(self, name: str, path: Path, reason: str, hint: str, severity: FindingSeverity = "error") -> Finding:
        written = self.values[name].value if name in self.values else self.settings.value_of(name)
        place = self._place(name)
        where = "" if str(written) == str(path) else f"{path} "
        message = f"{place}: {name} = {show_value(written)}: {where}{reason}"
        return Finding(severity, message, hint, name, plain_value(written), place)

    def _will_be_made(self, name: str, folder: Path) -> Iterator[Finding]:
        nearest, _ = nearest_that_exists(folder)
        if nearest != folder:
            place = self._place(name)
            value = plain_value(self.settings.value_of(name))
            yield Finding("info", f"{place}: the folder {folder} will be made", "", name, value, place)

    def _unknown(self, name: str, words: tuple[str, ...], what: str, known: Collection[str]) -> Finding:
        place = self._place(name)
        quoted = ", ".join(repr(word) for word in words)
        message = f"{place}: {name}: there is no {what} {quoted}{did_you_mean(words[0], known)}"
        return Finding("error", message, f"known: {', '.join(known)}", name, ", ".join(words), place)


def _workflow_ids(prompts_dir: Path | None) -> list[str] | None:
    """Return the ids of all workflows; None when a file does not say its own, which is reported when it is read."""
    ids: list[str] = []
    with suppress(OSError, UnicodeDecodeError):
        for file in (*shipped_yaml_files("prompts", "workflows"), *users_yaml_files(prompts_dir, "workflows")):
            found = _WORKFLOW_ID.search(file.read_text(encoding="utf-8"))
            if found is None:
                return None
            ids.append(found[1])
        return ids
    return None


def _is_full(found: Obstacle) -> bool:
    return found.code == errno.ENOSPC
