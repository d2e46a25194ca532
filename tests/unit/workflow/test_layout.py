# ruff: noqa: RUF001 - other scripts are what some of this is about
"""Paths and commands come from the task, and are safe whatever it says."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.workflow.layout import layout_for, layout_of, slug_of
from core.workspace.checks.acting_files import acting_name, shadowed_module
from core.workspace.files.paths import portable_path, safe_relative_path


@pytest.mark.parametrize(
    ("task", "source", "language"),
    [
        ("Write a Python function that reverses a string, with tests", "reverses_string.py", "Python"),
        ("Build a to-do CLI", "todo_cli.py", "Python"),
        ("A url-shortener service", "url_shortener_service.py", "Python"),
        ("A word counter in JavaScript", "word_counter.mjs", "JavaScript"),
        ("Ein Größenrechner", "ein_grossenrechner.py", "Python"),
        ("Łódź: żółw i ćma", "lodz_zolw_cma.py", "Python"),
        ("İstanbul şehir rehberi", "istanbul_sehir_rehberi.py", "Python"),
        ("日本語のツール", "日本語のツール.py", "Python"),
        ("用Python写一个待办事项清单程序", "写一个待办事项清单程序.py", "Python"),
        ("写一个提醒工具，使用 JavaScript", "写一个提醒工具_使用.mjs", "JavaScript"),
        ("用 Rust 写一个提醒工具", "src/main.rs", "Rust"),
        ("Напиши программу для списка имён", "напиши_программу_для.py", "Python"),
        ("اكتب برنامج قائمة", "اكتب_برنامج_قائمة.py", "Python"),
        ("हिन्दी सूची बनाओ", "हिन्दी_सूची_बनाओ.py", "Python"),
        ("이름 목록을 정렬", "이름_목록을_정렬.py", "Python"),
        ("เขียนโปรแกรม", "เขียนโปรแกรม.py", "Python"),
        ("\U0001f680\U0001f680 !!", "solution.py", "Python"),
        ("می\u200cخواهم فهرست", "میخواهم_فهرست.py", "Python"),
        ("write a program", "solution.py", "Python"),
        ("Write a queue", "queue_app.py", "Python"),
        ("Write a Go program that prints primes", "go_primes.go", "Go"),
        ("A word counter in Go.", "word_counter_go.go", "Go"),
        ("Let the snake go left", "let_snake_go.py", "Python"),
        ("Write the game Go in Python", "game_go.py", "Python"),
        ("Sort numbers in C++", "sort_numbers.cpp", "C++"),
        ("Sort numbers in C#", "Program.cs", "C#"),
        ("Write a C program that sorts", "sorts.c", "C"),
        ("A plan B and a plan C", "plan_plan.py", "Python"),
        ("A PHP form", "form.php", "PHP"),
        ("A Ruby gem for dates", "gem_dates.rb", "Ruby"),
        ("parse javadoc comments", "parse_javadoc_comments.py", "Python"),
    ],
)
def test_the_main_file_is_named_after_the_task(task: str, source: str, language: str) -> None:
    layout = layout_for(task)

    assert (layout.source, layout.language) == (source, language)


def test_an_existing_source_file_decides_language_and_names() -> None:
    layout = layout_for("fix the crash", source="lib/parser.go")

    assert layout.language == "Go"
    assert layout.source == "lib/parser.go"
    assert layout.test == "parser_test.go"


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
    for path in (layout.source, layout.test):
        assert str(safe_relative_path(path)) == path
        assert shadowed_module(path) is None
        assert acting_name(path) is None
