"""The command line as a user meets it, with pipes, signals and mistakes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.execution.runners.registry import RUNNERS
from core.settings.schema.catalogue import setting_fields
from tests.support.fault_server import FaultServer, Step, finish, status, stream, token
from tests.support.repository import ROOT
from tests.support.team import DELIVERED, ScriptedTeam, write_team
from tui.commands.cli import main
from tui.exit_codes import EXIT_BY_STATUS

DELIVERED_CODE = EXIT_BY_STATUS[DELIVERED]


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@contextlib.asynccontextmanager
async def started(folder: Path, *words: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tui.commands.cli",
        *words,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def quintet(folder: Path, *words: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> Ended:
    async with started(folder, *words, **(variables or {})) as process:
        out, err = await process.communicate(stdin)
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def quintet_here(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> Ended:
    """Do the same in this process, which takes a tenth of the time; for commands that start nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in (variables or {}).items():
            patch.setenv(name, value)
        out, err = io.BytesIO(), io.BytesIO()
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8", write_through=True))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding="utf-8", write_through=True))
        code = await asyncio.to_thread(_exit_code, words)  # a server of the test may have to answer meanwhile
        return Ended(code, out.getvalue().decode(), err.getvalue().decode())


def _exit_code(words: Sequence[str]) -> int:
    try:
        return main(words)
    except SystemExit as exit_:  # of argparse
        return int(exit_.code or 0)


@contextlib.asynccontextmanager
async def served(
    folder: Path, answers: Mapping[str, object] | None = None
) -> AsyncIterator[tuple[FaultServer, dict[str, str]]]:
    write_team(folder / "team")
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam(dict(answers or {})))  # type: ignore[arg-type]
        yield (
            server,
            {
                "LLM_BASE_URL": server.base_url,
                "LLM_MODEL": "test-model",
                "QUINTET_PROMPTS_DIR": str(folder / "team"),
                "LLM_MAX_RETRIES": "0",
                "QUINTET_SANDBOX": "off",
            },
        )


