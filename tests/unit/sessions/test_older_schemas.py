"""Journals that an older Quintet wrote can still be read, in today's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.sessions.journal import read_journal

FINISHED: dict[str, Any] = {"type": "run_finished", "run_id": "r", "reason": "", "files": []}


@pytest.mark.parametrize(
    ("version", "status", "verdict", "read"),
    [
        (1, "passed", "pass", ("unverified", "not_executed", "pass")),
        (1, "passed", "unknown", ("unverified", "not_executed", "unknown")),
        (1, "failed", "fail", ("failed", "not_executed", "fail")),
        (1, "cancelled", "unknown", ("stopped", "not_executed", "unknown")),
        (2, "passed", "pass", ("passed", "pass", None)),
        (2, "unverified", "unproven", ("unverified", "unproven", None)),
        (2, "cancelled", "unknown", None),
        (1, "sung", "pass", None),
        (1, ["passed"], "pass", None),
    ],
)
def test_the_end_of_a_run_is_read_in_the_words_of_its_schema(
    tmp_path: Path, version: int, status: object, verdict: str, read: tuple[str, str, str | None] | None
) -> None:
    path = tmp_path / "journal.jsonl"
    lines = ({"type": "schema", "version": version}, {**FINISHED, "status": status, "verdict": verdict})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    (event,) = read_journal(path)

    if read is None:
        assert event == {"type": "journal_damaged", "line": 2}
        return
    opinion = event.get("evidence", {}).get("opinion", {}).get("value")
    assert (event["status"], event["verdict"], opinion) == read
