"""Real tests against real hollowed copies: which of them are shown to prove something."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.runners.registry import RUNNERS
from core.execution.sandbox.bubblewrap import Bubblewrap, find_bwrap
from core.execution.sandbox.command import Limits
from core.execution.verify import verify
from tests.support.python_trees import write_tree

pytestmark = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

RUN = "import subprocess, sys\n\ndef run(*words):\n    return subprocess.run([sys.executable, *words], capture_output=True, text=True)\n\n"
PRINTS = "import sys\n\ndef main():\n    print(int(sys.argv[1]) * 2)\n\nif __name__ == '__main__':\n    main()\n"


@dataclass(frozen=True)
class Delivery:
    """Delivered code, its tests, and the names of those that prove something."""

    code: dict[str, str]
    test: str
    proving: set[str]


DELIVERIES = {
    "values and mere calls": Delivery(
        code={"tool.py": "def f(x):\n    return x + 1\n"},
        test="import pytest\nfrom tool import f\n\ndef test_value(): assert f(1) == 2\ndef test_called(): f(1)\n"
        "def test_any():\n    with pytest.raises(Exception): f(None)\ndef test_true(): assert True\n",
        proving={"test_value"},
    ),
    "a program and its exit code": Delivery(
        code={"tool.py": PRINTS},
        test=f"{RUN}def test_prints(): assert run('tool.py', '4').stdout == '8\\n'\n"
        "def test_exits(): assert run('tool.py', '4').returncode == 0\n"
        "def test_refuses(): assert run('tool.py', 'x').returncode != 0\n",
        proving={"test_prints", "test_refuses"},
    ),
    "a program without functions": Delivery(
        code={"tool.py": "import sys\nfor word in sys.argv[1:]:\n    print(word.upper())\n"},
        test=f"{RUN}def test_prints(): assert run('tool.py', 'a').stdout == 'A\\n'\n"
        "def test_silent(): assert run('tool.py').stdout == ''\n",
        proving={"test_prints"},
    ),
    "python -m": Delivery(
        code={"pkg/__init__.py": "", "pkg/__main__.py": "from pkg.core import main\nraise SystemExit(main())\n", "pkg/core.py": "def main():\n    print('hi')\n    return 3\n"},
        test=f"{RUN}def test_prints(): assert run('-m', 'pkg').stdout == 'hi\\n'\ndef test_runs(): assert run('-m', 'pkg').stderr == ''\n",
        proving={"test_prints"},
    ),
    "names handed on by a package": Delivery(
        code={"pkg/__init__.py": "from .core import f, LIMIT\n__all__ = ['f', 'LIMIT']\n", "pkg/core.py": "LIMIT = 3\n\ndef f(x):\n    return min(x, LIMIT)\n"},
        test="import pkg\nfrom pkg import *\n\ndef test_value(): assert f(9) == pkg.LIMIT\ndef test_constant(): assert LIMIT == 3\n",
        proving={"test_value"},
    ),
    "called where the tests are imported": Delivery(
        code={"tool.py": "def f(x):\n    return x + 1\n"},
        test="import pytest\nfrom tool import f\nRESULT = f(1)\n\ndef test_value(): assert RESULT == 2\ndef test_nothing(): assert True\n",
        proving={"test_value"},
    ),
    "tests without functions": Delivery(
        code={"tool.py": "def f(x):\n    return x + 1\n"},
        test="from tool import f\nassert f(1) == 2\n\ndef test_nothing(): assert True\n",
        proving={"test_nothing"},
    ),
    "parametrized by the code": Delivery(
        code={"tool.py": "CASES = [(1, 2), (2, 3)]\n\ndef f(x):\n    return x + 1\n"},
        test="import pytest\nfrom tool import f, CASES\n\n@pytest.mark.parametrize('given, wanted', CASES)\n"
        "def test_value(given, wanted): assert f(given) == wanted\n",
        proving={"test_value[1-2]", "test_value[2-3]"},
    ),
    "a page": Delivery(
        code={"index.html": "<title>Hello</title>\n"},
        test="def test_title(): assert '<title>Hello' in open('index.html').read()\ndef test_exists(): assert open('index.html')\n",
        proving={"test_title"},
    ),
    "a shell script": Delivery(
        code={"run.sh": "echo $1\n"},
        test="import subprocess\n\ndef run(*words): return subprocess.run(['sh', 'run.sh', *words], capture_output=True, text=True)\n\n"
        "def test_prints(): assert run('a').stdout == 'a\\n'\ndef test_exits(): assert run('a').returncode == 0\n",
        proving={"test_prints"},
    ),
    "a loop that waits for the code": Delivery(
        code={"tool.py": "def is_done():\n    return True\n"},
        test="from tool import is_done\n\ndef test_waits():\n    while not is_done():\n        pass\n",
        proving={"test_waits"},
    ),
}  # fmt: skip


def verified(folder: Path, code: dict[str, str], test: str) -> Evidence:
    tree = write_tree(folder, code | {"test_it.py": test})
    delivered = Deliverable(
        folder=tree,
        files=(*code, "test_it.py"),
        code=tuple(code),
        tests=("test_it.py",),
        language="Python",
    )
    return asyncio.run(verify(delivered, RUNNERS["pytest"], Bubblewrap(), Limits()))


@pytest.mark.parametrize("delivery", DELIVERIES.values(), ids=DELIVERIES.keys())
def test_what_goes_red_without_the_code_proves_something(delivery: Delivery, tmp_path: Path) -> None:
    evidence = verified(tmp_path, delivery.code, delivery.test)

    assert evidence.suite is not None
    assert evidence.suite.is_green, evidence.suite
    assert {case_id.partition("::")[2] for case_id in evidence.proving} == delivery.proving
    assert len(evidence.vacuous) == len(evidence.suite.cases) - len(delivery.proving)
    assert evidence.verdict == "pass"


def test_tests_that_prove_nothing_are_no_pass(tmp_path: Path) -> None:
    evidence = verified(
        tmp_path,
        {"tool.py": "def f(x):\n    return x\n"},
        "from tool import f\n\ndef test_x():\n    assert callable(f)\n",
    )

    assert evidence.verdict == "unproven"
    assert evidence.vacuous == ("test_it.py::test_x",)
