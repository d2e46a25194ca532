"""What LangGraph carries from step to step: small plain values, text by reference (a checkpoint holds all of it)."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict, TypeVar

from core.kinds import StepStatus, VerdictValue

FileRole = Literal["brief", "code", "test", "ops", "readme", "report"]
Route = Literal["rework", "go_on"]
"""Where a run goes after a verdict: back to the step that the workflow names, or on."""

NOTES_MAX_CHARACTERS = 800
RECURSION_LIMIT = 40  # a guard against endless graphs; rounds are counted in the state

_Value = TypeVar("_Value")


class ArtifactRef(TypedDict):
    """One accepted file: where it is and what it was when it was accepted."""

    path: str
    sha256: str
    bytes: int
    role: FileRole
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


def merge_by_key(old: dict[str, _Value] | None, new: dict[str, _Value] | None) -> dict[str, _Value]:
    """Reducer for channels that parallel steps write to: keys of the newer update win."""
    return {**(old or {}), **(new or {})}


class RunState(TypedDict, total=False):
    """The channels of the graph; one that nothing has been written to is missing.

    The update that a step returns is a RunState as well, with the channels that change. `route` is set by the step
    that gives the verdict.
    """

    results: Annotated[dict[str, StepResult], merge_by_key]
    artifacts: Annotated[dict[str, ArtifactRef], merge_by_key]
    planned: list[str]
    round: int
    route: Route
    verdict: VerdictValue
    findings: list[str]
    round_digests: list[str]
    stop_reason: str
    packaged_manifest: str


def artifacts_of_role(state: RunState, *roles: FileRole) -> list[ArtifactRef]:
    """Return the accepted files of some roles, sorted by path."""
    refs = state.get("artifacts", {}).values()
    return sorted((ref for ref in refs if ref["role"] in roles), key=lambda ref: ref["path"])


def paths_of_role(state: RunState, *roles: FileRole) -> list[str]:
    """Return the paths of the accepted files of some roles, sorted."""
    return [ref["path"] for ref in artifacts_of_role(state, *roles)]
