"""What `go test -json` prints, as the documentation of test2json describes it, and what is read from it."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.results import BrokenFile, CaseResult, CodePlace
from core.execution.runners.golang.report import find_tests, read_build_errors, read_cases, read_list, read_output
from core.execution.runners.registry import RUNNERS
from core.execution.sandbox.bubblewrap import Bubblewrap

CODE = ("calc.go",)
TESTS = ("calc_test.go",)
PATHS = find_tests(
    {
        "calc_test.go": "func TestAdd(t *testing.T) {\n}\n\nfunc TestMore(t *testing.T) {}\n// func TestNot\nfunc ExampleAdd() {}\n"
    }
)


def lines(*events: dict[str, object]) -> str:
    return "\n".join(
        json.dumps({"Time": "2026-11-27T20:00:00Z", "Package": "example.com/calc", **each}) for each in events
    )


def ran(name: str, action: str, *printed: str, seconds: float = 0.5) -> list[dict[str, object]]:
    said: list[dict[str, object]] = [{"Action": "output", "Test": name, "Output": f"{each}\n"} for each in printed]
    return [
        {"Action": "run", "Test": name},
        {"Action": "output", "Test": name, "Output": f"=== RUN   {name}\n"},
        *said,
        {"Action": action, "Test": name, "Elapsed": seconds},
    ]


CASES: dict[str, tuple[list[dict[str, object]], CaseResult]] = {
    "passed": (ran("TestAdd", "pass"), CaseResult("calc_test.go::TestAdd", "calc_test.go", "TestAdd", "passed", 0.5)),
    "skipped": (ran("TestAdd", "skip"), CaseResult("calc_test.go::TestAdd", "calc_test.go", "TestAdd", "skipped", 0.5)),
    "a failed comparison": (
        ran("TestAdd", "fail", "    calc_test.go:9: Add(1, 2) = 4, want 3", "--- FAIL: TestAdd (0.00s)"),
        CaseResult("calc_test.go::TestAdd", "calc_test.go", "TestAdd", "failed", 0.5, "Add(1, 2) = 4, want 3"),
    ),
    "one within another": (
        [
            {"Action": "run", "Test": "TestAdd"},
            *ran("TestAdd/zero", "fail", "    calc_test.go:12: got 1", "    --- FAIL: TestAdd/zero (0.00s)"),
            {"Action": "output", "Test": "TestAdd", "Output": "--- FAIL: TestAdd (0.00s)\n"},
            {"Action": "fail", "Test": "TestAdd", "Elapsed": 0.5},
        ],
        CaseResult("calc_test.go::TestAdd", "calc_test.go", "TestAdd", "failed", 0.5, "got 1"),
    ),
    "a panic": (
        ran(
            "TestAdd",
            "fail",
            "--- FAIL: TestAdd (0.00s)",
            "panic: runtime error: index out of range [0] with length 0 [recovered]",
            "goroutine 7 [running]:",
            "example.com/calc.Add(...)",
            "\t/tmp/run/tree/calc.go:12 +0x18",
            "\t/tmp/run/tree/calc_test.go:9 +0x20",
        ),
        CaseResult(
            "calc_test.go::TestAdd",
            "calc_test.go",
            "TestAdd",
            "failed",
            0.5,
            "panic: runtime error: index out of range [0] with length 0 [recovered]",
            place=CodePlace("calc.go", 12),
        ),
    ),
    "the end of the process": (
        [
            {"Action": "run", "Test": "TestAdd"},
            {"Action": "output", "Test": "TestAdd", "Output": "=== RUN   TestAdd\n"},
        ],
        CaseResult(
            "calc_test.go::TestAdd", "calc_test.go", "TestAdd", "error", 0.0, "it ended the whole process of the tests"
        ),
    ),
}


@pytest.mark.parametrize(("events", "wanted"), CASES.values(), ids=CASES.keys())
def test_each_outcome_is_read(events: list[dict[str, object]], wanted: CaseResult) -> None:
    output = f"not JSON\n{lines({'Action': 'start'}, *events, {'Action': 'pass'})}"

    (case,) = read_cases(output, PATHS, CODE)

    assert (case.id, case.path, case.name, case.outcome, case.seconds) == (
        wanted.id,
        wanted.path,
        wanted.name,
        wanted.outcome,
        wanted.seconds,
    )
    assert (case.message, case.place) == (wanted.message, wanted.place)


BUILDS: dict[str, tuple[str, str, BrokenFile]] = {
    "in the code": (
        lines({"Action": "build-output", "Output": "# example.com/calc\n"}, {"Action": "build-output", "Output": "./calc.go:4:9: undefined: nope\n"}),
        "",
        BrokenFile("calc_test.go", "calc.go:4: undefined: nope", place=CodePlace("calc.go", 4)),
    ),
    "in the test": (
        lines({"Action": "build-output", "Output": "./calc_test.go:6:2: undefined: Sub\n"}),
        "",
        BrokenFile("calc_test.go", "calc_test.go:6: undefined: Sub"),
    ),
    "as older versions say it": (
        lines({"Action": "output", "Output": "FAIL\texample.com/calc [build failed]\n"}),
        "# example.com/calc\n./calc.go:4:9: undefined: nope\n",
        BrokenFile("calc_test.go", "calc.go:4: undefined: nope", place=CodePlace("calc.go", 4)),
    ),
    "without a place": ("", "go: cannot find main module\n", BrokenFile("calc_test.go", "go: cannot find main module")),
}  # fmt: skip


@pytest.mark.parametrize(("output", "errors", "wanted"), BUILDS.values(), ids=BUILDS.keys())
def test_what_does_not_compile_is_told(output: str, errors: str, wanted: BrokenFile) -> None:
    broken = read_build_errors(output, errors, TESTS, CODE)

    assert broken is not None
    assert (broken.path, broken.message, broken.place) == (wanted.path, wanted.message, wanted.place)


def test_the_list_names_tests_of_the_top() -> None:
    listed = "TestAdd\nTestMore\nExampleAdd\nok  \texample.com/calc\t0.003s\n"

    assert read_list(listed, PATHS) == ("calc_test.go::TestAdd", "calc_test.go::TestMore", "calc_test.go::ExampleAdd")


def test_the_output_is_what_was_printed() -> None:
    assert (
        read_output(lines({"Action": "output", "Output": "a\x1b[31mb\n"}, {"Action": "output", "Output": "c\n"}))
        == "ab\nc\n"
    )


@pytest.mark.parametrize(
    ("runner", "words", "hint"),
    [("go", "Go is not installed", "go.dev"), ("cargo", "Rust is not installed", "rustup.rs"), ("node", "Node.js is not installed", "nodejs.org"), ("shell", "bash is not installed", "bash")],
)  # fmt: skip
def test_a_missing_tool_is_named_with_what_to_install(
    runner: str, words: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    missing = asyncio.run(RUNNERS[runner].unavailable(Bubblewrap()))

    assert isinstance(missing, NotExecuted)
    assert missing.reason == words
    assert hint in missing.hint
