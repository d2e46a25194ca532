"""The engine's own step: it executes the tests of what was delivered, judges, and sends back whose work is at fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from core.events import TestsRan, TestsStarted, Warned
from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.examples.example_tests import build_example_tests
from core.execution.evidence.examples.reader import read_examples
from core.execution.evidence.record import evidence_record
from core.execution.not_executed import NotExecuted
from core.execution.runners.registry import runner_for
from core.execution.sandbox.ladder import choose_sandbox, limits_of
from core.execution.verify import verify
from core.kinds import Culprit
from core.telemetry.logs import log
from core.text.sanitize import plain_line
from core.workflow.definition import StepSpec
from core.workflow.graph import ArtifactRef, RunState, artifacts_of_role, merge_by_key, paths_of_role
from core.workflow.jobs.delivered_file import deliver_file
from core.workflow.layouts.planned import is_test_file
from core.workflow.prompt_context import PromptContext, read_if_there
from core.workflow.rounds import (
    RoundRecord,
    best_round,
    examples_green,
    files_digest,
    red_digest,
    tree_as_json,
    tree_from_json,
)
from core.workflow.run import Run
from core.workflow.verification.consensus import Consensus, Found, Means, confirmed, unconfirmed
from core.workflow.verification.engine_tests import ENGINE_AUTHOR, EngineTests, write_example_tests
from core.workflow.verification.rework import Decision, decide, rework_texts
from core.workflow.verification.second_look import SecondLook
from core.workspace.files.listing import files_to_execute

MAX_BASE_FILES = 2_000
MAX_BASE_BYTES = 50_000_000
MAX_STATE_FINDINGS = 8
MAX_STRUCK = 4
MAX_STATE_CHARACTERS = 300


class _Base(TypedDict):
    base: Path | None
    base_files: tuple[str, ...]
    base_tests: tuple[str, ...]


class VerifyStep:
    """Executes tests for one run; what it finds goes into the state as small values, and into the session as a whole."""

    def __init__(self, run: Run, prompt_context: PromptContext) -> None:
        self._run = run
        self._second_look = SecondLook(run, prompt_context)
        self._consensus = Consensus(run, prompt_context)

    async def execute(self, step: StepSpec, state: RunState) -> RunState:
        """Return the state update: the verdict, what is to be written again and by whom, or what is delivered.

        Raises:
            WorkspaceError: a file cannot be written.
        """
        run = self._run
        if not paths_of_role(state, "code"):
            return {
                "verdict": "not_executed",
                "findings": [],
                "targets": [],
                "stop_reason": "there is no code to execute",
            }
        before = state.get("artifacts", {})
        examples = await write_example_tests(run, state)
        state = _with_files(state, examples.written)
        delivered = await asyncio.to_thread(self._deliverable, state, examples.untested)
        evidence = await self._verify(delivered, state)
        tolerant = self._second_look.tolerant(evidence)
        if step.rework is not None and tolerant:
            state = await self._with_tests(state, tolerant, run.workflow.step(step.rework.qa).agent)
            evidence = await self._verify(delivered, state)
        if _is_only_doubted(evidence):
            state, evidence = await self._settle_doubts(step, state, delivered, evidence, examples)
        decision = self._decide(step, state, evidence)
        if not decision.culprits:
            state, evidence = await self._look_further(step, state, delivered, evidence, examples)
        record = await asyncio.to_thread(self._recorded, state, evidence)
        rounds = [*state.get("rounds", []), record]
        written = {path: ref for path, ref in state["artifacts"].items() if before.get(path) != ref}
        update: RunState = {
            "artifacts": written,
            "rounds": rounds,
            "verdict": evidence.verdict,
            "findings": [plain_line(finding.text, limit=MAX_STATE_CHARACTERS) for finding in evidence.findings][
                :MAX_STATE_FINDINGS
            ],
            "stop_reason": record["reason"],
        }
        if decision.culprits and step.rework is not None:
            texts = rework_texts(evidence.findings, decision.culprits, lambda path: read_if_there(run, path))
            update["rework"] = {path: [run.session.store_text(text) for text in words] for path, words in texts.items()}
            update["targets"] = _targets(step.rework.steps(), decision.culprits)
            update["round"] = state.get("round", 0) + 1
            return update
        update["targets"], update["rework"] = [], {}
        best = best_round(rounds)
        update["stop_reason"] = _why(best, decision.stop_reason)
        return {**update, **await self._deliver_best(state, rounds, best)}

    def _deliverable(self, state: RunState, untested: tuple[str, ...]) -> Deliverable:
        run = self._run
        artifacts = state.get("artifacts", {})
        tests = paths_of_role(state, "test")
        return Deliverable(
            folder=run.folder.root,
            files=tuple(sorted(artifacts)),
            code=tuple(self._code(state)),
            tests=tuple(tests),
            language=run.layout.language,
            example_tests=tuple(path for path in tests if artifacts[path]["agent"] == ENGINE_AUTHOR),
            smoke_tests=tuple(
                # What a tiny model expects of code is noise, whoever made a test of it.
                path
                for path in tests
                if run.tier == "tiny" and artifacts[path]["agent"] != ENGINE_AUTHOR
            ),
            untested_examples=tuple(plain_line(text, limit=MAX_STATE_CHARACTERS) for text in untested),
            **self._base(),
        )

    def _base(self) -> _Base:
        """Return the folder that a workflow changes, with what its tests may need; nothing for one that makes all anew."""
        root = self._run.source_folder
        if root is None:
            return _Base(base=None, base_files=(), base_tests=())
        files = files_to_execute(root, max_files=MAX_BASE_FILES, max_bytes=MAX_BASE_BYTES)
        tests = tuple(path for path in files if is_test_file(self._run.layout, path))
        return _Base(base=root, base_files=files, base_tests=tests)

    def _code(self, state: RunState) -> list[str]:
        """Return the code's paths, the main one first."""
        main = self._run.layout.source
        return sorted(paths_of_role(state, "code"), key=lambda path: path != main)

    async def _settle_doubts(
        self, step: StepSpec, state: RunState, delivered: Deliverable, evidence: Evidence, examples: EngineTests
    ) -> tuple[RunState, Evidence]:
        """Look again where only QA's expectations speak against code that meets every example of the task.

        A value that QA derives once more is executed in place of the old one. A compact model derives badly: there the
        tests are struck if a second program agrees with the first one and no value came out as it was.
        """
        run = self._run
        if step.rework is None or run.tier == "tiny":
            return state, evidence
        qa_step = run.workflow.step(step.rework.qa)
        if run.tier == "full":
            texts = self._second_look.corrected(await self._second_look.derive(qa_step, state, evidence))
            state = await self._with_tests(state, texts, qa_step.agent)
            return state, await self._verify(delivered, state) if texts else evidence
        if len(evidence.findings) > MAX_STRUCK:
            return state, evidence
        text = read_if_there(run, delivered.code[0])
        found = await self._second_program(step, state, delivered, text, examples)
        if found is None or not found.agrees:
            return state, evidence
        if found.text != text:
            other, other_evidence = await self._with_program(step, state, delivered, found.text)
            if other_evidence.verdict == "pass":
                return other, confirmed(other_evidence, found)
            return await self._with_code(step, state, delivered.code[0], text), evidence
        derived = await self._second_look.derive(qa_step, state, evidence)
        texts = {} if any(one.confirms for one in derived) else self._second_look.struck(derived)
        if not texts:
            return state, evidence
        state = await self._with_tests(state, texts, qa_step.agent)
        evidence = await self._verify(delivered, state)
        struck = tuple(f"{one.case.id}: {one.case.message}" for one in derived)
        evidence = replace(evidence, struck=struck)
        return state, confirmed(evidence, found) if evidence.verdict == "pass" else evidence

    async def _look_further(
        self, step: StepSpec, state: RunState, delivered: Deliverable, evidence: Evidence, examples: EngineTests
    ) -> tuple[RunState, Evidence]:
        """Have a compact model write further programs: to confirm one that passes, or to replace one that breaks an example."""
        is_open = evidence.verdict == "pass" or (evidence.verdict == "fail" and bool(examples.used))
        if self._run.tier != "compact" or not is_open or evidence.second_program is not None:
            return state, evidence
        path = delivered.code[0]
        text = await asyncio.to_thread(read_if_there, self._run, path)
        first = text if evidence.verdict == "pass" else None
        found = await self._second_program(step, state, delivered, first, examples)
        if found is None:
            return state, evidence
        if found.text != text:
            other, other_evidence = await self._with_program(step, state, delivered, found.text)
            if other_evidence.verdict != "pass":
                state = await self._with_code(step, state, path, text)
                return state, unconfirmed(evidence, found) if evidence.verdict == "pass" else evidence
            state, evidence = other, other_evidence
        return state, confirmed(evidence, found) if found.agrees else unconfirmed(evidence, found)

    async def _second_program(
        self, step: StepSpec, state: RunState, delivered: Deliverable, first: str | None, examples: EngineTests
    ) -> Found | None:
        """Look for programs that agree; None where there is nothing to compare, or nobody to write one."""
        run = self._run
        sandbox, runner = await choose_sandbox(run.deps.settings.execution), runner_for(delivered.all_tests)
        path = delivered.code[0]
        is_one_file = len(delivered.code) == 1 and path.endswith(".py") and delivered.base is None
        if step.rework is None or not is_one_file or runner is None or isinstance(sandbox, NotExecuted):
            return None
        developer = run.workflow.step(step.rework.developer)
        if not run.is_on(developer.agent):
            return None
        inputs = examples if examples.used else await asyncio.to_thread(self._calls_in_tests, delivered, path)
        return await self._consensus.find(
            developer,
            state,
            path,
            first,
            [entry.example for entry in inputs.used],
            inputs.used,
            Means(runner, sandbox, limits_of(run.deps.settings.execution)),
            must_be_met=bool(examples.used),
        )

    async def _with_program(
        self, step: StepSpec, state: RunState, delivered: Deliverable, text: str
    ) -> tuple[RunState, Evidence]:
        """Deliver another program and execute its tests."""
        state = await self._with_code(step, state, delivered.code[0], text)
        return state, await self._verify(delivered, state)

    async def _with_code(self, step: StepSpec, state: RunState, path: str, text: str) -> RunState:
        """Deliver a program, and the tests of the examples as they are for it."""
        developer = self._run.workflow.step(step.rework.developer).agent if step.rework is not None else ""
        ref = await deliver_file(
            self._run, path, text, role="code", author=developer, round_number=state.get("round", 0)
        )
        state = _with_files(state, {path: ref})
        return _with_files(state, (await write_example_tests(self._run, state)).written)

    async def _with_tests(self, state: RunState, texts: Mapping[str, str], author: str) -> RunState:
        round_number = state.get("round", 0)
        for path, text in texts.items():
            ref = await deliver_file(self._run, path, text, role="test", author=author, round_number=round_number)
            state = _with_files(state, {path: ref})
        return state

    def _calls_in_tests(self, delivered: Deliverable, path: str) -> EngineTests:
        """Return the calls that QA's tests make of the code, for their arguments alone."""
        text = read_if_there(self._run, path)
        tests = "\n".join(read_if_there(self._run, test) for test in delivered.tests)
        return EngineTests({}, (), build_example_tests(read_examples(tests).examples, {path: text}).used)

    async def _verify(self, delivered: Deliverable, state: RunState) -> Evidence:
        run = self._run
        sandbox = await choose_sandbox(run.deps.settings.execution)
        runner = runner_for(delivered.all_tests)
        limits = limits_of(self._run.deps.settings.execution)
        rung = "" if isinstance(sandbox, NotExecuted) else sandbox.name
        if runner is not None and not isinstance(sandbox, NotExecuted) and delivered.all_tests:
            started = TestsStarted(**run.stamp(), runner=runner.name, rung=sandbox.name, round=state.get("round", 0))
            run.deps.emit(started)
        evidence = await verify(delivered, runner, sandbox, limits)
        log(
            "INFO",
            "tests executed",
            run_id=run.run_id,
            verdict=evidence.verdict,
            reason=evidence.reason,
            command=" ".join(evidence.suite.command) if evidence.suite is not None else "",
            sandbox=rung,
        )
        return evidence

    def _recorded(self, state: RunState, evidence: Evidence) -> RoundRecord:
        """Keep this round's files and evidence in the session, tell it, and return what the state holds of it."""
        run, round_number = self._run, state.get("round", 0)
        record = {"round": round_number, **evidence_record(evidence)}
        run.deps.emit(TestsRan(**run.stamp(), report=record))
        refs = artifacts_of_role(state, "code", "test")
        tree = {ref["path"]: run.session.store_text(read_if_there(run, ref["path"])) for ref in refs}
        return RoundRecord(
            round=round_number,
            verdict=evidence.verdict,
            reason=plain_line(evidence.reason, limit=MAX_STATE_CHARACTERS),
            examples_green=examples_green(evidence),
            green=evidence.green,
            red=red_digest(evidence),
            files=_files_digest(state),
            tree=run.session.store_text(tree_as_json(tree)),
            evidence=run.session.store_text(json.dumps(record)),
        )

    def _decide(self, step: StepSpec, state: RunState, evidence: Evidence) -> Decision:
        run = self._run
        if step.rework is None:
            return Decision()
        absent: dict[Culprit, str] = {}
        for culprit, target in step.rework.steps().items():
            agent_id = run.workflow.step(target).agent
            if not run.is_on(agent_id):
                absent[culprit] = run.deps.agents[agent_id].title
        return decide(
            evidence,
            seen=[(earlier["red"], earlier["files"]) for earlier in state.get("rounds", [])],
            now=(red_digest(evidence), _files_digest(state)),
            round_number=state.get("round", 0),
            max_rounds=run.deps.settings.team.max_rework_rounds,
            absent=absent,
        )

    async def _deliver_best(self, state: RunState, rounds: list[RoundRecord], best: RoundRecord) -> RunState:
        """Put the files of the best round in their places, if that is not the last one, and say which it was."""
        run = self._run
        last = rounds[-1]
        if best["round"] == last["round"]:
            return {"delivered_round": last["round"]}
        restored = await self._restore(state, best)
        message = f"the files of round {best['round'] + 1} are delivered: in it most tests were green"
        run.deps.emit(Warned(**run.stamp(), message=message, hint=""))
        evidence = json.loads(run.session.read_text(best["evidence"]) or "{}")
        findings = [finding["text"] for finding in evidence.get("findings", [])]
        return {
            "artifacts": restored,
            "delivered_round": best["round"],
            "verdict": best["verdict"],
            "findings": findings[:MAX_STATE_FINDINGS],
        }

    async def _restore(self, state: RunState, best: RoundRecord) -> dict[str, ArtifactRef]:
        run = self._run
        restored: dict[str, ArtifactRef] = {}
        for path, reference in tree_from_json(run.session.read_text(best["tree"])).items():
            ref = state.get("artifacts", {}).get(path)
            text = run.session.read_text(reference)
            if ref is not None and text and text != read_if_there(run, path):
                restored[path] = await deliver_file(
                    run, path, text, role=ref["role"], author=ref["agent"], round_number=best["round"]
                )
        return restored


def _why(best: RoundRecord, stopped: str) -> str:
    """Say what the tests of the delivered round said and, if they are red, why the rework ended."""
    said = f"{best['reason']}; {stopped}" if best["verdict"] == "fail" and stopped else best["reason"]
    return plain_line(said, limit=MAX_STATE_CHARACTERS)


def _is_only_doubted(evidence: Evidence) -> bool:
    return bool(evidence.findings) and all(finding.is_doubtful for finding in evidence.findings)


def _with_files(state: RunState, written: dict[str, ArtifactRef]) -> RunState:
    return {**state, "artifacts": merge_by_key(state.get("artifacts"), written)}


def _files_digest(state: RunState) -> str:
    return files_digest({ref["path"]: ref["sha256"] for ref in artifacts_of_role(state, "code", "test")})


def _targets(steps: Mapping[Culprit, str], culprits: frozenset[Culprit]) -> list[str]:
    """Return the steps to go back to; QA comes after the developer by itself, when its files are to be written again."""
    return [steps["developer"]] if "developer" in culprits else [steps["qa"]]
