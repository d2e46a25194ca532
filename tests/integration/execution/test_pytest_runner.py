"""The real pytest in the real sandbox: what is executed, where, with which packages, and what is told of what is red."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.results import CodePlace, SuiteRun
from core.execution.runners.python.environment import build_environment
from core.execution.runners.python.runner import PytestRunner
from core.execution.sandbox.bubblewrap import find_bwrap
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox
from tests.support.python_trees import executed, run_pytest, write_tree

pytestmark = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

PASSES = "def test_x():\n    pass\n"

GREEN_TREES = {
    "a module beside its test": {"tool.py": "N = 1\n", "test_tool.py": "import tool\n\ndef test_n():\n    assert tool.N == 1\n"},
    "a package": {
        "pkg/__init__.py": "from .core import one\n",
        "pkg/core.py": "def one(): return 1\n",
        "tests/test_one.py": "from pkg import one\n\ndef test_one():\n    assert one() == 1\n",
    },
    "a src layout": {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
        "src/pkg/__init__.py": "def one(): return 1\n",
        "tests/test_one.py": "from pkg import one\n\ndef test_one():\n    assert one() == 1\n",
    },
    "a tree that is a package": {
        "__init__.py": "",
        "tool.py": "def one(): return 1\n",
        "test_one.py": "from tool import one\n\ndef test_one():\n    assert one() == 1\n",
    },
    "a program called as one": {
        "tool.py": "import sys\nprint(int(sys.argv[1]) * 2)\n",
        "test_tool.py": (
            "import subprocess, sys\n\ndef test_prints(tmp_path):\n"
            "    for python in (sys.executable, 'python'):\n"
            "        done = subprocess.run([python, 'tool.py', '4'], capture_output=True, text=True)\n"
            "        assert done.stdout == '8\\n'\n"
        ),
    },
    "python -m": {
        "pkg/__init__.py": "",
        "pkg/__main__.py": "print('hi')\n",
        "test_pkg.py": (
            "import subprocess, sys\n\ndef test_prints():\n"
            "    assert subprocess.check_output([sys.executable, '-m', 'pkg'], text=True) == 'hi\\n'\n"
        ),
    },
    "unittest": {
        "test_case.py": "import unittest\n\nclass TestCase(unittest.TestCase):\n    def test_x(self):\n        self.assertEqual(1, 1)\n"
    },
    "processes of its own": {
        "tool.py": "def double(n): return 2 * n\n",
        "test_pool.py": (
            "import multiprocessing\nfrom tool import double\n\ndef test_spawned():\n"
            "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n        assert pool.map(double, [1, 2]) == [2, 4]\n"
        ),
    },
    "settings that stop early": {"pytest.ini": "[pytest]\naddopts = -x -v\n", "test_x.py": PASSES},
    "a package that is declared": {
        "requirements.txt": "# what it needs\nPyYAML>=5  # to read\n",
        "test_x.py": "import yaml\n\ndef test_x():\n    assert yaml.safe_load('1') == 1\n",
    },
    "what that package needs": {
        "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\ndependencies = ['httpx']\n",
        "test_x.py": "import httpx, certifi\n\ndef test_x():\n    assert httpx.__name__\n",
    },
    "a missing package that nothing imports": {"requirements.txt": "no-such-package-anywhere\n", "test_x.py": PASSES},
    "a missing package that is optional": {
        "requirements.txt": "no-such-package-anywhere\n",
        "test_x.py": f"try:\n    import no_such_package_anywhere\nexcept ImportError:\n    pass\n\n{PASSES}",
    },
}  # fmt: skip


@pytest.mark.parametrize("files", GREEN_TREES.values(), ids=GREEN_TREES.keys())
def test_what_an_outside_pytest_finds_green_is_green(files: dict[str, str], tmp_path: Path) -> None:
    suite = executed(tmp_path, files)

    assert suite.is_green, suite
    assert suite.collected == tuple(case.id for case in suite.cases)


@pytest.mark.parametrize("package", ["textual", "openai", "pytest_asyncio", "xdist", "core", "quintet"])
def test_our_own_packages_cannot_be_imported(package: str, tmp_path: Path) -> None:
    suite = executed(tmp_path, {"test_x.py": f"import {package}\n\n{PASSES}"})

    assert [broken.path for broken in suite.broken] == ["test_x.py"]
    assert f"No module named '{package}'" in suite.broken[0].message
    assert "not declared" in suite.broken[0].message


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"requirements.txt": "no_such.Package-anywhere==1\n", "tool.py": "import no_such_package_anywhere\n"}, "no-such-package-anywhere"),
        ({"requirements.txt": "beautifulsoup4\n", "tool.py": "import bs4\n"}, "beautifulsoup4"),
        ({"requirements.txt": "no-such-package\n", "tool.py": "from another_name import x\n"}, "no-such-package"),
    ],
)  # fmt: skip
def test_a_declared_package_that_is_not_installed_is_named_and_nothing_runs(
    files: dict[str, str], named: str, tmp_path: Path
) -> None:
    outcome = run_pytest(tmp_path, files | {"test_x.py": f"import tool\n\n{PASSES}"})

    assert isinstance(outcome, NotExecuted)
    assert named in outcome.reason
    assert outcome.hint.endswith(f" {named}")


PLACES = {
    "raises in delivered code": ("def f(x):\n    if x:\n        raise KeyError(x)\n", "from tool import f\n\ndef test_x():\n    f(1)\n", 3),
    "only the assertion is red": ("def f(x):\n    return x\n", "from tool import f\n\ndef test_x():\n    assert f(1) == 2\n", None),
    "raises in the library below it": ("import json\n\ndef f(x):\n    return json.loads(x)\n", "from tool import f\n\ndef test_x():\n    f('{')\n", 4),
    "raises when imported": ("def f(x):\n    return x\n\n1 / 0\n", "from tool import f\n\ndef test_x():\n    f(1)\n", 4),
    "does not parse": ("def f(x):\n    return (x\n", "from tool import f\n\ndef test_x():\n    f(1)\n", 2),
    "lacks a name": ("def f(x):\n    return x\n", "from tool import g\n\ndef test_x():\n    g(1)\n", None),
    "a test that does not parse": ("def f(x):\n    return x\n", "def test_x(:\n    f(1)\n", None),
    "modules that import each other": ("from other import g\n\ndef f(x):\n    return g\n", "from tool import f\n\ndef test_x():\n    f(1)\n", 1),
}  # fmt: skip


@pytest.mark.parametrize(("code", "test", "line"), PLACES.values(), ids=PLACES.keys())
def test_the_line_of_delivered_code_is_told(code: str, test: str, line: int | None, tmp_path: Path) -> None:
    suite = executed(tmp_path, {"tool.py": code, "other.py": "from tool import f\n\ng = 1\n", "test_x.py": test})

    places = [case.place for case in suite.cases] + [broken.place for broken in suite.broken]
    # Of modules that import each other the second raises.
    path = "other.py" if "other" in code else "tool.py"
    assert places == [CodePlace(path, line) if line is not None else None]


def test_many_tests_are_reported_and_the_report_stays_small(tmp_path: Path) -> None:
    test = "import pytest\n\n@pytest.mark.parametrize('number', range(10_000))\ndef test_many(number):\n    assert number % 2\n"

    suite = executed(tmp_path, {"test_many.py": test})

    assert suite.counts() == {"passed": 5_000, "failed": 5_000}
    assert not suite.disagreement
    assert sum(len(case.detail) for case in suite.cases) < 500_000


def test_outcomes_have_their_names(tmp_path: Path) -> None:
    test = (
        "import pytest\n\ndef test_passed(): pass\n\n@pytest.mark.skip\ndef test_skipped(): pass\n\n"
        "@pytest.mark.xfail\ndef test_expected_failure(): assert False\n\n"
        "@pytest.mark.xfail(run=False)\ndef test_expected_failure_too(): assert False\n\n"
        "@pytest.mark.xfail\ndef test_unexpected_pass(): pass\n\ndef test_failed(): assert False\n\n"
        "@pytest.fixture\ndef late():\n    yield\n    raise OSError\n\ndef test_error(late): pass\n"
    )

    suite = executed(tmp_path, {"test_x.py": test})

    assert all(case.name.removeprefix("test_").removesuffix("_too") == case.outcome for case in suite.cases), (
        suite.cases
    )
    assert len(suite.cases) == 7


def test_a_tree_keeps_to_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError\n")

    suite = executed(
        tmp_path, {"test_x.py": "import os\n\ndef test_x():\n    assert sorted(os.listdir()) == ['test_x.py']\n"}
    )

    assert suite.is_green, suite
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["test_x.py"]


def test_what_stands_in_the_way_of_pytest_itself_is_told(tmp_path: Path) -> None:
    suite = executed(tmp_path, {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_x.py": PASSES})

    assert [(broken.path, "--no-such-option" in broken.message) for broken in suite.broken] == [("pytest.ini", True)]
    assert not suite.is_green


def test_a_run_without_a_collection_agrees_with_itself(tmp_path: Path) -> None:
    suite = run_pytest(tmp_path, {"test_x.py": PASSES}, collects=False)

    assert isinstance(suite, SuiteRun)
    assert suite.is_green


def test_the_pytest_that_runs_is_the_one_beside_us(tmp_path: Path) -> None:
    suite = executed(
        tmp_path,
        {"test_x.py": f"import pytest\n\ndef test_x():\n    assert pytest.__version__ == {version('pytest')!r}\n"},
    )

    assert suite.is_green


LEAVES_A_PROCESS = "import subprocess, sys\n\ndef test_x():\n    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"


@pytest.mark.parametrize(
    ("test", "doubt"), [(PASSES, ""), (LEAVES_A_PROCESS, "a process that the tests started was still running")]
)
async def test_every_sandbox_tells_the_same(sandbox: Sandbox, test: str, doubt: str, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"test_x.py": test})

    suite = await PytestRunner().run(tree, ["test_x.py"], [], sandbox, Limits())

    assert isinstance(suite, SuiteRun)
    assert suite.counts() == {"passed": 1}, suite
    assert suite.disagreement.startswith(doubt)
    assert suite.is_green == (doubt == "")


OUTSIDE = {
    "green": "from tool import f\n\ndef test_x():\n    assert f(1) == 2\n",
    "red": "from tool import f\n\ndef test_x():\n    assert f(1) == 3\n",
    "one of two": "from tool import f\n\ndef test_x():\n    assert f(1) == 3\n\ndef test_y():\n    assert f(1) == 2\n",
    "no test": "from tool import f\n",
    "an import that fails": "from tool import g\n\ndef test_x(): pass\n",
    "an error in a fixture": "import pytest\n\n@pytest.fixture\ndef x():\n    1 / 0\n\ndef test_x(x): pass\n",
    "expected to fail": "import pytest\n\n@pytest.mark.xfail\ndef test_x(): assert False\n",
    "expected to fail, strictly": "import pytest\n\n@pytest.mark.xfail(strict=True)\ndef test_x(): pass\n",
    "skipped": "import pytest\n\n@pytest.mark.skip\ndef test_x(): pass\n",
    "the end of the process": "import os\n\ndef test_x():\n    os._exit(7)\n",
}


@pytest.mark.parametrize("test", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_an_outside_pytest_ends_alike(test: str, tmp_path: Path) -> None:
    files = {"tool.py": "def f(x):\n    return x + 1\n", "test_x.py": test}
    suite = executed(tmp_path / "ours", files)
    environment = build_environment(tmp_path / "environment", [])
    tree = write_tree(tmp_path / "outside", files)

    outside = subprocess.run([environment.python, "-m", "pytest", "-q"], cwd=tree, capture_output=True, check=False)

    # Files that cannot be collected stop an outside pytest; here the others run all the same.
    assert suite.exit_code == (1 if outside.returncode == 2 else outside.returncode)
    assert outside.returncode == 0 or not suite.is_green
