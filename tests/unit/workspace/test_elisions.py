"""Code that was left out is noticed; code that only speaks of such things is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workspace.answers.elisions import find_elisions

LEFT_OUT = [
    ("a.py", "x = 1\n# ... rest of code\n"),
    ("a.py", "x = 1\n# … rest of the implementation\n"),
    ("a.py", "x = 1\n# ... existing code ...\n"),
    ("a.py", "x = 1\n# existing code\n"),
    ("a.py", "x = 1\n# existing code here\n"),
    ("a.py", "x = 1\n# rest of the code remains unchanged\n"),
    ("a.py", "x = 1\n# (rest of the file is unchanged)\n"),
    ("a.py", "x = 1\n# other methods remain the same\n"),
    ("a.py", "x = 1\n# unchanged\n"),
    ("a.py", "x = 1\n# same as before\n"),
    ("a.py", "x = 1\n# implementation same as above\n"),
    ("a.py", "x = 1\n# your code here\n"),
    ("a.py", "x = 1\n# Add your logic here\n"),
    ("a.py", "x = 1\n# implementation goes here\n"),
    ("a.py", "x = 1\n# omitted for brevity\n"),
    ("a.py", "x = 1\n# TODO: implement the parser\n"),
    ("a.py", "x = 1\n# ... 20 more lines omitted\n"),
    ("a.py", "\ndef f():\n    pass\n"),
    ("a.py", "\ndef f():\n    ...\n"),
    ("a.py", '\ndef f():\n    """Add two numbers."""\n'),
    ("a.py", '\ndef f():\n    """Add two numbers."""\n    pass\n'),
    ("a.py", "\ndef f():\n    raise NotImplementedError\n"),
    ("a.py", "\nasync def f():\n    pass\n"),
    ("a.py", "def f():\n    ...\n    return 1\n"),
    ("a.py", "class A:\n    def f(self):\n        pass\n"),
    ("a.py", "\nclass A:\n    pass\n"),
    ("a.py", "# Done with the set-up.\n# rest of the code\nx = 1\n"),
    ("a.py", "class A(B):\n    def f(self): ...\n"),
    ("a.py", "def broken(:\n    # ... rest of code\n"),
    ("test_a.py", "\ndef test_a():\n    pass\n"),
    ("test_a.py", "class TestA:\n    def test_a(self): ...\n"),
    ("a.js", "let x = 1;\n// ... rest of code\n"),
    ("a.js", "let x = 1;\n...\n"),
    ("a.js", "let x = 1;\n/* existing code */\n"),
    ("a.html", "<p>\n<!-- rest of the content -->\n"),
    ("a.css", "p {}\n/* ... other sections unchanged ... */\n"),
    ("a.yml", "a: 1\n# ... rest of the configuration\n"),
    ("Dockerfile", "FROM a\n# ... same as before\n"),
    ("README.md", "# T\n[... rest of the document unchanged ...]\n"),
    ("README.md", "# T\n... (rest of the file stays the same)\n"),
    ("README.md", "# T\n<!-- existing content -->\n"),
]


@pytest.mark.parametrize(("path", "text"), LEFT_OUT)
def test_left_out_code_is_found_on_its_line(path: str, text: str) -> None:
    found = find_elisions(path, text)

    assert len(found) == 1
    assert found[0].startswith(("line 1: ", "line 2: "))
    assert "\n" not in found[0]


FALSE_FRIENDS = [
    ("a.py", 'def f():\n    """Leave the input unchanged; the rest of the code relies on it."""\n    return 1\n'),
    ("a.py", '"""Same as before."""\nx = "... rest of code"\n'),
    ("a.py", "x = 1  # the input is unchanged\n"),
    ("a.py", "# leave the original unchanged\nx = 1\n"),
    ("a.py", "# skip the rest of the file when its header is wrong\nx = 1\n"),
    ("a.py", "# the same as before, but reversed and without the last one\nx = 1\n"),
    ("a.py", "# existing tasks keep their numbers\nx = 1\n"),
    ("a.py", "# wait for the previous test to close its file\nx = 1\n"),
    ("a.py", "# Keep the order, it matters for\n# the rest of the code.\nx = 1\n"),
    ("a.py", "# ...so if nothing is highlighted yet...\nx = 1\n"),
    ("a.py", "class A(B):\n    def on_start(self):\n        \"\"\"Called at the start.\"\"\"\n"),
    ("a.py", "# TODO add colours\nx = 1\n"),
    ("a.py", "class E(Exception):\n    pass\n"),
    ("a.py", 'class E(ValueError):\n    """Wrong."""\n'),
    ("a.py", "from typing import Protocol\nclass P(Protocol):\n    def f(self) -> int: ...\n"),
    ("a.py", "from typing import Protocol\nclass P(Protocol[int]):\n    def f(self) -> int:\n        ...\n"),
    ("a.py", "from abc import ABC, abstractmethod\nclass P(ABC):\n    @abstractmethod\n    def f(self) -> int:\n        pass\n"),
    ("a.py", "import abc\nclass P(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"),
    ("a.py", "import typing\n@typing.overload\ndef f(a: int) -> int: ...\ndef f(a):\n    return a\n"),
    ("a.py", "import click\n@click.group()\ndef cli():\n    pass\n"),
    ("a.py", "class A(B):\n    def log_message(self, *args):\n        pass\n"),
    ("a.py", "class A:\n    def hook(self):\n        pass\n\nclass B(A):\n    x = 1\n"),
    ("a.py", "class A:\n    def hook(self):\n        raise NotImplementedError\n\nclass B(A):\n    x = 1\n"),
    ("a.py", "try:\n    x = 1\nexcept ValueError:\n    pass\n"),
    ("a.py", "from typing import Any\ndef f(x: tuple[int, ...]) -> Any:\n    return x[..., 0]\n"),
    ("a.py", "from dataclasses import dataclass\n@dataclass\nclass Empty:\n    pass\n"),
    ("a.py", "class A:\n    def __exit__(self, *args):\n        pass\n"),
    ("a.pyi", "def f() -> int: ...\n"),
    ("test_a.py", "class Double:\n    pass\n\ndef noop(): pass\n\ndef test_a():\n    assert noop() is None\n"),
    ("a.js", "const b = [...a];\nf(...rest);\n// existing users keep their id\n"),
    ("a.js", "const unchanged = same;\n"),
    ("a.yaml", "a: 1\n...\n"),
    ("a.json", '{"text": "... rest of code"}\n'),
    ("a.sh", "#!/bin/sh\necho '// ... rest of code'\n"),
    ("README.md", "The rest of the code is unchanged.\n\n```python\n# ... existing code\n```\n"),
    ("README.md", "# Same as before\n\nThe file stays unchanged.\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), FALSE_FRIENDS)
def test_false_friends_are_left_alone(path: str, text: str) -> None:
    assert find_elisions(path, text) == ()


def test_at_most_ten_places_are_listed() -> None:
    assert len(find_elisions("a.py", "# ... rest of code\n" * 30)) == 10


@given(path=st.sampled_from(["a.py", "a.js", "README.md", "a.yml"]), text=st.text(max_size=300))
def test_no_text_breaks_the_lint(path: str, text: str) -> None:
    assert all(found.startswith("line ") for found in find_elisions(path, text))
