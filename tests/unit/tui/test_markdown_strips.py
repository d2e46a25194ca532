"""Streamed Markdown becomes rows of exact width: the same however it was split, harmless whatever it holds."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection

from core.text.sanitize import show_controls
from tui.markdown.code import colour_code
from tui.markdown.document import MarkdownDocument
from tui.markdown.inline import read_inline
from tui.markdown.selection import selected_source
from tui.markdown.strips import paint_row, rows_of

Painted = list[tuple[str, list[tuple[str, str]]]]

SAMPLE = """# Brief

Some **bold**, *slanted*, `code` and ~~gone~~ text with a [link](https://example.org/a).

- one
  - nested with a very long text that has to be wrapped at some place
1. first
> quoted **words**

| name | count |
|:-----|------:|
| a    | 1     |
| 日本 | 22    |

```python
def greet(name: str) -> str:
\treturn f"hello {name}"  # a comment
```
---
Last line without an end"""


def style_named(role: str, run_role: str) -> Style:
    """Carry the roles in the style, so that tests can read them back."""
    return Style(meta={"role": role, "run": run_role})


def painted(document: MarkdownDocument) -> Painted:
    rows: Painted = []
    for number in range(document.last_line_number + 1):
        line = document.line_at(number)
        for row in rows_of(line, document.width):
            strip = paint_row(line, row, document.width, style_named)
            assert strip.cell_length == document.width == cell_len(strip.text)
            pieces = [(text, f"{style.meta['role']}/{style.meta['run']}") for text, style, _ in strip if style]
            rows.append((strip.text, pieces))
    return rows


def shown(source: str, width: int = 40) -> list[str]:
    """The rows of a finished answer, without the spaces at their ends."""
    document = MarkdownDocument(width)
    document.feed(source)
    document.finish_answer("")
    return [text.rstrip() for text, _ in painted(document)] if source else []


def fed(pieces: list[str], width: int = 40) -> MarkdownDocument:
    document = MarkdownDocument(width)
    document.begin_answer("answer.md")
    for piece in pieces:
        document.feed(piece)
    return document


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        pytest.param("# Title", ["Title"], id="heading"),
        pytest.param("## Title ##", ["Title"], id="closed heading"),
        pytest.param("#tag", ["#tag"], id="no heading without a space"),
        pytest.param("- a\n  - b\n    * c", ["• a", "  ◦ b", "    ▪ c"], id="nested bullets"),
        pytest.param("1. a\n10) b", ["1. a", "10) b"], id="numbers"),
        pytest.param("- [x] done\n- [ ] open", ["☑ done", "☐ open"], id="tasks"),
        pytest.param("> a\n> > b", ["▌ a", "▌ ▌ b"], id="quotes"),
        pytest.param("> - a", ["▌ • a"], id="bullet in a quote"),
        pytest.param("***", ["─" * 40], id="rule"),
        pytest.param("a **b** _c_ `d*e` ~~f~~", ["a b c d*e f"], id="inline marks"),
        pytest.param("2 * 3 * 4 and snake_case_name", ["2 * 3 * 4 and snake_case_name"], id="marks that are none"),
        pytest.param("a **b and `c", ["a **b and `c"], id="marks without partner"),
        pytest.param(r"\*a\*", ["*a*"], id="escaped marks"),
        pytest.param("[here](http://x.org)", ["here (http://x.org)"], id="link as text"),
        pytest.param("[http://x.org](http://x.org)", ["http://x.org"], id="link that shows itself"),
        pytest.param("![alt](a(b).png)", ["alt (a(b).png)"], id="image as text"),
        pytest.param("<https://x.org>", ["https://x.org"], id="bare link"),
        pytest.param("```py\na\n```\nb", ["╭ py", "│ a", "╰", "b"], id="fence"),
        pytest.param("```\na ``` b\n````", ["╭", "│ a ``` b", "╰"], id="fence closes with its own line only"),
        pytest.param("~~~\n```\n~~~", ["╭", "│ ```", "╰"], id="fence in a fence"),
        pytest.param("```\n**a**", ["╭", "│ **a**"], id="open fence"),
        pytest.param("```inline``` text", ["inline text"], id="three ticks inside a line"),
        pytest.param("a\tb", ["a   b"], id="tab"),
        pytest.param("a\r\nb\r\n", ["a", "b"], id="line ends of Windows"),
        pytest.param("|a|b|\n|-|-|\n|1|2|", ["a   │ b", "────┼────", "1   │ 2"], id="table"),
        pytest.param("|a|b|\nno table", ["|a|b|", "no table"], id="pipes without a delimiter"),
    ],
)
def test_markdown_is_shown_in_its_reduced_form(source: str, rows: list[str]) -> None:
    assert shown(source) == rows


def test_words_wrap_under_the_text_of_their_bullet() -> None:
    assert shown("- aaa bbb ccc ddd", 12) == ["• aaa bbb", "  ccc ddd"]


def test_a_word_longer_than_a_row_is_cut() -> None:
    assert shown("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_wide_characters_never_straddle_the_edge() -> None:
    assert shown("日本語日本語", 9) == ["日本語日", "本語"]
    assert shown("ab👩‍👩‍👧cd", 9) == ["ab👩‍👩‍👧cd"]


def test_a_table_too_wide_wraps_its_cells() -> None:
    source = "| name | what it does |\n|---|---|\n| a | one two three four five six |"

    assert shown(source, 24) == [
        "name │ what it does",
        "─────┼──────────────────",
        "a    │ one two three",
        "     │ four five six",
    ]


def test_a_table_with_more_columns_than_room_is_shown_as_written() -> None:
    assert shown("|a|b|c|d|\n|-|-|-|-|", 12)[0] == "|a|b|c|d|"


@pytest.mark.parametrize(
    ("attack", "glyphs"),
    [
        ("\x1b[31mred\x1b]0;title\x07", "␛[31mred␛]0;title␇"),
        ("\x9b2J", "⟨U+009B⟩2J"),
        ("a\x00b\x08c\x7f", "a␀b␈c␡"),
        ("evil\u202etxt.exe\u2066", "evil⟨U+202E⟩txt.exe⟨U+2066⟩"),
        ("a\u200bb\ufeff\u2028c", "a⟨U+200B⟩b⟨U+FEFF⟩⟨U+2028⟩c"),
        ("hid\U000e0041\U000e007fden", "hid⟨U+E0041⟩⟨U+E007F⟩den"),
        ("half \ud83d pair", "half ⟨U+D83D⟩ pair"),
        ("over\rwritten", "over␍written"),
    ],
)
def test_what_acts_on_a_terminal_becomes_visible(attack: str, glyphs: str) -> None:
    assert show_controls(attack) == glyphs
    assert shown(attack) == [glyphs]
    assert shown(f"```\n{attack}\n```")[1] == f"│ {glyphs}"


@pytest.mark.parametrize("markup", ["[red]x[/red]", "[@click=app.quit]x[/]", "[link=http://x]y[/link]", "\\[b]"])
def test_markup_of_the_terminal_library_is_shown_literally(markup: str) -> None:
    assert shown(markup) == [markup.removeprefix("\\")]


def test_no_style_carries_a_link() -> None:
    document = fed([SAMPLE])

    for number in range(document.last_line_number + 1):
        line = document.line_at(number)
        for row in rows_of(line, 40):
            strip = paint_row(line, row, 40, lambda role, run: Style(bold=bool(role and run)))
            assert all(style is None or style.link is None for _, style, _ in strip)


markdown = st.lists(
    st.sampled_from(
        [
            *SAMPLE.split("\n"),
            "```",
            "~~~",
            "|",
            "**",
            "`",
            "[a](",
            "x" * 90,
            "日" * 30,
            "\t",
            "\r",
            "- ",
            "> ",
            "\x1b[0m",
            " ",
        ]
    )
    | st.text(max_size=40),
    max_size=14,
).map("\n".join)


@given(markdown, st.lists(st.integers(0, 400), max_size=12), st.integers(1, 60))
def test_the_rows_do_not_depend_on_how_the_stream_was_split(source: str, cuts: list[int], width: int) -> None:
    places = sorted({min(cut, len(source)) for cut in cuts})
    pieces = [source[a:b] for a, b in zip([0, *places], [*places, len(source)], strict=True)]

    at_once, split = fed([source], max(width, 2)), fed(pieces, max(width, 2))
    at_once.finish_answer("done")
    split.finish_answer("done")

    assert painted(split) == painted(at_once)
    assert split.row_count == at_once.row_count == len(painted(split))
    assert split.answer_source == source
    assert split.code_blocks == at_once.code_blocks


@given(markdown, st.lists(st.integers(2, 70), min_size=1, max_size=4))
def test_a_resized_document_equals_one_laid_out_at_that_width(source: str, widths: list[int]) -> None:
    document = fed([source], 33)
    for width in widths:
        document.set_width(width)

    fresh = fed([source], widths[-1])

    assert painted(document) == painted(fresh)
    assert document.row_count == fresh.row_count


@given(markdown, st.integers(2, 60))
def test_every_row_is_found_again_by_its_place(source: str, width: int) -> None:
    document = fed([source], width)

    for row in range(document.row_count):
        place = document.position_at(row)
        if document.line_at(place.line).table_row is None:
            assert document.row_at(place) == row


def test_a_finished_line_costs_nothing_again() -> None:
    document = fed(["first line\nsecond"])
    first = document.lines[0]

    document.feed(" grows\nthird")

    assert document.lines[0] is first


def test_a_line_without_end_is_cut_so_that_the_tail_stays_short() -> None:
    document = fed(["word " * 5000])

    assert all(len(line.text) <= 2000 for line in document.lines)
    assert document.answer_source == "word " * 5000


@pytest.mark.parametrize(
    "hostile", ["[", "`", "*", "](", "# ", "|", "**a ", "```  ", "~", "\\", "<http://", "> ", "_a_*"]
)
def test_hostile_lines_are_read_in_bounded_time(hostile: str) -> None:
    line = (hostile * 2000)[:2000]
    began = time.process_time()

    fed([line, "\n", f"# {line}\n", f"```{line}`\n"])

    assert time.process_time() - began < 1.0


def test_a_failed_attempt_stays_until_the_next_text_replaces_it() -> None:
    document = fed(["half an ans"])

    document.reset_answer()
    assert document.is_stale(document.last_line_number)
    assert document.answer_source == "half an ans"

    document.feed("whole")
    assert not document.is_stale(document.last_line_number)
    assert document.answer_source == "whole"
    assert [text.strip() for text, _ in painted(document)] == ["answer.md", "whole"]


def test_a_stopped_answer_keeps_its_text_in_an_open_fence() -> None:
    document = fed(["```py\nx = 1\ny ="])

    document.finish_answer("stopped")

    assert [text.strip() for text, _ in painted(document)][1:] == ["╭ py", "│ x = 1", "│ y =", "stopped"]
    assert document.code_blocks == ["x = 1\ny ="]


def test_an_answer_stopped_before_its_first_token_is_only_its_heading() -> None:
    document = fed([])

    document.finish_answer("stopped")

    assert [text.strip() for text, _ in painted(document)] == ["answer.md", "stopped"]
    assert document.answer_source == ""


def test_a_note_goes_before_the_open_answer_and_does_not_break_it() -> None:
    document = fed(["```py\nx = 1\n"])

    document.add_note("retrying [b]now[/b]", "warning")
    document.feed("y = 2\n```")
    document.finish_answer("")

    rows = [text.strip() for text, _ in painted(document)]
    assert rows == ["answer.md", "retrying [b]now[/b]", "╭ py", "│ x = 1", "│ y = 2", "╰"]
    assert document.closed_fences[0].lines[1].source == "x = 1"
    assert document.answer_source == "```py\nx = 1\ny = 2\n```"
    assert document.source == "> retrying [b]now[/b]\n\n## answer.md\n\n```py\nx = 1\ny = 2\n```"


def test_answers_are_separate_sources() -> None:
    document = fed(["one\n```\na\n```"])
    document.begin_answer("two.md")
    document.feed("```\n  b\n```\n")

    assert document.answer_source == "```\n  b\n```\n"
    assert document.code_blocks == ["  b"]
    assert document.source.startswith("## answer.md\n\none")


def test_a_closed_fence_gets_its_colours_and_keeps_its_rows() -> None:
    document = fed(["```python\ndef f():\n\treturn 'a'\n```\nafter"])
    rows_before = document.row_count
    fence = document.closed_fences[0]
    columns = [line.spans[0].source for line in fence.lines[1:]]

    spans = colour_code(fence.language, [line.text for line in fence.lines[1:]], columns)
    assert spans is not None
    document.colour(fence, spans)

    roles = {role for _, pieces in painted(document) for _, role in pieces}
    assert {"code/code-keyword", "code/code-name", "code/code-string"} <= roles
    assert document.row_count == rows_before


def test_colours_for_a_fence_that_is_gone_are_ignored() -> None:
    document = fed(["```python\nx = 1\n```\n"])
    fence = document.closed_fences[0]
    document.reset_answer()
    document.feed("```python\nx = 1\n```\n")
    before = painted(document)

    assert document.colour(fence, [()]) is None
    assert painted(document) == before


@pytest.mark.parametrize(("language", "code"), [("", "x"), ("no-such-language", "x"), ("python", "x" * 200_000)])
def test_code_that_cannot_be_coloured_stays_plain(language: str, code: str) -> None:
    assert colour_code(language, [code], [0]) is None


@given(st.text(alphabet="*_`~[]()!\\ ab<>:/ht.日", max_size=60))
def test_every_shown_character_comes_from_where_its_span_says(source: str) -> None:
    inline = read_inline(source)

    for number, span in enumerate(inline.spans):
        end = inline.spans[number + 1].start if number + 1 < len(inline.spans) else len(inline.text)
        if span.source >= 0:
            assert source[span.source : span.source + end - span.start] == inline.text[span.start : end]


@pytest.mark.parametrize(
    ("begin", "end", "source"),
    [
        pytest.param((0, 0), (5, 0), "## Title", id="a whole heading comes with its mark"),
        pytest.param((2, 1), (6, 1), "bold", id="a word inside marks"),
        pytest.param((0, 1), (8, 1), "a **bold** b", id="a line with marks"),
        pytest.param((4, 3), (5, 3), "1", id="part of a line of code"),
        pytest.param((0, 2), (0, 4), "```py\nx = 1\n```", id="a fence"),
        pytest.param((0, 6), (1, 6), "| a | b |", id="any part of a table gives its lines"),
    ],
)
def test_a_selection_gives_the_source(begin: tuple[int, int], end: tuple[int, int], source: str) -> None:
    document = MarkdownDocument(40)
    document.feed("## Title\na **bold** b\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n")
    document.finish_answer("")

    assert selected_source(document, Selection(Offset(*begin), Offset(*end))) == source


@given(markdown, st.integers(0, 20), st.integers(0, 20), st.integers(0, 9), st.integers(0, 9))
def test_a_selection_is_never_an_empty_text(source: str, x1: int, x2: int, y1: int, y2: int) -> None:
    document = fed([source])
    selection = Selection.from_offsets(Offset(x1, y1), Offset(x2, y2))

    text = selected_source(document, selection)

    assert text is None or text.strip()


@given(st.text(alphabet="\\`*_[]()<>!~#|-ab \n", max_size=40))
@example("\\``")
@example("\\```a`")
def test_no_heap_of_marks_is_too_odd_to_be_read(text: str) -> None:
    inline = read_inline(text.replace("\n", " "))

    assert all(0 <= span.start <= len(inline.text) for span in inline.spans)
