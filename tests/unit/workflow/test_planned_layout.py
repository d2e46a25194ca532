# ruff: noqa: RUF001 - other scripts are what some of this is about
"""The layout follows the plan: main file, module, entry, tests and commands are those of the files that will be there."""

from __future__ import annotations

import pytest

from core.workflow.layouts.layout import Layout, layout_for
from core.workflow.layouts.planned import layout_of_plan, needs_several_files
from core.workspace.answers.structured import read_file_plan

FLAT = "slugify.py - turns a title into a slug\n"
PAIR = "wordcount.py - counts words\nmain.py - command line\n"
PACKAGE = """\
textkit/
├── __init__.py     # re-exports slugify and wrap
├── slug.py         # slugify
├── wrap.py         # wrap
└── __main__.py     # command line
"""
PLAIN_PACKAGE = "textkit/__init__.py - package marker\ntextkit/slug.py - slugify\ntextkit/wrap.py - wrap\n"
SRC = "src/textkit/__init__.py - package marker\nsrc/textkit/core.py - the logic\nsrc/textkit/cli.py - entry point\n"
SRC_MAIN = "src/textkit/__init__.py - exports core\nsrc/textkit/core.py - logic\nsrc/textkit/__main__.py - starts it\n"
WITH_TESTS = "todo.py - the list\nstore.py - files\ntests/test_todo.py - tests\ntests/test_store.py - tests\n"


@pytest.mark.parametrize(
    ("plan", "source", "module", "entry", "run_command", "tests"),
    [
        (FLAT, "slugify.py", "slugify", "slugify.py", "python slugify.py", ["test_slugify.py"]),
        (PAIR, "wordcount.py", "wordcount", "main.py", "python main.py", ["test_wordcount.py"]),
        ("main.py - all of it", "main.py", "main", "main.py", "python main.py", ["test_main.py"]),
        ("cli.py - command line\nstore.py - data", "cli.py", "cli", "cli.py", "python cli.py", ["test_cli.py"]),
        (PACKAGE, "textkit/slug.py", "textkit", "textkit/__main__.py", "python -m textkit", ["tests/test_slug.py"]),
        (PLAIN_PACKAGE, "textkit/slug.py", "textkit.slug", "textkit/slug.py", "python -m textkit.slug", ["tests/test_slug.py"]),
        (SRC, "src/textkit/core.py", "textkit.core", "src/textkit/cli.py", "env PYTHONPATH=src python -m textkit.cli", ["tests/test_core.py"]),
        (SRC_MAIN, "src/textkit/core.py", "textkit", "src/textkit/__main__.py", "env PYTHONPATH=src python -m textkit", ["tests/test_core.py"]),
        ("src/app.py - all", "src/app.py", "app", "src/app.py", "python src/app.py", ["tests/test_app.py"]),
        (WITH_TESTS, "todo.py", "todo", "todo.py", "python todo.py", ["tests/test_todo.py", "tests/test_store.py"]),
        ("main.py - command line\ntodo/core.py - logic", "todo/core.py", "todo.core", "main.py", "python main.py", ["tests/test_core.py"]),
        ("pkg/__init__.py - all of it", "pkg/__init__.py", "pkg", "pkg/__init__.py", "python -m pkg", ["tests/test_pkg.py"]),
    ],
)  # fmt: skip
def test_a_python_project_is_laid_out_as_planned(
    plan: str, source: str, module: str, entry: str, run_command: str, tests: list[str]
) -> None:
    layout = layout_of_plan(layout_for("Write a text tool"), read_file_plan(plan).files)

    assert (layout.source, layout.module, layout.entry) == (source, module, entry)
    assert layout.run_command == run_command
    assert list(layout.tests) == tests


