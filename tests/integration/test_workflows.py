"""Whole workflows against a scripted server: who works when, what is handed on, and when it stops."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import WorkspaceError
from core.events import (
    CallQueued,
    FileRejected,
    FileWritten,
    HandOffMade,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TokensReceived,
)
from core.text.redaction import register_secret
from tests.support.events import check_call_contract
from tests.support.fault_server import error, ok, stream, token
from tests.support.team import CODE, DELIVERED, EngineHarness, engine_harness

TASK = "Reverse a text"


def steps(b: EngineHarness) -> list[str]:
    return [event.step for event in b.events.of(StepStarted)]


async def test_delivery_takes_a_task_to_checked_files(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == (DELIVERED, "not_executed")
    assert outcome.files == (
        ".github/workflows/ci.yml",
        "Dockerfile",
        "README.md",
        "brief.md",
        "reverse_text.py",
        "run.sh",
        "test_reverse_text.py",
    )
    assert (
        outcome.output_dir / "reverse_text.py"
    ).read_text() == "def reverse(text: str) -> str:\n    return text[::-1]\n"
    assert steps(b)[:2] == ["brief", "build"]
    assert set(steps(b)[2:4]) == {"test", "package"}
    assert steps(b)[4:] == ["judge", "document"]
    assert len(b.events.of(FileWritten)) == len(outcome.files)
    assert len(b.events.of(RunStarted)) == len(b.events.of(RunFinished)) == 1
    check_call_contract(b.events.events)


LEAKS = {
    "tags": "<think>\nI could write server.py:\n```python\nimport socket\n```\n</think>\n\n{answer}<|im_end|>\n",
    "no beginning": "I could write server.py:\n```python\nimport socket\n```\n</think>\n\n{answer}</s>",
    "channels": "<|channel|>analysis<|message|>server.py - a draft\nVERDICT: FAIL<|end|>"
    "<|start|>assistant<|channel|>final<|message|>{answer}<|return|>",
}


def leaking(b: EngineHarness, form: str) -> Callable[[dict[str, Any]], str]:
    return lambda body: form.format(answer=b.team(body))


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_team_that_leaks_its_thoughts_delivers_what_one_that_does_not_delivers(
    tmp_path: Path, leak: str, is_streamed: bool
) -> None:
    files: list[dict[str, str]] = []
    for form in ("{answer}", leak):
        folder = tmp_path / str(len(files))
        folder.mkdir()
        async with engine_harness(folder, llm__stream_responses=is_streamed) as b:
            b.server.answer_by(leaking(b, form))
            outcome = await b.engine.run(TASK)

        assert outcome.status == DELIVERED
        check_call_contract(b.events.events)
        files.append({name: (outcome.output_dir / name).read_text() for name in outcome.files})

    assert files[0] == files[1]


@pytest.mark.parametrize("answer", ["VERDICT: FAIL", "I cannot decide.", "VERDICT: PASS\nVERDICT: FAIL"])
async def test_an_opinion_without_ground_is_none_and_sends_nobody_back(tmp_path: Path, answer: str) -> None:
    async with engine_harness(tmp_path, {"opinion_of_work": answer}) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == (DELIVERED, "not_executed")
    assert steps(b).count("build") == 1
    assert "no opinion" in next(event.notes for event in b.events.of(StepFinished) if event.step == "judge")


async def test_an_agent_that_is_off_is_skipped_and_the_others_are_told(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        b.engine.toggle("business_analyst", enabled=False)
        outcome = await b.engine.run(TASK)

    assert outcome.status == DELIVERED
    assert "brief.md" not in outcome.files
    skipped = [event.step for event in b.events.of(StepFinished) if event.status == "skipped"]
    assert skipped == ["brief"]
    assert "R1: Reverse a text" in b.team.prompts("code_file")[0]
    assert "Business Analyst" in b.team.prompts("code_file")[0].partition("CURRENT")[2]


async def test_without_a_developer_nothing_is_tested_or_packaged_and_the_run_says_so(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK, agents=["business_analyst", "qa_engineer", "technical_writer"])

    assert outcome.status == "failed"
    assert "there is no code to work on" in outcome.reason
    assert outcome.files == ("README.md", "brief.md")


async def test_switching_a_streaming_agent_off_ends_its_call_and_the_run_goes_on(tmp_path: Path) -> None:
    held = stream(token("```python\ndef half("), then="hold")
    async with engine_harness(tmp_path, {"test_file": held}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.until(lambda: any(event.agent_id == "qa_engineer" for event in b.events.of(TokensReceived)))
        b.engine.toggle("qa_engineer")
        outcome = await running

        await b.server.disconnects(1)
    assert outcome.status == DELIVERED
    assert "README.md" in outcome.files
    assert "test_reverse_text.py" not in outcome.files
    check_call_contract(b.events.events)


async def test_stopping_one_agent_leaves_the_others_at_work(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"ops_file:run.sh": stream(token("```sh\n"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.until(lambda: any(event.agent_id == "devops_engineer" for event in b.events.of(TokensReceived)))
        assert b.engine.cancel_agent("devops_engineer")
        outcome = await running

    assert outcome.status == "failed"
    assert "stopped by the user" in outcome.reason
    assert "test_reverse_text.py" in outcome.files
    assert "README.md" in outcome.files


async def test_cancelling_a_run_ends_it_without_leftovers(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with engine_harness(tmp_path, {"code_file": stream(token("```python\n"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.until(lambda: any("```python" in event.text for event in b.events.of(TokensReceived)))
        assert b.engine.cancel_run()
        outcome = await running
        await b.server.disconnects(1)

        assert outcome.status == "stopped"
        assert outcome.files == b.events.of(RunFinished)[0].files == ("brief.md",)
        assert not b.engine.cancel_run()
        assert b.engine.status().breakers[0].failures == 0
    assert b.events.of(RunFinished)[0].status == "stopped"
    assert asyncio.all_tasks() == before


async def test_leaving_the_engine_ends_the_run_that_is_on(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"brief": stream(token("# B"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.seen(TokensReceived)

    with pytest.raises(asyncio.CancelledError):
        await running
    assert b.events.of(RunFinished)[0].status == "stopped"


async def test_a_model_failure_ends_one_step_and_its_sibling_finishes(tmp_path: Path) -> None:
    refused = error(401, "no such key", type="authentication_error")
    async with engine_harness(tmp_path, {"test_file": refused}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "failed"
    assert "refused" in outcome.reason or "401" in outcome.reason
    assert {"run.sh", "README.md"} <= set(outcome.files)


async def test_a_file_that_does_not_parse_is_asked_for_again_with_the_problem_quoted(tmp_path: Path) -> None:
    answers = {"code_file": "```python\ndef reverse(text:\n```", "repair:reverse_text.py": CODE}
    async with engine_harness(tmp_path, answers) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == DELIVERED
    assert "line 1" in b.team.prompts("repair")[0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("```python\ndef reverse(text:\n```", "line 1"),
        ("I am sorry, I cannot do that.", "no"),
        ("```python\ndef reverse(text):\n    # ... rest of the code\n```", ""),
    ],
)
async def test_a_file_that_is_never_right_is_rejected_and_never_written(tmp_path: Path, answer: str, why: str) -> None:
    async with engine_harness(tmp_path, {"code_file": answer, "repair": answer}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "failed"
    rejected = b.events.of(FileRejected)[0]
    assert rejected.path == "reverse_text.py"
    assert why in rejected.why
    assert not (outcome.output_dir / "reverse_text.py").exists()


@pytest.mark.parametrize(("wanted", "drawn"), [(0.5, [0.5, 0.7]), (1.5, [1.5, 1.5])])
async def test_a_second_draw_is_never_colder_than_the_temperature_of_the_settings(
    tmp_path: Path, wanted: float, drawn: list[float]
) -> None:
    answers = {"code_file": "```python\ndef reverse(\n```", "repair": CODE}
    async with engine_harness(tmp_path, answers, llm__temperature=wanted) as b:
        await b.engine.run(TASK, agents=["developer"])

    asked = [request.body for request in b.server.journal]
    assert [body["temperature"] for body in asked if "PATH reverse_text.py" in body["messages"][1]["content"]] == drawn


async def test_a_timeout_of_the_system_does_not_pass_for_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_text = Path.read_text

    def read_or_time_out(path: Path, encoding: str) -> str:
        if path.parent.name == "texts":
            raise TimeoutError(errno.ETIMEDOUT, "the folder's server does not answer")
        return read_text(path, encoding=encoding)

    async with engine_harness(tmp_path) as b:
        monkeypatch.setattr(Path, "read_text", read_or_time_out)
        outcome = await b.engine.run(TASK, workflow="roundtable")

    assert outcome.status == "failed"
    assert "TASK_TIMEOUT" not in outcome.reason
    assert "internal fault TimeoutError" in outcome.reason


async def test_a_file_with_the_api_key_in_it_is_never_written(tmp_path: Path) -> None:
    register_secret("key-that-is-long-enough")
    answer = "```python\nKEY = 'key-that-is-long-enough'\n```"
    async with engine_harness(tmp_path, {"code_file": answer, "repair": answer}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "failed"
    assert "holds your API key" in b.events.of(FileRejected)[0].why
    assert not (outcome.output_dir / "reverse_text.py").exists()


async def test_a_bug_fix_that_leaves_out_most_of_a_file_is_rejected(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "text.py").write_text("".join(f"def f{n}(text):\n    return text\n" for n in range(6)))
    answer = "```python\ndef f3(text):\n    return text[::-1]\n```"
    async with engine_harness(tmp_path, {"code_file": answer, "repair": answer}) as b:
        outcome = await b.engine.run("f3 in text.py returns its input", workflow="bugfix")

    assert outcome.status == "failed"
    assert "leaves out most of what the file had: f0, f1" in b.events.of(FileRejected)[0].why


async def test_tests_that_import_what_is_not_there_are_asked_for_again(tmp_path: Path) -> None:
    wrong = "```python\nfrom reverse_text import backwards\n\n\ndef test_it() -> None:\n    assert backwards('a') == 'a'\n```"
    right = (
        "```python\nfrom reverse_text import reverse\n\n\ndef test_it() -> None:\n    assert reverse('a') == 'a'\n```"
    )
    async with engine_harness(tmp_path, {"test_file": wrong, "repair:test_reverse_text.py": right}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == DELIVERED
    assert "backwards" in b.team.prompts("repair")[0]


async def test_each_agent_gets_what_its_contract_names_and_no_chat(tmp_path: Path) -> None:
    chatty = "I had a great time thinking!\n\n```python\ndef reverse(text: str) -> str:\n    return text[::-1]\n```\nBye now!"
    async with engine_harness(tmp_path, {"code_file": chatty}) as b:
        await b.engine.run(TASK)

    assert "R1: reverse a text" in b.team.prompts("code_file")[0]
    assert "def reverse(text: str) -> str" in b.team.prompts("test_file")[0]
    assert not [asked for asked in b.team.asked if "great time" in asked.text or "Bye now" in asked.text]
    handed = [(event.from_, event.to) for event in b.events.of(HandOffMade)]
    assert ("business_analyst", "developer") in handed
    assert ("developer", "qa_engineer") in handed


async def test_the_report_of_the_static_checks_and_the_verdict_go_to_different_jobs(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        await b.engine.run(TASK)

    assert "REPORT - reverse_text.py is complete and parses" in b.team.prompts("opinion_of_work")[0]
    assert "VERDICT not_executed: QUINTET_SANDBOX is off" in b.team.prompts("readme")[0]


async def test_words_of_the_user_reach_the_next_prompt_of_the_addressed_agent(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"brief": stream(token("# B"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.seen(TokensReceived)
        assert b.engine.steer("use recursion", "developer")
        assert b.engine.steer("keep it short")
        b.engine.cancel_agent("business_analyst")
        await running

    assert "use recursion" in b.team.prompts("code_file")[0]
    assert "keep it short" in b.team.prompts("code_file")[0]
    assert "use recursion" not in b.team.prompts("readme")[0]
    assert "keep it short" in b.team.prompts("readme")[0]


async def test_a_paused_run_starts_no_step_until_it_is_resumed(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"brief": stream(token("# B"), then="hold")}) as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.seen(TokensReceived)
        b.engine.pause()
        b.engine.cancel_agent("business_analyst")
        await b.events.seen(StepFinished)

        assert b.engine.status().paused
        assert "build" not in steps(b)
        b.engine.resume_run()
        assert (await running).status == "failed"
    assert "build" in steps(b)


async def test_a_round_table_asks_all_five_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    held = stream(token("My view"), gate, token(" is clear."), b"data: [DONE]\n\n")
    async with engine_harness(tmp_path, {"opinion": held}) as b:
        running = asyncio.create_task(b.engine.run("Tabs or spaces?", workflow="roundtable"))
        await b.server.requests(5)
        gate.set()
        outcome = await running

    assert (outcome.status, outcome.verdict) == ("passed", "none")
    assert outcome.files == ("ANSWER.md",)
    assert b.team.prompts("synthesis")[0].count("My view is clear.") == 5


async def test_no_more_agents_work_at_once_than_the_setting_allows(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, team__max_concurrent_agents=1) as b:
        await b.engine.run("Tabs or spaces?", workflow="roundtable")

    working = most = 0
    for event in b.events.events:
        working += isinstance(event, StepStarted)
        working -= isinstance(event, StepFinished)
        most = max(most, working)
    assert most == 1
    assert not [event for event in b.events.of(CallQueued) if event.position > 0]


async def test_a_review_reads_the_folder_and_changes_nothing_in_it(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text("print('hello')\n")
    (project / ".env").write_text("KEY=secret-value-1234\n")
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run("Is this any good?", workflow="review")

    assert (outcome.status, outcome.verdict) == ("passed", "none")
    assert outcome.files == ("REVIEW.md", "review/operations.md", "review/quality.md")
    assert "print('hello')" in b.team.prompts("code_review")[0]
    assert "LEFT .env: " in b.team.prompts("code_review")[0]
    assert "nothing to operate" in b.team.prompts("review_summary")[0]
    assert not [asked for asked in b.team.asked if "secret-value" in asked.text]
    assert sorted(path.name for path in project.iterdir()) == [".env", "app.py"]


async def test_a_bug_fix_works_on_the_file_the_task_names(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "text.py").write_text("def reverse(text):\n    return text\n")
    (project / "other.py").write_text("x = 1\n")
    async with engine_harness(
        tmp_path,
        {
            "regression_file": "```python\nfrom text import reverse\n\n\ndef test_r1():\n    assert reverse('ab') == 'ba'\n```"
        },
    ) as b:
        outcome = await b.engine.run("reverse in text.py returns its input", workflow="bugfix")

    assert outcome.status == DELIVERED
    assert outcome.files == ("CHANGES.md", "test_text.py", "text.py")
    assert "return text" in b.team.prompts("fix_file")[0]
    assert "The slice is wrong" in b.team.prompts("release_note")[0]
    assert (project / "text.py").read_text() == "def reverse(text):\n    return text\n"


async def test_checkpoints_stay_small_whatever_the_task(tmp_path: Path) -> None:
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK + " " + "x" * 100_000)

    assert outcome.status == DELIVERED
    database = tmp_path / "sessions" / outcome.run_id / "checkpoints.sqlite"
    with sqlite3.connect(database) as connection:
        sizes = connection.execute("select max(length(value)) from writes").fetchone()
        count = connection.execute("select count(*) from checkpoints").fetchone()
    connection.close()
    assert sizes[0] < 4_000
    assert count[0] >= 5
    assert database.stat().st_size < 1_000_000


async def test_a_run_that_takes_too_long_ends_with_the_files_it_has(tmp_path: Path) -> None:
    held = stream(token("```python\n"), then="hold")
    async with engine_harness(tmp_path, {"code_file": held}, team__task_timeout=2) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "failed"
    assert "TASK_TIMEOUT" in outcome.reason
    assert outcome.files == ("brief.md",)


async def test_a_folder_with_files_of_others_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README.md").write_text("mine")
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK, output_dir=mine)

    assert outcome.output_dir.parent == mine
    assert (mine / "README.md").read_text() == "mine"
    assert (outcome.output_dir / "README.md").exists()


async def test_a_folder_written_with_a_tilde_is_the_home_folders_and_is_left_alone_too(tmp_path: Path) -> None:
    mine = Path.home() / "mine"
    mine.mkdir()
    (mine / "README.md").write_text("mine")
    async with engine_harness(tmp_path) as b:
        outcome = await b.engine.run(TASK, output_dir=Path("~/mine"))

    assert outcome.output_dir.parent == mine
    assert (mine / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "x" * 300])
async def test_an_output_folder_that_cannot_be_is_one_message(tmp_path: Path, name: str) -> None:
    async with engine_harness(tmp_path) as b:
        with pytest.raises(WorkspaceError) as caught:
            await b.engine.run(TASK, output_dir=Path(name))

    assert "\n" not in str(caught.value)
    assert caught.value.hint


async def test_a_second_run_into_the_same_folder_keeps_what_the_user_has_changed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    async with engine_harness(tmp_path) as b:
        await b.engine.run(TASK, output_dir=target)
        (target / "README.md").write_text("my own words")
        outcome = await b.engine.run(TASK, output_dir=target)

    assert outcome.output_dir == target
    kept = [path.read_text() for path in (target / ".quintet" / "versions").rglob("README.md*")]
    assert "my own words" in kept


async def test_an_opinion_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    answers = {"opinion": [ok("I was just about to", reason="length"), ok(" say that it depends.")]}
    async with engine_harness(tmp_path, answers, team__max_concurrent_agents=1) as b:
        outcome = await b.engine.run("Tabs or spaces?", workflow="roundtable")

    assert (outcome.status, outcome.verdict) == ("passed", "none")
    assert "I was just about to say that it depends." in b.team.prompts("synthesis")[0]


async def test_a_file_that_was_cut_off_and_gone_on_with_is_one_file(tmp_path: Path) -> None:
    half = len(CODE) // 2
    async with engine_harness(tmp_path, {"code_file": [ok(CODE[:half], reason="length"), ok(CODE[half:])]}) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == (DELIVERED, "not_executed")
    written = (outcome.output_dir / "reverse_text.py").read_text(encoding="utf-8")
    assert written.strip() == CODE.removeprefix("```python").removesuffix("```").strip()


async def test_incomplete_text_reaches_no_other_agent(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"opinion": ok("I was just about to", reason="length")}) as b:
        outcome = await b.engine.run("Tabs or spaces?", workflow="roundtable")

    assert outcome.status == "failed"
    assert "cut off" in outcome.reason
    assert not [text for text in b.team.prompts("synthesis") if "just about to" in text]


async def test_an_opinion_of_the_files_that_was_cut_off_is_none(tmp_path: Path) -> None:
    async with engine_harness(
        tmp_path, {"opinion_of_work": ok("VERDICT: FAIL\n- the empty text is", reason="length")}
    ) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == (DELIVERED, "not_executed")
    assert steps(b).count("build") == 1


async def test_a_plan_that_was_cut_off_gives_way_to_the_layout(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"file_plan": ok("reverse_text.py - all\nutil/help.py", reason="length")}) as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == DELIVERED
    assert [path for path in outcome.files if path.endswith(".py")] == ["reverse_text.py", "test_reverse_text.py"]


PROGRAM = CODE.replace("\n```", '\n\n\nif __name__ == "__main__":\n    print(reverse("ab"))\n```')


@pytest.mark.parametrize(
    ("task", "code", "told"),
    [
        ("A tool that can reverse a text", PROGRAM, "PROGRAM reverse_text.py."),
        ("A tool that can reverse a text", CODE, "PROGRAM ."),
        ("A function that can reverse a text", PROGRAM, "PROGRAM ."),
        (TASK, PROGRAM, "PROGRAM ."),
    ],
)
async def test_qa_is_told_what_the_task_wants_to_be_started(tmp_path: Path, task: str, code: str, told: str) -> None:
    async with engine_harness(tmp_path, {"code_file": code}) as b:
        await b.engine.run(task)

    assert told in b.team.prompts("test_file")[0]
