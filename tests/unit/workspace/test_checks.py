"""Every kind of file: what passes, and the line a problem is reported on."""

from __future__ import annotations

import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace.checks.file_check import check_file
from core.workspace.checks.ops_files import check_quotes

WORKFLOW = """\
name: ci
on: [push]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pytest
"""

GOOD = [
    ("a.py", "x: int = 1\n"),
    ("a.py", "import re\nre.compile('\\d')\nx = 1 is 1\n"),
    ("pkg/__init__.py", ""),
    ("py.typed", ""),
    ("a.json", '{"a": [1, null]}'),
    ("a.yaml", "a: !Ref b\n---\nb: 1\n"),
    ("a.toml", '[a]\nb = "c"\n'),
    ("Dockerfile", 'FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nCMD ["python", "app.py"]\n'),
    ("Dockerfile", "# syntax=docker/dockerfile:1\nARG TAG=3.11\nFROM --platform=linux/amd64 python:$TAG AS base\nUSER app\n"),
    ("Dockerfile", "FROM a\nRUN a && \\\n    # a comment inside\n    b\n\nUSER app\n"),
    ("Dockerfile", "FROM a\nRUN <<EOF\nWHATEVER this is\nEOF\nCOPY <<-A <<'B' /x/\n\tone\n\tA\ntwo\nB\nEXPOSE 80\n"),
    ("Dockerfile", 'FROM a\nRUN [ -f x ] && echo y\nENTRYPOINT python "x.py"\n'),
    ("dockerfile.py", "x = 1\n"),
    ("Dockerfile.dev", "FROM a\nRUN b\n"),
    ("dev.dockerfile", "from a\nrun b\n"),
    ("run.sh", "#!/bin/bash\nif true; then\n  echo \"it's\"\nfi\ncat <<EOF\n'\nEOF\n"),
    ("script", "#!/usr/bin/env bash\necho hi\n"),
    (".github/workflows/ci.yml", WORKFLOW),
    (".github/workflows/ci.yml", "on:\n  push:\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1\n"),
    ("README.md", "# Title\n\nThis is a sentence.\n"),
    ("style.css", "p { color: red }\n"),
    ("notes", "words\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_a_good_file_has_no_problem(path: str, text: str) -> None:
    assert check_file(path, text) is None


BAD = [
    ("a.py", "x = 1\ndef f(:\n", "line 2: "),
    ("a.py", "x = 1\nreturn x\n", "line 2: 'return' outside function"),
    ("a.py", "x = '''abc\n", "line 1: unterminated"),
    ("a.py", "x = 1\n\0\n", "line 2: there is a null byte"),
    ("a.py", "", "line 1: the file is empty"),
    ("a.py", f"{'(' * 2000}{')' * 2000}", "line 1: "),
    ("a.json", '{"a": 1,\n}', "line 2: "),
    ("a.json", "{'a': 1}", "line 1: "),
    ("a.json", '{"a": NaN}', "line 1: NaN is no JSON value"),
    ("a.json", "[" * 100_000, "line 1: "),
    ("a.yaml", "a: b\n c: d\n", "line 2: "),
    ("a.yaml", "a: [1\n", "line 2: "),
    ("a.yaml", "a: \x07\n", "line 1: "),
    ("a.toml", "a = 1\nb = \n", "line 2: "),
    ("a.toml", "a = '''x\n", "line 1: "),
    ("Dockerfile", "FROM a\nINSTALL b\n", "line 2: unknown instruction 'INSTALL'"),
    ("Dockerfile", "RUN a\nFROM b\n", "line 1: RUN comes before FROM"),
    ("Dockerfile", "# nothing\n", "line 1: there is no FROM"),
    ("Dockerfile", "FROM a\n", "line 1: there is nothing after FROM"),
    ("Dockerfile", "FROM a b c\nRUN x\n", "line 1: FROM takes one image"),
    ("Dockerfile", "FROM a\nRUN b \\\n", "line 2: the last line continues into nothing"),
    ("Dockerfile", "FROM a\nRUN <<EOF\nb\n", "line 2: the here-document EOF is never closed"),
    ("Dockerfile", "FROM a\nCMD ['x']\n", "line 2: CMD is not a JSON list"),
    ("Dockerfile", "FROM a\nCOPY b\n", "line 2: COPY needs a source and a destination"),
    ("Dockerfile", "FROM a\nRUN\n", "line 2: RUN has no arguments"),
    ("Dockerfile", "Here is your Dockerfile\nFROM a\n", "line 1: unknown instruction 'HERE'"),
    (".github/workflows/ci.yml", "on: push\n", "line 1: the workflow has no jobs"),
    (".github/workflows/ci.yml", WORKFLOW.replace("on: [push]\n", ""), "line 1: the workflow has no key on"),
    (
        ".github/workflows/ci.yml",
        WORKFLOW.replace("    runs-on: ubuntu-latest\n", ""),
        "line 5: the job test has no runs-on",
    ),
    (
        ".github/workflows/ci.yml",
        WORKFLOW.replace("- run: pytest", "- name: x"),
        "line 8: a step of the job test has neither",
    ),
    (".github/workflows/ci.yml", "- a\n", "line 1: a workflow is a mapping"),
    ("README.md", "# Title\n", "line 1: the document has no sentence"),
    ("README.md", " \n", "line 1: the file is empty"),
    ("x.css", "\n\n", "line 1: the file is empty"),
    ("x.bin", "a\n\nb\0", "line 3: there is a null byte"),
]


@pytest.mark.parametrize(("path", "text", "problem"), BAD)
def test_a_problem_is_one_line_with_its_place(path: str, text: str, problem: str) -> None:
    found = check_file(path, text)

    assert found is not None
    assert found.startswith(problem)
    assert "\n" not in found
    assert len(found) <= 300


@pytest.mark.parametrize(
    ("text", "line"),
    [("if true; then\n  echo hi\n", 3), ("echo hi\necho 'x\n", 2), ("case x in\n", 2), ("cat <<EOF\nx\n", 1)],
)
def test_a_broken_shell_script_is_found_by_bash(text: str, line: int) -> None:
    found = check_file("run.sh", text)

    assert found is not None
    assert abs(int(found.split(":")[0].removeprefix("line ")) - line) <= 1  # bash versions differ by one at the end


def test_a_shell_script_is_parsed_and_never_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    trace = tmp_path_factory.mktemp("shell") / "ran"

    assert check_file("run.sh", f"touch {trace}\n$(touch {trace})\n") is None
    assert not trace.exists()


def test_a_shell_script_cannot_name_a_file_for_bash_to_run(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("shell")
    (folder / "env.sh").write_text(f"set +n; touch {folder}/ran\n")
    monkeypatch.setenv("BASH_ENV", str(folder / "env.sh"))

    check_file("run.sh", "echo hi\n")

    assert not (folder / "ran").exists()


def test_without_bash_the_quotes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert check_file("run.sh", "echo 'a\n") == "line 1: a ' is never closed"
    assert check_file("run.sh", "if true\n") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo 'a' \"b\"\n# it's a comment\n", None),
        ("echo it\\'s\n", None),
        ('echo "it\'s"\n', None),
        ("a\nb 'c\nd\n", "line 2: a ' is never closed"),
        ('a \\\nb "c\n', 'line 2: a " is never closed'),
    ],
)
def test_quotes_outside_comments_are_counted(text: str, problem: str | None) -> None:
    assert check_quotes(text) == problem


