# ruff: noqa: RUF001 - other scripts are what this is about
"""Names of any script are taken, in a form that every system takes; what attacks is still refused by the gate."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArtifactError
from core.workspace.answers.structured import PlannedFile, read_file_plan
from core.workspace.files.paths import portable_path, safe_relative_path

NAMES = [
    ("src/app.py", "src/app.py"),
    ("./app.py", "app.py"),
    ("提醒.py", "提醒.py"),
    ("напоминание.py", "напоминание.py"),
    ("हिन्दी.py", "हिन्दी.py"),
    ("größe.py", "größe.py"),
    ("cafe\u0301.py", "café.py"),
    ("todo list.py", "todo_list.py"),
    ("my  big file.py", "my_big_file.py"),
    ("my docs/read me.md", "my_docs/read_me.md"),
    ("ファイル　名.py", "ファイル_名.py"),
    ("\U0001f680 launch.py", "launch.py"),
    ("launch\U0001f680.py", "launch.py"),
    ("\U0001f680.py", "rocket.py"),
    ("\u2764\ufe0f.py", "heavy_black_heart.py"),
    ("con.py", "con_.py"),
    ("AUX", "AUX_"),
    ("nul/x.py", "nul_/x.py"),
    ("com1.log.py", "com1_.log.py"),
    ("app.py.", "app.py"),
    ("app.py ", "app.py"),
    ("\uff41\uff42.py", "ab.py"),
    ("\ufb01le.py", "file.py"),
    ("__init__.py", "__init__.py"),
    ("_private.py", "_private.py"),
    (".gitignore", ".gitignore"),
    (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
    ("a..b.txt", "a..b.txt"),
    ("pages/[id].tsx", "pages/[id].tsx"),
    ("Dockerfile", "Dockerfile"),
]


@pytest.mark.parametrize(("raw", "name"), NAMES, ids=[ascii(raw) for raw, _ in NAMES])
def test_a_name_gets_the_form_that_every_system_takes(raw: str, name: str) -> None:
    assert portable_path(raw) == name
    assert str(safe_relative_path(name)) == name


@pytest.mark.parametrize(
    "raw",
    [
        "../x.py",
        "/etc/x",
        "a/../x.py",
        "C:\\x.py",
        "\u2025/x.py",
        "\uff0e\uff0e\uff0fx.py",
        "",
        "..",
        "a//b",
        "<name>.py",
        "~/x",
    ],
)
def test_what_attacks_is_refused_as_before(raw: str) -> None:
    with pytest.raises(ArtifactError):
        safe_relative_path(portable_path(raw))


@given(st.text(max_size=60) | st.sampled_from([raw for raw, _ in NAMES]))
def test_what_is_portable_stays_as_it_is(raw: str) -> None:
    try:
        path = str(safe_relative_path(portable_path(raw)))
    except ArtifactError:
        return

    assert portable_path(path) == path
    assert unicodedata.is_normalized("NFC", path)
    assert " " not in path


PLANS = [
    ("- todo list.py - reads the list", PlannedFile("todo_list.py", "reads the list", "todo list.py")),
    ("`todo list.py` - reads the list", PlannedFile("todo_list.py", "reads the list", "todo list.py")),
    ("1. **`todo list.py`**: reads the list", PlannedFile("todo_list.py", "reads the list", "todo list.py")),
    ("| todo list.py | reads the list |", PlannedFile("todo_list.py", "reads the list", "todo list.py")),
    ("提醒.py - 提醒用户", PlannedFile("提醒.py", "提醒用户")),
    ("提醒.py：提醒用户", PlannedFile("提醒.py", "提醒用户")),
    ("- 主文件：main_app.py", PlannedFile("main_app.py", "")),
    ("- `напоминание.py` — напоминает", PlannedFile("напоминание.py", "напоминает")),
    ("हिन्दी.py - text", PlannedFile("हिन्दी.py", "text")),
    ("- \U0001f680 launch.py - starts", PlannedFile("launch.py", "starts", "\U0001f680 launch.py")),
    ("con.py - talks", PlannedFile("con_.py", "talks", "con.py")),
    ("1、提醒.py - 提醒", PlannedFile("提醒.py", "提醒")),
    ("① main_app.py - 主文件", PlannedFile("main_app.py", "主文件")),
    ("・main_app.py - 主文件", PlannedFile("main_app.py", "主文件")),
    ("app.py - all", PlannedFile("app.py", "all")),
]


@pytest.mark.parametrize(("line", "planned"), PLANS, ids=[ascii(line) for line, _ in PLANS])
def test_a_plan_names_files_in_any_script(line: str, planned: PlannedFile) -> None:
    plan = read_file_plan(line)

    assert (plan.files, plan.refused) == ((planned,), ())


@pytest.mark.parametrize(
    "line",
    [
        "I will write the program in main_app.py - as asked",
        "Here is the plan:",
        "- The plan is in plan.md",
        "这是计划：",
        "请看下面。",
    ],
)
def test_a_sentence_is_no_name_of_several_words(line: str) -> None:
    assert not any(" " in file.named for file in read_file_plan(line).files)


@pytest.mark.parametrize("names", [("App.py", "app.py"), ("todo list.py", "todo_list.py"), ("STRASSE.py", "straße.py")])
def test_two_names_of_one_file_are_refused_and_not_joined(names: tuple[str, str]) -> None:
    plan = read_file_plan("\n".join(f"- `{name}` - x" for name in names))

    assert len(plan.files) == 1
    assert [refused.rule for refused in plan.refused] == ["same_name"]


def test_one_name_twice_is_a_repetition() -> None:
    plan = read_file_plan("- caf\u00e9.py - x\n- cafe\u0301.py - y")

    assert len(plan.files) == 1
    assert plan.refused == ()
