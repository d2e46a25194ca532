"""Whole runs whose tests are really executed: what is proven, who works again, and what is delivered in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core import events
from tests.support.team import CODE, EngineHarness, engine_harness

TASK = "Reverse a text"
WRONG = "```python\ndef reverse(text: str) -> str:\n    return text\n```"
CRASH = "```python\ndef reverse(text: str) -> str:\n    return text[::-1] + missing\n```"
BROKEN_TESTS = "```python\nimport reverse_text\nfrom json import nothing_here\n\n\ndef test_r1() -> None:\n    assert reverse_text.reverse('ab') == 'ba'\n```"
VACUOUS = "```python\nimport reverse_text\n\n\ndef test_r1() -> None:\n    assert reverse_text is not None\n```"
GOOD_TESTS = "```python\nfrom {module} import reverse\n\n\ndef test_r1() -> None:\n    assert reverse('ab') == 'ba'\n\n\ndef test_r2() -> None:\n    assert reverse('') == ''\n```"
MISTAKEN = GOOD_TESTS.replace("== 'ba'", "== 'ab'")


def steps(b: EngineHarness) -> list[str]:
    return [event.step for event in b.events.of(events.StepStarted) if event.step in {"build", "test"}]


def verdicts(b: EngineHarness) -> list[str]:
    return [event.report["verdict"] for event in b.events.of(events.TestsRan)]


async def test_a_pass_stands_on_tests_that_ran_and_would_be_red_without_the_code(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"test_file": GOOD_TESTS}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict, outcome.reason) == ("passed", "pass", "")
    assert len(b.events.of(events.TestsStarted)) == len(b.events.of(events.TestsRan)) == 1
    assert outcome.evidence["run"]["counts"] == {"passed": 2}
    assert [(test["id"], test["proves"]) for test in outcome.evidence["tests"]] == [
        ("test_reverse_text.py::test_r1", True),
        ("test_reverse_text.py::test_r2", True),
    ]
    assert "verdict: pass" in b.team.prompts("opinion_of_work")[0]
    assert "VERDICT pass" in b.team.prompts("readme")[0]


async def test_a_red_test_goes_to_the_developer_with_what_it_said(tmp_path: Path) -> None:
    answers = {"code_file": [WRONG, CODE], "test_file": GOOD_TESTS}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, verdicts(b)) == ("passed", ["fail", "pass"])
    assert steps(b) == ["build", "test", "build"]
    again = b.team.prompts("code_file")[1]
    assert "test_reverse_text.py::test_r1: " in again
    assert "assert 'ab' == 'ba'" in again
    assert "return text" in again.partition("CURRENT")[2]


@pytest.mark.parametrize(("broken", "why"), [(BROKEN_TESTS, "nothing_here"), (VACUOUS, "prove nothing")])
async def test_tests_that_cannot_be_collected_or_prove_nothing_go_back_to_qa_alone(
    tmp_path: Path, broken: str, why: str
) -> None:
    async with engine_harness(tmp_path, {"test_file": [broken, GOOD_TESTS]}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "passed"
    assert steps(b) == ["build", "test", "test"]
    assert why in b.team.prompts("test_file")[1].partition("FAILURES")[2]


async def test_tests_that_prove_nothing_never_end_green(tmp_path: Path) -> None:
    more = [VACUOUS.replace("None:", f"None:  # {n}", 1) for n in range(5)]
    async with engine_harness(tmp_path, {"test_file": more}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == ("unverified", "unproven")
    assert "prove nothing" in outcome.reason


async def test_rework_ends_after_the_last_round_and_the_best_round_is_delivered(tmp_path: Path) -> None:
    both_red = WRONG.replace("return text", "return text + '!'")
    answers = {"code_file": [both_red, WRONG, both_red.replace("!", "?")], "test_file": GOOD_TESTS}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto", team__max_rework_rounds=2) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == ("failed", "fail")
    assert verdicts(b) == ["fail", "fail", "fail"]
    assert (outcome.output_dir / "reverse_text.py").read_text() == "def reverse(text: str) -> str:\n    return text\n"
    assert outcome.evidence["delivered_round"] == 1
    assert outcome.reason == f"{outcome.evidence['reason']}; ended after 2 rework rounds"
    assert outcome.evidence["reason"].startswith("1 of 2 tests red")
    assert any("round 2 are delivered" in event.message for event in b.events.of(events.Warned))
    assert "VERDICT fail" in b.team.prompts("readme")[0]


async def test_rework_that_gives_the_same_files_ends_at_once(tmp_path: Path) -> None:
    answers = {"code_file": WRONG, "test_file": GOOD_TESTS}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert "no progress" in outcome.reason
    assert steps(b).count("build") == 2


async def test_an_example_of_the_task_becomes_a_test_that_no_model_wrote(tmp_path: Path) -> None:
    async with engine_harness(tmp_path, {"code_file": [WRONG, CODE]}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(f"{TASK}: reverse('abc') == 'cba'", agents=["developer"])

    assert (outcome.status, verdicts(b)) == ("passed", ["fail", "pass"])
    assert "test_examples.py" in outcome.files
    assert [test["made_from"] for test in outcome.evidence["tests"]] == ["example"]


async def test_a_value_that_only_a_model_expects_is_derived_again_and_executed(tmp_path: Path) -> None:
    answers = {"test_file": MISTAKEN, "derive_value": "'ba'"}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run(f"{TASK}: reverse('abc') == 'cba'")

    assert outcome.status == "passed"
    assert steps(b) == ["build", "test"]
    assert "CALL reverse('ab')" in b.team.prompts("derive_value")[0]
    assert "== 'ba'" in (outcome.output_dir / "test_reverse_text.py").read_text()


async def test_a_value_that_is_derived_as_it_was_speaks_against_the_code(tmp_path: Path) -> None:
    answers = {"code_file": [WRONG, CODE], "test_file": GOOD_TESTS, "derive_value": "'ba'"}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run(f"{TASK}: reverse('aba') == 'aba'")

    assert outcome.status == "passed"
    assert steps(b) == ["build", "test", "build"]


@pytest.mark.parametrize(
    ("agents", "sandbox", "why"),
    [
        (["developer"], "auto", "no tests"),
        (["developer", "qa_engineer"], "off", "QUINTET_SANDBOX is off"),
    ],
)
async def test_what_was_not_executed_is_not_verified(tmp_path: Path, agents: list[str], sandbox: str, why: str) -> None:
    async with engine_harness(tmp_path, execution__sandbox=sandbox) as b:
        outcome = await b.engine.run(TASK, agents=agents)

    assert (outcome.status, outcome.verdict) == ("unverified", "not_executed")
    assert why in outcome.reason
    assert b.events.of(events.TestsStarted) == []


async def test_a_plan_that_was_not_met_is_not_forgotten_when_the_tests_are_green(tmp_path: Path) -> None:
    answers = {
        "file_plan": "reverse_text.py - everything\n../evil.py",
        "code_file": [WRONG, CODE],
        "test_file": GOOD_TESTS,
    }
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == ("failed", "pass")
    assert "the plan was not met: ../evil.py" in outcome.reason


async def test_packaging_runs_again_when_the_dependencies_have_changed(tmp_path: Path) -> None:
    answers = {"code_file": [WRONG, CODE.replace("def", "import packaging\n\n\ndef", 1)], "test_file": GOOD_TESTS}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        await b.engine.run(f"{TASK} with the package packaging")

    worked = [event.step for event in b.events.of(events.StepStarted)]
    assert (worked.count("package"), worked.count("document")) == (2, 1)


PLAN = (
    "shapes/__init__.py - the package\nshapes/square.py - squares\nshapes/circle.py - circles\n"
    "shapes/report.py - a report of areas\nmain.py - prints the report"
)
SHAPES = {
    "code_file:shapes/__init__.py": "```python\nfrom shapes.report import report\n\n__all__ = ['report']\n```",
    "code_file:shapes/square.py": "```python\ndef square(side: float) -> float:\n    return side * side\n```",
    "code_file:shapes/circle.py": [
        "```python\ndef circle(radius: float) -> float:\n    return 3.0 * radius\n```",
        "```python\ndef circle(radius: float) -> float:\n    return 3.0 * radius * radius\n```",
    ],
    "code_file:shapes/report.py": (
        "```python\nfrom shapes.circle import circle\nfrom shapes.square import square\n\n\n"
        "def report(size: float) -> str:\n    total = square(size) + circle(size)\n"
        "    if total < 4 * size:\n        raise ValueError(total)\n    return f'{total:.0f}'\n```"
    ),
    "code_file:main.py": "```python\nfrom shapes import report\n\nif __name__ == '__main__':\n    print(report(2))\n```",
}
SHAPE_TESTS = (
    "```python\nfrom shapes import report\nfrom shapes.circle import circle\nfrom shapes.square import square\n\n\n"
    "def test_r1_square() -> None:\n    assert square(3) == 9\n\n\ndef test_r2_report() -> None:\n    assert report(2) == '16'\n\n\n"
    "def test_r3_circle() -> None:\n    assert circle(2) == 12\n```"
)


async def test_a_planted_bug_in_a_package_is_reworked_and_ends_green(tmp_path: Path) -> None:
    answers = {"file_plan": PLAN, "test_file": SHAPE_TESTS, **SHAPES}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        outcome = await b.engine.run("A package shapes that reports areas")

    assert (outcome.status, verdicts(b)) == ("passed", ["fail", "pass"])
    asked = [asked.path for asked in b.team.asked if asked.job == "code_file"]
    assert asked[5:] == ["shapes/circle.py"]


async def test_a_run_that_is_stopped_while_tests_run_leaves_no_process_and_no_copy(tmp_path: Path) -> None:
    endless = GOOD_TESTS.replace("assert reverse('ab') == 'ba'", "import time\n    time.sleep(600)")
    async with engine_harness(tmp_path, {"test_file": endless}, execution__sandbox="auto") as b:
        running = asyncio.create_task(b.engine.run(TASK))
        await b.events.seen(events.TestsStarted)
        b.engine.cancel_run()
        outcome = await running

    assert outcome.status == "stopped"
    assert b.events.of(events.TestsRan) == []


async def test_tests_that_never_end_are_a_typed_end_and_no_pass(tmp_path: Path) -> None:
    endless = WRONG.replace("return text", "while True:\n        pass")
    answers = {"code_file": endless, "test_file": GOOD_TESTS}
    async with engine_harness(
        tmp_path, answers, execution__sandbox="auto", execution__test_timeout=3, team__max_rework_rounds=0
    ) as b:
        outcome = await b.engine.run(TASK)

    assert (outcome.status, outcome.verdict) == ("failed", "fail")
    assert "did not end within 3 s" in outcome.reason


SLUG = "def slug(text: str) -> str:\n    return text.lower().replace(' ', '_')\n\n\ndef words(text: str) -> list[str]:\n    return text.split()\n"
MENDED = f"```python\n{SLUG.replace('_', '-', 1)}```"
OVERDONE = MENDED.replace("text.split()", "text.split(' ')")
REGRESSION = "```python\nfrom slug import slug\n\n\ndef test_r1() -> None:\n    assert slug('A b') == 'a-b'\n```"
SHOWS_NOTHING = REGRESSION.replace("slug('A b') == 'a-b'", "slug('A') == 'a'")


@pytest.mark.parametrize(
    ("fixes", "tests", "verdicts_told", "worked"),
    [
        ([MENDED], [REGRESSION], ["pass"], ["fix", "regression"]),
        ([MENDED], [SHOWS_NOTHING, REGRESSION], ["unproven", "pass"], ["fix", "regression", "regression"]),
        ([OVERDONE, MENDED], [REGRESSION], ["fail", "pass"], ["fix", "regression", "fix"]),
    ],
)
async def test_a_bug_fix_passes_when_its_test_was_red_before_and_nothing_else_became_red(
    tmp_path: Path, fixes: list[str], tests: list[str], verdicts_told: list[str], worked: list[str]
) -> None:
    answers = {"fix_file": fixes, "regression_file": tests}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto") as b:
        project = tmp_path / "project"
        (project / "slug.py").write_text(SLUG)
        (project / "test_slug.py").write_text(
            "from slug import words\n\n\ndef test_words():\n    assert words('a  b') == ['a', 'b']\n\n\ndef test_red():\n    assert 0\n"
        )
        outcome = await b.engine.run("slug.py puts _ where - belongs", workflow="bugfix")

    assert (outcome.status, verdicts(b)) == ("passed", verdicts_told)
    assert [event.step for event in b.events.of(events.StepStarted) if event.step in {"fix", "regression"}] == worked
    assert outcome.files == ("CHANGES.md", "slug.py", "test_slug_regression.py")
    assert (project / "slug.py").read_text() == SLUG
    assert "1 of the folder's own were red before" in outcome.evidence["reason"]


@pytest.mark.parametrize(
    ("task", "verdict", "status"),
    [
        (TASK, "unproven", "unverified"),
        (f"{TASK}: reverse('ab') == 'ba'", "pass", "passed"),
        (f"{TASK}: reverse('ab') == 'ab'", "fail", "failed"),
    ],
)
async def test_what_a_tiny_model_expects_proves_nothing_and_the_examples_of_the_task_do(
    tmp_path: Path, task: str, verdict: str, status: str
) -> None:
    async with engine_harness(tmp_path, execution__sandbox="auto", team__tier="tiny") as b:
        outcome = await b.engine.run(task)

    assert (outcome.verdict, outcome.status) == (verdict, status), outcome.reason
    assert "test_file" not in b.team.jobs()
    tests = next(path for path in outcome.files if path.startswith("test_") and path != "test_examples.py")
    assert "result = reverse('xyz')" in (Path(outcome.output_dir) / tests).read_text()
    assert "reverse(7)" not in (Path(outcome.output_dir) / tests).read_text()


async def test_a_tiny_model_without_a_fit_proposal_leaves_the_examples(tmp_path: Path) -> None:
    async with engine_harness(
        tmp_path, {"test_inputs": "I cannot."}, execution__sandbox="auto", team__tier="tiny"
    ) as b:
        outcome = await b.engine.run(f"{TASK}: reverse('ab') == 'ba'")

    assert (outcome.verdict, outcome.status) == ("pass", "passed"), outcome.reason


CHAINED = "```python\ndef reverse(text: str) -> str:\n    return ''.join(reversed(text))\n```"
LUCKY = "```python\ndef reverse(text: str) -> str:\n    return text[-1:] + text[1:-1] + text[:1]\n```"
ODD = [
    f"```python\ndef reverse(text: str) -> str:\n    return text[::-1] if len(text) < 4 else '{n}' + text\n```"
    for n in range(5)
]
EXAMPLE_TASK = f"{TASK}: reverse('abc') == 'cba'"
COMPACT = {"execution__sandbox": "auto", "team__tier": "compact"}


@pytest.mark.parametrize(
    ("programs", "status", "delivered"),
    [
        ([CODE, CHAINED], "passed", CODE),
        ([LUCKY, CODE, CHAINED], "passed", CODE),
        ([LUCKY, WRONG, "I cannot.", CODE, CHAINED], "passed", CODE),
        ([LUCKY, *ODD], "unverified", LUCKY),
        ([WRONG, WRONG, CODE, CHAINED], "passed", CODE),
        ([WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG], "failed", WRONG),
        ([WRONG, WRONG, LUCKY, *ODD], "unverified", LUCKY),
    ],
    ids=["confirmed", "replaced", "some are none", "nobody agrees", "found", "none found", "found alone"],
)
async def test_a_compact_model_passes_with_a_program_that_a_second_one_agrees_with(
    tmp_path: Path, programs: list[str], status: str, delivered: str
) -> None:
    async with engine_harness(tmp_path, {"code_file": programs}, **COMPACT) as b:
        outcome = await b.engine.run(EXAMPLE_TASK, agents=["developer"])

    assert outcome.status == status
    assert (outcome.output_dir / "reverse.py").read_text() == delivered.split("```")[1].removeprefix("python\n")
    second = outcome.evidence["second_program"]
    assert (second is not None and second["fraction"] >= 0.95) == (status == "passed")


async def test_calls_in_tests_give_the_inputs_where_the_task_has_no_example(tmp_path: Path) -> None:
    answers = {"code_file": [CODE, CHAINED], "test_file": GOOD_TESTS}
    async with engine_harness(tmp_path, answers, **COMPACT) as b:
        outcome = await b.engine.run(TASK, agents=["developer", "qa_engineer"])

    assert outcome.status == "passed"
    assert "does the same on" in outcome.evidence["reason"]


async def test_two_programs_outvote_what_a_compact_qa_expects(tmp_path: Path) -> None:
    answers = {"code_file": [CODE, CHAINED], "test_file": MISTAKEN, "derive_value": "'bb'"}
    async with engine_harness(tmp_path, {**answers}, **COMPACT) as b:
        b.team.module = "reverse"
        outcome = await b.engine.run(EXAMPLE_TASK, agents=["developer", "qa_engineer"])

    assert outcome.status == "passed", outcome.reason
    assert len(outcome.evidence["struck"]) == 1
    assert "test_r1" not in (outcome.output_dir / "test_reverse.py").read_text()
    assert b.team.jobs().count("derive_value") == 1


async def test_a_value_that_qa_derives_as_it_was_is_not_outvoted(tmp_path: Path) -> None:
    answers = {
        "code_file": [LUCKY, LUCKY, CODE, CHAINED],
        "test_file": GOOD_TESTS.replace("'ab') == 'ba'", "'abcd') == 'dcba'"),
        "derive_value": "'dcba'",
    }
    async with engine_harness(tmp_path, answers, **COMPACT) as b:
        b.team.module = "reverse"
        outcome = await b.engine.run(EXAMPLE_TASK, agents=["developer", "qa_engineer"])

    assert outcome.status == "passed", outcome.reason
    assert outcome.evidence["struck"] == []
    assert "text[::-1]" in (outcome.output_dir / "reverse.py").read_text()


async def test_a_test_that_compares_floats_exactly_is_given_a_tolerance_and_blames_nobody(tmp_path: Path) -> None:
    add = "```python\ndef reverse(text: float) -> float:\n    return text + 0.2\n```"
    exact = GOOD_TESTS.replace("reverse('ab') == 'ba'", "reverse(0.1) == 0.3").replace(
        "reverse('') == ''", "reverse(1.0) == 1.2"
    )
    async with engine_harness(tmp_path, {"code_file": add, "test_file": exact}, execution__sandbox="auto") as b:
        outcome = await b.engine.run(TASK)

    assert outcome.status == "passed", outcome.reason
    assert steps(b) == ["build", "test"]
    assert "pytest.approx(0.3)" in (outcome.output_dir / "test_reverse_text.py").read_text()


async def test_a_tiny_model_whose_code_names_no_types_has_tests_of_calls_that_were_tried(tmp_path: Path) -> None:
    untyped = "```python\ndef reverse(text):\n    return text[::-1]\n```"
    answers = {"code_file": untyped, "test_inputs": "reverse(7)"}
    async with engine_harness(tmp_path, answers, execution__sandbox="auto", team__tier="tiny") as b:
        outcome = await b.engine.run(TASK)

    tests = (outcome.output_dir / "test_reverse_text.py").read_text()
    assert (outcome.status, outcome.verdict) == ("unverified", "unproven"), outcome.reason
    assert "result = reverse('abc')" in tests
    assert "assert isinstance(result, str)" in tests
    assert "reverse(7)" not in tests
