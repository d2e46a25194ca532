"""docs/EVENTS.md says what core/events.py says, and every stream of events names the schema it follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from core.errors import WorkspaceError
from core.events import SCHEMA_VERSION, Event, RunStarted, event_type_name
from core.sessions.journal import Journal, read_journal
from core.sessions.journal.events_document import events_md
from tests.support.repository import ROOT


def started() -> RunStarted:
    return RunStarted(
        run_id="r", correlation_id="c", at=1.0, task="t", workflow="w", agents=(), output_dir="o", model="m"
    )


async def written(path: Path, *events: Event) -> None:
    async with Journal(path, on_trouble=lambda *words: pytest.fail(str(words))) as journal:
        for event in events:
            journal.feed(event)


def test_the_page_is_the_one_that_the_classes_give() -> None:
    page = (ROOT / "docs" / "EVENTS.md").read_text(encoding="utf-8")

    assert page == events_md(), "run python -m core.sessions.journal.events_document"


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.__name__)
def test_every_event_has_its_section_with_every_field(event: type[Event]) -> None:
    section = events_md().split(f"\n## {event_type_name(event)}\n")[1].split("\n## ")[0]

    for name in event.__dataclass_fields__:
        assert f"`{name.rstrip('_')}`" in section or f"| `{name}` |" in events_md().split("## run_started")[0]


async def test_a_journal_begins_with_its_schema_once_however_often_it_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    await written(path, started())
    await written(path, started())

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"type": "schema", "version": SCHEMA_VERSION}
    assert [line["type"] for line in lines[1:]] == ["run_started", "run_started"]
    assert [event["type"] for event in read_journal(path)] == ["run_started", "run_started"]


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, "1", None])
def test_a_journal_of_another_schema_is_refused_and_not_misread(tmp_path: Path, version: object) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"type": "schema", "version": version}) + "\n")

    with pytest.raises(WorkspaceError, match=f"follows schema {version}, and this Quintet reads schemas up to"):
        list(read_journal(path))


async def test_a_journal_without_a_schema_line_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await written(path, started())
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))

    assert [event["type"] for event in read_journal(path)] == ["run_started"]
