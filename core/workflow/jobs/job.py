"""What an agent does in a step: each kind of job is a class, and leaves its result with the step's progress.

Files are made in core.workflow.jobs.file_job, planned in core.workflow.jobs.plan_job; a new kind is one more subclass of Job, named in core.workflow.step.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from core.agents import Agent, Sampling
from core.errors import ArtifactError, LLMCallError
from core.events import FileRejected
from core.kinds import Tier
from core.llm.request import Reply
from core.prompts import render
from core.telemetry.metrics import increment
from core.text.sanitize import plain_line, unmark_structure
from core.workflow.definition import StepSpec
from core.workflow.graph import ArtifactRef, PlanEntry, RunState
from core.workflow.prompt_context import PromptContext, static_report
from core.workflow.run import Run
from core.workspace.answers.structured import OpinionAnswer, read_opinion

MAX_SHOWN_PATH_CHARS = 300
REPAIRS: Mapping[Tier, int] = {
    "tiny": 3,
    "compact": 2,
    "full": 1,
}  # a small model's second draw is cheap and often good
REPAIR_TEMPERATURE_STEP = 0.2  # the same prompt at the same temperature gives the same fault again


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file's end: accepted as `artifact`, or not, with the reason in `why`."""

    path: str
    artifact: ArtifactRef | None
    why: str = ""


@dataclass(slots=True)
class StepProgress:
    """What a step has done so far; what is in here stays true when the step is stopped half-way.

    `unmet` is what the plan named and cannot be made. `readme_commands` are records of what became of them. `endpoint_fault` is the end of a call that every other agent would
    meet as well.
    """

    files: list[FileResult] = field(default_factory=list)
    unmet: list[FileResult] = field(default_factory=list)
    plan: list[PlanEntry] = field(default_factory=list)
    text_reference: str | None = None
    opinion: OpinionAnswer | None = None
    readme_commands: list[dict[str, Any]] = field(default_factory=list)
    endpoint_fault: LLMCallError | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    truncated: bool = False

    def accepted(self) -> list[ArtifactRef]:
        return [file.artifact for file in self.files if file.artifact is not None]

    def rejected(self) -> list[FileResult]:
        return [*self.unmet, *(file for file in self.files if file.artifact is None)]


