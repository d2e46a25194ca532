"""Paths and commands come from the task, and are safe whatever it says."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.workflow.layouts.layout import layout_for, layout_of
from core.workflow.layouts.names import slug_of
from core.workspace.checks.acting_files import acting_name, shadowed_module
from core.workspace.files.paths import portable_path, safe_relative_path


@pytest.mark.parametrize(
    ("task", "source", "test", "language", "runner"),
    [
        (
            "Write a Python function that reverses a string",
            "reverse_string.py",
            "test_reverse_string.py",
            "Python",
            "pytest",
        ),
        ("A Python package `bank` with an __init__.py", "bank.py", "test_bank.py", "Python", "pytest"),
        ("Write slugify.py with slugify(text)", "slugify.py", "test_slugify.py", "Python", "pytest"),
        ("Write textkit/slug.py", "textkit/slug.py", "tests/test_slug.py", "Python", "pytest"),
        ("A word counter in JavaScript", "word_counter.mjs", "word_counter.test.mjs", "JavaScript", "node"),
        ("A word counter in TypeScript", "word_counter.ts", "word_counter.test.ts", "TypeScript", "node"),
        ("Write a Go program that prints primes", "primes.go", "primes_test.go", "Go", "go"),
        ("Convert this Python script to Go: def slugify(text):", "slugify.go", "slugify_test.go", "Go", "go"),
        ("A Rust function gcd(a, b)", "src/lib.rs", "tests/test_gcd.rs", "Rust", "cargo"),
        ("A Rust CLI that counts words", "src/main.rs", "tests/test_count_words.rs", "Rust", "cargo"),
        ("用 Rust 写一个提醒工具", "src/main.rs", "tests/test_solution.rs", "Rust", "cargo"),
        ("Write a bash script that renames files", "rename.sh", "test_rename.sh", "shell", "shell"),
        ("Sort numbers in C#", "Program.cs", "ProgramTests.cs", "C#", None),
        ("Sort numbers in Kotlin", "sort_numbers.kt", "test_sort_numbers.kt", "Kotlin", None),
        ("Sort numbers in Haskell", "sort_numbers.hs", "test_sort_numbers.hs", "Haskell", None),
        ("An HTML page with a contact form", "index.html", "", "HTML", None),
        ("A SQL schema for a library", "schema.sql", "", "SQL", None),
        ("A CSS stylesheet for a blog", "style.css", "", "CSS", None),
        ("A Dockerfile for a Python app", "Dockerfile", "", "Dockerfile", None),
        ("A Makefile for a C project", "Makefile", "", "Makefile", None),
        ("A Terraform module for a bucket", "main.tf", "", "Terraform", None),
        ("用Python写一个待办事项清单程序", "待办事项清单.py", "test_待办事项清单.py", "Python", "pytest"),
        ("write a program", "solution.py", "test_solution.py", "Python", "pytest"),
    ],
)
def test_files_follow_the_language_that_the_task_asks_for(
    task: str, source: str, test: str, language: str, runner: str | None
) -> None:
    layout = layout_for(task)

    assert (layout.source, layout.test, layout.language, layout.runner) == (source, test, language, runner)


def test_an_existing_source_file_decides_language_and_names() -> None:
    layout = layout_for("fix the crash", source="lib/parser.go")

    assert layout.language == "Go"
    assert layout.source == "lib/parser.go"
    assert layout.test == "lib/parser_test.go"


def test_commands_name_the_files() -> None:
    layout = layout_for("Reverse words")

    assert layout.run_command == "python reverse_words.py"
    assert layout.test_command == "python -m pytest -q"


@pytest.mark.parametrize(
    ("source", "run_command"),
    [
        ("lib/my tool.py", "python 'lib/my tool.py'"),
        ("提醒.py", "python 提醒.py"),
        ("$(id).py", "python '$(id).py'"),
        ("a b.c", "bash -c 'cc -o a_b '\"'\"'a b.c'\"'\"' && ./a_b'"),
    ],
)
def test_a_name_is_quoted_in_a_command_where_it_needs_it(source: str, run_command: str) -> None:
    assert layout_for("fix it", source=source).run_command == run_command


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("修复parser.go的崩溃", "lib/parser.go"),
        ("fix lib/parser.go!", "lib/parser.go"),
        ("fix my parser.go", "lib/parser.go"),
        ("fix ./lib/parser.go", "lib/parser.go"),
        ("see /w/lib/parser.go.", "lib/parser.go"),
        ("fix ./r.go", "r.go"),
        ("parser.go, not par.r.go", "lib/parser.go"),
    ],
)
def test_a_file_is_named_in_a_task_of_any_script(tmp_path: Path, task: str, source: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "parser.go").write_text("package lib\n")
    (tmp_path / "r.go").write_text("package main\n")

    assert layout_of(task, tmp_path).source == source


@given(st.text(max_size=300))
@example("conftest")
@example("a sitecustomize")
@example("random")
@example("pluggy in python")
def test_any_task_gives_safe_paths(task: str) -> None:
    layout = layout_for(task)

    slug = slug_of(task)
    assert slug.replace("-", "_").isidentifier()
    assert unicodedata.is_normalized("NFKC", slug)
    assert slug == slug.lower()
    assert len(slug.encode()) <= 180
    assert portable_path(layout.source) == layout.source
    for path in (layout.source, *layout.tests):
        assert str(safe_relative_path(path)) == path
        assert shadowed_module(path) is None
        assert acting_name(path) is None
