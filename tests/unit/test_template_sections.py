"""A rendered prompt has no section without content: tags, labels and headings go with the value that would fill them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prompts import render
from core.text.template_sections import without_empty_sections

CASES = {
    "nothing is empty": ("Do $task.\n\n<code>\n$full\n</code>\n", "Do $task.\n\n<code>\n$full\n</code>\n"),
    "a pair of tags": ("A.\n\n<code>\n$none\n</code>\n\nB.\n", "A.\n\nB.\n"),
    "the sentence above it": ("A.\n\nThe code:\n<code>\n$none\n</code>\n\nB.\n", "A.\n\nB.\n"),
    "the sentence below it": ("A.\n\n<code>\n$none\n</code>\nMend it.\n\nB.\n", "A.\n\nB.\n"),
    "blank lines within the tags": ("A.\n\n<code>\n\n$none\n\n</code>\n\nB.\n", "A.\n\nB.\n"),
    "in front": ("<code>\n$none\n</code>\n\nB.\n", "B.\n"),
    "at the end": ("A.\n\n<code>\n$none\n</code>\n", "A.\n"),
    "at the end without a line break": ("A.\n\n$none", "A."),
    "a line alone": ("Write it.\n$none\n", "Write it.\n"),
    "a label above": ("Failed:\n$none\nDo $full.", "Do $full."),
    "a label": ("Run: $full\nNeeds: $none\nTest: $full\n", "Run: $full\nTest: $full\n"),
    "a label with braces": ("Run: $full\nNeeds: ${none}\n", "Run: $full\n"),
    "all labels": ("A.\n\nRun: $none\nNeeds: $nil\n\nB.", "A.\n\nB."),
    "one of two pairs": (
        "The code:\n<code>\n$full\n</code>\nThe tests:\n<tests>\n$none\n</tests>\nDo it.",
        "The code:\n<code>\n$full\n</code>\nDo it.",
    ),
    "a pair that holds something else too": ("<code>\n$none\n$full\n</code>", "<code>\n$full\n</code>"),
    "a heading": ("# T\n\n## A\n\n$none\n\n## B\n\n$full", "# T\n\n## B\n\n$full"),
    "a heading above more": ("## A\n\n$none\n\nText.\n\n## B", "## A\n\nText.\n\n## B"),
    "a heading above a deeper one": ("## A\n\n$none\n\n### B\n\nText.", "## A\n\n### B\n\nText."),
    "a heading with nothing at the end": ("Text.\n\n## A\n\n$none", "Text."),
    "headings that ask for a section": ("$none\n\n## A\n\n## B\n\nText.", "## A\n\n## B\n\nText."),
    "a variable within a sentence": ("- Import from $none only.\n- Write.", "- Import from $none only.\n- Write."),
    "a dollar sign": ("A.\n\n$$none\n\n$none", "A.\n\n$$none"),
    "a tag that is never closed": ("A.\n\n<code>\n$none\n\nB.", "A.\n\n<code>\n\nB."),
    "wider gaps": ("A.\n\n\n$none\n\n\nB.\n\n", "A.\n\n\nB.\n\n"),
    "everything": ("$none\n", "\n"),
}


@pytest.mark.parametrize(("template", "expected"), CASES.values(), ids=CASES.keys())
def test_what_only_empty_variables_fill_is_left_out(template: str, expected: str) -> None:
    assert without_empty_sections(template, {"none", "nil"}) == expected


def test_white_space_is_no_content() -> None:
    assert render("A.\n\n<code>\n$code\n</code>\n", {"code": " \n"}, "here") == "A.\n"


@given(st.lists(st.sampled_from(["$none", "$full", "", "Text.", "<a>", "</a>", "# H", "L: $none", "x $none y"])))
def test_no_line_is_added_moved_or_changed(lines: list[str]) -> None:
    rest = iter(lines)

    kept = [line for line in without_empty_sections("\n".join(lines), {"none"}).split("\n") if line]

    assert all(line in rest for line in kept)
    assert "$none" not in kept
    assert kept.count("$full") == lines.count("$full")


@given(st.text(alphabet="ab<>/#:\n $"))
def test_a_template_whose_variables_have_texts_stays_as_it_is(template: str) -> None:
    assert without_empty_sections(template, {"none"}) == template
