"""A folder that was delivered earlier, or any other with tests: what in it is code, what are tests, and executing them again."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from core.errors import UsageError
from core.execution.evidence.deliverable import Deliverable
from core.execution.evidence.evidence import Evidence
from core.execution.evidence.judge import not_executed
from core.execution.not_executed import NotExecuted
from core.execution.runners.registry import runner_for
from core.execution.sandbox.ladder import choose_sandbox, limits_of
from core.execution.verify import verify
from core.settings import ExecutionSettings
from core.system.path_state import OWN_NAMES, obstacle_to_folder
from core.workflow.layouts.table import load_layouts
from core.workspace.files.listing import files_to_execute
from core.workspace.files.manifest import WrittenFile, read_manifest
from core.workspace.files.tree import open_folder

MAX_FILES = 2_000
MAX_BYTES = 64 * 1024 * 1024
NO_TESTS = NotExecuted(
    "there is no test file in this folder", "name the folder of a run, or one with files such as test_name.py"
)
_TEST_NAME = re.compile(
    r"(?:^|/)(?:test_[^/]*|[^/]*_test|[^/]*\.(?:test|spec))\.[A-Za-z]+$|(?:^|/)tests/[^/]+\.rs$", re.IGNORECASE
)


def read_deliverable(folder: Path) -> Deliverable:
    """Return what is to be verified in a folder: by its manifest, and for what that does not know by the names of files.

    Raises:
        UsageError: it is no folder that can be read.
    """
    if (obstacle := obstacle_to_folder(folder)) is not None:
        raise UsageError(f"{folder} {obstacle.reason}", hint="name the output folder of a run")
    root = folder.resolve()
    known = _manifest_files(root)
    paths = files_to_execute(root, max_files=MAX_FILES, max_bytes=MAX_BYTES)
    files = tuple(path for path in paths if path.casefold() not in OWN_NAMES)
    tests = tuple(path for path in files if _is_test(path, known))
    suffixes = {PurePosixPath(path).suffix for path in tests}
    language = next(filter(None, map(load_layouts().by_suffix, sorted(suffixes))), None)
    own = suffixes | set(load_layouts().languages[language].suffixes if language is not None else ())
    return Deliverable(
        folder=root,
        files=files,
        code=tuple(path for path in files if path not in tests and _is_code(path, known, own)),
        tests=tests,
        language=load_layouts().languages[language].title if language is not None else "these tests",
    )


async def execute_again(delivered: Deliverable, execution: ExecutionSettings) -> Evidence:
    """Execute the tests of a delivery in copies of it, and return what they show; nothing in its folder is changed."""
    if not delivered.tests:
        return not_executed(delivered, NO_TESTS)
    return await verify(delivered, runner_for(delivered.tests), await choose_sandbox(execution), limits_of(execution))


def _manifest_files(root: Path) -> dict[str, WrittenFile]:
    try:
        with open_folder(root, (), create=False) as opened:
            manifest = read_manifest(opened)
    except OSError:
        return {}
    return manifest.files if manifest is not None else {}


def _is_test(path: str, known: dict[str, WrittenFile]) -> bool:
    return known[path].role == "test" if path in known else _TEST_NAME.search(path) is not None


def _is_code(path: str, known: dict[str, WrittenFile], suffixes: set[str]) -> bool:
    """A file of the manifest is code if it was made as code; another one if it is in the language of the tests."""
    return known[path].role == "code" if path in known else PurePosixPath(path).suffix in suffixes
