"""What LangGraph carries from step to step: small plain values, text by reference (a checkpoint holds all of it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

StepStatus = Literal["ok", "partial", "failed", "skipped"]

NOTES_MAX_CHARACTERS = 800
RECURSION_LIMIT = 40  # a guard against endless graphs; rounds are counted in the state


class ArtifactRef(TypedDict):
    """One accepted file: where it is and what it was when it was accepted."""

    path: str
    sha256: str
    bytes: int
    role: str
    agent: str
    round: int


class StepResult(TypedDict):
    """The hand-off of one step; `text` is a reference into the session's text store, or None."""

    status: StepStatus
    agent: str
    artifacts: list[str]
    rejected: list[str]
    notes: str
    text: str | None
    input_tokens: int
    output_tokens: int
    truncated: bool


def merge_by_key(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:  # any plain value
    """Reducer for channels that parallel steps write to: keys of the newer update win."""
    return {**(old or {}), **(new or {})}


class RunState(TypedDict, total=False):
    """The channels of the graph; `route` is rework or go_on and is set by the step that gives the verdict."""

    results: Annotated[dict[str, StepResult], merge_by_key]
    artifacts: Annotated[dict[str, ArtifactRef], merge_by_key]
    planned: list[str]
    round: int
    route: str
    verdict: str
    findings: list[str]
    round_digests: list[str]
    stop_reason: str
    packaged_manifest: str


def artifacts_of_role(state: Mapping[str, Any], *roles: str) -> list[ArtifactRef]:  # RunState, as LangGraph hands it
    """Return the accepted files of some roles, sorted by path."""
    refs: dict[str, ArtifactRef] = state.get("artifacts") or {}
    return sorted((ref for ref in refs.values() if ref["role"] in roles), key=lambda ref: ref["path"])
