"""Where only a model's expectation speaks against code that meets every given example: the value is asked for once more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from core.agents import Agent
from core.errors import ArtifactError, LLMCallError
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.expectation import (
    Expectation,
    read_expectation,
    read_value,
    same_value,
    with_expectation,
)
from core.telemetry.logs import log
from core.workflow.definition import StepSpec
from core.workflow.graph import RunState
from core.workflow.jobs.job import StepInProgress, StepProgress
from core.workflow.prompt_context import PromptContext, read_if_there
from core.workflow.run import Run

DERIVE_VALUE_JOB = "derive_value"
MAX_VALUES_A_ROUND = 4

_Answer = TypeVar("_Answer")


class SecondLook:
    """Asks QA to derive expected values again, from the requirement alone; what comes of it is executed, not believed."""

    def __init__(self, run: Run, prompt_context: PromptContext) -> None:
        self._run = run
        self._prompt_context = prompt_context

    async def corrected_tests(self, step: StepSpec, state: RunState, evidence: Evidence) -> dict[str, str]:
        """Return the test files in which a doubtful value was derived anew and is another, by path; at most 4 are asked for.

        `step` is the one in which QA writes its tests. A value that comes out as it was speaks against the code.
        """
        run = self._run
        agent = run.deps.agents[step.agent]
        doubtful = [finding for finding in evidence.findings if finding.is_doubtful][:MAX_VALUES_A_ROUND]
        if (
            not doubtful
            or evidence.suite is None
            or not run.is_on(agent.id)
            or DERIVE_VALUE_JOB not in agent.prompt.jobs
        ):
            return {}
        variables = await self._prompt_context.for_step(step, state)
        asked = StepInProgress(run, step, agent, state, self._prompt_context, variables, StepProgress())
        cases = {case.id: case for case in evidence.suite.cases}
        texts: dict[str, str] = {}
        for finding in doubtful:
            case = cases[finding.case_id]
            text = texts.get(case.path) or read_if_there(run, case.path)
            expectation = read_expectation(text, case)
            value = await self._derived(asked, expectation) if expectation is not None else None
            if expectation is None or value is None or same_value(value, expectation.expected):
                continue
            log("INFO", "an expected value was derived anew", run_id=run.run_id, test=case.id, value=value)
            texts[case.path] = with_expectation(text, expectation, value)
        return texts

    async def _derived(self, asked: StepInProgress, expectation: Expectation) -> str | None:
        variables: Mapping[str, str] = {**asked.variables, "call": expectation.call}
        try:
            answer = await as_agent(self._run, asked.agent, asked.whole_answer(DERIVE_VALUE_JOB, variables))
        except (ArtifactError, LLMCallError) as error:
            log("WARNING", "an expected value could not be derived", run_id=self._run.run_id, reason=str(error))
            return None
        return read_value(answer) if answer is not None else None


async def as_agent(run: Run, agent: Agent, work: Coroutine[Any, Any, _Answer]) -> _Answer | None:
    """Do work as an agent's, so that it can be stopped alone; None when the user stopped the agent."""
    task: asyncio.Task[Any] = asyncio.create_task(work, name=f"{agent.id} looks again")
    run.working.setdefault(agent.id, set()).add(task)
    try:
        answer: _Answer = await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        return None
    else:
        return answer
    finally:
        task.cancel()
        run.working[agent.id].discard(task)
