"""One step of a workflow: one agent works through its jobs and hands on a small result; model failures end here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from core.agents import Agent
from core.errors import ArtifactError, LLMCallError, ModelUnavailableError
from core.events import HandOffMade, StepFinished, StepStarted
from core.telemetry.metrics import gauge, increment, timing
from core.workflow.definition import FileSpec, StepSpec
from core.workflow.deliver import (
    Delivery,
    FileCheck,
    Spent,
    answers_allowed,
    deliver_file,
    job_sampling,
    with_user_words,
)
from core.workflow.prompt_context import PromptContext, dependencies, read_if_there
from core.workflow.report import static_report
from core.workflow.run import Run
from core.workflow.state import NOTES_MAX_CHARACTERS, ArtifactRef, StepResult, StepStatus, artifacts_of_role
from core.workspace.answers.answers import Verdict, read_file_list, read_verdict
from core.workspace.checks.signatures import unresolved_names

ENDPOINT_FAULTS = frozenset({"connect", "connect_timeout", "unavailable", "auth", "quota", "not_found", "not_sse"})
"""Kinds of fault that concern the endpoint, and so every agent alike."""

UNFOUNDED = "no verdict: the answer gave none, was cut off, or said fail without a finding"

State = Mapping[str, Any]  # a RunState, as LangGraph hands it over
Update = dict[str, Any]  # the part of a RunState a step changes


@dataclass(slots=True)
class _Work:
    """What a step has done so far; what is in here stays true when the step is stopped half-way."""

    spent: Spent = field(default_factory=Spent)
    deliveries: list[Delivery] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)
    text_reference: str | None = None
    verdict: Verdict | None = None
    no_endpoint: LLMCallError | None = None

    def rejected(self) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if delivery.artifact is None]


class StepRunner:
    """Runs steps; a failing model gives a result with status failed, and no exception.

    The exception to that: an endpoint that has not answered anybody yet and fails for a reason that everybody would
    meet again ends the run with ModelUnavailableError, instead of keeping four more agents waiting for it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._prompt_context = PromptContext(run)

    async def run_step(self, step: StepSpec, state: State) -> Update:
        """Return the state update of one step.

        Raises:
            ModelUnavailableError: nothing has answered in this run, and nothing will.
        """
        run = self._run
        agent = run.agents[step.agent]
        round_number: int = state.get("round") or 0
        await run.budget_gate.until_not_held()
        if not run.is_on(agent.id):
            return self._skip(step, round_number, f"{agent.title} takes no part or is switched off")
        for need in step.needs:
            if not await self._prompt_context.has(need, state):
                return self._skip(step, round_number, f"there is no {need} to work on")
        async with run.agent_gate:
            started_at = run.clock.monotonic()
            self._announce(step, state, round_number)
            increment("agent.tasks_started", tags={"agent": agent.id})
            work = _Work()
            outcome = "failed"
            try:
                status, reason = await self._guarded(step, agent, state, work)
                outcome = status
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                duration_seconds = run.clock.monotonic() - started_at
                tags = {"agent": agent.id, "outcome": outcome}
                increment("agent.tasks_ended", tags=tags)
                timing("agent.task", duration_seconds * 1000, tags=tags)
        update = await self._update(step, agent, state, work, status, reason)
        notes = update["results"][step.id]["notes"]
        self._finished(step, round_number, status, notes, duration_seconds)
        if work.no_endpoint is not None:
            raise ModelUnavailableError(work.no_endpoint.message, hint=work.no_endpoint.hint)
        return update

    def _announce(self, step: StepSpec, state: State, round_number: int) -> None:
        run = self._run
        for giver, things in self._prompt_context.hand_offs(step, state).items():
            run.emit(
                HandOffMade(
                    **run.stamp(),
                    from_=giver,
                    to=step.agent,
                    what=", ".join(dict.fromkeys(things)),
                )
            )
        run.emit(
            StepStarted(
                **run.stamp(),
                step=step.id,
                agent_id=step.agent,
                round=round_number,
            )
        )

    async def _guarded(self, step: StepSpec, agent: Agent, state: State, work: _Work) -> tuple[StepStatus, str]:
        """Run the step's jobs in a task of their own, so that one agent can be stopped while the run goes on."""
        run = self._run
        task: asyncio.Task[object] = asyncio.create_task(self._work(step, agent, state, work), name=f"step {step.id}")
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
            if error.kind in ENDPOINT_FAULTS and not run.has_been_answered:
                work.no_endpoint = error
            return ("partial" if work.deliveries else "failed"), str(error)
        except (ArtifactError, ModelUnavailableError) as error:
            return ("partial" if work.deliveries else "failed"), str(error)
        finally:
            run.working[agent.id].discard(task)
            _measure_activity(run)
        rejected = work.rejected()
        if not rejected:
            return "ok", UNFOUNDED if work.verdict is not None and work.verdict.value == "unknown" else ""
        reason = "; ".join(f"{delivery.path}: {delivery.why}" for delivery in rejected)
        return ("failed" if len(rejected) == len(work.deliveries) else "partial"), f"not accepted: {reason}"

    async def _work(self, step: StepSpec, agent: Agent, state: State, work: _Work) -> None:
        run = self._run
        variables = await self._prompt_context.for_step(step, state)
        if step.plan is not None and run.size == "large" and not state.get("planned"):
            work.planned = await self._plan(step, agent, step.plan, variables, work)
        if step.text is not None:
            text = await self._ask(step, agent, step.text, variables, work)
            work.text_reference = await asyncio.to_thread(run.session.store_text, text)
        planned = work.planned or list(state.get("planned") or [])
        for spec in step.files:
            if run.size not in spec.sizes:
                continue
            for path in self._paths(spec, planned):
                delivery = await deliver_file(
                    run,
                    agent,
                    spec,
                    path,
                    await self._prompt_context.for_file(variables, path, _with(state, work)),
                    step_id=step.id,
                    round_number=state.get("round") or 0,
                    spent=work.spent,
                    extra_check=await self._test_check(state) if spec.role == "test" else None,
                )
                work.deliveries.append(delivery)
        if step.verdict is not None:
            judged = await self._prompt_context.for_step(step, _with(state, work))
            report = static_report(run.size, _with(state, work), [delivery.path for delivery in work.rejected()])
            judged |= {"path": run.layout.source, "static_report": report}
            work.verdict = await self._verdict(step, agent, step.verdict, judged, work)

    async def _verdict(
        self, step: StepSpec, agent: Agent, job: str, variables: Mapping[str, str], work: _Work
    ) -> Verdict:
        try:
            return _founded(read_verdict(await self._ask(step, agent, job, variables, work)))
        except ArtifactError:
            return Verdict("unknown", ())

    async def _plan(
        self, step: StepSpec, agent: Agent, job: str, variables: Mapping[str, str], work: _Work
    ) -> list[str]:
        try:
            answer = await self._ask(step, agent, job, variables, work)
        except ArtifactError:
            return []  # the layout's one file is a plan too
        planned = [file.path for file in read_file_list(answer)]
        sources = [path for path in planned if path.endswith(self._run.layout.suffixes)]
        others = [path for path in planned if path not in sources and not path.lower().endswith((".md", ".txt"))]
        return sources + others if sources else []

    async def _ask(self, step: StepSpec, agent: Agent, job: str, variables: Mapping[str, str], work: _Work) -> str:
        """Return a whole answer; one that was cut off is drawn again, because incomplete text is handed to nobody.

        Raises:
            ArtifactError: every answer hit its length limit.
        """
        run = self._run
        answers = answers_allowed(run)
        for draw in range(answers):
            reply = await agent.execute_llm_task(
                with_user_words(run, agent, agent.prompt.render_job(job, run.variant, variables)),
                sampling=job_sampling(run, agent, job, variables, draw=draw),
                scope=run.scope(step.id, job),
            )
            run.has_been_answered = True
            work.spent.input_tokens += reply.usage.input_tokens
            work.spent.output_tokens += reply.usage.output_tokens
            if reply.finish_reason != "length":
                return reply.text
            work.spent.truncated = True
        raise ArtifactError(
            "truncated",
            f"{agent.title}'s {job} was cut off at its length limit in {answers} answers",
            hint="raise LLM_MAX_TOKENS, or use a larger model",
        )

    def _paths(self, spec: FileSpec, planned: list[str]) -> list[str]:
        if spec.role == "code" and planned:
            return planned
        layout = self._run.layout
        names = {"source": layout.source, "test": layout.test, "module": layout.module}
        return [Template(spec.path).substitute(names)]

    async def _test_check(self, state: State) -> FileCheck:
        def read_modules() -> dict[str, str]:
            paths = [ref["path"] for ref in artifacts_of_role(state, "code") if ref["path"].endswith(".py")]
            return {path: read_if_there(self._run, path) for path in paths}

        modules = await asyncio.to_thread(read_modules)

        def check(text: str) -> str | None:
            missing = unresolved_names(text, modules)
            return f"the tests import what the code does not define: {', '.join(missing)}" if missing else None

        return check

    async def _update(
        self, step: StepSpec, agent: Agent, state: State, work: _Work, status: StepStatus, reason: str
    ) -> Update:
        accepted = [delivery.artifact for delivery in work.deliveries if delivery.artifact is not None]
        result = StepResult(
            status=status,
            agent=agent.id,
            artifacts=[ref["path"] for ref in accepted],
            rejected=[f"{delivery.path}: {delivery.why}" for delivery in work.rejected()],
            notes=reason[:NOTES_MAX_CHARACTERS],
            text=work.text_reference,
            input_tokens=work.spent.input_tokens,
            output_tokens=work.spent.output_tokens,
            truncated=work.spent.truncated,
        )
        update: Update = {
            "results": {step.id: result},
            "artifacts": {ref["path"]: ref for ref in accepted},
        }
        if work.planned:
            update["planned"] = work.planned
        if step.once_per_manifest:
            update["packaged_manifest"] = await asyncio.to_thread(manifest_digest, self._run, state)
        if step.verdict is not None:
            update |= self._judge(step, _with(state, work), work.verdict)
        return update

    def _judge(self, step: StepSpec, state: State, verdict: Verdict | None) -> Update:
        """Decide between rework and going on; every stop has a reason that is told."""
        findings = list(verdict.findings) if verdict is not None else []
        value = verdict.value if verdict is not None else "unknown"
        update: Update = {"verdict": value, "findings": findings, "route": "go_on", "stop_reason": ""}
        if value != "fail" or step.rework is None:
            return update
        round_number: int = state.get("round") or 0
        digests: list[str] = list(state.get("round_digests") or [])
        digest = _code_digest(state)
        target = self._run.workflow.step(step.rework)
        if not self._run.is_on(target.agent):
            update["stop_reason"] = f"the tests fail and {self._run.agents[target.agent].title} is switched off"
        elif round_number >= self._run.max_rework_rounds:
            update["stop_reason"] = f"the verdict is still fail after {round_number} rework rounds"
        elif digest in digests:
            update["stop_reason"] = "no progress: the last rework gave the same files again"
        else:
            update |= {"route": "rework", "round": round_number + 1, "round_digests": [*digests, digest]}
        return update

    def _skip(self, step: StepSpec, round_number: int, reason: str) -> Update:
        self._finished(step, round_number, "skipped", reason, 0.0)
        result = StepResult(
            status="skipped",
            agent=step.agent,
            artifacts=[],
            rejected=[],
            notes=reason,
            text=None,
            input_tokens=0,
            output_tokens=0,
            truncated=False,
        )
        return {"results": {step.id: result}, "route": "go_on"} if step.verdict else {"results": {step.id: result}}

    def _finished(self, step: StepSpec, round_number: int, status: str, notes: str, duration_seconds: float) -> None:
        run = self._run
        run.emit(
            StepFinished(
                **run.stamp(),
                step=step.id,
                agent_id=step.agent,
                round=round_number,
                status=status,
                notes=notes,
                duration_seconds=duration_seconds,
            )
        )


