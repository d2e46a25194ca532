"""Reads a run's journal, also one whose writer was killed, and checks that it shows no token twice and none missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import WorkspaceError
from core.events import SCHEMA_VERSION, uses_known_words
from core.sessions.journal.call_contract import CallContract
from core.sessions.journal.lines import SCHEMA_TYPE
from core.sessions.journal.older_schemas import in_present_words

DAMAGED = "journal_damaged"


def read_journal(path: Path) -> Iterator[dict[str, Any]]:  # JSON values, `type` first
    """Give the events of a journal in order, as `event_to_json` makes them; what an older schema says in its words, in today's.

    A last line that was never finished is left out. Any other line that cannot be read comes as
    {"type": "journal_damaged", "line": its number}. A journal that could not be kept to the end of its run ends with
    {"type": "journal_incomplete", "lost_events": how many, "why": a sentence}.

    Raises:
        WorkspaceError: there is no such file, it cannot be read, or a newer Quintet wrote it by another schema.
    """
    version = 1
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                event = _event_of(line, version)
                if event is not None and event["type"] == SCHEMA_TYPE:
                    version = _checked_schema(event.get("version"), path)
                elif event is not None:
                    yield event
                elif line.endswith(b"\n"):
                    yield {"type": DAMAGED, "line": number}
    except OSError as error:
        raise WorkspaceError(
            f"the journal {path} cannot be read: {error.strerror or error}", hint="it is part of the run's folder"
        ) from error


def check_journal(path: Path) -> tuple[str, ...]:
    """Return what is wrong with a journal, one sentence each; empty if its calls keep their contract.

    A call without an end is right only where the process was killed.

    Raises:
        WorkspaceError: there is no such file, or it cannot be read.
    """
    contract = CallContract(are_pieces_joined=True)
    for event in read_journal(path):
        match event:
            case {"type": "journal_damaged", "line": number}:
                contract.violations.append(f"line {number} cannot be read")
            case {"type": "journal_incomplete"}:
                contract.violations.append(f"{event.get('lost_events')} events are missing: {event.get('why')}")
            case {"type": "run_started"}:
                contract.open_calls.clear()  # a run that goes on after a kill: its open calls ended with the process
            case {"type": "run_finished"}:
                contract.expect_ends()
            case _:
                contract.see_record(event)
    return tuple(contract.violations)


def _checked_schema(version: object, path: Path) -> int:
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise WorkspaceError(
            f"the journal {path} follows schema {version}, and this Quintet reads schemas up to {SCHEMA_VERSION}",
            hint="read it with the Quintet that wrote it, or a newer one",
        )
    return version


def _event_of(line: bytes, version: int) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return None
    event = in_present_words(event, version)
    return event if uses_known_words(event) else None