@pytest.mark.parametrize(
    ("task", "plan", "source", "test", "run_command"),
    [
        ("A CLI in JavaScript", "lib/count.js\nbin/cli.js - command line", "lib/count.js", "test/count.test.mjs", "node bin/cli.js"),
        ("A CLI in TypeScript", "count.ts\nindex.ts - entry point", "count.ts", "count.test.ts", "npx tsx index.ts"),
        ("A CLI in Go", "counter/counter.go\nmain.go - entry point", "counter/counter.go", "counter/counter_test.go", "go run ."),
        ("A Rust CLI named tally", "src/main.rs - command line\nsrc/lib.rs - logic", "src/lib.rs", "tests/test_tally.rs", "cargo run"),
        ("A tool in Kotlin", "Counter.kt - counts", "Counter.kt", "test_Counter.kt", "bash -c 'kotlinc Counter.kt -include-runtime -d Counter.jar && java -jar Counter.jar'"),
        ("An HTML page", "index.html\nstyle.css", "index.html", "", "python -m http.server"),
        ("A Dockerfile for a web app", "Dockerfile - the image\n.dockerignore", "Dockerfile", "", "docker build ."),
    ],
)  # fmt: skip
def test_other_languages_are_laid_out_as_planned(
    task: str, plan: str, source: str, test: str, run_command: str
) -> None:
    layout = layout_of_plan(layout_for(task), read_file_plan(plan).files)

    assert (layout.source, layout.test, layout.run_command) == (source, test, run_command)


def test_a_plan_that_was_followed_once_gives_the_same_layout_again() -> None:
    for plan in (FLAT, PAIR, PACKAGE, PLAIN_PACKAGE, SRC, SRC_MAIN, WITH_TESTS):
        files = read_file_plan(plan).files
        once = layout_of_plan(layout_for("Write a text tool"), files)

        assert layout_of_plan(once, files) == once


@pytest.mark.parametrize("plan", ["", "index.html", "README.md\nDockerfile"])
def test_a_plan_without_a_file_of_the_language_changes_nothing(plan: str) -> None:
    layout = layout_for("Write a text tool")

    assert layout_of_plan(layout, read_file_plan(plan).files) == layout


def scaffold(task: str, plan: str) -> dict[str, str]:
    layout: Layout = layout_of_plan(layout_for(task), read_file_plan(plan).files)
    return dict(layout.scaffold)


def test_what_the_tools_want_beside_the_code_is_made_unless_the_plan_has_it() -> None:
    assert scaffold("Write a text tool", FLAT) == {}
    assert scaffold("Write a text tool", PACKAGE) == {"pytest.ini": "[pytest]\npythonpath = .\n"}
    assert scaffold("Write a text tool", SRC) == {"pytest.ini": "[pytest]\npythonpath = . src\n"}
    assert scaffold("Write a text tool", f"{SRC}pytest.ini\n") == {}
    assert scaffold("A CLI in Go named tally", "main.go") == {"go.mod": "module tally\n\ngo 1.21\n"}
    assert scaffold("A CLI in Go named tally", "main.go\ngo.mod") == {}
    assert 'name = "tally"' in scaffold("A Rust CLI named tally", "src/main.rs")["Cargo.toml"]
    assert 'path = "tally.rs"' in scaffold("A Rust CLI named tally", "tally.rs")["Cargo.toml"]


@pytest.mark.parametrize(
    ("task", "several"),
    [
        ("Write a Python function that reverses a string", False),
        ("Write a CLI that counts words", False),
        ("Write slugify.py", False),
        ("Write slugify.py with tests in test_slugify.py", False),
        ("Create a package textkit with slug and wrap", True),
        ("Write parser.py and cli.py", True),
        ("A to-do list, todo.py, that keeps its tasks in todo.json", False),
        ("An HTML page index.html with style.css", True),
        ("A todo app split into several files", True),
        ("A web shop with separate modules for cart and orders", True),
        ("Lies die package.json und gib den Namen aus", False),
        ("Ein Paket mit mehreren Modulen", True),
        ("写一个软件包，包含多个文件", True),
    ],
)
def test_a_task_tells_whether_it_needs_several_files(task: str, several: bool) -> None:
    assert needs_several_files(task) == several