def test_warnings_of_the_checked_code_do_not_leak(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert check_file("a.py", "x = '\\d'\nassert (1, 'x')\n") is None

    assert capfd.readouterr().err == ""


def test_pyyaml_is_imported_only_for_yaml() -> None:
    import subprocess

    code = "import sys; import core.workspace.answers.reader, core.workspace.files.folder; print('yaml' in sys.modules, 'psutil' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert out.stdout.strip() == "False False"


@given(
    path=st.sampled_from(
        ["a.py", "a.json", "a.yaml", "a.toml", "Dockerfile", "a.md", ".github/workflows/a.yml", "a.css"]
    ),
    text=st.text(max_size=200)
    | st.lists(st.sampled_from(["FROM a", "RUN <<E", "E", "\\", "a: b", "- c", "[x]", "{", "'"])).map("\n".join),
)
def test_no_text_breaks_a_check(path: str, text: str) -> None:
    problem = check_file(path, text)

    assert problem is None or problem.startswith("line ")


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("a.test.mjs", "from a import *\n\n\ndef test_r1():\n    assert f()\n", "line 1: this is Python"),
        ("src/main.rs", "# Computes\n\ndef factorial(n: int): int =\n", "line 3: this is Python"),
        ("MainTest.java", "async def f():\n    pass\n", "line 1: this is Python"),
        ("main.go", "func main() {}\n", "line 1: a Go file needs a package clause"),
        ("main.go", "// Package main prints.\npackage main\n\nfunc main() {}\n", None),
        ("a.mjs", "import { readFile } from 'node:fs';\nconst def = (x) => x;\n", None),
        ("a.ts", "// def f(): said in a comment\nexport const text = `\ndef f():\n`;\n", None),
        ("a.php", "<?php\nfunction f() {}\n", None),
        ("test_a.rb", "from a import *\n\ndef test_r1():\n    assert f()\n", "line 1: this is Python"),
        ("a.rb", "def f(x)\n  x\nend\n", None),
        ("lib.rs", "#![allow(dead_code)]\nfn f() {}\n", None),
    ],
)
def test_python_does_not_pass_for_another_language(path: str, text: str, problem: str | None) -> None:
    found = check_file(path, text)

    assert found is None if problem is None else (found or "").startswith(problem)


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        (
            "README.md",
            "Call the program.\nIt is \x1b[31mred\x1b[0m.\n",
            "line 2: there is the control character U+001B",
        ),
        ("a.py", "x = '\x9b31m'\n", "line 1: there is the control character U+009B"),
        ("a.py", "x = 1  # \u202e } if admin {\n", "line 1: there is the bidirectional control U+202E"),
        ("a.js", "const a\u3164 = 1\n", "line 1: there is the invisible character U+3164"),
        ("a.go", "package a\n\nvar x\u200b = 1\n", "line 3: there is the invisible character U+200B"),
        ("a.py", "x = 'admin\u200d'\n", "line 1: there is the invisible character U+200D"),
        ("a.html", "<p>a\U000e0041</p>\n", "line 1: there is the invisible character U+E0041"),
        ("a.rs", "fn main() {} // \u2067\n", "line 1: there is the bidirectional control U+2067"),
        ("a.ts", "let level = '\u061c'\n", "line 1: there is the bidirectional control U+061C"),
        ("README.md", "Das ist \u2067abc\u2069 als Text.\n", None),
        ("a.py", "x = '\\x1b[31m'\n\x0c\ny = 'a\tb'\r\n", None),
    ],
)
def test_no_file_holds_characters_that_steer_a_terminal(path: str, text: str, problem: str | None) -> None:
    found = check_file(path, text)

    assert found is None if problem is None else (found or "").startswith(problem)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "x = '\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f467'\n"),
        ("a.md", "# Title\n\nA \u202equoted\u202c order of words.\n"),
        ("a.csv", "\u200f\u05d0,1\n"),
    ],
)
def test_what_a_script_or_a_document_needs_is_taken(path: str, text: str) -> None:
    assert check_file(path, text) is None


@pytest.mark.parametrize(
    "sentence", ["将姓名列表排序。", "使い方を書く", "โปรแกรมนี้เรียงชื่อ", "ពិពណ៌នាកម្មវិធី", "ဤပရိုဂရမ်", "이름 목록을 정렬한다"]
)
def test_a_sentence_without_spaces_makes_a_document(sentence: str) -> None:
    assert check_file("README.md", f"# 说明\n\n{sentence}\n") is None


@pytest.mark.parametrize("text", ["# 说明\n", "# 说明\n\n好\n", "# Title\n\nok\n"])
def test_a_heading_alone_makes_none_in_any_script(text: str) -> None:
    assert check_file("README.md", text) == "line 1: the document has no sentence"
