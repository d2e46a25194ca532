# ruff: noqa: RUF001 - other scripts are what some of this is about
"""Which part of an answer is the file: read rightly where the structure decides it, asked again where it does not."""

from __future__ import annotations

import json

import pytest

from core.errors import ArtifactError
from core.workspace.answers.reader import read_file, read_further

SLUG = "def slugify(text: str) -> str:\n    return '-'.join(text.lower().split())\n"
OTHER = "def slugify(text: str) -> str:\n    return text.lower().replace(' ', '-')\n"
WRAP = "def wrap(text: str) -> list[str]:\n    return [text]\n"
USAGE = "from slugify import slugify\n\n" + "".join(f"print(slugify('Title number {n}'))\n" for n in range(9))
TESTS = "from slugify import slugify\n\n\ndef test_r1() -> None:\n    assert slugify('A b') == 'a-b'\n"
FENCE = "```"


def py(text: str, label: str = "") -> str:
    """Return a fenced block of Python."""
    return f"{label}\n{FENCE}python\n{text}{FENCE}\n"


def block(language: str, text: str) -> str:
    """Return a fenced block."""
    return f"{FENCE}{language}\n{text}{FENCE}\n"


DOC_WITH_FENCE = f'def f() -> str:\n    """Say it so:\n\n    {FENCE}\n    f()\n    {FENCE}\n    """\n    return "x"\n'
STRING_WITH_FENCE = f'TEMPLATE = """\n{FENCE}bash\nmake\n{FENCE}\n"""\n\n\ndef f() -> str:\n    return TEMPLATE\n'
HEREDOC = f"#!/usr/bin/env bash\ncat > notes.md <<'EOF'\n{FENCE}\nmake\n{FENCE}\nEOF\necho done\n"
YAML_WITH_FENCE = f"name: ci\ntext: |\n  Run:\n  {FENCE}\n  make\n  {FENCE}\nlast: 1\n"
MJS = "export function count(text) {\n  return text.split(' ').length\n}\n"
MJS_USAGE = "import { count } from './count.mjs'\n" + "console.log(count('a b c'))\n" * 6
HTML = "<!doctype html>\n<html lang='en'><body><p>x</p></body></html>\n"
API = "# API\n\n" + block("json", '{"name": "x", "arguments": {}}\n')
GO = "package main\n\nfunc Add(a, b int) int {\n\treturn a + b\n}\n"

