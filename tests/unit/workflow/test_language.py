# ruff: noqa: RUF001 - other scripts are what some of this is about
"""The language of a project is the one that the task asks for, in whatever words and whatever human language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workflow.layouts.language import asked_language
from core.workflow.layouts.table import load_layouts

ASKED: tuple[tuple[str, str | None], ...] = (
    ("Write a Python function that reverses a string, with tests", "python"),
    ("Write a function that reverses a string", None),
    ("Convert this Python script to Go", "go"),
    ("Port the Python tool to Rust", "rust"),
    ("Rewrite my bash script in Python", "python"),
    ("Rewrite this Java class in Kotlin", "kotlin"),
    ("Translate the following C program into Rust", "rust"),
    ("Migrate this JavaScript module to TypeScript", "typescript"),
    ("Please convert a shell script from bash to Python", "python"),
    ("Write a Go program that prints primes", "go"),
    ("A word counter in Go.", "go"),
    ("a word counter in go", "go"),
    ("Build a todo CLI using Go", "go"),
    ("Implement an LRU cache in golang", "go"),
    ("Let the snake go left", None),
    ("Plan the places to go in summer", None),
    ("Write the game Go in Python", "python"),
    ("Write the board game Go", None),
    ("Create tool.rs that prints its arguments", "rust"),
    ("Write wordcount.go", "go"),
    ("Put it into src/app.ts", "typescript"),
    ("Write a program that reads main.go and counts its lines, in Python", "python"),
    ("A linter for Go in Rust", "rust"),
    ("parse JSON in Python", "python"),
    ("a Python function that generates HTML", "python"),
    ("JavaScript-like syntax parser in Rust", "rust"),
    ("A Python parser for JavaScript files", "python"),
    ("Write a parser for Python source code in Go", "go"),
    ("Write a JSON parser", None),
    ("Write an HTML parser", None),
    ("Write a YAML to JSON converter", None),
    ("Convert CSV to JSON", None),
    ("A Markdown to HTML converter in JavaScript", "javascript"),
    ("A SQL query builder in TypeScript", "typescript"),
    ("TypeScript CLI for notes", "typescript"),
    ("a Node.js server with a health check", "javascript"),
    ("Write a Node CLI that renames files", "javascript"),
    ("Insert a node into a linked list", None),
    ("A queue with node objects", None),
    ("Express a number as a fraction", None),
    ("An Express API for notes", "javascript"),
    ("a React component with a counter", "javascript"),
    ("a React component in TypeScript", "typescript"),
    ("A word counter in JavaScript", "javascript"),
    ("An HTML page with a contact form", "html"),
    ("Create a landing page for a bakery", "html"),
    ("Make a web page that shows a clock", "html"),
    ("A website in Django", "python"),
    ("Build a Flask web page with a form", "python"),
    ("A web page scraper", None),
    ("A SQL schema for a library", "sql"),
    ("Write SQL queries for the ten best customers", "sql"),
    ("Design a database schema for a shop", "sql"),
    ("A Python script that creates a SQL schema", "python"),
    ("Write a bash script that backs up a folder", "shell"),
    ("a shell script to rename files", "shell"),
    ("a script that sorts files", None),
    ("Write a Dockerfile for a Python app", "docker"),
    ("Dockerfile for a Node app", "docker"),
    ("A Makefile for a C project", "make"),
    ("Write a Python program that writes a Dockerfile", "python"),
    ("Terraform module for an S3 bucket", "terraform"),
    ("Write a GitHub Actions workflow for a Rust crate", "yaml"),
    ("Create a docker-compose file with Postgres and Redis", "yaml"),
    ("A JSON schema for an invoice", "json"),
    ("A CSS stylesheet for a blog", "css"),
    ("A YAML config loader in Python", "python"),
    ("Sort numbers in C++", "cpp"),
    ("Sort numbers in C#", "csharp"),
    ("Write a C program that sorts", "c"),
    ("A plan B and a plan C", None),
    ("Delete every character of s that occurs in c", None),
    ("Given two strings, drop what is in c.\n\ndef reverse_delete(s, c):\n", "python"),
    ("Complete this:\n\nfunc Count(text string) int {\n", "go"),
    ("Port this to Rust:\n\ndef count(text):\n    return 1\n", "rust"),
    ("write a c program that sorts", "c"),
    ("Plot a histogram in R", "r"),
    ("A PHP form", "php"),
    ("A Ruby gem for dates", "ruby"),
    ("parse javadoc comments", None),
    ("A Kotlin data class for users", "kotlin"),
    ("A Swift function that sorts", "swift"),
    ("A swift reply to every mail", None),
    ("Write it in Rust, not in C", "rust"),
    ("Use Go instead of Python", "go"),
    ("No JavaScript: write an HTML page with a table", "html"),
    ("Rust removal costs calculator", None),
    ("A Lua script for a game", "lua"),
    ("A Haskell function for primes", "haskell"),
    ("A PowerShell script that lists services", "powershell"),
    ("Schreibe ein Werkzeug auf Rust, das Zeilen zählt", "rust"),
    ("Schreibe eine Python-Funktion, die einen String umdreht", "python"),
    ("Erstelle eine HTML-Seite mit einem Formular", "html"),
    ("Ein Shell-Skript, das Dateien umbenennt", "shell"),
    ("Portiere dieses Python-Skript nach Go", "go"),
    ("Ein Programm in Go, das Primzahlen ausgibt", "go"),
    ("Ein SQL-Schema für eine Bibliothek", "sql"),
    ("Écris une fonction en Python qui inverse une chaîne", "python"),
    ("Une page HTML avec un formulaire", "html"),
    ("Convertis ce script Python en Go", "go"),
    ("Escribe una función en JavaScript que invierta una cadena", "javascript"),
    ("Convierte este script de Python a Go", "go"),
    ("Crea una página web con un formulario", "html"),
    ("用 Go 语言写一个单词计数工具", "go"),
    ("用Python写一个待办事项清单程序", "python"),
    ("写一个提醒工具，使用 JavaScript", "javascript"),
    ("用 Rust 写一个提醒工具", "rust"),
    ("把这个 Python 脚本改写成 Go", "go"),
    ("写一个 HTML 页面", "html"),
    ("Pythonで文字列を反転する関数を書いて", "python"),
    ("Go言語で素数を出力するプログラム", "go"),
    ("TypeScriptの関数を書いてください", "typescript"),
    ("Rust で CLI ツールを作って", "rust"),
    ("Напиши на Go утилиту для подсчёта слов", "go"),
    ("Напиши программу на языке Rust", "rust"),
    ("Перепиши этот скрипт с Python на Go", "go"),
    ("Напиши функцию на Питоне", "python"),
    ("파이썬으로 단어 세기", "python"),
    ("", None),
)


@pytest.mark.parametrize(("task", "key"), ASKED, ids=[ascii(task) for task, _ in ASKED])
def test_the_language_is_the_one_that_is_asked_for(task: str, key: str | None) -> None:
    assert asked_language(task) == key


@given(st.text(max_size=300))
def test_any_task_asks_for_a_known_language_or_none(task: str) -> None:
    assert asked_language(task) in {None, *load_layouts().languages}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("word", ["go ", "in ", "python ", "a.b", "to go ", "   ", "html page for "])
def test_a_hostile_task_takes_no_time(word: str) -> None:
    asked_language(word * 20_000)