async def test_run_prints_the_paths_of_the_files_and_tells_its_progress_aside(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await quintet(tmp_path, "run", "Reverse a text", "--output", "done", variables=variables)

    assert ended.code == DELIVERED_CODE
    paths = ended.out.splitlines()
    assert str(tmp_path / "done" / "README.md") in paths
    assert all(Path(path).is_file() for path in paths)
    assert "Developer: build ok" in ended.err
    assert "unverified, verdict not_executed, 7 files" in ended.err


async def test_run_with_json_prints_one_event_a_line(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await quintet(tmp_path, "run", "Reverse a text", "--json", variables=variables)

    schema, *events = [json.loads(line) for line in ended.out.splitlines()]
    assert schema == {"type": "schema", "version": 2}
    assert [next(iter(event)) for event in events] == ["type"] * len(events)
    assert (events[0]["type"], events[-1]["type"]) == ("run_started", "run_finished")
    assert (events[-1]["status"], events[-1]["verdict"]) == (DELIVERED, "not_executed")
    hand_off = next(event for event in events if event["type"] == "hand_off_made")
    assert (hand_off["from"], hand_off["to"]) == ("business_analyst", "developer")
    assert {event["run_id"] for event in events} == {events[0]["run_id"]}


async def test_an_opinion_of_a_model_decides_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, {"opinion_of_work": "VERDICT: FAIL\n- wrong"}) as (_, variables):
        ended = await quintet(tmp_path, "run", "Reverse a text", variables={**variables, "MAX_REWORK_ROUNDS": "0"})

    assert ended.code == DELIVERED_CODE
    assert "unverified, verdict not_executed" in ended.err
    (report,) = tmp_path.glob("output/*/report.json")
    assert json.loads(report.read_text())["evidence"]["opinion"] == {"value": "fail", "findings": ["wrong"]}


async def test_a_task_can_come_from_a_pipe(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, variables):
        ended = await quintet(tmp_path, "run", "-", stdin="Reverse a text \u00e4".encode(), variables=variables)

    assert ended.code == DELIVERED_CODE
    assert "Reverse a text ä" in server.journal[0].body["messages"][1]["content"]


@pytest.mark.parametrize(
    ("words", "variables", "complaint"),
    [
        (["run", ""], {}, "the task is empty"),
        (["run"], {}, "TASK"),
        (["run", "x", "--workflow", "waterfall"], {}, "waterfall"),
        (["run", "x", "--agents", "developer,boss"], {}, "boss"),
        (["run", "x", "--speed", "9"], {}, "--speed"),
        (["run", "x"], {"LLM_MAX_RETRIES": "many"}, "LLM_MAX_RETRIES"),
        (["run", "x"], {"LLM_BASE_URL": "ftp://somewhere"}, "ftp"),
        (["run", "x", "--output", "/proc/nowhere"], {}, "/proc/nowhere"),
        (["run", "x"], {"QUINTET_PROMPTS_DIR": "/nowhere"}, "/nowhere"),
        (["run", "x", "--profile", "prod"], {}, "command line profile: profile = 'prod'"),
        (["run", "x", "--workflow", ""], {}, "command line team.workflow: team.workflow = '': must not be empty"),
        (["config"], {}, "show|check|trust"),
        (["config", "print"], {}, "print"),
        (["config", "show"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        (["resume"], {}, "does not exist yet"),
        ([], {}, "quintet run TASK"),
    ],
)
async def test_a_mistake_is_one_message_and_exit_code_2(
    tmp_path: Path, words: Sequence[str], variables: Mapping[str, str], complaint: str
) -> None:
    ended = await quintet(
        tmp_path, *words, variables={"LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "m", **variables}
    )

    assert ended.code == 2
    assert complaint in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


async def test_a_model_file_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    ended = await quintet(tmp_path, "run", "Reverse a text", "--model", "missing.gguf")

    assert (ended.code, ended.out) == (2, "")
    assert "command line llm.model_file: llm.model_file = 'missing.gguf': " in ended.err
    assert f"{tmp_path / 'missing.gguf'} does not exist - name a .gguf file" in ended.err


@pytest.mark.parametrize("words", [["run", "x", "--output", "file"], ["run", "x", "--output", "file/below"]])
async def test_an_output_folder_that_is_a_file_is_named_before_a_model_is_asked(
    tmp_path: Path, words: Sequence[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    async with served(tmp_path) as (server, variables):
        ended = await quintet(tmp_path, *words, variables=variables)

    assert (ended.code, ended.out) == (2, "")
    assert f"{tmp_path / 'file'} is a file, not a folder - choose another folder with --output" in ended.err
    assert (server.journal, (tmp_path / "file").read_text()) == ([], "mine")


async def test_config_check_lists_the_places_that_a_start_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    variables = {
        "OUTPUT_DIR": "file/output",
        "LOG_FILE": "logs/quintet.log",
        "WORKSPACE_DIR": "nowhere",
        "QUINTET_WORKFLOW": "nosuch",
        "QUINTET_AGENTS_OFF": "developer,nobody,stranger",
    }

    checked = await quintet_here(tmp_path, "config", "check", variables=variables)
    as_json = await quintet_here(tmp_path, "config", "check", "--json", variables=variables)
    started = await quintet(tmp_path, "run", "x", variables=variables)

    mistakes = [line.removeprefix("MISTAKE ") for line in checked.out.splitlines() if line.startswith("MISTAKE")]
    assert (checked.code, as_json.code, started.code) == (2, 2, 2)
    assert [line.split(". ", 1)[1] for line in started.err.splitlines()[1:]] == mistakes
    assert f"info    environment variable LOG_FILE: the folder {tmp_path / 'logs'} will be made" in checked.out
    assert {finding["setting"]: finding["severity"] for finding in json.loads(as_json.out)} == {
        "team.workflow": "error",
        "team.off": "error",
        "workspace.dir": "error",
        "workspace.output_dir": "error",
        "logging.file": "info",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SSL_CERT_FILE": "/nowhere/certificates.pem"}, "SSL_CERT_FILE"),
        ({"HTTPS_PROXY": "ftp://127.0.0.1:1"}, "HTTPS_PROXY"),
        ({"ALL_PROXY": "nonsense://127.0.0.1:1"}, "ALL_PROXY"),
    ],
)
async def test_config_check_names_what_of_the_environment_would_stop_a_client(
    tmp_path: Path, variables: Mapping[str, str], named: str
) -> None:
    elsewhere = {"LLM_BASE_URL": "https://llm.example/v1"}

    ended = await quintet_here(tmp_path, "config", "check", variables={**elsewhere, **variables})
    here = await quintet_here(
        tmp_path, "config", "check", variables={"LLM_BASE_URL": "http://127.0.0.1:9/v1", **variables}
    )

    assert ended.code == 2
    assert any(line.startswith("MISTAKE") and named in line for line in ended.out.splitlines())
    assert (here.code, "MISTAKE" in here.out) == (0, False)


async def test_config_check_names_what_of_the_environment_would_stop_an_exporter(tmp_path: Path) -> None:
    variables = {
        "LLM_BASE_URL": "http://127.0.0.1:9/v1",
        "SENTRY_DSN": "https://key@sentry.invalid/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "HTTPS_PROXY": "socks4://10.0.0.1:1080",
    }
    ended = await quintet_here(tmp_path, "config", "check", variables=variables)

    [named] = [line for line in ended.out.splitlines() if "HTTPS_PROXY" in line]
    assert (ended.code, named.split()[0]) == (0, "note")
    assert named.startswith("note    HTTPS_PROXY=socks4://10.0.0.1:1080 has the scheme 'socks4'")
    assert "nothing is exported" in named


async def test_what_is_said_before_the_start_is_said_once(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, variables):
        ended = await quintet(tmp_path, "run", "x", variables={**variables, "METRICS_PORT": str(server.port)})

    assert ended.err.count(f"the metrics page is off: port {server.port} of this machine cannot be used") == 1


async def test_version_and_help_need_nothing(tmp_path: Path) -> None:
    version = await quintet(tmp_path, "--version")
    help_text = await quintet(tmp_path, "--help")

    assert version.out.startswith("quintet ")
    assert version.code == help_text.code == 0
    assert "quintet run TASK" in help_text.out


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupt_ends_the_run_in_order(tmp_path: Path, which: signal.Signals) -> None:
    held = stream(token("```python\n"), then="hold")
    async with served(tmp_path, {"code_file": held}) as (server, variables):
        async with started(tmp_path, "run", "Reverse a text", "--json", **variables) as process:
            assert process.stdout is not None
            async for line in process.stdout:
                if json.loads(line).get("text") == "```python\n":
                    break
            process.send_signal(which)
            rest, err = await process.communicate()
        await server.disconnects(1)

    assert process.returncode == 130
    assert json.loads(rest.splitlines()[-1])["status"] == "stopped"
    assert b"Traceback" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_signals_that_whoever_started_us_ignores_do_not_end_the_run(tmp_path: Path) -> None:
    goes_on = asyncio.Event()
    slow = stream(
        token("```python\n"), goes_on, token("def reverse(text: str) -> str:\n    return text[::-1]\n```"), finish()
    )
    async with served(tmp_path, {"code_file": [slow]}) as (_, variables):
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", 'trap \'\' HUP INT; exec "$0" "$@"'),
            *(sys.executable, "-m", "tui.commands.cli", "run", "Reverse a text", "--json"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async for line in process.stdout:
            if json.loads(line).get("text") == "```python\n":
                break
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        goes_on.set()
        rest, _ = await process.communicate()

    finished = json.loads(rest.splitlines()[-1])
    assert (finished["type"], finished["status"] == "stopped") == ("run_finished", False)
    assert "README.md" in finished["files"]


async def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as (_, variables),
        started(tmp_path, "run", "Reverse a text", "--json", **variables) as process,
    ):
        assert process.stdout is not None
        await process.stdout.readline()
        process.stdout._transport.close()  # type: ignore[attr-defined]
        code = await process.wait()
        assert process.stderr is not None
        complaints = await process.stderr.read()

    assert code == 1
    assert b"Traceback" not in complaints


async def shell(folder: Path, redirected: str, *words: str, variables: Mapping[str, str]) -> Ended:
    """Run `quintet WORDS` with the redirections of a shell, such as ">&-"."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f'set -o pipefail; "$0" -m tui.commands.cli "$@" {redirected}',
        sys.executable,
        *words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ended(process.returncode or 0, os.fsdecode(out), err.decode())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="redirections of a POSIX shell, and Linux's full device")
@pytest.mark.parametrize(
    ("words", "redirected", "code", "complaint"),
    [
        (["run", "Reverse a text"], ">&-", DELIVERED_CODE, DELIVERED),
        (["run", "Reverse a text"], "2>&-", DELIVERED_CODE, ""),
        (["run", "Reverse a text"], "<&- >&- 2>&-", DELIVERED_CODE, ""),
        (["run", "Reverse a text", "--json"], ">&-", DELIVERED_CODE, ""),
        (["run", "-"], "<&-", 2, "the task is empty"),
        (["run", "Reverse a text"], "2>/dev/full", DELIVERED_CODE, ""),
        (["run", "Reverse a text"], ">/dev/full", 1, "standard output cannot be written: No space left"),
        (["run", "Reverse a text", "--json"], ">/dev/full", 1, "standard output cannot be written: No space left"),
        (["run", "Reverse a text"], "2>&1 >/dev/null | head -n 1", 1, ""),
        (["doctor"], ">&-", 0, ""),
        (["doctor"], ">/dev/full", 1, "standard output cannot be written: No space left"),
        (["--help"], ">/dev/full", 1, "standard output cannot be written: No space left"),
        (["run", "--help"], ">/dev/full", 1, "standard output cannot be written: No space left"),
        (["--help"], ">&-", 0, ""),
    ],
)
async def test_a_standard_stream_that_is_closed_or_full_makes_no_traceback(
    tmp_path: Path, words: Sequence[str], redirected: str, code: int, complaint: str
) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await shell(tmp_path, redirected, *words, variables=variables)

    assert complaint in ended.err
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err
    assert ended.code == code


@pytest.mark.skipif(os.name != "posix", reason="the bytes of POSIX paths")
@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"}])
async def test_the_paths_are_printed_as_the_file_system_has_them(tmp_path: Path, variables: Mapping[str, str]) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xc3\xa9\xff")
    async with served(tmp_path) as (_, served_variables):
        ended = await shell(
            tmp_path, "", "run", "Reverse a text", "--output", str(folder), variables={**served_variables, **variables}
        )

    assert ended.code == DELIVERED_CODE, ended.err
    assert str(folder / "README.md") in ended.out.splitlines()


async def test_bytes_on_standard_input_that_are_no_text_are_marked(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, variables):
        strict = {**variables, "PYTHONIOENCODING": "utf-8:strict"}
        ended = await quintet(tmp_path, "run", "-", stdin=b"Reverse \xff text", variables=strict)

    assert ended.code == DELIVERED_CODE, ended.err
    assert "Reverse \ufffd text" in server.journal[0].body["messages"][1]["content"]


async def test_standard_input_without_an_end_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await quintet(tmp_path, "run", "-", stdin=b" " * 1_100_000, variables=variables)

    assert ended.code == 2
    assert "standard input holds more than a task" in ended.err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_a_second_interrupt_ends_the_process_without_a_traceback(tmp_path: Path) -> None:
    held = stream(token("```python\n"), then="hold")
    async with (
        served(tmp_path, {"code_file": held}) as (_, variables),
        started(tmp_path, "run", "Reverse a text", "--json", **variables) as process,
    ):
        assert process.stdout is not None
        async for line in process.stdout:
            if json.loads(line).get("text") == "```python\n":
                break
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()

    assert process.returncode == 130
    assert b"Traceback" not in err


async def test_the_help_fits_a_terminal_of_80_columns(tmp_path: Path) -> None:
    commands: tuple[list[str], ...] = (
        [],
        ["run"],
        ["test"],
        ["doctor"],
        ["config"],
        ["config", "show"],
        ["config", "check"],
        ["config", "trust"],
    )
    texts = [await quintet_here(tmp_path, *words, "--help", variables={"COLUMNS": "80"}) for words in commands]

    assert [line for text in texts for line in text.out.splitlines() if len(line) > 80] == []


FOLDER = """\
[llm]
base_url = "https://llm.example/v1"
api_kye = "key-at-the-wrong-name"
retry_initial_delay = 9
retry_max_delay = 3
[[llm.fallbacks]]
models = "m"
[loggings]
level = "INFO"
"""


async def test_config_check_names_every_mistake_and_every_doubt_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(FOLDER)
    (tmp_path / ".env").write_text("LLM_MAX_RETRIES=99\nLLM_STREAM_RESPONSE=yes\nDATABASE_URL=postgres://\n")

    ended = await quintet_here(
        tmp_path,
        "config",
        "check",
        variables={
            "LLM_API_KEY": "my-own-key-123",
            "LLM_TEMPERATURE": "hot",
            "LOG_LEVEL": "loud",
            "METRICS_PORT": "0",
            "SENTRY_DSN": "sentry",
            "LLM_MAX_RETRY": "3",
        },
    )

    lines = ended.out.splitlines()
    mistakes = [line.removeprefix("MISTAKE ") for line in lines if line.startswith("MISTAKE")]
    places = [
        "config.toml:3 [llm] api_kye: unknown setting llm.api_kye (did you mean llm.api_key?)",
        "config.toml:8: unknown setting loggings (did you mean logging?)",
        ".env:2: unknown setting LLM_STREAM_RESPONSE (did you mean LLM_STREAM_RESPONSES?)",
        "environment variable LLM_TEMPERATURE: llm.temperature = 'hot': ",
        ".env:1: LLM_MAX_RETRIES: llm.max_retries = '99': ",
        "config.toml:6 [[llm.fallbacks]] #1 model: is missing - allowed: text",
        "config.toml:7 [[llm.fallbacks]] #1 models: unknown setting llm.fallbacks.models (did you mean model?)",
        "environment variable LOG_LEVEL: logging.level = 'loud': ",
        "environment variable METRICS_PORT: telemetry.metrics_port = '0': ",
        "environment variable SENTRY_DSN: telemetry.sentry_dsn = ***: must look like https://key@host/project - ",
        "llm: retry_initial_delay (9.0) must not exceed retry_max_delay (3.0) (config.toml:4 [llm] retry_initial_delay",
    ]
    assert ended.code == 2
    assert [mistake[: len(place)] for mistake, place in zip(mistakes, places, strict=True)] == places
    assert any("LLM_MAX_RETRY is no setting (did you mean LLM_MAX_RETRIES?)" in line for line in lines)
    assert any("no key is sent to llm.example" in line for line in lines)
    assert lines[-1] == "11 mistakes, 2 notes"
    assert "my-own-key-123" not in ended.out + ended.err
    assert "key-at-the-wrong-name" not in ended.out + ended.err


async def test_config_check_ends_with_0_when_there_is_nothing_to_mend(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[keys]\nfly = "f9"\n')

    ended = await quintet(tmp_path, "config", "check")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "note    [keys] fly = 'f9': there is no action 'fly'; F1 lists them",
        "no mistakes, 1 note",
    ]


async def test_config_check_says_the_same_to_scripts(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[llm]\nmax_retries = 99\napi_kye = "key-at-the-wrong-name"\n[keys]\nfly = "f9"\n'
    )
    variables = {"LLM_API_KEY": "my own key 123", "LLM_TEMPERATURE": "1.9"}

    text = await quintet_here(tmp_path, "config", "check", variables=variables)
    ended = await quintet_here(tmp_path, "config", "check", "--json", variables=variables)

    assert (ended.code, ended.err) == (2, "")
    findings = {finding["setting"]: finding for finding in json.loads(ended.out)}
    assert findings["llm.max_retries"] == {
        "severity": "error",
        "setting": "llm.max_retries",
        "value": "99",
        "source": "config.toml:2 [llm] max_retries",
        "message": "config.toml:2 [llm] max_retries: llm.max_retries = 99: Input should be less than or equal to 10",
        "hint": "allowed: int from 0 to 10",
    }
    assert findings["llm.api_key"]["value"] == "***"
    assert findings["llm.api_kye"]["source"] == "config.toml:3"
    assert findings["llm.temperature"]["severity"] == "warning"
    assert findings["keys"]["severity"] == "warning"
    for finding in findings.values():
        assert f"{finding['message']} - {finding['hint']}" in text.out or finding["message"] in text.out
    assert "my own key 123" not in ended.out
    assert "key-at-the-wrong-name" not in ended.out


async def test_config_check_for_scripts_is_an_empty_list_when_nothing_is_wrong(tmp_path: Path) -> None:
    ended = await quintet_here(tmp_path, "config", "check", "--json")

    assert (ended.code, json.loads(ended.out)) == (0, [])


async def test_config_show_has_every_setting_with_its_value_and_its_source(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[llm]\nmax_retries = 2\n[[llm.fallbacks]]\nmodel = "m"\napi_key = "key-of-a-fallback"\n'
        '[pricing."gpt-4.1"]\ninput = 2\noutput = 8\n[keys]\nquit = "f10"\n'
    )
    variables = {"LLM_API_KEY": "my-own-key-123"}

    shown = await quintet_here(tmp_path, "config", "show", "--profile", "production", variables=variables)
    as_json = await quintet_here(tmp_path, "config", "show", "--json", "--model", "my-model", variables=variables)

    assert (shown.code, as_json.code) == (0, 0)
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in shown.out.splitlines()}
    assert rows.keys() >= setting_fields().keys()
    assert rows["llm.max_retries"] == ["2", "config.toml:2 [llm] max_retries"]
    assert rows["llm.api_key"] == ["***", "environment variable LLM_API_KEY"]
    assert rows["llm.stream_responses"] == ["true", "profile production"]
    assert rows["llm.retry_max_delay"] == ["60.0", "default"]
    assert rows["llm.temperature"] == ["-", "default"]
    assert len({line.index(rows[line.split()[0]][1]) for line in shown.out.splitlines()[:20]}) == 1
    found = json.loads(as_json.out)
    assert found["llm.fallbacks[0].api_key"] == {"value": "***", "source": "config.toml:3 [[llm.fallbacks]]"}
    assert found['pricing."gpt-4.1".output'] == {"value": 8.0, "source": 'config.toml:6 [pricing."gpt-4.1"]'}
    assert found["keys.quit"] == {"value": "f10", "source": "config.toml:10 [keys] quit"}
    assert found["llm.model"] == {"value": "my-model", "source": "command line llm.model"}
    assert found["llm.temperature"] == {"value": None, "source": "default"}
    for text in (shown.out, as_json.out):
        assert "my-own-key-123" not in text
        assert "key-of-a-fallback" not in text


async def test_config_trust_sends_the_key_to_the_server_that_the_folder_names(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[llm]\nbase_url = "https://llm.example/v1"\n[telemetry]\nsentry_dsn = "https://k@sentry.example/1"\n'
    )
    (tmp_path / "config.toml").chmod(0o600)
    variables = {"LLM_API_KEY": "my-own-key-123"}

    before = await quintet_here(tmp_path, "config", "check", variables=variables)
    trusted = await quintet_here(tmp_path, "config", "trust", variables=variables)
    after = await quintet_here(tmp_path, "config", "check", variables=variables)

    assert "no key is sent to llm.example" in before.out
    assert trusted.code == 0
    assert trusted.out.splitlines()[:2] == [
        "trusted: https://llm.example:443 (config.toml:2 [llm] base_url)",
        "trusted: https://sentry.example:443 (config.toml:4 [telemetry] sentry_dsn)",
    ]
    assert after.out == "no mistakes, no notes\n"


async def test_what_the_team_left_in_its_folder_decides_nothing_until_it_is_trusted(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, variables):
        made = await quintet(tmp_path, "run", "Reverse a text", "--output", "done", variables=variables)
    folder = tmp_path / "done"
    (folder / "config.toml").write_text("[llm]\nmax_retries = 9\n")

    before = await quintet_here(folder, "config", "show", "--json")
    checked = await quintet_here(folder, "config", "check")
    trusted = await quintet_here(folder, "config", "trust")
    after = await quintet_here(folder, "config", "show", "--json")

    assert made.code == DELIVERED_CODE
    assert json.loads(before.out)["llm.max_retries"] == {"value": 3, "source": "default"}
    assert f"note    config.toml was not read: {folder} was made by Quintet" in checked.out
    assert "trusted: config.toml and .env of this folder, as they are now" in trusted.out
    assert json.loads(after.out)["llm.max_retries"]["value"] == 9


async def test_config_trust_keeps_what_was_trusted_while_a_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[llm]\nbase_url = "https://llm.example/v1"\n')
    await quintet_here(tmp_path, "config", "trust")
    (record,) = Path(os.environ["HOME"]).rglob("trusted.json")
    before = record.read_text()
    (tmp_path / "config.toml").write_text("[llm\n")

    broken = await quintet_here(tmp_path, "config", "trust")

    assert (broken.code, broken.out) == (2, "")
    assert "config.toml:1:5: not valid TOML" in broken.err
    assert record.read_text() == before


async def test_config_trust_leaves_a_record_alone_that_it_cannot_read(tmp_path: Path) -> None:
    record = tmp_path / "state" / "quintet" / "trusted.json"
    record.parent.mkdir(parents=True)
    record.write_text("{broken")

    ended = await quintet_here(tmp_path, "config", "trust", variables={"XDG_STATE_HOME": str(tmp_path / "state")})

    assert ended.code == 1
    assert (
        ended.err == f"quintet: {record} is damaged - remove it, and trust your folders again - nothing was recorded\n"
    )
    assert record.read_text() == "{broken"


async def test_config_check_shows_what_is_not_printable_as_an_escape(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[keys]\n"fly\\u001b[31m" = "f9"\n')

    ended = await quintet_here(tmp_path, "config", "check", variables={"QUINTET_THEME": "dark"})

    assert "there is no action 'fly\\x1b[31m'" in ended.out
    assert all(line.isprintable() for line in ended.out.splitlines())


async def test_config_check_doubts_a_theme_that_does_not_exist(tmp_path: Path) -> None:
    ended = await quintet_here(tmp_path, "config", "check", variables={"QUINTET_THEME": "nosuch"})

    assert ended.code == 0
    assert "note    environment variable QUINTET_THEME: there is no theme 'nosuch'; choose one of " in ended.out


async def test_config_trust_says_when_there_is_nobody_to_trust(tmp_path: Path) -> None:
    ended = await quintet_here(tmp_path, "config", "trust")

    assert ended.code == 0
    assert ended.out == "nothing is trusted here: no file of this folder names a server elsewhere\n"


async def test_config_trust_that_cannot_be_recorded_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    ended = await quintet_here(tmp_path, "config", "trust", variables={"XDG_STATE_HOME": str(tmp_path / "state")})

    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "trusted.json cannot be written" in ended.err


async def test_the_doctor_says_what_is_configured_and_what_answers(tmp_path: Path) -> None:
    async with FaultServer(models=["test-model"]) as server:
        ended = await quintet(
            tmp_path,
            "doctor",
            variables={"LLM_BASE_URL": server.base_url, "LLM_MODEL": "test-model", "LLM_API_KEY": "my-own-key-123"},
        )

    assert ended.code == 0, ended.out
    assert "sandbox: " in ended.out
    assert "environment variable LLM_BASE_URL" in ended.out
    assert "test-model at 127.0.0.1" in ended.out
    assert "led as full: nothing says that it is a small one" in ended.out
    assert "my-own-key-123" not in ended.out + ended.err


async def test_the_doctor_looks_at_profile_fallbacks_and_exporters(tmp_path: Path) -> None:
    async with FaultServer(models=["test-model", "second"]) as server:
        (tmp_path / "config.toml").write_text(
            '[[llm.fallbacks]]\nmodel = "second"\n'
            f'[[llm.fallbacks]]\nbase_url = "{server.base_url}"\nmodel = "third"\n'
            '[[llm.fallbacks]]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "fourth"\n'
        )
        ended = await quintet_here(
            tmp_path,
            "doctor",
            "--profile",
            "staging",
            variables={
                "LLM_BASE_URL": server.base_url,
                "LLM_MODEL": "test-model",
                "METRICS_PORT": "9464",
                "SENTRY_DSN": "https://publickey@sentry.example/1",
            },
        )

    assert ended.code == 0, ended.out
    assert "ok      profile: staging  (command line profile)" in ended.out
    assert f"ok      fallback 1: second at 127.0.0.1:{server.port}" in ended.out
    assert f"note    fallback 2: 127.0.0.1:{server.port} does not offer 'third' - set model to one of" in ended.out
    assert (
        "note    fallback 3: cannot connect to 127.0.0.1:9: All connection attempts failed - check base_url"
        in ended.out
    )
    assert "ok      telemetry.metrics_port: 9464  (environment variable METRICS_PORT)" in ended.out
    assert "ok      telemetry.sentry_dsn: ***  (environment variable SENTRY_DSN)" in ended.out
    assert "publickey" not in ended.out + ended.err


async def test_the_doctor_names_what_is_missing(tmp_path: Path) -> None:
    async with FaultServer(models=["other"]) as server:
        ended = await quintet_here(
            tmp_path, "doctor", variables={"LLM_BASE_URL": server.base_url, "LLM_MODEL": "test-model"}
        )

    assert ended.code == 1
    assert "MISSING model" in ended.out
    assert "LLM_MODEL to one of: other" in ended.out


async def test_the_doctor_names_every_setting_that_points_nowhere(tmp_path: Path) -> None:
    variables = {"WORKSPACE_DIR": "nowhere", "QUINTET_WORKFLOW": "nosuch", "OUTPUT_DIR": f"{'a' * 300}/b"}

    ended = await quintet_here(tmp_path, "doctor", variables=variables)

    assert ended.code == 1
    assert "3 problems in the configuration" in ended.err
    assert all(f"environment variable {name}" in ended.err for name in variables)
    assert "Traceback" not in ended.err


async def test_the_doctor_tries_the_folders_that_are_not_set(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    async with FaultServer(models=["test-model"]) as server:
        ended = await quintet_here(
            tmp_path,
            "doctor",
            variables={
                "LLM_BASE_URL": server.base_url,
                "LLM_MODEL": "test-model",
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
        )

    assert ended.code == 1
    assert "MISSING log folder: " in ended.out


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (status(200, "<html><body>Welcome</body></html>"), "is no list of models - check LLM_BASE_URL"),
        (status(200, []), "is no list of models"),
        (status(200, None), "is no list of models"),
        (status(200, {"data": "abc"}), "is no list of models"),
        (status(200, {"data": [{"id": "a\x1b[31mb"}, {"id": None}, 5]}), "LLM_MODEL to one of: ab"),
        (status(401, {"error": {"message": "no"}}), "status 401 - check LLM_API_KEY"),
        (status(404, "<html></html>"), "status 404 - check LLM_BASE_URL"),
    ],
)
async def test_the_doctor_survives_whatever_the_address_answers(tmp_path: Path, answer: Step, complaint: str) -> None:
    async with FaultServer(models_answer=answer) as server:
        ended = await quintet_here(
            tmp_path, "doctor", variables={"LLM_BASE_URL": server.base_url, "LLM_MODEL": "test-model"}
        )

    assert ended.code == 1
    assert complaint in ended.out
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"ALL_PROXY": "socks4://me:swordfish@127.0.0.1:1080"}, "ALL_PROXY=socks4://***@127.0.0.1:1080 has the scheme"),
        ({"https_proxy": "127.0.0.1:99999"}, "https_proxy=http://127.0.0.1:99999 is no address"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE=/nowhere/ca.pem cannot be read"),
        ({"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR=/nowhere is no folder that can be read"),
    ],
    ids=["scheme", "port", "file", "folder"],
)
async def test_what_the_network_surroundings_forbid_is_told_once_by_run_and_doctor(
    tmp_path: Path, variables: Mapping[str, str], complaint: str
) -> None:
    variables = {"LLM_BASE_URL": "https://llm.example.org/v1", "LLM_MODEL": "m", **variables}

    ended = await quintet(tmp_path, "run", "x", variables=variables)
    examined = await quintet_here(tmp_path, "doctor", variables=variables)

    assert (ended.code, ended.out, ended.err.count(complaint)) == (2, "", 1)
    assert (examined.code, examined.out.count(f"MISSING model: {complaint}")) == (1, 1)
    for told in (ended.err, examined.out, examined.err):
        assert "Traceback" not in told
        assert "unexpected error" not in told
        assert "swordfish" not in told


async def test_a_broken_proxy_does_not_come_between_us_and_this_machine(tmp_path: Path) -> None:
    broken = {"ALL_PROXY": "socks5://127.0.0.1:9", "HTTP_PROXY": "x://", "SSL_CERT_FILE": "/nowhere"}
    async with served(tmp_path) as (_, variables):
        ended = await quintet(tmp_path, "run", "Reverse a text", variables={**variables, **broken})

    assert ended.code == DELIVERED_CODE


async def test_the_model_that_is_taken_when_none_is_set_is_told_once(tmp_path: Path) -> None:
    told = "no model is set: chat-a is taken, the first for chat at"
    async with served(tmp_path) as (server, variables):
        server.models = ("text-embedding-3-small", "whisper-1", "chat-a", "chat-b")
        del variables["LLM_MODEL"]
        ended = await quintet(tmp_path, "run", "Reverse a text", variables=variables)
        examined = await quintet_here(tmp_path, "doctor", variables=variables)

    assert (ended.code, ended.err.count(told)) == (DELIVERED_CODE, 1)
    assert "set LLM_MODEL to choose; it also offers chat-b" in ended.err
    assert {request.body["model"] for request in server.journal} == {"chat-a"}
    assert examined.out.count(told) == 1


async def test_a_server_without_a_model_for_chat_is_refused_when_none_is_set(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, variables):
        server.models = ("nomic-embed-text", "bge-reranker-v2-m3")
        del variables["LLM_MODEL"]
        ended = await quintet(tmp_path, "run", "Reverse a text", variables=variables)

    assert (ended.code, server.journal) == (1, [])
    assert "none that 127.0.0.1" in ended.err
    assert "looks like one for chat: nomic-embed-text, bge-reranker-v2-m3 - set LLM_MODEL" in ended.err


@pytest.mark.parametrize("setting", ["auto", "off"])
async def test_the_doctor_says_which_tests_can_be_executed_here(tmp_path: Path, setting: str) -> None:
    async with served(tmp_path) as (_, variables):
        ended = await quintet(tmp_path, "doctor", "--json", variables={**variables, "QUINTET_SANDBOX": setting})

    found = {finding["name"]: finding["detail"] for finding in json.loads(ended.out)["findings"]}
    if setting == "off" or "no sandbox works here" in found["sandbox"]:
        assert "test runners" not in found  # nothing is executed, whatever is installed
    else:
        assert all(name in found["test runners"] for name in RUNNERS)
