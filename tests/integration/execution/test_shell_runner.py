"""Shell scripts as tests, in the real sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.execution.results import CodePlace
from core.execution.sandbox.bubblewrap import find_bwrap
from core.execution.sandbox.command import Limits
from tests.support.delivered_trees import run_tests, verified

pytestmark = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

COUNT = '#!/usr/bin/env bash\n[ -n "$1" ] || { echo "usage: count.sh FILE" >&2; exit 2; }\nwc -l < "$1" | tr -d " "\n'
COUNTED = 'printf "a\\nb\\n" > f.txt\nwanted="$(bash count.sh f.txt)"\n[ "$wanted" = 2 ] || { echo "wanted 2, got $wanted"; exit 1; }\n'
FUNCTIONS = 'test_lines() {\n  printf "a\\nb\\n" > f.txt\n  [ "$(bash count.sh f.txt)" = 2 ]\n}\n\ntest_usage() {\n  ! bash count.sh 2> /dev/null\n}\n'


def test_a_script_is_one_test(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"count.sh": COUNT}, {"test_count.sh": COUNTED})

    assert suite.is_green, suite
    assert suite.collected == ("test_count.sh::script",)


def test_functions_of_a_script_are_its_tests(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"count.sh": COUNT}, {"test_count.sh": FUNCTIONS})

    assert suite.is_green, suite
    assert suite.collected == ("test_count.sh::test_lines", "test_count.sh::test_usage")


def test_a_script_that_calls_its_functions_is_one_test(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"count.sh": COUNT}, {"test_count.sh": f"{FUNCTIONS}\ntest_lines && test_usage\n"})

    assert suite.is_green, suite
    assert suite.collected == ("test_count.sh::script",)


RED = {
    "an assertion": ('[ "$(bash count.sh f.txt)" = 3 ] || { echo "wanted 3"; exit 1; }\n', "exit code 1: wanted 3"),
    "a command that is not there": ("no_such_command\n", "no_such_command: command not found"),
    "a first failure in a function": ("test_x() {\n  false\n  true\n}\n", "exit code 1"),
    "its own death": ("kill -9 $$\n", "ended by a signal"),
    "no syntax": ("if true; then\n", "syntax error"),
}


@pytest.mark.parametrize(("test", "says"), RED.values(), ids=RED.keys())
def test_what_is_red_says_why(test: str, says: str, tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"count.sh": COUNT, "f.txt": "x\n"}, {"test_x.sh": test})

    assert not suite.is_green
    assert says in " ".join([*(case.message for case in suite.cases), *(broken.message for broken in suite.broken)])


def test_the_line_of_the_code_is_told(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"tool.sh": "echo a\nno_such_command\n"}, {"test_x.sh": "bash tool.sh\n"})

    assert [case.place for case in suite.cases] == [CodePlace("tool.sh", 2)]


def test_a_script_that_never_ends_is_ended(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"tool.sh": ":\n"}, {"test_x.sh": "sleep 600\n"}, Limits(wall_seconds=2.0))

    assert suite.end == "wall_time"
    assert not suite.is_green


def test_a_script_that_changes_the_code_is_not_green(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"tool.sh": ":\n"}, {"test_x.sh": "echo : > tool.sh; echo : >> tool.sh\n"})

    assert "changed or deleted delivered files: tool.sh" in suite.disagreement


def test_functions_that_others_read_are_hollow_too(tmp_path: Path) -> None:
    code = {"lib.sh": "LIMIT=3\ndouble() {\n  echo $(( $1 * 2 ))\n}\nis_even() { [ $(( $1 % 2 )) = 0 ]; }\n"}
    test = (
        '. ./lib.sh\ntest_double() { [ "$(double 2)" = 4 ]; }\ntest_odd() { ! is_even 3; }\ntest_even() { is_even 2; }\n'
        "test_called() { double 2 || true; }\ntest_constant() { [ $LIMIT = 3 ]; }\n"
    )

    evidence = verified(tmp_path, code, {"test_lib.sh": test})

    assert evidence.verdict == "pass", evidence
    assert {case_id.partition("::")[2] for case_id in evidence.proving} == {"test_double"}


def test_a_script_is_judged(tmp_path: Path) -> None:
    evidence = verified(
        tmp_path, {"count.sh": COUNT}, {"test_count.sh": COUNTED, "test_runs.sh": "touch f.txt\nbash count.sh f.txt\n"}
    )

    assert evidence.verdict == "pass", evidence
    assert evidence.proving == ("test_count.sh::script",)
    assert evidence.vacuous == ("test_runs.sh::script",)
