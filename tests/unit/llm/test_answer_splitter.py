"""Thoughts and the marks of chat templates are split off an answer, however it is cut; those of a file's own text stay."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.http.answer_splitter import AnswerSplitter


class Parts(NamedTuple):
    text: str
    reasoning: str


def split(pieces: list[str], before: str = "") -> Parts:
    """Return what a listener holds at the end of a stream."""
    splitter = AnswerSplitter(before)
    text, reasoning = "", ""
    for piece in [*pieces, None]:
        found = splitter.end() if piece is None else splitter.feed(piece)
        if found is None:
            text += piece or ""
            continue
        text = found.text if found.is_restarted else text + found.text
        reasoning += found.reasoning
    return Parts(text, reasoning)


THOUGHTS = {
    "think": "<think>Plan: server.py\n</think>\n\nThe plan",
    "thinking": "<thinking>Plan: server.py\n</thinking>The plan",
    "thought": "\n<thought>Plan: server.py\n</thought>\nThe plan",
    "reasoning": "<reasoning>Plan: server.py\n</reasoning>\nThe plan",
    "capitals": "<THINK>Plan: server.py\n</Think>The plan",
    "white space in the mark": "< think >Plan: server.py\n</ think >The plan",
    "attributes": '<think effort="high" lang=en>Plan: server.py\n</think>The plan',
    "square brackets": "[THINK]Plan: server.py\n[/THINK]The plan",
    "bars": "<|begin_of_thought|>Plan: server.py\n<|end_of_thought|>\n\n<|begin_of_solution|>The plan<|end_of_solution|>",
    "bars, one form": "<|think|>Plan: server.py\n<|/think|>The plan",
    "another family": "<|START_THINKING|>Plan: server.py\n<|END_THINKING|><|START_RESPONSE|>The plan<|END_RESPONSE|>",
    "triangles": "◁think▷Plan: server.py\n◁/think▷The plan",
    "a name space": "<seed:think>Plan: server.py\n</seed:think>The plan",
    "an answer mark": "<think>Plan: server.py\n</think>\n<answer>\nThe plan</answer>",
    "as a web front end shows them": '<details type="reasoning" done="true">Plan: server.py\n</details>\nThe plan',
    "channels": "<|channel|>analysis<|message|>Plan: server.py\n<|end|><|start|>assistant<|channel|>final<|message|>"
    "The plan<|return|>",
    "channels with their start": "<|start|>assistant<|channel|>analysis<|message|>Plan: server.py\n<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>markdown<|message|>The plan",
    "channels without an end between": "<|channel|>analysis<|message|>Plan: server.py\n<|channel|>final<|message|>The plan",
    "channels without their marks": "analysisPlan: server.py\nassistantfinalThe plan",
    "channels that were opened by the template": "Plan: server.py\n<|end|><|start|>assistant<|channel|>final<|message|>"
    "The plan",
    "no beginning": "Plan: server.py\n</think>\n\nThe plan",
    "no beginning, glued": "Plan: server.py\n</think>The plan",
    "no beginning, in brackets": "Plan: server.py\n[/THINK]The plan",
    "a beginning that comes later": "Plan: <think>server.py\n</think>The plan",
    "two blocks": "<think>Plan: </think>\n<think>server.py\n</think>\nThe plan",
    "one in another": "<think>Plan: <think>server.py\n</think>\n</think>\nThe plan",
    "the mark is named in them": "<think>Plan: server.py\n Close with `</think>`.\n</think>The plan",
    "a mark of the template before them": "<|im_start|>assistant\n<think>Plan: server.py\n</think>The plan<|im_end|>",
    "only the end": "</think>\n\nThe plan",
    "bars on one side": "<|channel>thought\nPlan: server.py\n<channel|>The plan<turn|>",
    "inner marks": "<|inner_prefix|>Plan: server.py\n<|inner_suffix|>The plan<|assistant_end|>",
    "a response mark": "Plan: server.py\n</think>\n\n<response>\nThe plan\n</response>\n",
    "words for marks": "Here is my thought process:\nPlan: server.py\n\nHere is my response:\n\nThe plan",
    "words of a terminal": "Thinking...\nPlan: server.py\n...done thinking.\n\nThe plan",
    "the name of who speaks first": "assistant\n\n<think>Plan: server.py\n</think>The plan",
    "escaped for HTML": "&lt;think&gt;Plan: server.py\n&lt;/think&gt;The plan",
    "escaped, without a beginning": "Plan: server.py\n&lt;/think&gt;\n\nThe plan&lt;|im_end|&gt;",
    "sections": "<|open|>think<|sep|>Plan: server.py\n<|close|>think<|sep|><|open|>response<|sep|>The plan"
    "<|close|>response<|sep|><|close|>message<|sep|><|end_of_msg|>",
    "sections that the template has opened": "Plan: server.py\n<|close|>think<|sep|><|open|>response<|sep|>The plan"
    "<|close|>response<|sep|>",
    "a section in a message": '<|open|>message role="assistant"<|sep|><|open|>response<|sep|>The plan<|close|>response<|sep|>',
    "marks for what is said": "<|begin|>assistant<|think|>Plan: server.py\n<|end|><|begin|>assistant<|content|>The plan<|end|>",
    "text marks": "<|START_THINKING|>Plan: server.py\n<|END_THINKING|><|START_TEXT|>The plan<|END_TEXT|>",
    "a box": "<think>Plan: server.py\n</think><|begin_of_box|>The plan<|end_of_box|>",
    "unused tokens": "[unused16]Plan: server.py\n[unused17]The plan[unused10]",
    "reasoning steps": "Here are my reasoning steps:\nPlan: server.py\n[BEGIN FINAL RESPONSE]\nThe plan\n[END FINAL RESPONSE]\n<|end|>",
    "a beginning of everything": "[gMASK]<sop><|assistant|>\n<think>Plan: server.py\n</think>The plan<|user|>",
    "headers": "<|header_start|>assistant<|header_end|>\n\n<think>Plan: server.py\n</think>The plan<|eot|>",
    "a bare name after a mark": "<|eot_id|>assistant\n\n<think>Plan: server.py\n</think>The plan",
    "another name of a role": "<|im_assistant|>assistant<|im_middle|><think>Plan: server.py\n</think>The plan<|im_end|>",
    "words that code begins with, too": "let me see: server.py\n</think>\nThe plan",
    "an import that is none": "import of server.py?\n</think>\nThe plan",
    "a document": "# Draft\n\nI could write server.py.\n</think>\n\nThe plan",
    "a document, glued": "# Draft\n\nI could write server.py.\n</think>The plan",
    "a block": "```python\nimport server  # server.py\n```\nHm.\n</think>\n\nThe plan",
    "a table": "| a | server.py |\n|---|---|\n</think>\n\nThe plan",
    "a requirement": "R1: it needs server.py\n</think>\n\nThe plan",
    "a byte-order mark first": "\ufeff<think>Plan: server.py\n</think>The plan",
}


@pytest.mark.parametrize("answer", THOUGHTS.values(), ids=THOUGHTS.keys())
def test_thoughts_are_no_part_of_the_answer(answer: str) -> None:
    for pieces in ([answer], list(answer)):
        text, reasoning = split(pieces)

        assert text.rstrip("\n") == "The plan"
        assert ("server.py" in reasoning) == ("server.py" in answer)
        assert "The plan" not in reasoning


DRAFTS = {
    "a document": "# Plan\n\nI could write server.py.\n</think>\n\n# Title\n",
    "a block": "```python\nimport server\n```\nOr rather:\n</think>\n\n```python\nx = 1\n```",
    "bare code": "import server\n\n</think>\n```python\nx = 1\n```",
}


@pytest.mark.parametrize("answer", DRAFTS.values(), ids=DRAFTS.keys())
def test_thoughts_that_begin_as_a_file_are_thoughts_if_a_file_begins_after_them(answer: str) -> None:
    for pieces in ([answer], list(answer)):
        text, reasoning = split(pieces)

        assert text == answer.split("</think>")[1].lstrip()
        assert "server" in reasoning


@pytest.mark.parametrize("end", ["</think>", "\n</think>", "\n</think>\n<|im_end|>"])
def test_the_end_of_thoughts_at_the_end_of_a_file_is_none_of_it(end: str) -> None:
    assert split(["# Title\n\nText." + end]).text.rstrip() == "# Title\n\nText."


UNCLOSED = {
    "think": "<think>I should write\n# Title\nin a README",
    "brackets": "[THINK]I should write",
    "channel": "<|channel|>analysis<|message|>I should write",
    "commentary": "<|channel|>commentary to=functions.read <|constrain|>json<|message|>{}<|call|>",
    "bare channel": "analysisI should write",
    "closed at the very end": "<think>I should write</think>\n",
    "no beginning and nothing after": "I should write it.\n</think>\n",
    "cut in its end": "<think>I should write</thi",
    "a turn's end": "<think>I should write<|im_end|>",
    "in a code block": "<think>Draft:\n```python\nx = 1\n```\n",
}


@pytest.mark.parametrize("answer", UNCLOSED.values(), ids=UNCLOSED.keys())
def test_nothing_but_thoughts_is_no_answer(answer: str) -> None:
    assert split([answer]).text == ""
    assert split(list(answer)).text == ""


def test_thoughts_within_an_answer_are_taken_out_of_it() -> None:
    answer = "# Title\n\nOne.\n\n<think>\nWhat else?\n</think>\n\nTwo.\n<think>more</think>\n    Three.<think>x</think>"

    assert split([answer]) == Parts("# Title\n\nOne.\n\nTwo.\n    Three.", "\nWhat else?\nmorex")


def test_what_seemed_to_be_thoughts_within_an_answer_and_never_ends_is_given_back() -> None:
    answer = "# Tags\n\nOne of them:\n<think>x\nAnd more.\n"

    assert split([answer]).text == split(list(answer)).text == answer


@pytest.mark.parametrize("answer", ["Here is my thought process:\nI sort first.\n", "Thinking...\nI sort first."])
def test_words_that_mark_thoughts_are_an_answers_own_if_no_answer_follows(answer: str) -> None:
    assert split([answer]).text == split(list(answer)).text == answer


def test_thoughts_within_an_answer_that_stand_alone_and_never_end_are_none_of_it() -> None:
    assert split(["Sure!\n<think>\nI should write"]).text == "Sure!\n"


TURN_ENDS = [
    "<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<|end_of_turn|>", "<end_of_turn>", "</s>", "[/INST]", "<|return|>",
    "<|eom_id|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<|end_of_text|>", "<|END_OF_TURN_TOKEN|>", "[|endofturn|]", "<turn|>",
    "<eos>", "[EOS]", "<|im_end|>\n<|im_end|>\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|><|im_start|>assistant",
    "<|end|>\n<|assistant|>\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<end_of_turn>\n<start_of_turn>model\n",
    "</s>\n[INST]", "<|im_end|>\n<|im_start|>user\nAnd now something else.", "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nMore?",
    "<|end|><|user|>\nThanks!<|end|>", "<|assistant|>", "<| im_end |>", "<|IM_END|>",
]  # fmt: skip


@pytest.mark.parametrize("end", TURN_ENDS)
@pytest.mark.parametrize(
    "words", ["print('a')", "print('a')\n", "```python\nprint('a')\n```", "# T\n\nA sentence.\n\n"]
)
def test_the_mark_of_a_turns_end_is_no_part_of_the_answer(words: str, end: str) -> None:
    assert split([words + end]) == Parts(words, "")
    assert split(list(words + end)) == Parts(words, "")


def test_a_mark_within_an_open_block_at_the_end_is_none_of_the_file() -> None:
    assert split(["```python\nx = 1<|im_end|>"]).text == "```python\nx = 1"


LITERAL = {
    "an end in a block": "# Tags\n\n```html\n<think>\nhm\n</think>\n```\n\nDone.\n",
    "an end in a block after prose": "A template:\n\n```jinja\n{{ x }}\n</think>\n```\n",
    "an end in a block of tildes": "A template:\n\n~~~html\na </think>\n~~~\n\nDone.\n",
    "an end in a longer block": "A template:\n\n````md\n```\n</think>\n```\n````\n\nDone.\n",
    "an end in a span": "It looks for `</think>` and `<think>`.\n",
    "an end in a longer span": "It looks for `a </think> b`.\n",
    "an end in quotes": 'text.split("</think>")\n',
    "an end in a sentence": "The tag </think> closes a block.\n",
    "an end in brackets": "The closing tag (</think>) is left out.\n",
    "an end in a document": "# Tags\n\nWhat stands before </think>\nis a thought.\n",
    "an end on its own line of a document": "# Tags\n\nA thought\n</think>\nends.\n",
    "an end in bare code": "import re\n\nEND = re.compile(r'\\s*</think>\\s*')\nprint(END)\n",
    "a template in bare code": 'from string import Template\n\nP = """\n<think>\nhm\n</think>\n"""\nprint(P)\n',
    "a beginning in a sentence": "Models write <think> before they answer.\n",
    "a beginning at a line's start": "Models write\n<think> before they answer.\n",
    "a turn's end in a block": "# ChatML\n\n```\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n```\n",
    "a turn's end in a span": "It ends with `<|im_end|>`",
    "a turn's end in quotes": 'STOP = "<|im_end|>"',
    "a turn's end within": "The words <|im_end|> and </s> end a turn.\n",
    "words that are struck out": "Price: <s>10</s>",
    "a channel in a document": "# Harmony\n\nIt writes <|channel|>final<|message|> first.\n",
    "other tags": "<div>\n<details>\n<summary>x</summary>\n</details>\n<answer>1</answer>\n</div>\n",
    "links": "See [think](a.md), [THINK]: b and [reasoning][r].\n",
    "comparisons": "if a <b and c<d: x[0] = y[t]\n",
    "the word analysis": "analysis of the task\n",
    "the beginning of other words": "Here is my thought",
    "a response of XML": "<response>\n<ok/>\n</response>\n",
    "white space first": "\n\n    indented\n",
    "white space last": "text\n\n",
    "an end on its own line of a document that has the beginning": "# Tags\n\nWrite <think> x\n</think>\n\nDone.\n",
    "an end on its own line of code": 'END = """\n</think>\n\n"""\nprint(END)\n',
    "entities": "# HTML\n\nWrite &lt;b&gt; &amp; &lt;/b&gt; for &lt;think&gt; tags.\n",
    **{
        f"an end in a text that begins with {begin!r}": f"{begin}\n\nx = '''\n</think>\n\n'''\n"
        for begin in (
            "import java.util.*;",
            "import static org.x.Y;",
            "import numpy as np",
            "import React, { x } from 'react'",
            "import type { A } from './a'",
            "from a import b",
            "def f(x):",
            "class A(B):",
            "class A extends B {",
            "let x = 1;",
            "const { a } = b",
            "var x: number = 1",
            "package main",
            "using System;",
            "fn main() {",
            "func main() {",
            "function f() {",
            "export default x",
            "use std::io;",
            "FROM python:3.12",
            "name = 1",
            "async def f():",
        )
    },
    "entities in a page": "<!doctype html>\n<pre>\n&lt;think&gt;\nhm\n&lt;/think&gt;\n</pre>\n",
    "an ampersand last": "salt &",
    "half an entity": "a &lt;think&g",
    "sections in a document": "# Kimi\n\nIt writes <|open|>think<|sep|> first, and <|close|> b.\n",
    "half a section": "a <|open|>thi",
    "a name in a list": "model\n\nuser\nassistant\n",
    "a mark and a name in a sentence": "# Ends\n\nAfter <|im_end|> user text follows.\n",
    "half a mark": "a <|im_en",
    "only white space": " \n",
}


@pytest.mark.parametrize("answer", LITERAL.values(), ids=LITERAL.keys())
def test_a_mark_in_a_files_own_text_stays(answer: str) -> None:
    assert split([answer]) == Parts(answer, "")
    assert split(list(answer)) == Parts(answer, "")


@pytest.mark.parametrize(
    ("before", "answer", "text"),
    [
        ("```html\n", "<p>\n</think>\n</p>\n```", "<p>\n</think>\n</p>\n```"),
        ("# Title\n\nThis program", " reads\n</think>\ntags.", " reads\n</think>\ntags."),
        ("VERDICT:", "<think>hm</think> PASS", " PASS"),
        ("VERDICT:", "Hm, it is fine.</think>VERDICT: PASS", "VERDICT: PASS"),
        ("```python\n", "<think>hm</think>\n    x = 1\n```<|im_end|>", "    x = 1\n```"),
        ("def", "analysisX()", "analysisX()"),
    ],
)
def test_what_goes_before_an_answer_decides_where_it_begins(before: str, answer: str, text: str) -> None:
    assert split([answer], before).text == text
    assert split(list(answer), before).text == text


@pytest.mark.parametrize(
    "unit", ["see `</think>` ", "it ends with </think> and ", "a <|im_end|> b ", "x <|channel|> y "]
)
def test_ten_thousand_marks_in_one_line_are_read_like_one(unit: str) -> None:
    answer = "# Marks\n\n" + unit * 10_000 + "end.\n"

    assert split([answer]) == split([answer[:9], *[unit] * 10_000, "end.\n"]) == Parts(answer, "")


def test_what_is_not_begun_as_a_mark_is_not_held_back() -> None:
    splitter = AnswerSplitter()

    assert splitter.feed("Hello") is not None
    assert splitter.feed(" there") is None
    assert splitter.feed(" a<q") == (" a<q", "", False)
    assert splitter.feed(" x[0") == (" x[0", "", False)
    assert splitter.feed(" <th") == (" ", "", False)
    assert splitter.feed("ree>") == ("<three>", "", False)


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *THOUGHTS.values(), *LITERAL.values(), *TURN_ENDS, "<think>", "</think>", "<|channel|>", "analysis", "final",
            "<|message|>", "<|start|>", "assistant", "<details type=\"reasoning\">", "</details>", "<|im_end|>", "<|im_start|>",
            "user", "assistant\n", "&lt;think&gt;", "&lt;/think&gt;", "&", "<|open|>", "think<|sep|>", "<|close|>", "[e~[", "[unused16]", "\n", " ", "```\n", "`", "<", "[", "[/", "|>", "Here is my thought process:", "Here is my response:", "</s>", "<s>", "Words. ", "# T\n", "x = 1\n", "<answer>", "</answer>",
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(FRAGMENTS, st.lists(st.integers(0, 400), max_size=8), st.sampled_from(["", "VERDICT:", "```python\n", "# T\n"]))
def test_pieces_make_no_difference(answer: str, cuts: list[int], before: str) -> None:
    places = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})

    assert split([answer[start:end] for start, end in pairwise(places)], before) == split([answer], before)
    assert split(list(answer), before) == split([answer], before)


@given(st.text(st.characters(exclude_characters="<[◁&"), max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_a_text_without_marks_stays_as_it_is(answer: str, cuts: list[int]) -> None:
    places = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})

    text, reasoning = split([answer[start:end] for start, end in pairwise(places)])

    assert (text, reasoning) == (answer, "") or answer.lstrip().startswith("analysis")
