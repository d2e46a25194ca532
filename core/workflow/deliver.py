"""One file from one answer: ask, read, check, ask once more with the problem quoted, then write it or say why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from core.agents import Agent, Sampling
from core.errors import ArtifactError
from core.events import FileRejected, FileWritten
from core.prompts import render
from core.redaction import holds_secret
from core.telemetry.metrics import increment
from core.workflow.definition import FileSpec
from core.workflow.run import Run
from core.workflow.state import ArtifactRef
from core.workspace.answers.elisions import find_elisions
from core.workspace.answers.reader import read_file
from core.workspace.checks.checks import check_file
from core.workspace.checks.signatures import lost_definitions

REPAIRS_LARGE = 1
REPAIRS_SMALL = 3  # a tiny model's second draw is cheap and often good
REPAIR_TEMPERATURE_STEP = 0.2  # the same prompt at the same temperature gives the same fault again
QUOTED_ANSWER_CHARACTERS = 6_000

FileCheck = Callable[[str], str | None]
"""Takes the text of a file that parses and names a problem with it, or None."""


@dataclass(slots=True)
class Spent:
    """What the calls of one step have used so far."""

    input_tokens: int = 0
    output_tokens: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file's end: accepted as `artifact`, or not, with the reason in `why`."""

    path: str
    artifact: ArtifactRef | None
    why: str = ""


async def deliver_file(
    run: Run,
    agent: Agent,
    spec: FileSpec,
    path: str,
    variables: Mapping[str, str],
    *,
    step_id: str,
    round_number: int,
    spent: Spent,
    extra_check: FileCheck | None = None,
) -> Delivery:
    """Let an agent write one file; an answer that is incomplete or does not parse never becomes a file.

    Raises:
        LLMCallError: a call ended without a whole answer.
    """
    problem = ""
    answer = ""
    answers = answers_allowed(run)
    for draw in range(answers):
        # A small model does not follow a quoted error; it gets the plain job again and a fresh draw.
        ask_again = draw > 0 and run.size == "large"
        prompt = (
            render(
                run.common.repair.template(run.variant), {**variables, "problem": problem, "answer": answer}, "repair"
            )
            if ask_again
            else agent.prompt.render_job(spec.job, run.variant, variables)
        )
        reply = await agent.execute_llm_task(
            with_user_words(run, agent, prompt),
            sampling=job_sampling(run, agent, spec.job, variables, draw=draw, keep_prefill=not ask_again),
            scope=run.scope(step_id, path),
        )
        run.has_been_answered = True
        spent.input_tokens += reply.usage.input_tokens
        spent.output_tokens += reply.usage.output_tokens
        answer = reply.text[-QUOTED_ANSWER_CHARACTERS:]
        try:
            read = read_file(reply.text, path=path, finish_reason=reply.finish_reason)
            # In a folder of the user's, a file that is there is corrected and not made anew.
            before = variables.get("current", "") if run.source_folder is not None and spec.role == "code" else ""
            found = await asyncio.to_thread(_problem_of, path, read.text, before, extra_check)
            problem = found or ""
            if not problem:
                artifact = await _write(run, agent, spec, path, read.text, round_number)
                return Delivery(path, artifact)
        except ArtifactError as error:
            problem = error.message
            spent.truncated = spent.truncated or error.kind == "truncated"
    await asyncio.to_thread(run.folder.reject, path, problem)
    increment("files.rejected", tags={"agent": agent.id})
    run.emit(
        FileRejected(
            **run.stamp(),
            path=path,
            why=f"{problem} (after {answers} answers)",
            agent_id=agent.id,
        )
    )
    return Delivery(path, None, why=problem)


def answers_allowed(run: Run) -> int:
    """Return how many answers a job may take before it is given up."""
    return 1 + (REPAIRS_SMALL if run.size == "small" else REPAIRS_LARGE)


def job_sampling(
    run: Run, agent: Agent, job_name: str, variables: Mapping[str, str], *, draw: int = 0, keep_prefill: bool = True
) -> Sampling:
    """Return how the answer to a job is drawn: the job's own bounds, warmer with every further draw."""
    job = agent.prompt.job(job_name)
    sampling = Sampling(
        max_tokens=job.max_tokens(run.variant),
        stop=job.stop(run.variant),
        may_continue=job.output != "verdict",  # a verdict is a word and a list: one that does not end has lost its way
    )
    if keep_prefill:
        sampling = replace(sampling, prefill=agent.prompt.render_prefill(job_name, run.variant, variables))
    if draw:
        warmer = min(1.0, agent.temperature + draw * REPAIR_TEMPERATURE_STEP)
        sampling = replace(sampling, temperature=max(agent.temperature, warmer))
    return sampling


def with_user_words(run: Run, agent: Agent, prompt: str) -> str:
    """Append what the user has said during the run, and who is not on the team."""
    parts = [prompt]
    words = run.words_for(agent.id)
    if words:
        parts.append(render(run.common.steering, {"user_words": words}, "steering"))
    if run.size == "large":
        absent = [other for other in run.workflow.agents() if not run.is_on(other) and other != agent.id]
        parts += [render(run.common.absent, {"agent": run.agents[other].title}, "absent") for other in absent]
    return "\n\n".join(parts)


def _problem_of(path: str, text: str, before: str, extra_check: FileCheck | None) -> str | None:
    problem = check_file(path, text)
    if problem:
        return problem
    if holds_secret(text):
        return f"{path} holds your API key"
    lost = lost_definitions(before, text) if path.endswith(".py") else ()
    if lost:
        return f"{path} leaves out most of what the file had: {', '.join(lost[:5])}"
    elisions = find_elisions(path, text)
    if elisions:
        return f"{path} leaves something out: {elisions[0]}"
    return extra_check(text) if extra_check is not None else None


async def _write(run: Run, agent: Agent, spec: FileSpec, path: str, text: str, round_number: int) -> ArtifactRef:
    written = await asyncio.to_thread(
        run.folder.write, path, text, role=spec.role, agent_id=agent.id, round=round_number, status="ok"
    )
    run.delivered.add(written.path)
    increment("files.written", tags={"agent": agent.id})
    run.emit(
        FileWritten(
            **run.stamp(),
            path=written.path,
            sha256=written.sha256,
            bytes=written.bytes,
            version=written.version,
            agent_id=agent.id,
        )
    )
    return ArtifactRef(
        path=written.path,
        sha256=written.sha256,
        bytes=written.bytes,
        role=spec.role,
        agent=agent.id,
        round=round_number,
    )
