"""What journals of older schemas say, in the words of the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STATUSES_OF_1: Mapping[str, str] = {"passed": "unverified", "cancelled": "stopped"}
"""Schema 1 called a run passed when its files were accepted: nothing had been executed."""


def in_present_words(event: dict[str, Any], version: int) -> dict[str, Any]:
    """Return an event of a schema's version as the present one has it.

    In schema 1 the verdict of a run was the opinion of an agent, and here it is one.
    """
    if version > 1 or event["type"] != "run_finished" or event.get("verdict") not in {"pass", "fail", "unknown"}:
        return event
    status = event.get("status")
    return {
        **event,
        "status": _STATUSES_OF_1.get(status, status) if isinstance(status, str) else status,
        "verdict": "not_executed",
        "evidence": {"opinion": {"value": event["verdict"], "findings": []}},
    }
