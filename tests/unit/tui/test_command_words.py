"""Words on the command line: what is a command, what is nearly one, what is a task."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tui.commands.cli import main
from tui.commands.completion import completion_script
from tui.commands.parsers import COMMANDS, PLANNED_COMMANDS, SHELLS


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("words", [("-V",), ("--version",), ("version",)])
def test_the_version_can_be_asked_for_in_every_usual_way(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, err = said(capsys, *words)

    assert (code, err) == (0, "")
    assert out.startswith("quintet ")
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_how_a_command_is_used(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert said(capsys, "help", command)[1].startswith(f"usage: quintet {command}")


def test_help_alone_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "help")

    assert code == 0
    assert all(f"quintet {command}" in out or f", {command}" in out for command in COMMANDS)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("docter", "doctor"),
        ("Doctor", "doctor"),
        ("HELP", "help"),
        ("halp", "help"),
        ("runn", "run"),
        ("confg", "config"),
        ("configs", "config"),
        ("verison", "version"),
        ("completions", "completion"),
        ("session", "sessions"),
        ("resme", "resume"),
        ("tests", "test"),
        ("tst", "test"),
    ],
)
def test_a_mistyped_command_is_never_run_as_a_task(capsys: pytest.CaptureFixture[str], word: str, meant: str) -> None:
    code, out, err = said(capsys, word)

    assert (code, out) == (2, "")
    assert err == (
        f"quintet: there is no command {word!r} (did you mean {meant}?) - to use it as a task: quintet -- {word}\n"
    )


@pytest.mark.parametrize("command", PLANNED_COMMANDS)
def test_a_command_of_a_later_version_is_no_task(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, _, err = said(capsys, command, "more")

    assert code == 2
    assert f"the command {command!r} does not exist yet" in err


@pytest.mark.parametrize("words", [("--model", "x", "doctor"), ("--output", "here", "version")])
def test_a_command_behind_options_is_no_task(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, _, err = said(capsys, *words)

    assert code == 2
    assert f"the command comes first: quintet {words[-1]}" in err


@pytest.mark.parametrize("words", [("--", "doctor"), ("refactor",), ("docter the horse",), ("run away from here",)])
def test_what_is_meant_as_a_task_reaches_the_app(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, _, err = said(capsys, *words)

    assert code == 2
    assert "the app needs a terminal" in err


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completion_of_a_shell_knows_every_command_and_option(shell: str) -> None:
    script = completion_script(shell)

    for word in (*COMMANDS, "workflow", "json", "check", "trust"):
        assert word in script


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = tmp_path / "quintet.bash"
    script.write_text(completion_script("bash"))
    ask = (
        f'source "{script}"; fill() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        '$(complete -p quintet | sed "s/.*-F \\([^ ]*\\).*/\\1/"); echo "${COMPREPLY[*]}"; }; '
        "fill quintet do; fill quintet config ch; fill quintet run --js"
    )

    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["doctor", "check", "--json"]


def test_the_doctor_speaks_json_to_scripts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("LLM_MODEL", "none")

    code, out, _ = said(capsys, "doctor", "--json")

    report = json.loads(out)
    assert (code, report["ok"]) == (1, False)
    assert {"grade", "name", "detail"} == set(report["findings"][0])
    assert any(finding["grade"] == "missing" and finding["name"] == "model" for finding in report["findings"])


def test_the_doctor_speaks_json_also_of_a_configuration_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_MAX_RETRIES", "many")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")

    code, out, _ = said(capsys, "doctor", "--json")

    report = json.loads(out)
    assert (code, report["ok"]) == (1, False)
    assert [finding["name"] for finding in report["findings"]] == ["settings", "settings"]