READ: dict[str, tuple[str, str, str]] = {
    # what stands around the file
    "a longer usage example": ("slugify.py", py(SLUG) + py(USAGE, "Use it so:"), SLUG),
    "the usage example first": ("slugify.py", py(USAGE, "You will call it so:") + py(SLUG), SLUG),
    "a longer test beside it": ("slugify.py", py(SLUG) + py(TESTS * 1, "And a test:"), SLUG),
    "a test is asked for": ("test_slugify.py", py(SLUG, "The code was:") + py(TESTS, "So the test is:"), TESTS),
    "an install command": ("slugify.py", block("bash", "pip install something\n" * 9) + py(SLUG), SLUG),
    "an output without language": ("slugify.py", py(SLUG) + block("", "a-b\n" * 30), SLUG),
    "a session": ("slugify.py", py(SLUG) + py(">>> slugify('A b')\n'a-b'\n" * 9), SLUG),
    "the same block twice": ("slugify.py", py(SLUG) + "Once more:\n" + py(SLUG), SLUG),
    "an excerpt that is explained": ("slugify.py", py(SLUG) + py("    return '-'.join(text.lower().split())\n", "Here:"), SLUG),
    "only a main guard beside it": (
        "slugify.py",
        py(SLUG) + py("if __name__ == '__main__':\n    print(slugify('A'))\n", "To try it:"),
        SLUG,
    ),
    "a broken block and a whole one": ("slugify.py", py("def slugify(text):\n    return (\n") + py(SLUG), SLUG),
    "named in prose": ("slugify.py", py(SLUG, "Put this into `slugify.py`:") + py(WRAP, "And this into `wrap.py`:"), SLUG),
    "named in prose, the second": ("wrap.py", py(SLUG, "Put this into `slugify.py`:") + py(WRAP, "And this into `wrap.py`:"), WRAP),
    "named by a comment": ("wrap.py", py(f"# slugify.py\n{SLUG}") + py(f"# wrap.py\n{WRAP}"), f"# wrap.py\n{WRAP}"),
    "named with its folder": ("kit/wrap.py", py(SLUG, "**kit/slugify.py**") + py(WRAP, "**kit/wrap.py**"), WRAP),
    "one name for another file": ("slugify.py", py(SLUG, "File: other_name.py"), SLUG),
    "JavaScript with a longer usage": ("count.mjs", block("javascript", MJS) + block("javascript", MJS_USAGE), MJS),
    "Go with an excerpt": ("add.go", block("go", GO) + block("go", "sum := Add(1, 2)\n" * 9), GO),
    "HTML with a fragment": ("index.html", block("html", HTML) + block("html", "<p>another text</p>\n" * 9), HTML),
    "SQL with a query": (
        "schema.sql",
        block("sql", "CREATE TABLE a (id INTEGER);\n") + block("sql", "SELECT * FROM a;\n" * 9),
        "CREATE TABLE a (id INTEGER);\n",
    ),
    "a script with the command that runs it": (
        "run.sh",
        block("bash", "#!/bin/sh\necho hi\n") + block("bash", "chmod +x run.sh\n./run.sh\n./run.sh --help\n"),
        "#!/bin/sh\necho hi\n",
    ),
    # parts of one file
    "two parts that need each other": (
        "slugify.py",
        py(SLUG, "First the function:") + py("def main() -> None:\n    print(slugify('A'))\n", "Then the program:"),
        f"{SLUG}\n\ndef main() -> None:\n    print(slugify('A'))\n".replace("\n\n\n", "\n\n"),
    ),
    "two labelled parts": (
        "kit.py",
        py(SLUG, "kit.py, part 1:") + py(WRAP, "kit.py, part 2:"),
        f"{SLUG}\n{WRAP}",
    ),
    # fences that belong to the file
    "a fence in a docstring": ("f.py", py(DOC_WITH_FENCE), DOC_WITH_FENCE),
    "a fence with a language in a string": ("f.py", py(STRING_WITH_FENCE), STRING_WITH_FENCE),
    "a fence in a here-document": ("run.sh", block("bash", HEREDOC), HEREDOC),
    "an indented fence in YAML": ("ci.yaml", block("yaml", YAML_WITH_FENCE), YAML_WITH_FENCE),
    # lists of packages
    "prose around requirements": ("requirements.txt", "You need:\n\n" + block("text", "requests\nrich\n") + "\nThat is all.", "requests\nrich\n"),
    "requirements without a fence": ("requirements.txt", "requests==2.31\nrich>=13 ; python_version > '3.8'\n# end\n", "requests==2.31\nrich>=13 ; python_version > '3.8'\n# end\n"),
    "requirements with extras": ("requirements.txt", "uvicorn[standard]\n-r base.txt\n", "uvicorn[standard]\n-r base.txt\n"),
    # lists of files
    "a file tag": ("slugify.py", f'Sure:\n<file path="slugify.py">\n{SLUG}</file>', SLUG),
    "file tags": ("wrap.py", f'<file path="slugify.py">\n{SLUG}</file>\n<file path="wrap.py">\n{WRAP}</file>', WRAP),
    "a file tag with a fence inside": ("slugify.py", f'<file name="slugify.py">\n{py(SLUG).strip()}\n</file>', SLUG),
    "a file tag with CDATA": ("slugify.py", f'<file path="slugify.py"><![CDATA[\n{SLUG}]]></file>', SLUG),
    "JSON: files": ("slugify.py", json.dumps({"files": [{"path": "slugify.py", "content": SLUG}, {"path": "wrap.py", "content": WRAP}]}), SLUG),
    "JSON: fenced": ("wrap.py", block("json", json.dumps({"files": [{"path": "wrap.py", "content": WRAP}]}) + "\n"), WRAP),
    "JSON: by path": ("wrap.py", json.dumps({"slugify.py": SLUG, "wrap.py": WRAP}), WRAP),
    "JSON: a list": ("wrap.py", json.dumps([{"filename": "wrap.py", "code": WRAP}]), WRAP),
    "JSON: one file": ("wrap.py", json.dumps({"path": "src/wrap.py", "content": WRAP}), WRAP),
    "JSON that is the file": ("package.json", block("json", '{"name": "x", "files": ["a.js"]}\n'), '{"name": "x", "files": ["a.js"]}\n'),
    "a tag in a string of the file": ("x.py", py('T = """\n<file path="a.py">\nx\n</file>\n"""\n'), 'T = """\n<file path="a.py">\nx\n</file>\n"""\n'),
    # documents
    "a document that quotes an apology": ("README.md", "# Bot\n\nIt says: I'm sorry, but I can't do that.\n", "# Bot\n\nIt says: I'm sorry, but I can't do that.\n"),
    "a document with a JSON example": ("README.md", API, API),
}  # fmt: skip


@pytest.mark.parametrize(("path", "answer", "text"), READ.values(), ids=READ.keys())
def test_an_answer_is_read_where_its_structure_decides(path: str, answer: str, text: str) -> None:
    read = read_file(answer, path=path, finish_reason="stop")

    assert read.text.replace("\n\n\n", "\n\n") == text.replace("\n\n\n", "\n\n")


