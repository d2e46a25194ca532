"""Reads whom a prompt is for: "@dev use argparse" is for the developer, anything else for the whole team."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.roster import AgentCard


def read_address(text: str, cards: Iterable[AgentCard]) -> tuple[str | None, str]:
    """Return the agent's id and the words for it; None and the whole text when no agent is named.

    An agent goes by its short label or its id, in any case. A name that nobody has is part of the text: "@property".
    """
    if not text.startswith("@"):
        return None, text
    name, _, words = text[1:].partition(" ")
    wanted = name.rstrip(":,").casefold()
    for card in cards:
        if wanted in {card.agent_id.casefold(), card.short.casefold()}:
            return card.agent_id, words.strip()
    return None, text
