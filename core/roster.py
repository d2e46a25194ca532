"""Who is on the team, read from the agents' files without validating them: cheap enough for the first paint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from core.resources import shipped_yaml_files, users_yaml_files


@dataclass(frozen=True, slots=True)
class AgentCard:
    """What a front end shows of an agent: its id, its title, a label of at most 4 characters, its place from 1."""

    agent_id: str
    title: str
    short: str
    order: int


def read_roster(prompts_dir: Path | None = None) -> tuple[AgentCard, ...]:
    """Return the team in its order: the shipped agents, replaced or joined by those in `prompts_dir`/agents.

    A file that cannot be read is left out here; core.prompts reports it with its name and line.
    """
    cards: dict[str, AgentCard] = {}
    files: list[Traversable] = list(shipped_yaml_files("prompts", "agents"))
    files += users_yaml_files(prompts_dir, "agents")
    for file in files:
        card = _read_card(file)
        if card is not None:
            cards[card.agent_id] = card
    return tuple(sorted(cards.values(), key=lambda card: (card.order, card.agent_id)))


def _read_card(file: Traversable) -> AgentCard | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    head = _head(text)
    agent_id, title = head.get("id"), head.get("title")
    if not isinstance(agent_id, str) or not isinstance(title, str):
        return None
    order = head.get("order")
    short = head.get("short") or agent_id[:3].upper()
    return AgentCard(agent_id, title, str(short)[:4], order if isinstance(order, int) else 99)


def _head(text: str) -> dict[str, Any]:  # YAML scalars
    """Return the top-level scalars only: the prompts below them are long and not needed here."""
    scalars = [line for line in text.splitlines() if re.match(r"(id|title|short|order):\s", line)]
    try:
        head = yaml.safe_load("\n".join(scalars))
    except yaml.YAMLError:
        return {}
    return head if isinstance(head, dict) else {}