AGAIN: dict[str, tuple[str, str, str]] = {
    "two versions of one function": ("slugify.py", py(SLUG) + py(OTHER, "A better version:"), "ambiguous"),
    "two functions without a word": ("kit.py", py(SLUG) + py(WRAP), "ambiguous"),
    "two versions, one longer": ("slugify.py", py(SLUG) + py(OTHER + "\n# a comment\n" * 20, "Or:"), "ambiguous"),
    "two files of JSON": ("data.json", block("json", '{"a": 1}\n') + block("json", '{"b": 2}\n'), "ambiguous"),
    "two style sheets": ("a.css", block("css", "p { color: red }\n") + block("css", "h1 { margin: 0 }\n"), "ambiguous"),
    "two versions under one name": ("slugify.py", py(SLUG, "slugify.py") + py(OTHER, "slugify.py"), "ambiguous"),
    "two READMEs": ("README.md", block("markdown", "# One\n\nSome words here.\n") + "\nor\n\n" + block("markdown", "# Two\n\nOther words here.\n"), "ambiguous"),
    "only other files": ("wrap.py", py(SLUG, "slugify.py") + py(WRAP, "other.py"), "no_block"),
    "a list without the file": ("wrap.py", json.dumps({"files": [{"path": "a.py", "content": SLUG}, {"path": "b.py", "content": WRAP}]}), "no_block"),
    "requirements in prose": ("requirements.txt", "You will need the package requests for this.", "no_block"),
    "an apology": ("README.md", "I'm sorry, but I can't help with that.", "refusal"),
    "an apology in a fence": ("notes.txt", block("text", "I cannot write this file.\n"), "refusal"),
    "a German apology": ("README.md", "Es tut mir leid, das kann ich nicht schreiben.", "refusal"),
    "a Chinese apology": ("README.md", "抱歉，我无法完成这个请求。", "refusal"),
    "a disclaimer": ("README.md", "As an AI language model, I have no access to files.", "refusal"),
    "a tool call": ("README.md", json.dumps({"name": "write_file", "arguments": {"path": "README.md", "content": "# X"}}), "tool_call"),
    "a tool call in a fence": ("slugify.py", block("json", json.dumps({"name": "write_file", "parameters": {"path": "slugify.py"}}) + "\n"), "tool_call"),
    "a tool call as Python": ("slugify.py", block("python", json.dumps({"tool": "write", "input": {"x": 1}}) + "\n"), "tool_call"),
    "a list of tool calls": ("README.md", json.dumps([{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]), "tool_call"),
    "a tool call of a chat template": ("README.md", "<tool_call>\n{\"name\": \"x\", \"arguments\": {}}\n</tool_call>", "tool_call"),
    "a tool call of Mistral": ("README.md", '[TOOL_CALLS][{"name": "x", "arguments": {}}]', "tool_call"),
    "a change of a file that is not there": ("slugify.py", "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", "does_not_apply"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "answer", "kind"), AGAIN.values(), ids=AGAIN.keys())
def test_an_answer_is_asked_for_again_where_nothing_decides(path: str, answer: str, kind: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_file(answer, path=path, finish_reason="stop")

    assert caught.value.kind == kind
    assert path in caught.value.message
    assert caught.value.hint


CURRENT = "def add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n"
MENDED = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
SEARCH = (
    "<<<<<<< SEARCH\ndef add(a, b):\n    return a - b\n=======\ndef add(a, b):\n    return a + b\n>>>>>>> REPLACE\n"
)
DIFF = "--- a/calc.py\n+++ b/calc.py\n@@ -1,3 +1,3 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n \n"
EDITS = {
    "search and replace": SEARCH,
    "search and replace in a fence": block("python", SEARCH),
    "search and replace with words": f"The sign is wrong.\n\ncalc.py\n{block('', SEARCH)}\nThat is all.",
    "a unified diff": DIFF,
    "a diff in a fence": block("diff", DIFF),
    "a diff of git": f"diff --git a/calc.py b/calc.py\nindex 1234567..89abcde 100644\n{DIFF}",
    "a diff whose lines stand twice": "--- a/calc.py\n+++ b/calc.py\n@@ -2,1 +2,1 @@\n-    return a - b\n+    return a + b\n",
}


@pytest.mark.parametrize("answer", EDITS.values(), ids=EDITS.keys())
def test_changes_are_applied_to_the_current_file(answer: str) -> None:
    assert read_file(answer, path="calc.py", finish_reason="stop", current=CURRENT).text == MENDED


@pytest.mark.parametrize(
    "answer",
    [
        "<<<<<<< SEARCH\n    return a * b\n=======\n    return a + b\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\n=======\n    return a + b\n>>>>>>> REPLACE\n",
        "--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n def add(x, b):\n-    return a - b\n+    return a + b\n",
        "--- a/calc.py\n+++ b/calc.py\n@@ -4,1 +4,1 @@\n-    return a - b\n+    return a + b\n",
    ],
)
def test_changes_that_do_not_apply_exactly_are_asked_for_again(answer: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_file(answer, path="calc.py", finish_reason="stop", current=CURRENT)

    assert caught.value.kind == "does_not_apply"


def test_a_patch_that_is_the_file_is_no_change() -> None:
    assert read_file(block("diff", DIFF), path="fix.patch", finish_reason="stop").text == DIFF


def test_the_other_files_of_an_answer_are_those_that_it_names() -> None:
    answer = py(SLUG, "**kit/slugify.py**") + py(WRAP, "**kit/wrap.py**") + py(USAGE, "Use it:")

    found = read_further(answer, paths=["kit/wrap.py", "kit/more.py"])

    assert {path: read.text for path, read in found.items()} == {"kit/wrap.py": WRAP}
    assert read_further(py(SLUG, "a.py") + py(OTHER, "a.py"), paths=["a.py"]) == {}
