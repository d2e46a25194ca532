"""One step of a workflow: one agent works through its jobs and hands on a small result; model failures end here."""

from __future__ import annotations

import asyncio
import hashlib
import json

from core.agents import Agent
from core.errors import ArtifactError, LLMCallError, ModelUnavailableError
from core.events import HandOffMade, StepFinished, StepStarted
from core.kinds import StepStatus
from core.llm.faults import fault_rule
from core.telemetry.metrics import gauge, increment, timing
from core.workflow.definition import StepSpec
from core.workflow.graph import (
    RunState,
    StepResult,
    paths_of_role,
)
from core.workflow.jobs.file_job import REWORKED_ROLES, FileJob
from core.workflow.jobs.inputs_job import InputsJob
from core.workflow.jobs.job import Job, OpinionJob, StepInProgress, StepProgress, TextJob
from core.workflow.jobs.plan_job import PlanJob, planned_files
from core.workflow.prompt_context import PromptContext, dependencies
from core.workflow.run import Run
from core.workflow.verification.verify_step import VerifyStep

JOB_KINDS: tuple[type[Job], ...] = (PlanJob, TextJob, FileJob, InputsJob, OpinionJob)
"""In the order in which a step does them."""

NOTES_MAX_CHARACTERS = 800
UNFOUNDED = "no opinion: the answer gave none, was cut off, or said fail without a finding"


class NothingAnswersError(ModelUnavailableError):
    """The endpoint has answered nobody in this run and will not; `step` is the one that met its fault."""

    def __init__(self, step: str, fault: LLMCallError) -> None:
        super().__init__(fault.message, hint=fault.hint)
        self.step = step