def _measure_activity(run: Run) -> None:
    gauge("tasks.active", sum(len(tasks) for tasks in run.working.values()))
    gauge("agents.active", sum(bool(tasks) for tasks in run.working.values()))


def _founded(verdict: Verdict) -> Verdict:
    """A fail that names nothing gives nobody anything to mend: it counts as no verdict."""
    return Verdict("unknown", ()) if verdict.value == "fail" and not verdict.findings else verdict


def manifest_digest(run: Run, state: State) -> str:
    """Return what packaging depends on: the code's paths and its dependencies, as one short text."""
    paths = [ref["path"] for ref in artifacts_of_role(state, "code")]
    return hashlib.sha256("\n".join([*paths, "", *dependencies(run, state)]).encode()).hexdigest()[:16]


def _code_digest(state: State) -> str:
    refs = artifacts_of_role(state, "code")
    return hashlib.sha256("\n".join(f"{ref['path']} {ref['sha256']}" for ref in refs).encode()).hexdigest()[:16]


def _with(state: State, work: _Work) -> dict[str, Any]:
    """Return the state as it will be with what the step has delivered so far."""
    accepted: dict[str, ArtifactRef] = {
        delivery.artifact["path"]: delivery.artifact for delivery in work.deliveries if delivery.artifact is not None
    }
    return {**state, "artifacts": {**(state.get("artifacts") or {}), **accepted}}
