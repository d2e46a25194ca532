"""Files, plans, verdicts and requirements out of whatever a model answers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ArtifactError
from core.workspace.answers.elisions import find_elisions
from core.workspace.answers.reader import read_file
from core.workspace.answers.structured import PlannedFile, Requirement, read_file_plan, read_opinion, read_requirements
from core.workspace.checks.file_check import check_file

CODE = "def add(a, b):\n    return a + b\n"
README = "# Demo\n\nInstall it:\n\n```bash\npip install demo\n```\n\nThen run it.\n"

FORMS = {
    "a plain fence": f"```python\n{CODE}```",
    "a fence without a language": f"```\n{CODE}```",
    "lang:path": f"```python:src/app.py\n{CODE}```",
    "lang path": f"```python src/app.py\n{CODE}```",
    "only a path": f"```src/app.py\n{CODE}```",
    "title attribute": f'```python title="src/app.py"\n{CODE}```',
    "braces and filename": f'```{{.python filename="src/app.py"}}\n{CODE}```',
    "File: line": f"File: src/app.py\n```python\n{CODE}```",
    "bold path": f"**src/app.py**\n\n```python\n{CODE}```",
    "bold label with backticks": f"**File: `src/app.py`**\n```python\n{CODE}```",
    "heading": f"### src/app.py\n```python\n{CODE}```",
    "prose around": f"Sure! Here it is:\n\n```python\n{CODE}```\n\nThis adds two numbers.",
    "CRLF": f"```python\n{CODE}```\n".replace("\n", "\r\n"),
    "byte-order mark": f"\ufeff```python\n{CODE}```",
    "four backticks": f"````python\n{CODE}````",
    "tildes": f"~~~python\n{CODE}~~~",
    "indented in a list": "1. The file:\n   ```python\n   def add(a, b):\n       return a + b\n   ```",
    "glued to prose": f"Here is the code:```python\n{CODE}```",
    "not closed, stopped": f"```python\n{CODE}",
    "closing fence glued to the code": f"```python\n{CODE.rstrip()}```",
    "no fence at all": CODE,
    "only the closing fence": f"{CODE}```\nThis adds two numbers.",
    "trailing blank lines": f"```python\n{CODE}\n\n\n```",
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_answer_gives_the_same_file(answer: str) -> None:
    assert read_file(answer, path="src/app.py", finish_reason="stop").text == CODE


@pytest.mark.parametrize(
    "form",
    [
        "lang:path",
        "lang path",
        "only a path",
        "title attribute",
        "braces and filename",
        "File: line",
        "bold path",
        "bold label with backticks",
        "heading",
    ],
)
def test_the_declared_path_is_reported_and_not_used(form: str) -> None:
    read = read_file(FORMS[form], path="other/name.py", finish_reason="stop")

    assert (read.text, read.declared_path) == (CODE, "src/app.py")


def test_a_path_comment_in_the_first_line_stays_where_comments_are_allowed() -> None:
    read = read_file(f"```python\n# src/app.py\n{CODE}```", path="src/app.py", finish_reason="stop")

    assert (read.text, read.declared_path) == (f"# src/app.py\n{CODE}", "src/app.py")


@pytest.mark.parametrize(
    ("path", "first", "rest"),
    [
        ("data.json", "// data.json", '{"a": 1}\n'),
        ("run.sh", "# run.sh", "#!/bin/sh\necho hello\n"),
        ("app.py", "File: app.py", "x = 1\n"),
    ],
)
def test_a_path_line_goes_where_it_would_break_the_file(path: str, first: str, rest: str) -> None:
    assert read_file(f"```\n{first}\n{rest}```", path=path, finish_reason="stop").text == rest


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'path = "a.py"\n'),
        ("a.toml", 'path = "src/a.py"\n'),
        ("a.yml", "file: a.yml\n"),
        ("a.yml", "File: a.yml\n"),
        ("Dockerfile", "# Dockerfile\nFROM a\nRUN b\n"),
        ("README.md", "# README.md\n\nSome words.\n"),
    ],
)
def test_a_first_line_that_belongs_to_the_file_stays(path: str, text: str) -> None:
    assert read_file(f"```\n{text}```", path=path, finish_reason="stop").text == text


@pytest.mark.parametrize(
    ("answer", "path", "finish_reason", "kind"),
    [
        (f"```python\n{CODE}```", "app.py", "length", "truncated"),
        (f"```python\n{CODE}", "app.py", "length", "truncated"),
        (f"```python\n{CODE}", "app.py", "content_filter", "unclosed"),
        (f"```python\n{CODE}", "app.py", "", "unclosed"),
        ("# Title\n\nSome words", "README.md", "", "unclosed"),
        ("I cannot do that.", "app.py", "stop", "refusal"),
        ("Hello", "app.py", "stop", "no_block"),
        ("Note: this is prose\nwith: colons", "app.toml", "stop", "no_block"),
        ("Here is how: it works\nas follows", "ci.yml", "stop", "no_block"),
        ("some words", "style.css", "stop", "no_block"),
        (CODE, "app.py", "content_filter", "no_block"),
        ("", "app.py", "stop", "no_block"),
        ("```python\n```", "app.py", "stop", "empty"),
        ("```python\n\n  \n```", "app.py", "stop", "empty"),
        ("", "README.md", "stop", "empty"),
    ],
)
def test_what_is_no_whole_file_is_refused(answer: str, path: str, finish_reason: str, kind: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_file(answer, path=path, finish_reason=finish_reason)

    assert caught.value.kind == kind
    assert path in caught.value.message
    assert caught.value.hint


def test_a_package_marker_may_be_empty() -> None:
    assert read_file("```python\n```", path="pkg/__init__.py", finish_reason="stop").text == "\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", '{"a": [1, 2]}\n'),
        ("a.toml", '[tool]\nname = "x"\n'),
        ("a.yml", "name: ci\non: push\n"),
        ("run.sh", "#!/bin/sh\necho hi\n"),
        ("Dockerfile", 'FROM python:3.11\nCMD ["python"]\n'),
        ("index.html", "<!doctype html>\n<p>x</p>\n"),
    ],
)
def test_a_bare_answer_that_plainly_is_the_file_is_taken(path: str, text: str) -> None:
    assert read_file(text, path=path, finish_reason="stop").text == text


def test_of_several_blocks_the_one_with_the_path_wins() -> None:
    answer = f"**tests/test_app.py**\n```python\n{'x = 1  # a longer block' * 9}\n```\n**app.py**\n```python\n{CODE}```"

    assert read_file(answer, path="src/app.py", finish_reason="stop").text == CODE


def test_of_several_blocks_the_one_with_the_language_wins() -> None:
    answer = f"```bash\npip install something-with-a-long-name and another one\n```\n```python\n{CODE}```"

    assert read_file(answer, path="app.py", finish_reason="stop").text == CODE


def test_of_several_equal_blocks_the_longest_wins() -> None:
    answer = f"```python\n{CODE}```\nUse it so:\n```python\nadd(1, 2)\n```"

    assert read_file(answer, path="app.py", finish_reason="stop").text == CODE


def test_prose_goes_to_the_notes_as_plain_text() -> None:
    read = read_file(f"Before \x1b[31mred\x1b[0m\n```python\n{CODE}```\nAfter", path="app.py", finish_reason="stop")

    assert read.notes == "Before red\n\nAfter"


def test_notes_are_at_most_800_characters() -> None:
    assert len(read_file(f"{'word ' * 400}\n```python\n{CODE}```", path="a.py", finish_reason="stop").notes) <= 800


def test_a_docstring_with_a_fence_does_not_end_the_python_block() -> None:
    code = 'def f():\n    """Do it.\n\n```\nf()\n```\n    """\n    return 1\n'

    assert read_file(f"```python\n{code}```\nDone.", path="f.py", finish_reason="stop").text == code


BARE_INNER = "# Demo\n\nRun:\n\n```\nmake\n```\n\nAnd:\n\n```\nmake test\n```\n\nEnd.\n"
DOCUMENTS = {
    "the whole answer": (README, README),
    "a markdown fence with inner fences": (f"```markdown\n{README}```", README),
    "a markdown fence in prose": (f"Here it is:\n\n```markdown\n{README}```\n\nAnything else?", README),
    "four backticks": (f"````markdown\n{README}````", README),
    "four backticks, no language": (f"````\n{README}````", README),
    "tildes": (f"~~~~md\n{README}~~~~", README),
    "bare inner fences": (f"```markdown\n{BARE_INNER}```", BARE_INNER),
    "a fence around everything": (f"```\n{README}```", README),
    "a declared path": (f"```markdown:README.md\n{README}```", README),
    "an example of Markdown inside": (
        f"{README}\nWrite notes so:\n\n```markdown\n# Note\n```\n",
        f"{README}\nWrite notes so:\n\n```markdown\n# Note\n```\n",
    ),
    "a greeting": (f"Sure! Here is the README:\n\n{README}", README),
    "a farewell": (f"{README}\nLet me know if you need more.", README),
    "not closed, stopped": (f"```markdown\n{README}", README),
}


@pytest.mark.parametrize(("answer", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_keeps_its_own_fences(answer: str, expected: str) -> None:
    assert read_file(answer, path="README.md", finish_reason="stop").text == expected


anything = st.text(max_size=400) | st.lists(
    st.sampled_from(
        ["```", "```python", "````", "~~~", "# a.py", "x = 1", "", "{", "- a", "<think>", "</think>", "R1:"]
    )
).map("\n".join)
paths = st.sampled_from(["a.py", "README.md", "a.json", "b.yml", "c.toml", "Dockerfile", "x.css", "run", "__init__.py"])


@given(answer=anything, path=paths, finish_reason=st.sampled_from(["stop", "length", "", "tool_calls"]))
@example(answer="\ud800```", path="a.py", finish_reason="stop")
def test_the_reader_raises_nothing_but_artifact_errors(answer: str, path: str, finish_reason: str) -> None:
    try:
        text = read_file(answer, path=path, finish_reason=finish_reason).text
    except ArtifactError:
        return

    assert text.endswith("\n")
    assert not text.endswith("\n\n")


fence_free = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff`~")).filter(
    lambda text: bool(text.strip())
)


@given(text=fence_free, mark=st.sampled_from(["```", "````", "~~~", "~~~~~"]))
def test_a_text_without_fences_is_read_back_identical(text: str, mark: str) -> None:
    whole = text.rstrip("\n") + "\n"

    assert read_file(f"{mark}css\n{whole}{mark}\n", path="a.css", finish_reason="stop").text == whole


@given(answer=anything)
def test_the_lists_never_raise_and_keep_their_limits(answer: str) -> None:
    assert len(read_file_plan(answer).files) <= 20
    assert len(read_opinion(answer).findings) <= 5
    assert len(read_requirements(answer)) <= 20


TREE = """\
Here is the layout:

