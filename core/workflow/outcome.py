"""How a run ended, judged from its final state: a run with a rejected file or a failing verdict has not passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.workflow.run import Run
from core.workflow.state import StepResult


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """`status`: passed, failed or cancelled. `verdict`: pass, fail or unknown. `files` are relative to `output_dir`."""

    status: str
    verdict: str
    reason: str
    output_dir: Path
    files: tuple[str, ...]
    run_id: str


def judge_run(run: Run, state: Mapping[str, Any]) -> RunOutcome:
    """Return the outcome of a run that came to its end; `state` is the graph's final state."""
    results: dict[str, StepResult] = state.get("results") or {}
    verdict: str = state.get("verdict") or "unknown"
    reasons = [f"{step_id}: {result['notes']}" for step_id, result in results.items() if _fell_short(run, result)]
    if verdict == "fail":
        why = state.get("stop_reason") or "the verdict is fail"
        reasons.append("; ".join([why, *(state.get("findings") or [])[:2]]))
    return RunOutcome(
        status="failed" if reasons else "passed",
        verdict=verdict,
        reason=" | ".join(reasons),
        output_dir=run.folder.root,
        files=tuple(sorted(run.delivered)),
        run_id=run.run_id,
    )


def failed_outcome(run: Run, reason: str) -> RunOutcome:
    """Return the outcome of a run that broke off; what was accepted before stays."""
    return RunOutcome("failed", "unknown", reason, run.folder.root, tuple(sorted(run.delivered)), run.run_id)


def cancelled_outcome(run: Run | None, output_dir: Path | None) -> RunOutcome:
    """Return the outcome of a run the user ended, also before it had a folder."""
    reason = "stopped by the user"
    if run is None:
        return RunOutcome("cancelled", "unknown", reason, output_dir or Path(), (), "")
    return RunOutcome("cancelled", "unknown", reason, run.folder.root, tuple(sorted(run.delivered)), run.run_id)


def _fell_short(run: Run, result: StepResult) -> bool:
    """A step that was skipped because its agent is off is what the user wanted; any other skip is a consequence."""
    if result["status"] == "skipped":
        return run.is_on(result["agent"])
    return result["status"] in ("partial", "failed")
