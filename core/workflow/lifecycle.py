"""One run from the user's words to its outcome: prepared, announced, executed, judged, finished."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from core.errors import QuintetError
from core.events import Event, RunFinished, RunStarted, Warned
from core.kinds import RunStatus, VerdictValue
from core.sessions.journal import Journal
from core.spending.budget import stops_while_held
from core.telemetry.logs import log, log_ids
from core.telemetry.metrics import increment, timing
from core.workflow.delivered_evidence import delivered_evidence
from core.workflow.graph import RunState, StepResult, artifacts_of_role, execute_workflow
from core.workflow.outcome import STATUS_OF_VERDICT, RunOutcome
from core.workflow.run import Run, RunDeps, RunRequest, prepare_run
from core.workflow.run_report import run_command_of, write_report
from core.workflow.step import AgentStepRunner, NothingAnswersError

NOT_EXECUTED = "the tests were not executed, so nothing is proven"
TASK_CUT = "the task is longer than the model's context allows: its middle is left out of the prompts"


SHOWN_MISSING = 5
SHOWN_UNMET = 3


class RunLifecycle:
    """Takes one run to its outcome, once. `run` is None until the run is prepared."""

    def __init__(self, request: RunRequest, deps: RunDeps) -> None:
        self.run: Run | None = None
        self._request = request
        self._deps = deps
        self._journal: Journal | None = None
        self._outcome: RunOutcome | None = None

    async def run_to_outcome(self) -> RunOutcome:
        """Return how the run ended; whatever happens after its start, RunFinished reports it.

        Raises:
            WorkspaceError: a folder cannot be used.
            ModelUnavailableError: there is no model to talk to.
        """
        endpoint = (await self._deps.source.route())[0]
        run = self.run = await prepare_run(self._request, self._deps, endpoint)

        with closing(run.folder), log_ids(workflow_id=run.workflow.id):
            async with Journal(run.session.journal_path, on_trouble=run.tell_trouble) as self._journal:
                return await self._execute(run)

    def record(self, event: Event) -> None:
        """Keep an event of this run in its journal; returns at once."""
        if self._journal is not None and self.run is not None and event.run_id == self.run.run_id:
            self._journal.feed(event)

    def stopped(self) -> RunOutcome:
        """Return the outcome of a run that the user ends now, also before it has a folder."""
        reason = "stopped by the user"
        if self._outcome is not None and self._outcome.status == "stopped":
            return self._outcome
        if self.run is None:
            return RunOutcome("stopped", "none", reason, self._request.output_dir or Path(), (), "")
        return _outcome(self.run, "stopped", _unjudged(self.run), reason)

    async def _execute(self, run: Run) -> RunOutcome:
        clock = self._deps.clock
        started_at = clock.monotonic()
        self._announce(run)
        outcome: RunOutcome | None = None
        task_timeout = self._deps.settings.team.task_timeout
        deadline = asyncio.timeout(task_timeout)
        try:
            async with deadline:
                run.budget_gate.on_held = stops_while_held(deadline)
                try:
                    outcome = _judged(run, await _final_state(run))
                finally:
                    run.budget_gate.on_held = None
        except NothingAnswersError as error:
            outcome = _outcome(run, "failed", _unjudged(run), str(error), failed_steps=(error.step,))
        except QuintetError as error:
            outcome = _outcome(run, "failed", _unjudged(run), str(error))
        except Exception as error:  # noqa: BLE001 - the one outer edge: a fault of our own ends the run, not the app
            # A TimeoutError alone would prove nothing: the system has one of its own, for files on a network.
            if isinstance(error, TimeoutError) and deadline.expired():
                reason = f"the run did not end within {task_timeout:g} s (TASK_TIMEOUT)"
            else:
                log("ERROR", "the run failed on a fault of our own", exception=error, workflow_id=run.workflow.id)
                reason = f"internal fault {type(error).__name__}: the log has the details"
            outcome = _outcome(run, "failed", _unjudged(run), reason)
        finally:
            outcome = self._outcome = _without_missing(run, self.stopped() if outcome is None else outcome)
            self._finish(run, outcome, clock.monotonic() - started_at)
        return outcome

    def _announce(self, run: Run) -> None:
        deps = self._deps
        deps.ledger.begin_run(run.run_id)
        increment("workflow.runs_started", tags={"workflow": run.workflow.id})
        endpoint = run.endpoint
        log(
            "INFO",
            "run started",
            run_id=run.run_id,
            model=endpoint.model,
            tier=endpoint.tier,
            tier_reason=endpoint.tier_reason,
        )
        deps.emit(
            RunStarted(
                **run.stamp(),
                task=self._request.task,
                workflow=run.workflow.id,
                agents=tuple(agent_id for agent_id in run.workflow.agents() if run.is_on(agent_id)),
                output_dir=str(run.folder.root),
                model=endpoint.model,
                tier=endpoint.tier,
                tier_reason=endpoint.tier_reason,
            )
        )
        cut = "" if run.task_in_prompts == self._request.task else TASK_CUT
        for warning in dict.fromkeys(
            filter(
                None,
                (deps.source.key_warning, deps.source.status().note, deps.source.model_note, cut, *run.folder_notes),
            )
        ):
            deps.emit(Warned(**run.stamp(), message=warning, hint=""))
        run.tell_trouble(run.session.trouble)

    def _finish(self, run: Run, outcome: RunOutcome, duration_seconds: float) -> None:
        write_report(run, outcome, duration_seconds)
        workflow, duration_ms = run.workflow.id, duration_seconds * 1000
        tags = {"workflow": workflow, "outcome": outcome.status}
        increment("workflow.runs_ended", tags=tags)
        timing("workflow.run", duration_ms, tags=tags)
        log(
            "INFO",
            "run finished",
            workflow_id=workflow,
            run_id=run.run_id,
            duration_ms=duration_ms,
            status=outcome.status,
            verdict=outcome.verdict,
        )
        self._deps.emit(
            RunFinished(
                **run.stamp(),
                status=outcome.status,
                verdict=outcome.verdict,
                reason=outcome.reason,
                output_dir=str(outcome.output_dir),
                files=outcome.files,
                duration_seconds=duration_seconds,
                failed_steps=outcome.failed_steps,
                evidence=dict(outcome.evidence),
                run_command=run_command_of(run, outcome),
            )
        )


async def _final_state(run: Run) -> RunState:
    return await execute_workflow(
        run.workflow,
        AgentStepRunner(run),
        run_id=run.run_id,
        checkpoint_path=run.session.checkpoint_path,
        on_trouble=run.tell_trouble,
    )


def _judged(run: Run, state: RunState) -> RunOutcome:
    """Return the outcome of a run that came to its end: with a file that was not accepted it has failed."""
    fell_short = {
        step_id: result["notes"] for step_id, result in state.get("results", {}).items() if _fell_short(run, result)
    }
    reasons = [f"{step_id}: {notes}" for step_id, notes in fell_short.items()]
    if state.get("unmet") and not fell_short:
        reasons.append(f"the plan was not met: {'; '.join(state['unmet'][:SHOWN_UNMET])}")
    verdict = state.get("verdict") or _unjudged(run, state)
    if verdict == "fail":
        reasons.append(state.get("stop_reason") or "the tests are red")
    elif verdict in {"unproven", "not_executed"} and not reasons:
        reasons.append(state.get("stop_reason") or NOT_EXECUTED)
    failed_steps = tuple(fell_short) if verdict != "fail" else ()
    status: RunStatus = "failed" if fell_short or state.get("unmet") else STATUS_OF_VERDICT[verdict]
    outcome = _outcome(run, status, verdict, " | ".join(reasons), failed_steps)
    return replace(outcome, evidence=delivered_evidence(run.session, state))


def _unjudged(run: Run, state: RunState | None = None) -> VerdictValue:
    """Return the verdict on files that were not executed: none if nobody was to make any that can be."""
    was_made = artifacts_of_role(state or {}, "code", "test")
    return "not_executed" if was_made or any(map(run.is_on, run.workflow.executable_agents())) else "none"


def _outcome(
    run: Run, status: RunStatus, verdict: VerdictValue, reason: str, failed_steps: tuple[str, ...] = ()
) -> RunOutcome:
    """Return the outcome with what has been delivered; what was accepted before a run broke off stays."""
    return RunOutcome(status, verdict, reason, run.folder.root, tuple(sorted(run.delivered)), run.run_id, failed_steps)


def _without_missing(run: Run, outcome: RunOutcome) -> RunOutcome:
    """Return the outcome without the files that have gone since they were written, and tell of them."""
    gone = run.folder.check_delivered(sorted(run.delivered))
    if not gone:
        return outcome
    shown = ", ".join(gone[:SHOWN_MISSING]) + (f" and {len(gone) - SHOWN_MISSING} more" if gone[SHOWN_MISSING:] else "")
    message = f"written, and gone before the run ended: {shown}"
    run.deps.emit(Warned(**run.stamp(), message=message, hint="something else removed or replaced them"))
    files = tuple(path for path in outcome.files if path not in gone)
    if outcome.status == "stopped":
        return replace(outcome, files=files)
    reason = " | ".join(filter(None, (outcome.reason, message)))
    return replace(outcome, status="failed", reason=reason, files=files, failed_steps=())


def _fell_short(run: Run, result: StepResult) -> bool:
    """A step that was skipped because its agent is off is what the user wanted; any other skip is a consequence."""
    match result["status"]:
        case "ok":
            return False
        case "partial" | "failed":
            return True
        case "skipped":
            return run.is_on(result["agent"])
        case status:
            assert_never(status)
