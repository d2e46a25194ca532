"""The roster shows the team before anything is validated, and shows the same team that is loaded later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.prompts import load_agents
from core.roster import AgentCard, read_roster

CARD = "id: tester\ntitle: Tester\nshort: TST\norder: 7\n"


def with_agent(folder: Path, text: str) -> Path:
    (folder / "agents").mkdir()
    (folder / "agents" / "mine.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_roster_shows_exactly_the_agents_that_load() -> None:
    loaded = tuple(AgentCard(agent.id, agent.title, agent.short, agent.order) for agent in load_agents().values())

    assert read_roster() == loaded


def test_a_users_agent_joins_the_roster_at_its_place(tmp_path: Path) -> None:
    roster = read_roster(with_agent(tmp_path, CARD.replace("order: 7", "order: 1")))

    assert [card.agent_id for card in roster[:2]] == ["business_analyst", "tester"]
    assert len(roster) == 6


def test_a_users_agent_replaces_the_shipped_one_of_the_same_id(tmp_path: Path) -> None:
    roster = read_roster(with_agent(tmp_path, CARD.replace("id: tester", "id: developer")))

    assert len(roster) == 5
    assert roster[-1] == AgentCard("developer", "Tester", "TST", 7)


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("id: tester\ntitle: Tester\n", AgentCard("tester", "Tester", "TES", 99)),
        ("id: tester\ntitle: Tester\nshort: TESTER\norder: soon\n", AgentCard("tester", "Tester", "TEST", 99)),
        (CARD + "jobs: [broken\n", AgentCard("tester", "Tester", "TST", 7)),
    ],
)
def test_what_a_card_lacks_is_filled_in(text: str, card: AgentCard, tmp_path: Path) -> None:
    assert card in read_roster(with_agent(tmp_path, text))


@pytest.mark.parametrize("text", ["", "title: No id\n", "id: 5\ntitle: x\n", "id: [broken\ntitle: x\n"])
def test_a_file_without_a_usable_card_is_left_out(text: str, tmp_path: Path) -> None:
    assert read_roster(with_agent(tmp_path, text)) == read_roster()


def test_a_file_that_is_not_utf_8_is_left_out(tmp_path: Path) -> None:
    folder = with_agent(tmp_path, "")
    (folder / "agents" / "mine.yaml").write_bytes(b"id: t\xe9st\ntitle: x\n")

    assert read_roster(folder) == read_roster()


def test_a_folder_without_agents_changes_nothing(tmp_path: Path) -> None:
    assert read_roster(tmp_path) == read_roster()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_among_the_agents_files_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    os.mkfifo(tmp_path / "agents" / "pipe.yaml")

    assert read_roster(tmp_path) == read_roster()
    assert load_agents(tmp_path).keys() == load_agents().keys()
