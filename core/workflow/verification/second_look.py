"""Where only a model's expectation speaks against code that meets every given example: the value is asked for once more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
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
    with_tolerance,
    without_test,
)
from core.execution.results import CaseResult
from core.telemetry.logs import log
from core.workflow.definition import StepSpec
from core.workflow.graph import RunState
from core.workflow.jobs.job import StepInProgress, StepProgress
from core.workflow.prompt_context import PromptContext, read_if_there
from core.workflow.run import Run

DERIVE_VALUE_JOB = "derive_value"
MAX_VALUES_A_ROUND = 4

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Derived:
    """A red test of which only the expectation speaks against the code, and the value that was derived again, if one was."""

    case: CaseResult
    expectation: Expectation | None
    value: str | None

    @property
    def confirms(self) -> bool:
        """Whether the value came out as the test has it."""
        return (
            self.expectation is not None
            and self.value is not None
            and same_value(self.value, self.expectation.expected)
        )


class SecondLook:
    """Asks QA to derive expected values again, from the requirement alone; what comes of it is executed, not believed."""

    def __init__(self, run: Run, prompt_context: PromptContext) -> None:
        self._run = run
        self._prompt_context = prompt_context

    async def derive(self, step: StepSpec, state: RunState, evidence: Evidence) -> list[Derived]:
        """Return what QA derives for the doubtful values, at most 4; `step` is the one in which QA writes its tests."""
        run = self._run
        agent = run.deps.agents[step.agent]
        doubtful = [finding for finding in evidence.findings if finding.is_doubtful][:MAX_VALUES_A_ROUND]
        if (
            not doubtful
            or evidence.suite is None
            or not run.is_on(agent.id)
            or DERIVE_VALUE_JOB not in agent.prompt.jobs
        ):
            return []
        variables = await self._prompt_context.for_step(step, state)
        asked = StepInProgress(run, step, agent, state, self._prompt_context, variables, StepProgress())
        cases = {case.id: case for case in evidence.suite.cases}
        derived: list[Derived] = []
        for finding in doubtful:
            case = cases[finding.case_id]
            expectation = read_expectation(read_if_there(run, case.path), case)
            value = await self._derived(asked, expectation) if expectation is not None else None
            log("INFO", "an expected value was derived again", run_id=run.run_id, test=case.id, value=value)
            derived.append(Derived(case, expectation, value))
        return derived

    def tolerant(self, evidence: Evidence) -> dict[str, str]:
        """Return the test files in which floats were compared exactly and only that is red, corrected, by path."""
        texts: dict[str, str] = {}
        for case in evidence.suite.cases if evidence.suite is not None else ():
            if case.outcome == "failed" and case.id not in evidence.examples:
                text = with_tolerance(texts.get(case.path) or read_if_there(self._run, case.path), case)
                texts |= {case.path: text} if text is not None else {}
        return texts

    def corrected(self, derived: Sequence[Derived]) -> dict[str, str]:
        """Return the test files in which a value was derived anew and is another, by path; it is executed, not believed."""
        texts: dict[str, str] = {}
        for one in derived:
            text = texts.get(one.case.path) or read_if_there(self._run, one.case.path)
            expectation = read_expectation(text, one.case)
            if expectation is not None and one.value is not None and not one.confirms:
                texts[one.case.path] = with_expectation(text, expectation, one.value)
        return texts

    def struck(self, derived: Sequence[Derived]) -> dict[str, str]:
        """Return the test files without the tests whose values were derived, by path; empty if one cannot be taken out."""
        texts: dict[str, str] = {}
        for one in derived:
            text = texts.get(one.case.path) or read_if_there(self._run, one.case.path)
            left = without_test(text, one.case.name)
            if left is None:
                return {}
            texts[one.case.path] = left
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
