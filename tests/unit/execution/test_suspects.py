"""Which delivered file a red test speaks of."""

from __future__ import annotations

import pytest

from core.execution.evidence.suspects import Suspects
from core.execution.results import CaseResult

SOURCES = {
    "shapes/__init__.py": "from shapes.report import report\nfrom .circle import circle as round_one\n",
    "shapes/circle.py": "def circle(r):\n    return 3 * r\n",
    "shapes/square.py": "SIDE = 1\ndef square(s):\n    return s * s\n",
    "shapes/report.py": "from shapes import circle, square\n\ndef report(n):\n    return circle.circle(n)\n",
    "src/tool/core.py": "from . import base\n\ndef work():\n    pass\n",
    "src/tool/base.py": "def base():\n    pass\n",
    "src/tool/__init__.py": "",
    "broken.py": "def (",
    "loop.py": "from loop import again\n",
    "test_it.py": (
        "import shapes.square as sq\nimport shapes\nfrom shapes import report, round_one\nfrom shapes.circle import circle\n"
        "from tool.core import work\nfrom loop import again\nfrom other import thing\n\n\n"
        "def test_circle():\n    assert circle(1) == 3\n\n\ndef test_report():\n    assert str(report(1)) == '3'\n\n\n"
        "def test_alias():\n    assert round_one(1)\n\n\ndef test_module():\n    assert sq.square(1)\n\n\n"
        "def test_package():\n    assert shapes.report(1)\n\n\ndef test_src():\n    work()\n\n\n"
        "def test_loop():\n    again()\n\n\ndef test_foreign():\n    thing()\n\n\n"
        "class TestGroup:\n    def test_in_class(self):\n        circle(1)\n"
    ),
}
CODE = tuple(path for path in SOURCES if path != "test_it.py")


def case(name: str) -> CaseResult:
    return CaseResult(f"test_it.py::{name}", "test_it.py", name, "failed")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("test_circle", "shapes/circle.py"),
        ("test_circle[1-2]", "shapes/circle.py"),
        ("test_report", "shapes/report.py"),
        ("test_alias", "shapes/circle.py"),
        ("test_module", "shapes/square.py"),
        ("test_package", "shapes/report.py"),
        ("test_src", "src/tool/core.py"),
        ("test_loop", "loop.py"),
        ("TestGroup::test_in_class", "shapes/circle.py"),
        ("test_foreign", None),
        ("test_missing", None),
    ],
)
def test_a_test_is_about_the_file_that_defines_what_it_calls(name: str, path: str | None) -> None:
    assert Suspects(SOURCES, CODE).of_test(case(name)) == path


@pytest.mark.parametrize(
    ("path", "accused", "deepest"),
    [
        ("shapes/report.py", {"shapes/report.py", "shapes/circle.py"}, "shapes/circle.py"),
        ("shapes/report.py", {"shapes/report.py"}, "shapes/report.py"),
        ("shapes/circle.py", {"shapes/report.py", "shapes/circle.py"}, "shapes/circle.py"),
        ("src/tool/core.py", {"src/tool/core.py", "src/tool/base.py"}, "src/tool/base.py"),
        ("broken.py", {"broken.py", "shapes/circle.py"}, "broken.py"),
        ("not_there.py", {"shapes/circle.py"}, "not_there.py"),
    ],
)
def test_of_two_accused_files_the_one_that_the_other_builds_on_is_mended(
    path: str, accused: set[str], deepest: str
) -> None:
    assert Suspects(SOURCES, CODE).deepest(path, frozenset(accused)) == deepest