class AgentStepRunner:
    """Runs steps; a failing model gives a result with status failed, and no exception.

    The exception to that: an endpoint that has not answered in this run yet and fails for a reason that every agent
    would meet again ends the run with ModelUnavailableError, instead of keeping four more agents waiting for it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._prompt_context = PromptContext(run)
        self._verify = VerifyStep(run, self._prompt_context)

    async def is_due(self, step: StepSpec, state: RunState) -> bool:
        """Whether a step has to run now.

        One that packages has to if what it packages has changed; in a rework, one that writes code or tests has to if one
        of its files is to be written again.
        """
        if self._run.tier not in step.tiers:
            return False
        if not step.once_per_manifest:
            rework = state.get("rework", {})
            roles = {file.role for file in step.files} & set(REWORKED_ROLES)
            known = state.get("artifacts", {})
            return not rework or not roles or any(known[path]["role"] in roles for path in rework if path in known)
        return state.get("packaged_manifest") != await asyncio.to_thread(_manifest_digest, self._run, state)

    async def run_step(self, step: StepSpec, state: RunState) -> RunState:
        """Return the state update of one step.

        Raises:
            ModelUnavailableError: nothing has answered in this run, and nothing will.
        """
        run = self._run
        round_number = state.get("round", 0)
        run.follow_plan(planned_files(state.get("plan", [])))
        await run.budget_gate.until_not_held()
        if step.executes:
            return await self._verify.execute(step, state)
        agent = run.deps.agents[step.agent]
        if not run.is_on(agent.id):
            return self._skip(step, round_number, f"{agent.title} takes no part or is switched off")
        for need in step.needs:
            if not await self._prompt_context.has(need, state):
                return self._skip(step, round_number, f"there is no {need} to work on")
        async with run.agent_gate:
            started_at = run.deps.clock.monotonic()
            self._announce(step, state, round_number)
            increment("agent.tasks_started", tags={"agent": agent.id})
            progress = StepProgress()
            outcome = "failed"
            try:
                status, reason = await self._guarded(step, agent, state, progress)
                outcome = status
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                duration_seconds = run.deps.clock.monotonic() - started_at
                tags = {"agent": agent.id, "outcome": outcome}
                increment("agent.tasks_ended", tags=tags)
                timing("agent.task", duration_seconds * 1000, tags=tags)
        result = _result(agent.id, progress, status, reason)
        update = await self._update(step, state, progress, result)
        self._finished(step, round_number, result, duration_seconds)
        if progress.endpoint_fault is not None:
            raise NothingAnswersError(step.id, progress.endpoint_fault)
        return update

    def _announce(self, step: StepSpec, state: RunState, round_number: int) -> None:
        run = self._run
        for giver, things in self._prompt_context.hand_offs(step, state).items():
            what = ", ".join(dict.fromkeys(things))
            run.deps.emit(HandOffMade(**run.stamp(), from_=giver, to=step.agent, what=what))
        run.deps.emit(StepStarted(**run.stamp(), step=step.id, agent_id=step.agent, round=round_number))

    async def _guarded(
        self, step: StepSpec, agent: Agent, state: RunState, progress: StepProgress
    ) -> tuple[StepStatus, str]:
        """Run the step's jobs in a task of their own, so that one agent can be stopped while the run goes on."""
        run = self._run
        task: asyncio.Task[object] = asyncio.create_task(
            self._work(step, agent, state, progress), name=f"step {step.id}"
        )
        run.working.setdefault(agent.id, set()).add(task)
        _measure_activity(run)
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            if not agent.enabled:
                return "skipped", f"{agent.title} was switched off while working"
            return "failed", f"{agent.title} was stopped by the user"
        except LLMCallError as error:
            if fault_rule(error.kind).concerns_endpoint and not run.has_been_answered:
                progress.endpoint_fault = error
            return ("partial" if progress.files else "failed"), str(error)
        except (ArtifactError, ModelUnavailableError) as error:
            return ("partial" if progress.files else "failed"), str(error)
        finally:
            run.working[agent.id].discard(task)
            _measure_activity(run)
        rejected = progress.rejected()
        if not rejected:
            return "ok", UNFOUNDED if progress.opinion is not None and progress.opinion.value == "unknown" else ""
        reason = "; ".join(f"{file.path}: {file.why}" for file in rejected)
        return ("partial" if progress.accepted() else "failed"), f"not accepted: {reason}"

    async def _work(self, step: StepSpec, agent: Agent, state: RunState, progress: StepProgress) -> None:
        variables = await self._prompt_context.for_step(step, state)
        in_progress = StepInProgress(self._run, step, agent, state, self._prompt_context, variables, progress)
        for kind in JOB_KINDS:
            for job in kind.of_step(step):
                await job.work(in_progress)

    async def _update(self, step: StepSpec, state: RunState, progress: StepProgress, result: StepResult) -> RunState:
        artifacts = {ref["path"]: ref for ref in progress.accepted()}
        update: RunState = {"results": {step.id: result}, "artifacts": artifacts}
        if progress.plan:
            update["plan"] = progress.plan
        if progress.unmet:
            update["unmet"] = [f"{file.path}: {file.why}" for file in progress.unmet]
        if step.once_per_manifest:
            update["packaged_manifest"] = await asyncio.to_thread(_manifest_digest, self._run, state)
        if progress.readme_commands:
            records = json.dumps(progress.readme_commands)
            update["readme_commands"] = await asyncio.to_thread(self._run.session.store_text, records)
        if progress.opinion is not None:
            update["opinion"] = progress.opinion.value
            update["opinion_grounds"] = list(progress.opinion.findings)
        return update

    def _skip(self, step: StepSpec, round_number: int, reason: str) -> RunState:
        result = _result(step.agent, StepProgress(), "skipped", reason)
        self._finished(step, round_number, result, 0.0)
        return {"results": {step.id: result}}

    def _finished(self, step: StepSpec, round_number: int, result: StepResult, duration_seconds: float) -> None:
        run = self._run
        run.deps.emit(
            StepFinished(
                **run.stamp(),
                step=step.id,
                agent_id=step.agent,
                round=round_number,
                status=result["status"],
                notes=result["notes"],
                duration_seconds=duration_seconds,
            )
        )


def _result(agent_id: str, progress: StepProgress, status: StepStatus, reason: str) -> StepResult:
    return StepResult(
        status=status,
        agent=agent_id,
        artifacts=[ref["path"] for ref in progress.accepted()],
        rejected=[f"{file.path}: {file.why}" for file in progress.rejected()],
        notes=reason[:NOTES_MAX_CHARACTERS],
        text=progress.text_reference,
        input_tokens=progress.input_tokens,
        output_tokens=progress.output_tokens,
        truncated=progress.truncated,
    )


def _measure_activity(run: Run) -> None:
    gauge("tasks.active", sum(len(tasks) for tasks in run.working.values()))
    gauge("agents.active", sum(bool(tasks) for tasks in run.working.values()))


def _manifest_digest(run: Run, state: RunState) -> str:
    """Return what packaging depends on: the code's paths and its dependencies, as one short text."""
    lines = [*paths_of_role(state, "code"), "", *dependencies(run, state)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
