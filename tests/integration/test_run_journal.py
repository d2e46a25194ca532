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
from core.sessions.journal import check_journal, read_journal
from tests.integration.test_cli import quintet, served
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer, error, finish, stream, token, usage
from tests.support.team import DELIVERED, ScriptedTeam, engine_harness, team_settings, write_team

README = "# Reverse\n\nReverses a text. Run it with python.\n"
KEY = "a-key-of-0123456789-letters"
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
    async with engine_harness(tmp_path, {"readme": [BROKEN, README]}) as made:
        outcome = await made.engine.run("reverse a text")

    (path,) = (tmp_path / "sessions").glob("*/journal.jsonl")
    assert outcome.status == DELIVERED
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
    (tmp_path / "project").mkdir()
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
    assert (outcome.status, outcome.run_id) == (DELIVERED, run_id)
    assert warning.message.endswith("journal.jsonl cannot be written: Is a directory")
    assert warning.hint.startswith("the run goes on")


async def test_a_key_that_the_server_repeats_is_in_no_line_that_a_run_writes(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    answers = {
        "opinion": [
            error(500, f"the key {KEY} is not mine"),
            stream(
                token("I see "), token(KEY[:4]), token(KEY[4:11]), token(KEY[11:]), token(" here"), finish(), usage()
            ),
            f"My view is {KEY}.",
        ]
    }
    homes = {name: str(tmp_path / "home") for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")}
    async with served(tmp_path, answers) as (server, variables):
        given = {**variables, **homes, "LLM_API_KEY": KEY, "LLM_MAX_RETRIES": "2", "LLM_RETRY_INITIAL_DELAY": "0.01"}
        ended = await quintet(
            tmp_path,
            "run",
            "--workflow",
            "roundtable",
            "What is better?",
            "--json",
            variables={**given, "LOG_LEVEL": "DEBUG"},
        )

    assert any(KEY in str(request.headers) for request in server.journal)
    (journal,) = tmp_path.rglob("journal.jsonl")
    (log_file,) = tmp_path.rglob("quintet-*.jsonl")
    for text in (ended.out, ended.err, journal.read_text(), log_file.read_text()):
        assert KEY not in text
    shown = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert [event["type"] for event in shown].count("call_finished") == 6
    pieces: dict[str, str] = {}
    for event in shown:
        if event["type"] == "attempt_started":
            pieces[event["call_id"]] = ""
        if event["type"] == "tokens_received":
            assert event["offset"] == len(pieces[event["call_id"]])
            pieces[event["call_id"]] += event["text"]
        if event["type"] == "call_finished":
            assert event["text"] == pieces[event["call_id"]]
    assert any(f"My view is {'*' * len(KEY)}." in text for text in pieces.values())
    assert sum("I see " + "*" * len(KEY) + " here" == text for text in pieces.values()) == 1
