"""Files without a parser here: what no dialect may hold is named with its line, and valid dialects pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace.checks.file_check import check_file

GOOD: tuple[tuple[str, str], ...] = (
    ("a.html", "<!doctype html>\n<html><head><title>x</title></head><body><p>one<p>two<br><img src='a.png'></body></html>\n"),
    ("a.html", "<ul><li>one<li>two</ul><table><tr><td>1<td>2<tr><td>3</table>\n"),
    ("a.html", "<script>if (a < b && c) { x = '</p>' }</script>\n<style>p { color: red }</style>\n"),
    ("a.html", "<svg viewBox='0 0 1 1'><path d='M0 0'/><circle r='1'></circle></svg>\n"),
    ("a.html", "{% if x %}<div>{% else %}<div class='a'>{% endif %}</div>\n"),
    ("a.html", "<my-element><slot></slot></my-element>\n<!-- a comment -->\n"),
    ("a.html", "<p>text</p></p>\n<select><option>a<option>b</select>\n"),
    ("a.css", "@media (min-width: 1px) { p::after { content: '}'; } }\n/* { */\n"),
    ("a.css", "@import url('x.css');\n"),
    ("a.css", "p { background: url(data:image/png;base64,{) }\n"),
    ("a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'it''s');\n"),
    ("a.sql", "-- PostgreSQL\nCREATE TABLE a (id SERIAL, at TIMESTAMPTZ DEFAULT now(), tags TEXT[]);\n"),
    ("a.sql", "CREATE TABLE `a` (`id` INT AUTO_INCREMENT, kind ENUM('x','y')) ENGINE=InnoDB;\n"),
    ("a.sql", "CREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN (1; END $$ LANGUAGE plpgsql;\n"),
    ("a.sql", "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END //\n"),
    ("a.sql", "WITH x AS (SELECT 1) SELECT * FROM x; -- it's\n"),
    ("a.sql", "SELECT [order by] FROM [my table];\n"),
    ("a.sql", "\\connect shop\nSELECT 1;\n"),
    ("a.sql", "(SELECT 1) UNION (SELECT 2);\n"),
    ("Makefile", "CC ?= cc\n\nall: a.o \\\n  b.o\n\t$(CC) -o a $^\n\n.PHONY: all\n"),
    ("Makefile", "include x.mk\n\nifeq ($(A),1)\n  B = 2\nendif\nall:\n\techo a\n"),
    ("Makefile", "define TEXT\nanything here\nendef\n\nall: ; echo a\n"),
    ("Makefile", "%.o: %.c\n\tcc -c $<\n\nclean::\n\trm -f *.o\n"),
    ("Makefile", "all: export A = 1\nall:\n\techo $$A\n"),
    ("Makefile", ".RECIPEPREFIX = >\nall:\n> echo a\n"),
    ("rules.mk", "A := 1\n"),
    ("main.tf", 'resource "aws_s3_bucket" "b" {\n  bucket = "x-${var.name["a"]}"\n  # {\n}\n'),
    ("main.tf", 'variable "x" {\n  default = <<-EOT\n    { not closed\n  EOT\n}\n'),
    ("main.tf", 'locals {\n  a = { for k, v in var.m : k => upper(v) }\n}\n'),
    ("prod.tfvars", 'name = "x"\n'),
)  # fmt: skip
BAD: tuple[tuple[str, str, str], ...] = (
    ("a.html", "<html><body>\n<div>\n<p>x</p>\n</body></html>\n", "line 4: </body> comes before <div> of line 2 is closed"),
    ("a.html", "<div><span>x</div></span>\n", "line 1: </div> comes before <span>"),
    ("a.html", "<div>x\n", "line 1: <div> is never closed"),
    ("a.html", "<p>x</p></div>\n", "line 1: </div> closes nothing"),
    ("a.html", "just words\n", "line 1: there is no tag"),
    ("a.html", "<p>x</p>\n<!-- open\n", "line 2: the comment is never closed"),
    ("a.html", "<p>x</p>\n<script>\nlet a = 1\n", "line 2: <script> is never closed"),
    ("a.css", "p { color: red\n", "line 1: a { is never closed"),
    ("a.css", "p { } }\n", "line 1: a } closes nothing"),
    ("a.css", "p { }\n/* open\n", "line 2: the comment is never closed"),
    ("a.css", "color: red\n", "line 1: there is no rule"),
    ("a.sql", "CREAT TABLE a (id INT);\n", "line 1: no statement of SQL begins with CREAT"),
    ("a.sql", "-- a\n\nThis creates a table\n", "line 3: no statement of SQL begins with This"),
    ("a.sql", "CREATE TABLE a (\n  id INT,\n  name TEXT,\n);\n", "line 3: a comma stands before )"),
    ("a.sql", "CREATE TABLE a (id INT;\n", "line 1: a ( is never closed"),
    ("a.sql", "SELECT 1);\n", "line 1: a ) closes nothing"),
    ("a.sql", "SELECT 'open;\n", "line 1: a ' is never closed"),
    ("a.sql", "SELECT 1; /* open\n", "line 1: the comment is never closed"),
    ("a.sql", "-- only a comment\n", "line 1: there is no statement"),
    ("Makefile", "all:\n    echo a\n", "line 2: a recipe begins with a tab"),
    ("Makefile", "all:\n\techo a\n\nThis is a Makefile that builds\n", "line 4: this is neither a rule"),
    ("Makefile", "# nothing\n", "line 1: there is no rule"),
    ("main.tf", 'resource "a" "b" {\n  x = 1\n', "line 1: a { is never closed"),
    ("main.tf", 'resource "a" "b" {\n  x = [1\n}\n', "line 3: a } closes nothing"),
    ("main.tf", "These are words.\n", "line 1: there is no block"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_a_valid_file_of_any_dialect_passes(path: str, text: str) -> None:
    assert check_file(path, text) is None


@pytest.mark.parametrize(("path", "text", "problem"), BAD)
def test_a_problem_is_named_with_its_line(path: str, text: str, problem: str) -> None:
    found = check_file(path, text)

    assert found is not None
    assert found.startswith(problem)


signs = st.lists(st.sampled_from([*"<>/{}()[]'\"`$;:=#*-\n\t ", "div", "EOT", "<<", "/*", "*/", "--"]), max_size=60)


@given(text=signs.map("".join), path=st.sampled_from(["a.html", "a.css", "a.sql", "Makefile", "a.tf"]))
def test_any_text_is_judged_without_an_exception(text: str, path: str) -> None:
    check_file(path, text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["<", "<!--", "(", "'", '"', "/*", "$a$", "a:", "<<EOT\n", "${", "x = ", "[a", "--", " "]
)
@pytest.mark.parametrize("path", ["a.html", "a.css", "a.sql", "Makefile", "a.tf"])
def test_a_hostile_file_takes_no_time(path: str, piece: str) -> None:
    check_file(path, piece * (20_000 // len(piece)))