@dataclass(frozen=True, slots=True)
class StepInProgress:
    """One step while an agent works on it; `variables` are those of its prompts, `before` is the state it began with."""

    run: Run
    spec: StepSpec
    agent: Agent
    before: RunState
    prompt_context: PromptContext
    variables: Mapping[str, str]
    progress: StepProgress

    @property
    def state(self) -> RunState:
        """The state as it will be with what the step has delivered so far."""
        accepted = {ref["path"]: ref for ref in self.progress.accepted()}
        return {**self.before, "artifacts": {**self.before.get("artifacts", {}), **accepted}}

    @property
    def round_number(self) -> int:
        return self.before.get("round", 0)

    @property
    def answers_allowed(self) -> int:
        """How many answers a job may take before it is given up."""
        return 1 + REPAIRS[self.run.tier]

    async def whole_answer(self, job: str, variables: Mapping[str, str], *, more: str = "") -> str:
        """Return a whole answer; one that was cut off is drawn again, because incomplete text is never handed on.

        `more` is what the prompt says beyond the job's own words.

        Raises:
            ArtifactError: every answer hit its length limit.
            LLMCallError: a call ended without a whole answer.
        """
        for draw in range(self.answers_allowed):
            prompt = self.agent.prompt.render_job(job, self.run.tier, variables)
            prompt = f"{prompt}\n\n{more}" if more else prompt
            reply = await self.answer(prompt, self.sampling(job, variables, draw=draw), made=job)
            if reply.finish_reason != "length":
                return reply.text
            self.progress.truncated = True
        raise ArtifactError(
            "truncated",
            f"{self.agent.title}'s {job} was cut off at its length limit in {self.answers_allowed} answers",
            hint="raise LLM_MAX_TOKENS, or use a larger model",
        )

    async def answer(self, prompt: str, sampling: Sampling, *, made: str) -> Reply:
        """Return one answer of the agent, what it quotes as it stood before the prompt; its tokens are the step's."""
        reply = await self.agent.execute_llm_task(
            self._with_user_words(prompt), sampling=sampling, scope=self.run.scope(self.spec.id, made)
        )
        self.run.has_been_answered = True
        self.progress.input_tokens += reply.usage.input_tokens
        self.progress.output_tokens += reply.usage.output_tokens
        return replace(reply, text=unmark_structure(reply.text))

    async def reject(self, path: str, problem: ArtifactError, *, asked_again: bool = False, held: str = "") -> None:
        """Record that a file was not put where it belongs, and tell it; one that is held has been recorded."""
        run, agent_id = self.run, self.agent.id
        if not held:
            record = partial(run.folder.reject, path, problem.message, rule=problem.kind, asked_again=asked_again)
            await asyncio.to_thread(record)
        if not asked_again:
            increment("files.rejected", tags={"agent": agent_id})
        run.deps.emit(
            FileRejected(
                **run.stamp(),
                path=plain_line(path, limit=MAX_SHOWN_PATH_CHARS),
                why=problem.message,
                agent_id=agent_id,
                rule=problem.kind,
                asked_again=asked_again,
                held=held,
            )
        )

    def sampling(
        self, job_name: str, variables: Mapping[str, str], *, draw: int = 0, keep_prefill: bool = True
    ) -> Sampling:
        """Return how the answer to a job is drawn: the job's own bounds, warmer with every further draw."""
        tier, agent = self.run.tier, self.agent
        job = agent.prompt.job(job_name)
        sampling = Sampling(
            max_tokens=job.max_tokens(tier),
            stop=job.stop(tier),
            may_continue=job.output != "verdict",  # a word and a short list: an answer that does not end is none
        )
        if keep_prefill:
            sampling = replace(sampling, prefill=agent.prompt.render_prefill(job_name, tier, variables))
        if draw:
            warmer = min(1.0, agent.temperature + draw * REPAIR_TEMPERATURE_STEP)
            sampling = replace(sampling, temperature=max(agent.temperature, warmer))
        return sampling

    def _with_user_words(self, prompt: str) -> str:
        """Append what the user has said during the run, and who is not on the team."""
        run, common = self.run, self.run.deps.common
        parts = [prompt]
        words = run.words_for(self.agent.id)
        if words:
            parts.append(render(common.steering, {"user_words": words}, "steering"))
        if run.tier != "tiny":
            absent = [other for other in run.workflow.agents() if not run.is_on(other) and other != self.agent.id]
            parts += [render(common.absent, {"agent": run.deps.agents[other].title}, "absent") for other in absent]
        return "\n\n".join(parts)


class Job(ABC):
    """One piece of a step's work."""

    @classmethod
    @abstractmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        """Give the jobs of this kind that a step has, in their order."""

    @abstractmethod
    async def work(self, step: StepInProgress) -> None:
        """Do it; what comes of it is in the step's progress.

        Raises:
            ArtifactError: the answer cannot be used.
            LLMCallError: a call ended without a whole answer.
        """


@dataclass(frozen=True, slots=True)
class TextJob(Job):
    """Asks for a text that other agents read as notes; it becomes no file."""

    job: str

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls(spec.text)] if spec.text is not None else []

    async def work(self, step: StepInProgress) -> None:
        text = await step.whole_answer(self.job, step.variables)
        step.progress.text_reference = await asyncio.to_thread(step.run.session.store_text, text)
        step.run.tell_trouble(step.run.session.trouble)


@dataclass(frozen=True, slots=True)
class OpinionJob(Job):
    """Asks for an opinion on what is there now; it decides nothing."""

    job: str

    @classmethod
    def of_step(cls, spec: StepSpec) -> Iterable[Self]:
        return [cls(spec.opinion)] if spec.opinion is not None else []

    async def work(self, step: StepInProgress) -> None:
        run, state = step.run, step.state
        variables = await step.prompt_context.for_step(step.spec, state)
        report = static_report(run.tier, state, [file.path for file in step.progress.rejected()])
        variables |= {"path": run.layout.source, "static_report": report}
        try:
            opinion = read_opinion(await step.whole_answer(self.job, variables))
        except ArtifactError:
            opinion = OpinionAnswer("unknown", ())
        # A fail without a finding leaves nothing to correct: it counts as no opinion.
        is_unfounded = opinion.value == "fail" and not opinion.findings
        step.progress.opinion = OpinionAnswer("unknown", ()) if is_unfounded else opinion
