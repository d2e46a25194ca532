"""The whole tests of an answer that was cut off."""

from __future__ import annotations

import pytest

from core.workspace.answers.whole_tests import whole_tests

HEAD = "from f import f\n\n\n"
FIRST = "def test_r1():\n    assert f(1) == 2\n"
SECOND = "def test_r2():\n    assert f(2) == 3\n"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (f"```python\n{HEAD}{FIRST}\n\n{SECOND}\n\ndef test_r3():\n    assert f(", HEAD + FIRST + "\n\n" + SECOND),
        (f"Here:\n```python\n{HEAD}{FIRST}\n\n{SECOND}", HEAD + FIRST),
        (f"{HEAD}{FIRST}\n\n@pytest.mark.parametrize('x', [\n    (1, 2),\n    (1,", HEAD + FIRST),
        (f"```python\n{HEAD}{FIRST}\n\nx = '", HEAD + FIRST),
        (f"```python\n{HEAD}{FIRST}", None),
        ("```python\nimport pytest\n\n\n@pytest.mark.parametrize('x', [\n    (1, 2),\n    (1,", None),
        ("I cannot write tests for this, because", None),
        ("", None),
    ],
)
def test_a_cut_off_answer_gives_its_tests_up_to_the_last_whole_one(answer: str, kept: str | None) -> None:
    read = whole_tests(answer)

    assert (read.text if read is not None else None) == kept
    assert read is None or "cut off" in read.ignored[0]
