"""A container runs a command by an engine that answers as podman and docker do; the engines themselves are not there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.sandbox.command import CommandResult, Limits, SandboxedCommand
from core.execution.sandbox.container import Container
from core.execution.sandbox.ladder import climb
from core.settings import ExecutionSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")

IMAGE = "python:3.12-slim"
# Records how it was called, and runs the command without any container.
ENGINE = f"""#!{sys.executable}
import json, os, pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([words, dict(os.environ)]) + "\\n")
state = here / "state"
if words == ["--version"]:
    print("podman version 5.0")
elif words[:2] == ["image", "inspect"]:
    sys.exit(words[-1] != "{IMAGE}")
elif words[0] == "run":
    at = words.index("--entrypoint")
    command = [words[at + 1], *words[at + 3:]]
    if command[0] == "no-such-program":
        print("executable file not found", file=sys.stderr)
        sys.exit(127)
    done = subprocess.run(command, cwd=words[words.index("--workdir") + 1])
    state.write_text(f"2026-11-01T00:00:00Z {{str(done.returncode == 137).lower()}} {{done.returncode}}")
    sys.exit(done.returncode)
elif words[0] == "inspect":
    print(state.read_text())
elif words[0] == "rm":
    state.unlink(missing_ok=True)
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in in the place of podman; return the file of its calls."""
    (tmp_path / "podman").write_text(ENGINE)
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LLM_API_KEY", "a-key-of-the-user")
    return tmp_path / "calls"


async def run(folder: Path, *argv: str) -> CommandResult:
    return await Container(IMAGE).run(SandboxedCommand(argv, folder, (Path("/usr/share"),), {"OWN": "1"}, b"in"))


@pytest.mark.parametrize(
    ("argv", "end", "exit_code"),
    [
        (("cat",), "exited", 0),
        (("sh", "-c", "exit 3"), "exited", 3),
        (("sh", "-c", "exit 137"), "memory", None),
        (("sh", "-c", "exit 139"), "signalled", None),
        (("no-such-program",), "lost", None),
    ],
)
async def test_a_container_ends_as_its_command_does(
    engine: Path, tmp_path: Path, argv: tuple[str, ...], end: str, exit_code: int | None
) -> None:
    result = await run(tmp_path, *argv)
    assert (result.end, result.exit_code, result.rung) == (end, exit_code, "container")


async def test_a_container_gets_what_the_command_names_and_no_more(engine: Path, tmp_path: Path) -> None:
    result = await run(tmp_path, "cat")
    assert result.stdout == b"in"
    calls = [json.loads(line) for line in engine.read_text().splitlines()]
    words, variables = calls[0]
    limits = Limits()
    for wanted in (
        ["--network", "none"],
        ["--pull", "never"],
        ["--cap-drop", "ALL"],
        ["--security-opt", "no-new-privileges"],
        ["--memory", str(limits.memory_bytes)],
        ["--mount", f"type=bind,source={tmp_path},target={tmp_path}"],
        ["--mount", "type=bind,source=/usr/share,target=/usr/share,readonly"],
        ["--env", "OWN=1"],
    ):
        assert any(words[at : at + 2] == wanted for at in range(len(words))), wanted
    assert "--read-only" in words
    assert "LLM_API_KEY" not in variables
    assert "a-key-of-the-user" not in json.dumps(calls)
    assert calls[-1][0][:2] == ["rm", "--force"]


@pytest.mark.parametrize(
    ("image", "path", "reason"),
    [
        ("missing:1", None, "the image missing:1 is not on this machine"),
        (IMAGE, "/nowhere", "neither podman nor docker is installed"),
    ],
)
async def test_what_is_missing_is_named(
    engine: Path, monkeypatch: pytest.MonkeyPatch, image: str, path: str | None, reason: str
) -> None:
    if path:
        monkeypatch.setenv("PATH", path)
    chosen = (await climb(ExecutionSettings(sandbox="container", container_image=image))).chosen
    assert isinstance(chosen, NotExecuted)
    assert reason in chosen.reason
    assert not engine.exists() or not any(json.loads(line)[0][0] == "pull" for line in engine.read_text().splitlines())
