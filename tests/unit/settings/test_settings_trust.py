"""What a stranger's folder may not do: get a key, or make Quintet report to somebody; and where a key comes from."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from core.settings import key_for_endpoint, load_config
from core.settings.sources.keyring_key import KeyringAnswer, ask_keyring
from core.settings.sources.reading import UnreadableFileError
from core.settings.trust.folder import fingerprint, trust, trust_file, trusted_servers
from core.text import redaction
from tests.support.places import Places

REMOTE = "https://llm.example/v1"
SERVER = "https://llm.example:443"
KEY = "my-local-key-1234"


def test_a_trusted_folder_gets_the_key_for_the_server_it_named_then(places: Places) -> None:
    places.write(project=f"[llm]\nbase_url = '{REMOTE}'")
    env = {"LLM_API_KEY": KEY}
    assert key_for_endpoint(places.load(env)).key is None

    trust(places.folder, [SERVER], trust_file())

    settings = places.load(env)
    assert key_for_endpoint(settings) == (KEY, None)
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "https://llm.example:8443/v1",
        "http://llm.example/v1",
        "https://llm.example.evil.example",
    ],
)
def test_trust_does_not_follow_the_folder_to_another_server(places: Places, address: str) -> None:
    trust(places.folder, [SERVER], trust_file())
    places.write(project=f"[llm]\nbase_url = '{address}'")

    key, warning = key_for_endpoint(places.load({"LLM_API_KEY": KEY}))

    assert key is None
    assert warning is not None
    assert "quintet config trust" in warning


def test_trust_in_one_folder_is_none_in_another(places: Places, tmp_path: Path) -> None:
    trust(tmp_path, [SERVER], trust_file())
    places.write(project=f"[llm]\nbase_url = '{REMOTE}'")

    assert key_for_endpoint(places.load({"LLM_API_KEY": KEY})).key is None


def test_the_record_of_trust_is_for_its_owner_only_and_keeps_other_folders(tmp_path: Path) -> None:
    file = tmp_path / "state" / "trusted.json"
    trust(tmp_path / "a", [SERVER, "datadog"], file)
    trust(tmp_path / "b", ["https://b.example:443"], file)
    trust(tmp_path / "b", [], file)

    assert trusted_servers(tmp_path / "a", file) == {SERVER, "datadog"}
    assert trusted_servers(tmp_path / "b", file) == frozenset()
    assert [path.name for path in file.parent.iterdir()] == ["trusted.json"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", ["", "{", "[]", '{"/": 3}', "\x00", json.dumps({"FOLDER": [3, None]})])
def test_a_record_that_is_damaged_trusts_nobody(tmp_path: Path, content: str) -> None:
    file = tmp_path / "trusted.json"
    file.write_text(content.replace("FOLDER", str(tmp_path)))

    assert trusted_servers(tmp_path, file) == frozenset()


def test_a_record_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(OSError, match="state"):
        trust(tmp_path, [SERVER], tmp_path / "state" / "trusted.json")

    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, None])
def test_a_record_that_is_damaged_is_left_alone(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "trusted.json"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)

    with pytest.raises(UnreadableFileError, match="damaged - remove it" if content else "is a folder"):
        trust(tmp_path, [SERVER], file)

    assert [path.name for path in tmp_path.iterdir()] == ["trusted.json"]
    assert content is None or file.read_text() == content
    assert trusted_servers(tmp_path, file) == frozenset()


DSN = "https://publickey@sentry.example/7"


@pytest.mark.parametrize(
    ("toml", "variable", "attribute", "server"),
    [
        (f"sentry_dsn = '{DSN}'", f"SENTRY_DSN={DSN}", "telemetry.sentry_dsn", "https://sentry.example:443"),
        (
            "otel_endpoint = 'http://otel.example:4318'",
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://otel.example:4318",
            "telemetry.otel_endpoint",
            "http://otel.example:4318",
        ),
        ("datadog_api_key = 'dd-key-1234'", "DD_API_KEY=dd-key-1234", "telemetry.datadog_api_key", "datadog"),
    ],
)
@pytest.mark.parametrize("where", ["config.toml", ".env"])
def test_an_exporter_that_a_folders_file_names_counts_only_if_it_is_trusted(
    places: Places, where: str, toml: str, variable: str, attribute: str, server: str
) -> None:
    in_toml = where == "config.toml"
    places.write(project=f"[telemetry]\n{toml}" if in_toml else "", dotenv="" if in_toml else variable)

    settings = places.load()
    (warning,) = settings.warnings
    assert settings.value_of(attribute) is None
    assert warning.startswith(f"{where}:")
    assert f"was ignored: nothing is reported to {server} because of a file of this folder" in warning
    assert "publickey" not in warning

    trust(places.folder, [server], trust_file())
    settings = places.load()
    assert settings.value_of(attribute) is not None
    assert settings.warnings == ()


def test_an_exporter_of_the_user_counts_though_the_folder_names_another(places: Places) -> None:
    places.write(project="[telemetry]\notel_endpoint = 'http://otel.example'", user="[telemetry]\nmetrics_port = 9464")

    settings = places.load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://mine.example:4318"})

    assert settings.telemetry.otel_endpoint == "http://mine.example:4318"
    assert settings.telemetry.metrics_port == 9464


@pytest.mark.parametrize("address", ["http://127.0.0.1:4318", "http://localhost:4318", "http://[::1]:4318"])
def test_an_exporter_on_this_machine_may_be_named_by_anybody(places: Places, address: str) -> None:
    places.write(project=f"[telemetry]\notel_endpoint = '{address}'")

    settings = places.load()

    assert settings.telemetry.otel_endpoint == address
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "dsn", ["sentry.example", "ftp://k@h/1", "https://sentry.example/1", "https://k@h", "https://["]
)
def test_a_dsn_that_cannot_be_right_is_a_problem_and_is_not_shown(places: Places, dsn: str) -> None:
    (problem,) = places.problems({"SENTRY_DSN": dsn})

    assert problem.startswith("environment variable SENTRY_DSN: telemetry.sentry_dsn = ***: ")


def test_datadogs_key_goes_to_datadogs_hosts_only(places: Places) -> None:
    places.write(project="[telemetry]\ndatadog_site = 'evil.example'")

    (problem,) = places.problems({"DD_API_KEY": "dd-key-1234"})

    assert "telemetry.datadog_site = 'evil.example'" in problem
    assert "allowed: one of datadoghq.com, " in problem


@pytest.mark.parametrize("path", ["/elsewhere/x.log", "~/.bashrc", "../x.log", "link/x.log"])
def test_a_folders_file_cannot_have_the_log_written_elsewhere(places: Places, path: str) -> None:
    (places.folder / "link").symlink_to(places.user_file.parent)
    places.write(project=f"[logging]\nfile = '{path}'", dotenv=f"LOG_FILE={path}")

    settings = places.load()

    assert settings.logging.file is None
    assert [warning.split(" was ignored")[0] for warning in settings.warnings] == [
        "config.toml:2 [logging] file",
        ".env:1: LOG_FILE",
    ]
    assert places.load({"LOG_FILE": "/elsewhere/x.log"}).logging.file == Path("/elsewhere/x.log")


@pytest.mark.parametrize("path", ["~/.ssh", "/etc", ".."])
def test_a_folders_file_cannot_have_other_folders_read_to_its_own_server(places: Places, path: str) -> None:
    places.write(project=f"[workspace]\ndir = '{path}'", dotenv=f"WORKSPACE_DIR={path}")

    settings = places.load()

    assert settings.workspace.dir == places.folder
    assert [warning.split(" was ignored")[0] for warning in settings.warnings] == [
        "config.toml:2 [workspace] dir",
        ".env:1: WORKSPACE_DIR",
    ]
    assert "set WORKSPACE_DIR in your environment" in settings.warnings[0]
    assert places.load({"WORKSPACE_DIR": "/etc"}).workspace.dir == Path("/etc")


def test_a_folders_file_may_have_a_part_of_the_folder_read(places: Places) -> None:
    (places.folder / "src").mkdir()
    places.write(project="[workspace]\ndir = 'src'")

    assert places.load().workspace.dir == places.folder / "src"


def test_a_folders_file_may_have_the_log_written_inside_the_folder(places: Places) -> None:
    places.write(project="[logging]\nfile = 'logs/x.log'")

    settings = places.load()

    assert settings.logging.file == places.folder / "logs" / "x.log"
    assert settings.warnings == ()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a\\u0000b"])
def test_a_log_file_that_is_no_path_is_a_problem(places: Places, path: str) -> None:
    places.write(project=f'[logging]\nfile = "{path}"')

    (problem,) = places.problems()

    assert problem.startswith("config.toml:2 [logging] file: logging.file = ")


class Asked:
    """A keyring with one key, and who asked for it."""

    def __init__(self, key: str | None = "key-of-the-keyring", warning: str = "") -> None:
        self.hosts: list[str] = []
        self.answer = KeyringAnswer(key, warning)

    def __call__(self, host: str) -> KeyringAnswer:
        self.hosts.append(host)
        return self.answer


@pytest.mark.parametrize(
    ("env", "project", "user", "key", "is_asked"),
    [
        pytest.param({"LLM_BASE_URL": REMOTE}, "", "", "key-of-the-keyring", True, id="a server elsewhere"),
        pytest.param({}, "", f"base_url = '{REMOTE}'", "key-of-the-keyring", True, id="named by the user's file"),
        pytest.param(
            {"LLM_BASE_URL": REMOTE}, "", f"api_key = '{KEY}'", "key-of-the-keyring", True, id="wins over the file"
        ),
        pytest.param({"LLM_BASE_URL": REMOTE, "LLM_API_KEY": KEY}, "", "", KEY, False, id="a key in the environment"),
        pytest.param({"LLM_BASE_URL": "http://127.0.0.1:1/v1"}, "", "", None, False, id="this machine"),
        pytest.param({}, "", "", None, False, id="no server"),
        pytest.param({}, f"base_url = '{REMOTE}'", "", None, False, id="named by the project"),
        pytest.param({"LLM_API_KEY": KEY}, "", "", KEY, False, id="a key alone"),
    ],
)
def test_the_keyring_is_asked_only_for_the_users_own_server(
    places: Places, env: dict[str, str], project: str, user: str, key: str | None, is_asked: bool
) -> None:
    places.write(project=f"[llm]\n{project}", user=f"[llm]\n{user}")
    asked = Asked()

    settings = load_config(cwd=places.folder, env=env, user_config=places.user_file, keyring=asked)

    assert key_for_endpoint(settings).key == key
    assert asked.hosts == (["llm.example"] if is_asked else [])
    if is_asked:
        assert settings.origin_of("llm.api_key").label == "keyring quintet llm.example"
        assert redaction.redact("it is key-of-the-keyring") == "it is ***"


def test_a_keyring_without_the_key_leaves_the_users_file_its_turn(places: Places) -> None:
    places.write(user=f"[llm]\nbase_url = '{REMOTE}'\napi_key = '{KEY}'")

    settings = load_config(cwd=places.folder, env={}, user_config=places.user_file, keyring=Asked(None))

    assert key_for_endpoint(settings) == (KEY, None)


def test_a_keyring_that_fails_is_a_warning(places: Places) -> None:
    keyring_that_fails = Asked(None, "the keyring did not answer within 2 s: no key of it is used")

    settings = load_config(
        cwd=places.folder, env={"LLM_BASE_URL": REMOTE}, user_config=places.user_file, keyring=keyring_that_fails
    )

    assert settings.warnings == ("the keyring did not answer within 2 s: no key of it is used",)


class OneKey(KeyringBackend):
    """A keyring of the keyring library that knows one key, or breaks."""

    priority = 1

    def __init__(self, error: BaseException | None = None, gate: threading.Event | None = None, key: str = KEY) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._error = error
        self._key = key
        self._gate = gate

    def get_password(self, service: str, username: str) -> str | None:
        if self._gate is not None:
            self._gate.wait()
        if self._error is not None:
            raise self._error
        return self._key if (service, username) == ("quintet", "llm.example") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def _own_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("_own_keyring")
@pytest.mark.parametrize(
    ("backend", "answer"),
    [
        (OneKey(), KeyringAnswer(KEY)),
        (NoKeyring(), KeyringAnswer()),  # type: ignore[no-untyped-call]
        (
            OneKey(keyring.errors.KeyringLocked("locked")),
            KeyringAnswer(None, "the keyring cannot be read (KeyringLocked): no key of it is used"),
        ),
        (OneKey(OSError("no bus")), KeyringAnswer(None, "the keyring cannot be read (OSError): no key of it is used")),
        (OneKey(SystemExit(3)), KeyringAnswer(None, "the keyring cannot be read (SystemExit): no key of it is used")),
        (OneKey(key=""), KeyringAnswer(None)),
    ],
)
def test_the_keyring_library_is_asked_for_the_host(backend: KeyringBackend, answer: KeyringAnswer) -> None:
    keyring.set_keyring(backend)

    assert ask_keyring("llm.example") == answer
    assert ask_keyring("other.example").key is None


@pytest.mark.usefixtures("_own_keyring")
def test_a_keyring_that_hangs_is_given_up() -> None:
    gate = threading.Event()
    keyring.set_keyring(OneKey(gate=gate))

    answer = ask_keyring("llm.example", limit_seconds=0.01)
    gate.set()

    assert answer == KeyringAnswer(None, "the keyring did not answer within 0.01 s: no key of it is used")


MADE = '{"made_by": "quintet", "files": []}'


@pytest.mark.parametrize("where", [".", ".."])
def test_a_file_that_a_model_may_have_written_decides_nothing_and_that_is_said(places: Places, where: str) -> None:
    (places.folder / where / "manifest.json").write_text(MADE)
    places.write(project="[llm]\nmax_retries = 9", dotenv="LLM_MODEL=evil\nLLM_BASE_URL=http://127.0.0.1:6666/v1\n")

    settings = places.load()

    assert (settings.llm.max_retries, settings.llm.model, settings.llm.base_url) == (3, None, None)
    assert [warning.split(":")[0] for warning in settings.warnings] == ["config.toml was not read", ".env was not read"]
    assert all("was made by Quintet" in warning and "quintet config trust" in warning for warning in settings.warnings)


@pytest.mark.parametrize(
    "manifest", ['{"name": "an extension"}', "not json", "[]", "", '{"made_by": "somebody"}', "[" * 100_000]
)
def test_a_manifest_of_somebody_else_changes_nothing(places: Places, manifest: str) -> None:
    (places.folder / "manifest.json").write_text(manifest)
    places.write(project="[llm]\nmax_retries = 9")

    assert (places.load().llm.max_retries, places.load().warnings) == (9, ())


def test_files_of_an_output_folder_count_once_they_are_trusted_and_until_they_change(places: Places) -> None:
    (places.folder / "manifest.json").write_text(MADE)
    places.write(project="[llm]\nmax_retries = 9")
    trust(places.folder, [fingerprint(places.folder)], trust_file())

    assert (places.load().llm.max_retries, places.load().warnings) == (9, ())

    places.write(project="[llm]\nmax_retries = 8")
    assert places.load().llm.max_retries == 3
    places.write(project="[llm]\nmax_retries = 9", dotenv="LLM_MODEL=new")
    assert (places.load().llm.max_retries, places.load().llm.model) == (3, None)


def test_an_output_folder_without_such_files_has_nothing_to_say(places: Places) -> None:
    (places.folder / "manifest.json").write_text(MADE)

    assert places.load().warnings == ()
