"""A whole run and its journal: the file tells what the front end was told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from core.clock import SystemClock
from core.engine import Engine
from core.events import TokensReceived, Warned, event_to_json
from core.journal import check_journal, read_journal
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer, stream, token
from tests.support.team import ScriptedTeam, bench, team_settings, write_team

README = "# Reverse\n\nReverses a text. Run it with python.\n"
BROKEN = stream(token("# Reverse\n\nRe"), then="close")


class FixedDay(SystemClock):
    """The machine's time on a day that is known, so that the name of a run is."""

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def told(recorder: Recorder) -> list[dict[str, Any]]:
    """Return what happened but for the pieces of answers, which share lines in the journal."""
    others = [event for event in recorder.events if not isinstance(event, TokensReceived)]
    return [json.loads(json.dumps(event_to_json(event))) for event in others]


async def test_the_journal_of_a_run_holds_what_the_front_end_was_told(tmp_path: Path) -> None:
    async with bench(tmp_path, {"readme": [BROKEN, README]}) as made:
        outcome = await made.engine.run("reverse a text")

    (path,) = (tmp_path / "sessions").glob("*/journal.jsonl")
    assert outcome.status == "passed"
    assert check_journal(path) == ()
    kept = list(read_journal(path))
    assert [event for event in kept if event["type"] != "tokens_received"] == told(made.events)
    for piece in made.events.of(TokensReceived):
        streamed = "".join(
            event["text"]
            for event in kept
            if (event["type"], event.get("call_id"), event.get("attempt"))
            == ("tokens_received", piece.call_id, piece.attempt)
        )
        assert streamed[piece.offset :].startswith(piece.text)


async def test_a_run_goes_on_without_its_journal_and_says_so_once(tmp_path: Path) -> None:
    write_team(tmp_path / "team")
    events = Recorder()
    random = partial(Random, 1)
    run_id = f"20260102-030405-{random().getrandbits(16):04x}"
    (tmp_path / "sessions" / run_id / "journal.jsonl").mkdir(parents=True)
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam())
        async with Engine(
            team_settings(tmp_path, server.base_url),
            emit=events,
            clock=FixedDay(),
            rng=random(),
            sessions_folder=tmp_path / "sessions",
        ) as engine:
            outcome = await engine.run("reverse a text")

    (warning,) = events.of(Warned)
    assert (outcome.status, outcome.run_id) == ("passed", run_id)
    assert warning.message.endswith("journal.jsonl cannot be written: Is a directory")
    assert warning.hint.startswith("the run goes on")
