"""Paths and commands come from the task, and are safe whatever it says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workflow.layout import layout_for, slug_of
from core.workspace.files.paths import safe_relative_path


@pytest.mark.parametrize(
    ("task", "source", "language"),
    [
        ("Write a Python function that reverses a string, with tests", "reverses_string.py", "Python"),
        ("Build a to-do CLI", "todo_cli.py", "Python"),
        ("A url-shortener service", "url_shortener_service.py", "Python"),
        ("A word counter in JavaScript", "word_counter.mjs", "JavaScript"),
        ("Ein Größenrechner", "ein_groenrechner.py", "Python"),
        ("日本語のツール", "solution.py", "Python"),
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


@given(st.text(max_size=300))
def test_any_task_gives_safe_paths(task: str) -> None:
    layout = layout_for(task)

    assert re.fullmatch(r"[a-z][a-z0-9-]*", slug_of(task))
    for path in (layout.source, layout.test):
        assert str(safe_relative_path(path)) == path
