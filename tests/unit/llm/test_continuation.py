"""What continues a cut-off answer: only what is new is added, however it is cut, and a loop is not continued."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kinds import EndpointKind
from core.llm.call.continuation import MAX_LOOP_PERIOD_CHARS, MAX_PREAMBLE_CHARS, OverlapJoiner, continued, is_looping
from core.llm.endpoint import make_endpoint
from core.llm.request import CallRequest, ChatMessage

CODE = "Here it is:\n```python\nimport os\n\n\ndef size(path: str) -> int:\n    return os.path"
MARKDOWN = "```markdown\n# Title\n\nInstall it so:\n"
BASH_IN_README = "# Title\n\n```bash\npip install"


def joined(text_so_far: str, pieces: list[str]) -> str:
    joiner = OverlapJoiner(text_so_far)
    return "".join([*(joiner.feed(piece) for piece in pieces), joiner.end()])


@pytest.mark.parametrize(
    ("text_so_far", "addition", "new"),
    [
        pytest.param(CODE, ".getsize(path)\n```\n", ".getsize(path)\n```\n", id="goes on exactly"),
        pytest.param(CODE, "    return os.path.getsize(path)", ".getsize(path)", id="repeats the line"),
        pytest.param(CODE, "\n    return os.path.getsize(path)", ".getsize(path)", id="a newline before it"),
        pytest.param(CODE, "\n\n return os.path.getsize(path)", ".getsize(path)", id="lost indentation"),
        pytest.param(CODE, "return os.path.getsize(path)", ".getsize(path)", id="the line without its indentation"),
        pytest.param(CODE, "```python\n    return os.path.getsize()", ".getsize()", id="opens the fence again"),
        pytest.param(CODE, "\n``` Python title=a\n\n    return os.path.x", ".x", id="a fence with space around"),
        pytest.param(CODE, "```\n    return os.path.x", ".x", id="a bare fence, then the line again"),
        pytest.param(CODE, "```python\n.getsize(path)", ".getsize(path)", id="a fence, then the next character"),
        pytest.param(CODE, "```py\n.getsize(path)", ".getsize(path)", id="a fence with another name"),
        pytest.param(CODE, "\n```\nThat is all.", "\n```\nThat is all.", id="a bare fence closes"),
        pytest.param(CODE, CODE + ".getsize(path)", ".getsize(path)", id="the whole from its beginning"),
        pytest.param(CODE, CODE[12:] + ".getsize(path)", ".getsize(path)", id="the whole block"),
        pytest.param(CODE, CODE, "", id="only what there was"),
        pytest.param(CODE, CODE[:-20], "", id="cut off before it came to anything new"),
        pytest.param(CODE, CODE[:60] + "something else", CODE[:60] + "something else", id="another answer"),
        pytest.param(CODE, "", "", id="nothing"),
        pytest.param(CODE, " \n", " \n", id="only space"),
        pytest.param(CODE, "```py", "```py", id="half a fence"),
        pytest.param(CODE, "h.join()", "h.join()", id="one letter by accident"),
        pytest.param("a b ", " c", " c", id="a space by accident"),
        pytest.param("grid = [0, 0, 0, 0, ", "0, 0, 0, 0]", "0, 0, 0, 0]", id="a row of zeros"),
        pytest.param("# " + "-" * 30, "-" * 30, "-" * 30, id="a ruler"),
        pytest.param("if x:\n        ", "        return 1", "        return 1", id="indentation"),
        pytest.param("x\nelse:\n", "else:\n    pass", "    pass", id="a short line is a repetition when whole"),
        pytest.param(MARKDOWN, "```bash\npip", "```bash\npip", id="a block inside Markdown"),
        pytest.param(MARKDOWN, "```markdown\npip", "pip", id="Markdown opened again"),
        pytest.param(BASH_IN_README, "```bash\n quintet", " quintet", id="an inner block opened again"),
        pytest.param("All text.\n", "```python\nx = 1", "```python\nx = 1", id="a first block"),
        pytest.param("```\na\n```\n", "```python\nx = 1", "```python\nx = 1", id="a block after a closed one"),
        pytest.param("", "anything", "anything", id="nothing before"),
    ],
)
def test_only_what_is_new_is_added(text_so_far: str, addition: str, new: str) -> None:
    assert joined(text_so_far, [addition]) == new
    assert joined(text_so_far, list(addition)) == new


FRAGMENTS = st.lists(
    st.sampled_from(["```python\n", "```\n", "\n", "    ", "return value", "x = 1\n", "0, ", "`", "abcd"]), max_size=14
).map("".join)


def cut(text: str, places: list[int]) -> list[str]:
    inner = {place % len(text) for place in places} if text else set()
    return [text[start:end] for start, end in pairwise(sorted({0, *inner, len(text)}))]


@given(FRAGMENTS, FRAGMENTS, st.lists(st.integers(0, 200), max_size=8))
def test_pieces_make_no_difference(text_so_far: str, addition: str, places: list[int]) -> None:
    assert joined(text_so_far, cut(addition, places)) == joined(text_so_far, [addition])


@given(FRAGMENTS, FRAGMENTS)
def test_what_is_added_is_the_end_of_what_came(text_so_far: str, addition: str) -> None:
    assert addition.endswith(joined(text_so_far, [addition]))


LINES = st.lists(st.integers(1000, 9999), min_size=2, max_size=40, unique=True).map(
    lambda numbers: "".join(f"    item {number} is {number * 7919:x}\n" for number in numbers)
)


@given(LINES, st.data())
def test_an_overlap_of_any_length_is_left_out(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(12, len(whole)), label="cut off at")
    overlap = data.draw(st.integers(12, at), label="overlap")
    places = data.draw(st.lists(st.integers(0, 2000), max_size=8))
    text_so_far, addition = whole[:at], whole[at - overlap :]

    assert text_so_far + joined(text_so_far, cut(addition, places)) == whole


@given(LINES, st.data())
def test_nothing_is_lost_without_an_overlap(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)), label="cut off at")
    places = data.draw(st.lists(st.integers(0, 2000), max_size=8))

    assert joined(whole[:at], cut(whole[at:], places)) == whole[at:]


def test_new_words_are_shown_at_once() -> None:
    joiner = OverlapJoiner(CODE)

    assert joiner.feed(".get") == ".get"
    assert joiner.feed("size") == "size"


def test_a_repetition_is_held_back_until_its_end_and_the_new_words_follow_at_once() -> None:
    joiner = OverlapJoiner(CODE)

    assert joiner.feed("    return os") == ""
    assert joiner.feed(".path") == ""
    assert joiner.feed(".getsize") == ".getsize"


def test_blank_lines_are_not_held_back_for_ever() -> None:
    joiner = OverlapJoiner(CODE)
    blank = "\n" * MAX_PREAMBLE_CHARS

    assert joiner.feed(blank) + joiner.feed("x") == f"{blank}x"


def test_a_long_answer_that_begins_again_is_joined_in_little_time() -> None:
    text = "".join(f"value_{number} = {number * 7919}\n" for number in range(6_000))  # 120 kB
    pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
    started = time.process_time()

    assert joined(text, [*pieces, "the end"]) == "the end"
    assert time.process_time() - started < 10


REQUEST = CallRequest(
    messages=(ChatMessage.of_text("system", "Be brief."), ChatMessage.of_text("user", "Write.")),
    run_id="r",
    correlation_id="c",
    agent_id="developer",
    task_id="t",
    prefill="One ",
    continue_with="Go on.",
)


@pytest.mark.parametrize("kind", ["local", "remote"])
def test_a_server_is_shown_the_answer_so_far_and_asked_to_go_on(kind: EndpointKind) -> None:
    endpoint = make_endpoint("http://127.0.0.1:1/v1", "m", kind=kind)

    request = continued(REQUEST, "One two", endpoint)

    assert request.prefill == ""
    assert request.messages == (
        *REQUEST.messages,
        ChatMessage.of_text("assistant", "One two"),
        ChatMessage.of_text("user", "Go on."),
    )


def test_the_embedded_server_goes_on_after_a_beginning() -> None:
    endpoint = make_endpoint("http://127.0.0.1:1/v1", "m", kind="embedded")

    request = continued(REQUEST, "One two", endpoint)

    assert request.prefill == "One two"
    assert request.messages == REQUEST.messages


LOOPS = {
    "one sentence": "It works.\n" + "The function returns the value of the function. " * 8,
    "a paragraph": "Start. " + ("word " * 39 + "end.\n") * 3,
    "cut in the middle of a round": "It works. " + "and then it is done, " * 20 + "and then it",
    "blank lines": "x = 1\n" + "\n" * 400,
    "one character": "a" * 300,
    "imports again and again": "import os\nimport sys\n" * 20,
}
NO_LOOPS = {
    "nothing": "",
    "a short text": "aaa" * 30,
    "two rounds of a long paragraph": ("word " * 39 + "end.\n") * 2,
    "a table of numbers": "".join(f"    [{row}, {row * 3}, {row * 7}],\n" for row in range(80)),
    "imports": "".join(f"import package_{letter}\n" for letter in "abcdefghijklmnopqrstuvwxyz"),
    "asserts": "".join(f"    assert add({number}, 1) == {number + 1}\n" for number in range(60)),
    "an empty board": "board = [\n" + "    [0, 0, 0, 0, 0, 0, 0, 0, 0],\n" * 8,
    "a ruler": "# Title\n" + "=" * 120,
    "a loop that was left": "ha " * 200 + "and now the rest of the text, which says something else",
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS.keys())
def test_a_tail_that_repeats_itself_is_a_loop(text: str) -> None:
    assert is_looping(text)


@pytest.mark.parametrize("text", NO_LOOPS.values(), ids=NO_LOOPS.keys())
def test_similar_lines_are_no_loop(text: str) -> None:
    assert not is_looping(text)


@given(
    before=st.text(max_size=80),
    unit=st.text(min_size=1, max_size=MAX_LOOP_PERIOD_CHARS),
    rest=st.integers(0, MAX_LOOP_PERIOD_CHARS),
)
def test_any_unit_repeated_often_enough_is_a_loop(before: str, unit: str, rest: int) -> None:
    rounds = max(3, -(-300 // len(unit)))

    assert is_looping(before + unit * rounds + unit[: rest % len(unit)])


@given(st.lists(st.integers(), min_size=1, max_size=60, unique=True))
def test_lines_that_all_differ_are_no_loop(numbers: list[int]) -> None:
    assert not is_looping("".join(f"value = {number}\n" for number in numbers))


def test_only_the_tail_is_looked_at() -> None:
    text = "".join(f"line {number} of a long answer\n" for number in range(4_000))
    started = time.process_time()
    for _ in range(20):
        assert not is_looping(text)

    assert (time.process_time() - started) / 20 < 0.01