```
todo/
├── src/
│   ├── __init__.py
│   ├── cli.py          # command line
│   └── store/
│       └── json_file.py
├── tests/
│   └── test_cli.py
└── README.md
```
"""
PLANS = {
    "plain lines": ("app.py\ntests/test_app.py", ["app.py", "tests/test_app.py"]),
    "bullets": ("- app.py\n* b.py\n+ c.py\n• d.py", ["app.py", "b.py", "c.py", "d.py"]),
    "numbers": ("1. app.py\n2) b.py\n3: c.py", ["app.py", "b.py", "c.py"]),
    "backticks and bold": ("- `app.py`\n- **b.py**\n- **`c.py`**: more", ["app.py", "b.py", "c.py"]),
    "prose around": ("Here are the files:\n\napp.py\n\nThat is all.", ["app.py"]),
    "labels": ("File: app.py\nfile: b.py", ["app.py", "b.py"]),
    "a leading dot": ("./app.py\n.github/workflows/ci.yml", ["app.py", ".github/workflows/ci.yml"]),
    "no suffix": ("Dockerfile\nMakefile", ["Dockerfile", "Makefile"]),
    "repetitions": ("app.py\nApp.py\napp.py", ["app.py"]),
    "attacks": (
        "/etc/passwd.txt\n../x.py\na/../../b.py\nC:\\x.py\nhttp://h/x.py\nCON.py\nlocalhost:8000\nok.py",
        ["CON_.py", "ok.py"],
    ),
    "a table": ("| File | Purpose |\n|---|---|\n| app.py | main |\n| `b.py` | rest |", ["app.py", "b.py"]),
    "at most 20": ("\n".join(f"f{n}.py" for n in range(30)), [f"f{n}.py" for n in range(20)]),
    "a tree": (
        TREE,
        ["src/__init__.py", "src/cli.py", "src/store/json_file.py", "tests/test_cli.py", "README.md"],
    ),
    "a tree whose root is a package": (
        "kit/\n├── __init__.py\n├── slug.py\n└── data/\n    └── words.txt",
        ["kit/__init__.py", "kit/slug.py", "kit/data/words.txt"],
    ),
    "a tree with the package below its root": (
        "kit/\n├── kit/\n│   ├── __init__.py\n│   └── slug.py\n└── README.md",
        ["kit/__init__.py", "kit/slug.py", "README.md"],
    ),
    "an ASCII tree": (".\n|-- app.py\n`-- pkg\n    `-- b.py", ["app.py", "pkg/b.py"]),
    "a bare indented tree": ("src/\n    app.py\ntests/\n    test_app.py", ["src/app.py", "tests/test_app.py"]),
    "JSON strings": ('[\n  "app.py",\n  "b.py"\n]', ["app.py", "b.py"]),
    "nothing": ("I would use Python.", []),
}


@pytest.mark.parametrize(("answer", "expected"), PLANS.values(), ids=PLANS.keys())
def test_a_plan_gives_its_files(answer: str, expected: list[str]) -> None:
    assert [planned.path for planned in read_file_plan(answer).files] == expected


@pytest.mark.parametrize(
    "line",
    [
        "app.py - the command line",
        "- `app.py`: the command line",
        "1. **app.py** — the command line",
        "app.py  # the command line",
    ],
)
def test_a_plan_gives_the_purpose_of_a_file(line: str) -> None:
    assert read_file_plan(line).files == (PlannedFile("app.py", "the command line"),)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("VERDICT: pass", "pass"),
        ("**VERDICT:** fail", "fail"),
        ("Verdict - PASS", "pass"),
        ("## Verdict\n\nFAIL", "fail"),
        ("verdict is passed.", "pass"),
        ('{"verdict": "fail"}', "fail"),
        ("```\nVERDICT: FAIL\n```", "fail"),
        ("All good.\n\nPASS", "pass"),
        ("VERDICT: pass\nVERDICT: pass", "pass"),
        ("VERDICT: pass\nVERDICT: fail", "unknown"),
        ("VERDICT: pass or fail", "unknown"),
        ("VERDICT: pass/fail", "unknown"),
        ("PASS\nsome text\nFAIL", "unknown"),
        ("The tests pass but one may fail.", "unknown"),
        ("Verdict: the code does not pass", "unknown"),
        ("Verdict: passable", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_opinion_is_read_only_where_it_is_clear(answer: str, value: str) -> None:
    assert read_opinion(answer).value == value


def test_findings_are_plain_short_and_few() -> None:
    listed = "\n".join(f"- \x1b[31mfinding\x1b[0m {number} ```x\u202e` {'y' * 400}" for number in range(9))

    findings = read_opinion(f"VERDICT: fail\n{listed}").findings

    assert len(findings) == 5
    assert all(len(finding) <= 300 and "\x1b" not in finding and "```" not in finding for finding in findings)
    assert findings[0].startswith("finding 0")


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        (
            "VERDICT: fail\n1. R1 is missing\n2. add() is wrong\n   for negatives",
            ("R1 is missing", "add() is wrong for negatives"),
        ),
        ("VERDICT: fail\nadd() is wrong.", ("add() is wrong.",)),
        ("VERDICT: pass\nFindings:\n- none", ()),
        ("VERDICT: pass\nIt is fine.", ()),
    ],
)
def test_findings_are_the_listed_lines(answer: str, findings: tuple[str, ...]) -> None:
    assert read_opinion(answer).findings == findings


@pytest.mark.parametrize(
    "line",
    [
        "R1: Add a task",
        "- R1. Add a task",
        "**R1** Add a task",
        "- **R1:** Add a task",
        "| R1 | Add a task | it is listed |",
        "* [R1] Add a task",
        "1. R1 - Add a task",
        "### R1: Add a task",
        "R1\u2014Add a task",
        "R-1: Add a task",
        "- **R1**:\n  Add a task",
        "R01) Add a task",
    ],
)
def test_a_requirement_is_read_in_every_form(line: str) -> None:
    assert read_requirements(f"# Brief\n\n{line}\n") == (Requirement("R1", "Add a task"),)


def test_requirements_are_unique_and_at_most_20() -> None:
    brief = "\n".join(f"R{number}: text {number}" for number in [*range(1, 30), 1])

    assert [requirement.id for requirement in read_requirements(brief)] == [f"R{number}" for number in range(1, 21)]


@pytest.mark.parametrize("line", ["See R1 and R2 for more.", "R2D2 is a robot", "OR1: no", "R1:"])
def test_prose_about_requirements_is_none(line: str) -> None:
    assert read_requirements(line) == ()


LONG = 60_000
HOSTILE = {
    "spaces after a fence": "```" + " " * LONG + "`",
    "spaces in a comment": "# " + " " * LONG + "x",
    "many fences": "```\nx\n" * (LONG // 6),
    "many opening fences": "```python\n" * (LONG // 10),
    "many inner fences": "```markdown\n" + "```\nx\n" * (LONG // 6),
    "colons": ": " * LONG + "```x",
    "dots": "# " + "." * LONG + "x",
    "brackets": "R1" + "[" * LONG,
    "drawing": "│ " * LONG + "x",
    "bullets": "- " * LONG,
    "numbers": "1." * LONG,
    "verdict": "verdict" + " " * LONG + "x",
    "escapes": "\x1b]" * LONG,
    "backticks": "`" * LONG,
    "parentheses": "```python\n" + "(" * LONG + "\n```",
    "minus signs": "```python\n" + "-" * LONG + "1\n```",
    "brackets in YAML": "```yaml\n" + "[" * 20_000 + "\n```",
    "continuations": "FROM a\n" + "\\\n" * LONG,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_takes_no_time(answer: str) -> None:
    for path in ["a.py", "README.md", "ci.yml", "Dockerfile", "a.js"]:
        find_elisions(path, answer)
        check_file(path, answer)
        with contextlib.suppress(ArtifactError):
            read_file(answer, path=path, finish_reason="stop")
    read_file_plan(answer)
    read_opinion(answer)
    read_requirements(answer)
