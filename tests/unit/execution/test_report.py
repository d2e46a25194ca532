"""The report of a run says what was proven by what, and is only text whatever a model has written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.execution.evidence.record import evidence_record
from core.execution.evidence.report import ReportedFile, RunFacts, Spending, requirement_of, run_report
from core.execution.evidence.report_markdown import REPORT_HEAD, VERDICT_SENTENCES, report_markdown
from core.kinds import VerdictValue
from tests.support.evidence import FAIL, NOT_EXECUTED, PASS, TEST_FILE, UNPROVEN, evidence

FACTS = RunFacts(
    run_id="20261127-r",
    task="Write a function that reverses a string",
    workflow="delivery",
    model="test-model",
    status="passed",
    verdict="pass",
    reason="",
    duration_seconds=12.34,
    evidence=PASS,
    requirements=(("R1", "reverses"), ("R2", "keeps the empty text"), ("R3", "refuses a number")),
    files=(
        ReportedFile("reverse.py", "code", "developer", 0, 120, tokens=70, cost="$0.0010"),
        ReportedFile(TEST_FILE, "test", "qa_engineer", 0, 240, tokens=90, cost="$0.0020"),
        ReportedFile("run.sh", "ops", "devops_engineer", 0, 30),
    ),
    tested_code={TEST_FILE: ("reverse.py",)},
    left_out=(("setup.py", "outside the output folder"),),
    spending=(Spending("developer", 100, "$0.0010"), Spending("qa_engineer", 120, "local")),
    tools={"quintet": "1.0", "Python": "3.11"},
    run_command="python reverse.py",
    test_command="python -m pytest",
)


def rows(facts: RunFacts) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in run_report(facts)["requirements"]}


@pytest.mark.parametrize(
    ("name", "requirement"),
    [
        ("test_r1_reverses", "R1"),
        ("test_r12_more[a-b]", "R12"),
        ("TestR2::test_x", None),
        ("R2: keeps the empty text", "R2"),
        ("test_r1_2_part", "R1.2"),
        ("test_r2_2_things", "R2"),
        ("test_r1.2", "R1.2"),
        ("test_r9_unknown", None),
        ("test_for1_x", None),
        ("test_error2", None),
        ("", None),
    ],
)
def test_a_test_says_in_its_name_which_requirement_it_is_for(name: str, requirement: str | None) -> None:
    assert requirement_of(name, ("R1", "R1.2", "R2", "R12")) == requirement


def test_a_requirement_leads_to_its_files_tests_result_and_cost() -> None:
    assert rows(FACTS)["R1"] == {
        "id": "R1",
        "text": "reverses",
        "files": ["reverse.py"],
        "tests": [{"id": f"{TEST_FILE}::test_r1_reverses", "outcome": "passed", "proves": True}],
        "result": "proven",
        "tokens": 160,
        "cost": "$0.0010, $0.0020",
    }


@pytest.mark.parametrize(
    ("record", "requirement", "result"),
    [
        (PASS, "R2", "proven"),
        (FAIL, "R2", "failing"),
        (FAIL, "R1", "proven"),
        (UNPROVEN, "R1", "not proven"),
        (NOT_EXECUTED, "R1", "not executed"),
        ({}, "R1", "not executed"),
        (evidence_record(evidence(names=("test_r1_a",))), "R2", "no test"),
        (evidence_record(evidence(names=("test_r1_a",), examples=(f"{TEST_FILE}::test_r1_a",))), "R1", "no test"),
    ],
)
def test_a_requirement_is_proven_only_by_a_test_that_would_notice(
    record: dict[str, Any], requirement: str, result: str
) -> None:
    assert rows(replace(FACTS, evidence=record))[requirement]["result"] == result


def test_what_was_not_executed_is_told_with_what_to_do() -> None:
    report = run_report(replace(FACTS, verdict="not_executed", status="unverified", evidence=NOT_EXECUTED))

    assert report["not_executed"][0] == {
        "what": "the tests",
        "why": "no sandbox works here",
        "hint": "install bubblewrap, or set QUINTET_SANDBOX",
    }
    assert report["not_executed"][-1]["what"] == "run.sh"


def test_the_page_for_people_says_the_same() -> None:
    rounds = [
        {"round": 0, "verdict": "fail", "reason": "1 red", "green": 2, "at_fault": ["developer"]},
        {"round": 1, "verdict": "pass", "reason": "3 green", "green": 3, "at_fault": []},
    ]
    more = {
        "rounds": rounds,
        "delivered_round": 1,
        "opinion": {"value": "pass", "findings": ["looks good"]},
    }

    page = report_markdown(run_report(replace(FACTS, evidence={**PASS, **more})))

    assert page.startswith(f"{REPORT_HEAD}\n# passed: The tests were executed")
    for line in (
        "    Write a function that reverses a string",
        "- Delivered: the files of round 2",
        f"| R1 reverses | `reverse.py` | `{TEST_FILE}::test_r1_reverses` passed | proven | 160 | $0.0010, $0.0020 |",
        "| 1 | fail | 2 | 1 red | developer |  |",
        "| 2 | pass | 3 | 3 green | - | yes |",
        "QA thinks: pass. This is the opinion of a model; it decided nothing.",
        f"- As delivered: `python -m pytest -q {TEST_FILE}`",
        "- `setup.py`: outside the output folder",
        "    python -m pytest",
    ):
        assert line in page.splitlines(), line
    assert "in the sandbox bubblewrap, 0.8 s; limits: wall" in page


@pytest.mark.parametrize("verdict", get_args(VerdictValue))
def test_every_verdict_has_a_sentence(verdict: VerdictValue) -> None:
    assert VERDICT_SENTENCES[verdict] in report_markdown(run_report(replace(FACTS, verdict=verdict, evidence={})))


HOSTILE = "\x1b[31m# x\n| a | <script>alert(1)</script> [l](http://e.com) ![i](x) `c` www.e.com a@e.com **b**\u202e"


def test_what_a_model_writes_is_no_markup_and_steers_no_terminal() -> None:
    record = evidence_record(evidence("fail", HOSTILE, red=("test_r2_empty",)))
    for test in record["tests"]:
        test.update(name=HOSTILE, id=HOSTILE, message=HOSTILE)
    record |= {"opinion": {"value": "fail", "findings": [HOSTILE]}, "untested_examples": [HOSTILE], "hint": HOSTILE}
    facts = replace(
        FACTS,
        evidence=record,
        task=HOSTILE,
        reason=HOSTILE,
        requirements=(("R1", HOSTILE),),
        left_out=((HOSTILE, HOSTILE),),
        files=(ReportedFile(HOSTILE, "code", HOSTILE, 0, 1),),
    )

    page = report_markdown(run_report(facts))

    assert "\x1b" not in page
    assert "\u202e" not in page
    shown = MarkdownIt("commonmark").enable("table").render(page)
    for markup in ("<script", "<a ", "<img", "<strong>b", "<h1>x"):
        assert markup not in shown
    outside_code = re.sub(r"^    .*$|(?<!\\)`[^`]*`", "", page, flags=re.MULTILINE)
    assert not re.search(r"(?:[a-z]://|www\.|a@)e", outside_code)  # some viewers make links of these
    assert shown.count("<table>") == 4


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_page_and_values_that_are_json(text: str, other: str) -> None:
    record = evidence_record(evidence("fail", text, red=("test_r2_empty",), untested_examples=(other,)))
    facts = replace(FACTS, evidence=record, task=text, reason=other, requirements=(("R1", other),))

    report = run_report(facts)

    assert json.loads(json.dumps(report)) == report
    assert report_markdown(report).endswith("\n")
