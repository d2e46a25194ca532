"""A team whose prompts say plainly what is asked, and answers for them: whole workflows against a scripted server.

The prompts are files of a `prompts_dir`, so that the tests of the workflow do not hang on the wording of ours.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.engine import Engine
from core.kinds import RunStatus
from core.settings import Settings, load_config
from tests.support.events import Recorder
from tests.support.fault_server import FaultServer, Step

DELIVERED: RunStatus = "unverified"
"""How a delivery of this team ends when every file was accepted: nothing executes its tests."""

JOBS: Mapping[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "business_analyst": (
        "BA",
        {
            "brief": ("file", "PATH $path TASK $task"),
            "opinion": ("text", "TASK $task"),
            "synthesis": ("file", "PATH $path OPINIONS $opinions"),
        },
    ),
    "developer": (
        "DEV",
        {
            "file_plan": ("list", "TASK $task BRIEF $brief"),
            "code_file": (
                "file",
                "PATH $path REQUIREMENTS $requirements INTERFACES $interfaces FAILURES $failures CURRENT $current PLAN $plan",
            ),
            "fix_file": ("file", "PATH $path ANALYSIS $notes FAILURES $failures CURRENT $current"),
            "opinion": ("text", "TASK $task"),
        },
    ),
    "qa_engineer": (
        "QA",
        {
            "test_file": (
                "file",
                "PATH $path INTERFACES $interfaces REQUIREMENTS $requirements FAILURES $failures PROGRAM $program.",
            ),
            "test_inputs": ("list", "FUNCTION $function"),
            "regression_file": ("file", "PATH $path INTERFACES $interfaces ANALYSIS $notes"),
            "opinion_of_work": ("verdict", "CODE $code TESTS $tests EVIDENCE $evidence REPORT $static_report"),
            "derive_value": ("text", "CALL $call REQUIREMENTS $requirements"),
            "bug_analysis": ("text", "TASK $task LISTING $listing CODE $code"),
            "code_review": ("file", "PATH $path LISTING $listing CODE $code LEFT $left_out DIFF $diff"),
            "opinion": ("text", "TASK $task"),
        },
    ),
    "devops_engineer": (
        "OPS",
        {
            "ops_file": ("file", "PATH $path MANIFEST $manifest RUN $run_command"),
            "ops_review": ("file", "PATH $path LISTING $listing"),
            "opinion": ("text", "TASK $task"),
        },
    ),
    "technical_writer": (
        "DOC",
        {
            "readme": ("file", "PATH $path MANIFEST $manifest VERDICT $verdict"),
            "release_note": ("file", "PATH $path NOTES $notes VERDICT $verdict"),
            "review_summary": ("file", "PATH $path NOTES $notes"),
            "opinion": ("text", "TASK $task"),
        },
    ),
}

CODE = "```python\ndef reverse(text: str) -> str:\n    return text[::-1]\n```"
TESTS = "```python\nfrom {module} import reverse\n\n\ndef test_r1() -> None:\n    assert reverse('ab') == 'ba'\n```"
ANSWERS: Mapping[str, str] = {
    "brief": "# Brief\n\nR1: reverse a text\nR2: keep an empty text\n",
    "file_plan": "{source} - everything",
    "code_file": CODE,
    "test_file": TESTS,
    "fix_file": CODE,
    "regression_file": TESTS,
    "test_inputs": "reverse('xyz')\nreverse(7)",
    "opinion_of_work": "VERDICT: PASS",
    "derive_value": "'ba'",
    "ops_file:run.sh": "```sh\n#!/bin/sh\nexec python {source}\n```",
    "ops_file:Dockerfile": '```dockerfile\nFROM python:3.12-slim\nCOPY . /app\nCMD ["python", "{source}"]\n```',
    "ops_file:.github/workflows/ci.yml": (
        "```yaml\nname: ci\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ok\n```"
    ),
    "readme": "# Reverse\n\nReverses a text. Run it with python.\n",
    "opinion": "My view is that it depends.",
    "synthesis": "# Answer\n\nIt depends, all five agree on that.\n",
    "bug_analysis": "The slice is wrong in the first line.",
    "code_review": "# Quality\n\nThe code is short and clear enough.\n",
    "ops_review": "# Operations\n\nThere is nothing to operate here yet.\n",
    "review_summary": "# Review\n\nGood overall, with nothing to operate.\n",
    "release_note": "# Changes\n\nThe slice has been corrected in this release.\n",
}


def write_team(folder: Path) -> Path:
    """Write the five agents into `folder` and return it, for use as prompts_dir."""
    (folder / "agents").mkdir(parents=True)
    for order, (agent_id, (short, jobs)) in enumerate(JOBS.items(), start=1):
        agent = {
            "id": agent_id,
            "title": agent_id.replace("_", " ").title(),
            "short": short,
            "order": order,
            "system": {"full": f"AGENT {agent_id}", "tiny": f"AGENT {agent_id}"},
            "jobs": {name: {"output": output, "full": f"JOB {name} {text}"} for name, (output, text) in jobs.items()},
        }
        (folder / "agents" / f"{agent_id}.yaml").write_text(yaml.safe_dump(agent, sort_keys=False), encoding="utf-8")
    common = {
        "repair": {"full": "JOB repair PATH $path PROBLEM $problem", "tiny": "JOB repair PATH $path PROBLEM $problem"}
    }
    (folder / "common.yaml").write_text(yaml.safe_dump(common), encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class ReceivedPrompt:
    """One prompt, as the server saw it."""

    agent: str
    job: str
    path: str
    text: str


@dataclass(slots=True)
class ScriptedTeam:
    """Answers by job, or by "job:path"; a list is used up answer by answer and then stays at its last one."""

    answers: dict[str, str | Step | Sequence[str | Step]] = field(default_factory=dict)
    asked: list[ReceivedPrompt] = field(default_factory=list)
    module: str = "reverse_text"
    _used: dict[str, int] = field(default_factory=dict)

    def __call__(self, body: dict[str, Any]) -> str | Step:  # JSON values
        asked = _read_prompt(body)
        self.asked.append(asked)
        script: Mapping[str, str | Step | Sequence[str | Step]] = {**ANSWERS, **self.answers}
        key = f"{asked.job}:{asked.path}" if f"{asked.job}:{asked.path}" in script else asked.job
        answer = script[key]
        if not isinstance(answer, str | Step):
            place = self._used.get(key, 0)
            self._used[key] = place + 1
            answer = answer[min(place, len(answer) - 1)]
        if isinstance(answer, Step):
            return answer
        return answer.replace("{module}", self.module).replace("{source}", f"{self.module}.py")

    def jobs(self) -> list[str]:
        """Return the jobs in the order in which they were asked."""
        return [asked.job for asked in self.asked]

    def prompts(self, job: str) -> list[str]:
        """Return the prompts of one job."""
        return [asked.text for asked in self.asked if asked.job == job]


def _read_prompt(body: dict[str, Any]) -> ReceivedPrompt:  # JSON values
    system = next(message["content"] for message in body["messages"] if message["role"] == "system")
    words = [message["content"] for message in body["messages"] if message["role"] == "user"]
    # The last words of the user may only ask to go on with an answer that was cut off.
    text = next((content for content in reversed(words) if "JOB" in content), words[-1])
    job = re.search(r"JOB (\w+)", text)
    path = re.search(r"PATH (\S+)", text)
    return ReceivedPrompt(system.removeprefix("AGENT "), job[1] if job else "", path[1] if path else "", text)


@dataclass(slots=True)
class EngineHarness:
    """An engine on a scripted server, with everything that happens recorded."""

    engine: Engine
    server: FaultServer
    team: ScriptedTeam
    events: Recorder
    folder: Path


def team_settings(folder: Path, base_url: str, **overrides: object) -> Settings:
    """Return settings of a fast, patient team on the server; nothing of the machine's own configuration is read."""
    (folder / "project").mkdir(parents=True, exist_ok=True)
    return load_config(
        overrides={
            "llm.base_url": base_url,
            "llm.model": "test-model",
            "llm.retry_initial_delay": 0.01,
            "llm.retry_max_delay": 0.02,
            "team.prompts_dir": folder / "team",
            "execution.sandbox": "off",  # executing tests takes a second a run; those that are about it turn it on
            "workspace.dir": folder / "project",
            "workspace.output_dir": folder / "output",
            **overrides,
        },
        cwd=folder,
        env={},
        user_config=folder / "no-config.toml",
    )


@asynccontextmanager
async def engine_harness(
    folder: Path, answers: Mapping[str, str | Step | Sequence[str | Step]] | None = None, **overrides: object
) -> AsyncIterator[EngineHarness]:
    """Yield an engine whose team is answered by a script; `overrides` are settings, with `__` for the dot."""
    write_team(folder / "team")
    (folder / "project").mkdir(exist_ok=True)
    team = ScriptedTeam(dict(answers or {}))
    events = Recorder()
    async with FaultServer() as server:
        server.answer_by(team)
        dotted = {name.replace("__", "."): value for name, value in overrides.items()}
        settings = team_settings(folder, server.base_url, **dotted)
        async with Engine(settings, emit=events, sessions_folder=folder / "sessions") as engine:
            yield EngineHarness(engine, server, team, events, folder)
