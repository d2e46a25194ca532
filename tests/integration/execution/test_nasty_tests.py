"""Tests that cheat, break, hang or do harm: each has a typed outcome that says what happened, and none is ever green."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.execution.results import SuiteRun
from core.execution.sandbox.bubblewrap import find_bwrap
from core.execution.sandbox.command import MEBIBYTE, Limits
from tests.support.python_trees import LIMITS, executed

pytestmark = pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine")

CODE = "def double(number):\n    return 2 * number\n"
GREEN = "from code_under_test import double\n\ndef test_double():\n    assert double(2) == 4\n"
RED = "from code_under_test import double\n\ndef test_wrong():\n    assert double(2) == 5\n"


@dataclass(frozen=True)
class Nasty:
    """A test file beside a good one, and the words that tell what was wrong with it."""

    test: str
    says: str
    conftest: str = ""
    limits: Limits = LIMITS


NASTY = {
    "ends the process at its import": Nasty("import os\nos._exit(0)\n", "ended the whole process of the tests, with exit code 0"),
    "ends the process in a test": Nasty("import os\n\ndef test_x():\n    os._exit(0)\n", "ended the whole process of the tests, with exit code 0"),
    "sys.exit at its import": Nasty("import sys\nsys.exit(0)\n", "SystemExit: 0"),
    "sys.exit in a test": Nasty("import sys\n\ndef test_x():\n    sys.exit(0)\n", "SystemExit: 0"),
    "pytest.exit with code 0": Nasty("import pytest\n\ndef test_x():\n    pytest.exit('done', returncode=0)\n", "ended the whole process of the tests"),
    "kills its own process": Nasty("import os, signal\n\ndef test_x():\n    os.kill(os.getpid(), signal.SIGKILL)\n", "signalled"),
    "kills the process above it": Nasty("import os, signal\n\ndef test_x():\n    os.kill(os.getppid(), signal.SIGKILL)\n", "signalled"),
    "never ends": Nasty("import time\n\ndef test_x():\n    while True: time.sleep(1)\n", "wall_time", limits=Limits(wall_seconds=4.0)),
    "never ends at its import": Nasty("import time\nwhile True: time.sleep(1)\n", "wall_time", limits=Limits(wall_seconds=4.0)),
    "a thread never ends": Nasty(
        "import threading, time\n\ndef test_x():\n    threading.Thread(target=time.sleep, args=(600,)).start()\n",
        "wall_time",
        limits=Limits(wall_seconds=3.0),
    ),
    "eats memory": Nasty(
        "def test_x():\n    held = []\n    while True: held.append(bytearray(16 << 20))\n",
        "memory",
        limits=Limits(wall_seconds=30.0, memory_bytes=256 * MEBIBYTE),
    ),
    "forks without an end": Nasty("import os\n\ndef test_x():\n    while True: os.fork()\n", "processes"),
    "prints 100 MB": Nasty("def test_x():\n    for _ in range(100): print('x' * (1 << 20))\n", "too large"),
    "writes a report of its own": Nasty(
        "import json, os\n\nfor descriptor in range(3, 256):\n    try:\n"
        "        os.write(descriptor, b'{\"kind\": \"finished\", \"exit_code\": 0, \"changed\": []}\\n')\n"
        "    except OSError: pass\n\ndef test_x():\n    assert False\n",
        "assert False",
    ),
    "closes all descriptors": Nasty("import os\n\ndef test_x():\n    os.closerange(0, 1024)\n", "before its report was complete"),
    "deletes itself": Nasty("import os\n\ndef test_x():\n    os.remove(__file__)\n", "changed or deleted delivered files: test_nasty.py"),
    "changes the code": Nasty(
        "def test_x():\n    open('code_under_test.py', 'a').write('# x')\n", "changed or deleted delivered files: code_under_test.py"
    ),
    "replaces what runs a test": Nasty(
        "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n\ndef test_x():\n    assert False\n",
        "changed pytest itself: Function.runtest",
    ),
    "turns red into green in a hook": Nasty(
        "def test_x():\n    assert False\n",
        "assert False",
        conftest=(
            "import pytest\n\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
            "def pytest_runtest_makereport():\n    given = yield\n    given.get_result().outcome = 'passed'\n"
        ),
    ),
    "sets the exit code": Nasty(
        "def test_x():\n    assert False\n",
        "its report says that tests are red",
        conftest="def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    ),
    "an exit hook hides the exit code": Nasty(
        "import atexit, os\natexit.register(os._exit, 0)\n\ndef test_x():\n    assert False\n", "its report says that tests are red"
    ),
    "takes itself away": Nasty(
        "def test_x():\n    assert False\n",
        "taken away after it was collected",
        conftest="def pytest_collection_modifyitems(items):\n    items[:] = [each for each in items if each.name != 'test_x']\n",
    ),
    "skips all of itself": Nasty(
        "import pytest\npytest.skip('later', allow_module_level=True)\n\ndef test_x():\n    assert False\n",
        "no test was collected from it",
    ),
    "has no test by name": Nasty("def check_x():\n    assert False\n", "no test was collected from it"),
    "a class that cannot be collected": Nasty(
        "class TestX:\n    def __init__(self): self.x = 1\n    def test_x(self): assert False\n", "no test was collected from it"
    ),
    "takes the reporter away": Nasty(
        "def test_x():\n    assert False\n",
        "before its report was complete",
        conftest=(
            "def pytest_collection_finish(session):\n    plugins = session.config.pluginmanager\n"
            "    for plugin in plugins.get_plugins():\n"
            "        if type(plugin).__name__ == 'Reporter': plugins.unregister(plugin)\n"
        ),
    ),
    "replaces modules": Nasty(
        "import sys\n\ndef test_x():\n    sys.modules['json'] = sys.modules['os'] = None\n    assert False\n", "assert False"
    ),
    "leaves a process behind": Nasty(
        "import subprocess, sys\n\ndef test_x():\n    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n",
        "a process that the tests started was still running",
    ),
    "leaves a daemon behind": Nasty(
        "import os, time\n\ndef test_x():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0: time.sleep(600)\n        os._exit(0)\n",
        "a process that the tests started was still running",
    ),
    "other tests each time": Nasty(
        "import os\nfor number in range(os.getpid() % 7 + (1 if '--collect-only' in __import__('sys').argv else 9)):\n"
        "    exec(f'def test_{number}(): pass')\n",
        "a separate collection found",
    ),
    "asks for input": Nasty("def test_x():\n    input()\n", "tests run without input"),
    "uses the network": Nasty(
        "import urllib.request\n\ndef test_x():\n    urllib.request.urlopen('http://example.com')\n", "tests run without a network"
    ),
    "needs a package": Nasty("import textual\n\ndef test_x():\n    pass\n", "No module named 'textual'"),
    "has a syntax error": Nasty("def test_x(:\n    pass\n", "SyntaxError"),
    "imports a name that is not there": Nasty(
        "from code_under_test import triple\n\ndef test_x():\n    pass\n", "cannot import name 'triple' from 'code_under_test'"
    ),
    "cannot be set up": Nasty(
        "import pytest\n\n@pytest.fixture\ndef broken():\n    raise OSError('no')\n\ndef test_x(broken):\n    pass\n", "OSError: no"
    ),
    "its conftest raises": Nasty("def test_x():\n    pass\n", "RuntimeError: no", conftest="raise RuntimeError('no')\n"),
    "asks for an option that is not there": Nasty("def test_x(mocker):\n    pass\n", "fixture 'mocker' not found"),
}  # fmt: skip


def told(suite: SuiteRun) -> str:
    """Return all that a run says of what went wrong."""
    said = [
        suite.end,
        suite.disagreement,
        *(case.message for case in suite.cases),
        *(each.message for each in suite.broken),
    ]
    return "\n".join(said)


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY.keys())
def test_it_is_never_green_and_says_what_happened(nasty: Nasty, tmp_path: Path) -> None:
    files = {"code_under_test.py": CODE, "test_good.py": GREEN, "test_nasty.py": nasty.test}
    if nasty.conftest:
        files["conftest.py"] = nasty.conftest

    suite = executed(tmp_path, files, nasty.limits)

    assert not suite.is_green
    assert nasty.says in told(suite)


def test_a_green_suite_beside_them_is_green(tmp_path: Path) -> None:
    suite = executed(tmp_path, {"code_under_test.py": CODE, "test_good.py": GREEN})

    assert suite.is_green
    assert suite.collected == ("test_good.py::test_double",)
    assert suite.counts() == {"passed": 1}


def test_a_red_test_is_told_with_its_assertion(tmp_path: Path) -> None:
    suite = executed(tmp_path, {"code_under_test.py": CODE, "test_red.py": RED})

    assert [(case.outcome, case.message) for case in suite.cases] == [("failed", "assert 4 == 5, where 4 = double(2)")]
