"""How a run ended, for whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.kinds import RunStatus, VerdictValue

STATUS_OF_VERDICT: Mapping[VerdictValue, RunStatus] = {
    "pass": "passed",
    "fail": "failed",
    "unproven": "unverified",
    "not_executed": "unverified",
    "none": "passed",
}
"""How a run ends whose files were all accepted."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended; `reason` says why in a sentence, `files` are relative to `output_dir`.

    `failed_steps` are those whose notes are all that the reason says, if that is so. `evidence` is what the verdict rests
    on, as plain JSON values.
    """

    status: RunStatus
    verdict: VerdictValue
    reason: str
    output_dir: Path
    files: tuple[str, ...]
    run_id: str
    failed_steps: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
