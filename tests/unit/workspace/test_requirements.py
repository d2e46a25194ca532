# ruff: noqa: RUF001 - other scripts are what this is about
"""A requirement is found however a brief marks it, in any script; what only looks like a mark is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace.answers.structured import Requirement, read_requirements

FORMS = [
    "R1\uff1aAdd a task",
    "R1 (Must): Add a task",
    "R1 [Must] Add a task",
    "**R1 (Must):** Add a task",
    "**R1** (Must): Add a task",
    "### R1\n\nAdd a task",
    "### R1 Add a task",
    "#### R1: \n- Add a task",
    "**R1**\n\nAdd a task",
    "- R1\n  Add a task",
    "FR-1: Add a task",
    "FR1. Add a task",
    "REQ-001: Add a task",
    "REQ_1 - Add a task",
    "US1: Add a task",
    "BR 1: Add a task",
    "Requirement 1: Add a task",
    "**Requirement #1** - Add a task",
    "Anforderung Nr. 1: Add a task",
    "Exigence n°1 : Add a task",
    "- [ ] R1: Add a task",
    "- [x] **R1**: Add a task",
    "| R1 | Must | Add a task | it is listed |",
    "| **FR-1** | Add a task | High |",
    "\u3010R1\u3011Add a task",
    "\uff08R1\uff09Add a task",
    "\uff321: Add a task",
    "R\uff11\uff1aAdd a task",
    "R\u0661: Add a task",
    "R1\u3001Add a task",
    "R1\uff0eAdd a task",
    "\u200fR1: Add a task",
    "需求1：Add a task",
    "要件１：Add a task",
    "요구사항 1: Add a task",
    "Требование 1: Add a task",
    "требование №1. Add a task",
    "ФТ-1: Add a task",
    "المتطلب ١: Add a task",
    "الزام ۱: Add a task",
    "דרישה 1: Add a task",
    "आवश्यकता १: Add a task",
    "απαίτηση 1: Add a task",
    "> R1: Add a task",
    "R1\tAdd a task",
    "R1 \u2013 Add a task",
    "R1 → Add a task",
    "## Requirements\n\n1. Add a task\n\n## Out of scope\n\n1. Sharing",
    "## Functional requirements\n- Add a task\n\n## Notes\n- none",
    "## 需求\n\n1、Add a task\n\n## 其他\n\n1、无",
    "**要件**\n\n① Add a task",
    "Anforderungen:\n\n* Add a task",
    "## Требования\n\n1) Add a task",
]


@pytest.mark.parametrize("brief", FORMS, ids=ascii)
def test_a_requirement_is_found_in_every_form(brief: str) -> None:
    assert read_requirements(f"# Brief\n\n{brief}\n") == (Requirement("R1", "Add a task"),)


PROSE = [
    "See R1 and R2 for more.",
    "R2D2 is a robot",
    "OR1: no",
    "R1:",
    "R1 is the first one",
    "r1 = 3",
    "US1 dollars",
    "Requirements: none",
    "requestor 1: a name",
    "There are 3 requirements.",
    "1. One\n2. Two",
    "FORTRAN77: a language",
]


@pytest.mark.parametrize("brief", PROSE)
def test_prose_is_no_requirement(brief: str) -> None:
    assert read_requirements(brief) == ()


def test_texts_in_any_script_stay_whole() -> None:
    brief = "R1：将姓名列表排序。\nR2：می‌خواهم فهرست مرتب شود\nR3: Имена сортируются\nR4: 名前を並べる👩‍👩‍👧\n"

    assert [requirement.text for requirement in read_requirements(brief)] == [
        "将姓名列表排序。",
        "می‌خواهم فهرست مرتب شود",
        "Имена сортируются",
        "名前を並べる👩‍👩‍👧",
    ]


def test_two_kinds_of_marks_keep_all_their_requirements() -> None:
    found = read_requirements("FR-1: add\nFR-2: list\nNFR-1: fast enough\n")

    assert found == (Requirement("R1", "add"), Requirement("R2", "list"), Requirement("R3", "fast enough (NFR-1)"))


def test_the_parts_of_a_requirement_are_requirements() -> None:
    assert [found.id for found in read_requirements("R1: a\nR1.1: b\nR1.2: c\nR2: d")] == ["R1", "R1.1", "R1.2", "R2"]


@given(st.lists(st.sampled_from([*FORMS, *PROSE, "**", "|", "R1", "(", "：", "\n"]) | st.text(max_size=5)).map("".join))
def test_any_brief_gives_distinct_plain_requirements(brief: str) -> None:
    found = read_requirements(brief)

    assert len({requirement.id for requirement in found}) == len(found) <= 20
    assert all(requirement.text.strip() and "\n" not in requirement.text for requirement in found)
