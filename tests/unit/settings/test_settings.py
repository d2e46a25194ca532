"""Settings: which source wins, where each value came from, and one message for everything that is wrong."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from core.addresses import is_loopback
from core.settings import ConfigValidationError, Settings, key_for_endpoint, load_config
from core.settings.overview import overview
from core.settings.schema.catalogue import field_by_variable, fields_of_table, setting_fields, table_settings
from core.text import redaction
from tests.support.places import Places
from tests.support.repository import ROOT

REMOTE = "https://llm.example/v1"


def test_nothing_configured_gives_the_defaults(places: Places) -> None:
    settings = places.load()

    assert (settings.llm.max_retries, settings.llm.retry_initial_delay, settings.llm.retry_max_delay) == (3, 1.0, 60.0)
    assert (settings.circuit_breaker.threshold, settings.circuit_breaker.timeout) == (5, 60.0)
    assert (settings.circuit_breaker.half_open, settings.circuit_breaker.when_open) == (3, "wait")
    assert (settings.team.max_concurrent_agents, settings.team.max_rework_rounds) == (5, 3)
    assert settings.llm.base_url is None
    assert settings.llm.stream_responses
    assert settings.telemetry.enable_metrics
    assert settings.warnings == ()
    assert settings.origin_of("llm.max_retries").label == "default"


def test_each_source_wins_over_the_ones_below(places: Places) -> None:
    seen = [places.load().llm.max_retries]

    places.write(project="[llm]\nmax_retries = 1")
    seen.append(places.load().llm.max_retries)
    places.write(user="[llm]\nmax_retries = 2")
    seen.append(places.load().llm.max_retries)
    places.write(dotenv="LLM_MAX_RETRIES=4")
    seen.append(places.load().llm.max_retries)
    env = {"LLM_MAX_RETRIES": "5"}
    seen.append(places.load(env).llm.max_retries)
    seen.append(places.load(env, llm__max_retries=6).llm.max_retries)

    assert seen == [3, 1, 2, 4, 5, 6]


def test_every_value_knows_its_source(places: Places) -> None:
    places.write(
        project="[llm]\nmax_retries = 1\n[keys]\nquit = 'ctrl+q'", user="[ui]\ntheme = 'x'", dotenv="LOG_LEVEL=debug"
    )

    settings = places.load({"OPENAI_MODEL": "m"}, ui__layout="wide")

    assert settings.origin_of("llm.max_retries").label == "config.toml [llm] max_retries"
    assert settings.origin_of("keys.quit").label == "config.toml [keys] quit"
    assert settings.origin_of("ui.theme").label == f"{places.user_file} [ui] theme"
    assert settings.origin_of("logging.level").label == ".env: LOG_LEVEL"
    assert settings.origin_of("llm.model").label == "environment variable OPENAI_MODEL"
    assert settings.origin_of("ui.layout").label == "command line ui.layout"
    assert settings.origin_of("team.workflow").label == "default"


def test_sections_merge_setting_by_setting(places: Places) -> None:
    places.write(
        project="[llm]\nmax_retries = 1\nretry_initial_delay = 2.5\n[keys]\nquit = 'q'\nhelp = 'f1'",
        user="[llm]\nmax_retries = 2\n[keys]\nquit = 'ctrl+q'",
    )

    settings = places.load()

    assert (settings.llm.max_retries, settings.llm.retry_initial_delay) == (2, 2.5)
    assert settings.keys == {"quit": "ctrl+q", "help": "f1"}


def test_ten_mistakes_give_one_message_that_names_all_ten(places: Places) -> None:
    places.write(
        project="[llm]\nmax_retrys = 3\nretry_initial_delay = 9.0\nretry_max_delay = 3.0\n[loggings]\nlevel = 'INFO'",
        user="[logging]\nlevel = 'LOUD'\n[team]\nmax_concurrent_agents = true",
        dotenv="LLM_CIRCUIT_BREAKER_TIMEOUT=-3\nLLM_STREAM_RESPONSE=yes\nDATABASE_URL=postgres://",
    )

    problems = places.problems(
        {"LLM_MAX_RETRIES": "99", "ENABLE_METRICS": "maybe", "LLM_BASE_URL": "localhost:8080"}, ui__layout="huge"
    )

    expected = [
        "config.toml:2 [llm] max_retrys: unknown setting llm.max_retrys (did you mean llm.max_retries?)",
        "config.toml:5: unknown setting loggings (did you mean logging?)",
        ".env:2: unknown setting LLM_STREAM_RESPONSE (did you mean LLM_STREAM_RESPONSES?)",
        (
            "environment variable LLM_BASE_URL: llm.base_url = 'localhost:8080': must start with http:// or https:// "
            "and name a host - allowed: an http:// or https:// address"
        ),
        (
            "environment variable LLM_MAX_RETRIES: llm.max_retries = '99': Input should be less than or equal to 10 - "
            "allowed: int from 0 to 10"
        ),
        (
            ".env:1: LLM_CIRCUIT_BREAKER_TIMEOUT: circuit_breaker.timeout = '-3': Input should be greater than 0 - "
            "allowed: float above 0 to 3600"
        ),
        (
            f"{places.user_file}:4 [team] max_concurrent_agents: team.max_concurrent_agents = True: Input should be a "
            "number, not true or false - allowed: int from 1 to 32"
        ),
        (
            f"{places.user_file}:2 [logging] level: logging.level = 'LOUD': Input should be 'DEBUG', 'INFO', 'WARNING' or "
            "'ERROR' - allowed: one of DEBUG, INFO, WARNING, ERROR"
        ),
        (
            "environment variable ENABLE_METRICS: telemetry.enable_metrics = 'maybe': Input should be a valid boolean, "
            "unable to interpret input - allowed: true or false"
        ),
        (
            "command line ui.layout: ui.layout = 'huge': Input should be 'auto', 'compact', 'standard' or 'wide' - "
            "allowed: one of auto, compact, standard, wide"
        ),
        (
            "llm: retry_initial_delay (9.0) must not exceed retry_max_delay (3.0) "
            "(config.toml:3 [llm] retry_initial_delay, config.toml:4 [llm] retry_max_delay)"
        ),
    ]
    assert list(problems) == expected


def test_the_message_counts_and_numbers_its_problems(places: Places) -> None:
    with pytest.raises(ConfigValidationError) as caught:
        places.load({"LLM_MAX_RETRIES": "many", "LOG_LEVEL": "loud"})

    assert str(caught.value).startswith("2 problems in the configuration:\n  1. environment variable LLM_MAX_RETRIES")
    assert "\n  2. environment variable LOG_LEVEL" in str(caught.value)


def test_a_rule_between_two_settings_is_checked_while_a_third_is_bad(places: Places) -> None:
    problems = places.problems({"LLM_MAX_RETRIES": "99", "LLM_RETRY_MAX_DELAY": "0.5"})

    assert len(problems) == 2
    assert problems[1] == (
        "llm: retry_initial_delay (1.0) must not exceed retry_max_delay (0.5) "
        "(llm.retry_initial_delay: default, environment variable LLM_RETRY_MAX_DELAY)"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[llm", "config.toml:1:5: not valid TOML: Expected ']' at the end of a table declaration"),
        (
            "[llm]\nmax_retries 3",
            "config.toml:2:13: not valid TOML: Expected '=' after a key in a key/value pair",
        ),
        (b"[llm]\nmodel = '\xff'", "config.toml: is not UTF-8 text (byte 0xff in line 2) - save it as UTF-8"),
        (b"#" * 2_000_000, "config.toml: is larger than 1048576 bytes - is it another program's file?"),
        ("llm = 3", "config.toml:1: llm is a table - write [llm] and its settings below"),
        ("max_retries = 3", "config.toml:1: unknown setting max_retries (max_retries belongs under [llm])"),
        ("[llm.max_retries]\nx = 1", "config.toml:1 [llm] max_retries: llm.max_retries = {'x': 1}: "),
        (
            "[keys]\nquit = 3",
            "config.toml:2 [keys] quit: keys.quit = 3: Input should be a valid string - allowed: text",
        ),
        ("x = " + "[" * 20_000, "config.toml: not valid TOML: "),
        ('[team]\nprompts_dir = "a\\u0000b"', "config.toml:2 [team] prompts_dir: team.prompts_dir = "),
        ("[llm]\ntemperature = nan", "config.toml:2 [llm] temperature: llm.temperature = nan: "),
        ('[llm]\nmodel = "  "', "config.toml:2 [llm] model: llm.model = '  ': must not be empty"),
    ],
)
def test_a_broken_config_toml_says_what_is_wrong_where(places: Places, content: str | bytes, problem: str) -> None:
    places.write(project=content)

    problems = places.problems()

    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_folder_named_config_toml_is_a_problem(places: Places) -> None:
    (places.folder / "config.toml").mkdir()

    assert places.problems() == ("config.toml: is a folder, not a file - remove or rename it",)


def test_a_file_that_cannot_be_opened_is_a_problem(places: Places) -> None:
    for name in ("config.toml", ".env"):
        (places.folder / name).symlink_to(name)

    problems = places.problems()

    assert [problem.split(":")[0] for problem in problems] == ["config.toml", ".env"]
    assert all("cannot be read" in problem for problem in problems)


def test_a_dotenv_that_is_no_text_is_a_problem(places: Places) -> None:
    places.write(dotenv=b"LLM_MODEL=\xfe")

    assert places.problems() == (".env: is not UTF-8 text (byte 0xfe in line 1) - save it as UTF-8",)


def test_a_bad_line_of_a_dotenv_counts_only_if_it_is_about_us(places: Places) -> None:
    places.write(dotenv="LLM_MODEL=m\nLLM_API_KEY='sk-never-shown-abc\n")
    assert places.problems() == (".env:2: is not NAME=value",)

    places.write(dotenv="LLM_MODEL=m\nOTHER='open\n")
    assert places.load().warnings == (".env:2: is not NAME=value",)


def test_a_folder_named_dotenv_is_an_old_virtual_environment(places: Places) -> None:
    (places.folder / ".env").mkdir()

    assert places.load().warnings == (".env is a folder and was ignored",)


def test_a_byte_order_mark_is_no_problem(places: Places) -> None:
    places.write(project=b"\xef\xbb\xbf[llm]\nmax_retries = 1", dotenv=b"\xef\xbb\xbfLLM_MODEL=m")

    settings = places.load()

    assert (settings.llm.max_retries, settings.llm.model) == (1, "m")


def test_what_a_file_holds_cannot_steer_the_terminal_or_forge_a_line(places: Places) -> None:
    places.write(
        project='[llm]\n"mod\\u001b[2Jel\\n  2. all is well" = 1\n["\\u009b31m"]\nx = 1\n[keys]\n"quit\\n" = 1',
        dotenv="LLM_\x07MODEL=x",
    )
    problems = places.problems({"LLM_MODEL": "x", "LOG_LEVEL": "a\x1b]0;b\x07"})
    assert len(problems) == 5
    assert all(problem.isprintable() for problem in problems)

    places.write(project='[keys]\n"quit\\n\\u001b[2J" = "f\\u001b1"', dotenv="")
    rows = list(overview(places.load()))
    assert rows[-1].name == "keys.quit\\n\\x1b[2J"
    assert all(row.source.isprintable() and str(row.value).isprintable() for row in rows)


def test_a_config_toml_of_another_program_is_left_alone(places: Places) -> None:
    places.write(project="baseURL = 'https://example.org'\ntitle = 'Site'\ntheme = 'ananke'\n[params]\nx = 1")

    settings = places.load()

    assert settings.ui.theme == "quintet-dark"
    assert settings.warnings == ("config.toml has no table of Quintet and was ignored",)


def test_only_near_misses_in_the_environment_are_warned_about(places: Places) -> None:
    settings = places.load({"LLM_MAX_RETRY": "1", "LLM_USER_PATH": "/x", "QUINTET_THEM": "x", "LOG_LEVELS": "x"})

    assert settings.warnings == (
        "environment variable LLM_MAX_RETRY is no setting (did you mean LLM_MAX_RETRIES?)",
        "environment variable QUINTET_THEM is no setting (did you mean QUINTET_THEME?)",
    )


def test_an_unknown_option_of_the_command_line_is_a_problem(places: Places) -> None:
    assert places.problems(llm__modl="m") == ("command line: unknown setting llm.modl (did you mean llm.model?)",)


def test_an_option_that_was_not_given_overrides_nothing(places: Places) -> None:
    assert places.load({"LLM_MODEL": "m"}, llm__model=None).llm.model == "m"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_not_set(places: Places, empty: str) -> None:
    places.write(dotenv=f"LLM_MAX_RETRIES={empty}\nLLM_TEMPERATURE\n")

    settings = places.load({"LLM_MODEL": empty, "OPENAI_MODEL": "m", "LLM_BASE_URL": empty})

    assert (settings.llm.model, settings.llm.base_url, settings.llm.max_retries) == ("m", None, 3)


def test_our_own_name_wins_over_its_alias_but_not_over_a_higher_source(places: Places) -> None:
    places.write(dotenv="LLM_MODEL=ours-below")

    assert places.load({"OPENAI_MODEL": "alias"}).llm.model == "alias"
    assert places.load({"OPENAI_MODEL": "alias", "LLM_MODEL": "ours"}).llm.model == "ours"


def test_a_key_alone_leaves_the_address_to_openai(places: Places) -> None:
    settings = places.load({"OPENAI_API_KEY": "sk-of-the-user"})

    assert settings.llm.base_url is None
    assert key_for_endpoint(settings) == ("sk-of-the-user", None)


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("QUINTET_AGENTS_OFF", "qa_engineer, devops_engineer,", "team.off", ("qa_engineer", "devops_engineer")),
        ("LOG_LEVEL", "warning", "logging.level", "WARNING"),
        ("LOG_LEVEL", "warn", "logging.level", "WARNING"),
        ("LOG_LEVEL", "CRITICAL", "logging.level", "ERROR"),
        ("LLM_CIRCUIT_BREAKER_WHEN_OPEN", "FAIL", "circuit_breaker.when_open", "fail"),
        ("LLM_STREAM_RESPONSES", "off", "llm.stream_responses", False),
        ("LLM_BASE_URL", " https://llm.example/v1/ ", "llm.base_url", REMOTE),
        ("LLM_TEMPERATURE", "0", "llm.temperature", 0.0),
        ("LLM_MODEL", " a/b:c ", "llm.model", "a/b:c"),
    ],
)
def test_texts_of_the_environment_become_values(
    places: Places, name: str, text: str, attribute: str, value: object
) -> None:
    settings = places.load({name: text})

    assert settings.value_of(attribute) == value


@pytest.mark.parametrize(
    "address",
    [
        "ftp://h",
        "h:80",
        "http://",
        "http://u:secretword@h",
        "http://h:99999",
        "http://h\\@evil",
        "http://[",
        "http://h?k=1",
        "http://h/v1/chat/completions/",
    ],
)
def test_an_address_that_cannot_be_right_is_refused(places: Places, address: str) -> None:
    (problem,) = places.problems({"LLM_BASE_URL": address})

    assert problem.startswith("environment variable LLM_BASE_URL: llm.base_url = ")
    assert "secretword" not in problem


def test_relative_paths_start_at_the_folder_and_tilde_is_the_home(places: Places) -> None:
    (Path.home() / "p").mkdir()
    (places.folder / "m").mkdir()
    (places.folder / "m" / "x.gguf").write_bytes(b"GGUF")
    places.write(project='[team]\nprompts_dir = "~/p"\n[llm]\nmodel_file = "m/x.gguf"')

    settings = places.load({"OUTPUT_DIR": str(Path.home() / "abs")})

    assert settings.team.prompts_dir == Path.home() / "p"
    assert settings.llm.model_file == places.folder / "m/x.gguf"
    assert settings.workspace.output_dir == Path.home() / "abs"
    assert settings.workspace.dir == places.folder


def test_dotted_action_ids_may_be_written_without_quotes(places: Places) -> None:
    places.write(project='[keys]\npane.next = "f6"\n"pane.back" = "f7"')

    assert places.load().keys == {"pane.next": "f6", "pane.back": "f7"}


def test_settings_are_frozen() -> None:
    settings = Settings()

    with pytest.raises(ValidationError):
        settings.llm.max_retries = 4


@pytest.mark.parametrize(
    ("project", "user", "dotenv", "env", "sent"),
    [
        pytest.param("url", "", "", "key", False, id="project's address, key of the environment"),
        pytest.param("url", "key", "", "", False, id="project's address, key of the user's file"),
        pytest.param("url", "", "key", "", False, id="project's address, key of .env"),
        pytest.param("", "", "url", "key", False, id="address of .env, key of the environment"),
        pytest.param("url key", "", "", "", True, id="both in the project's file"),
        pytest.param("", "", "url key", "", True, id="both in .env"),
        pytest.param("local", "", "", "key", True, id="project's address on this machine"),
        pytest.param("", "url", "", "key", True, id="the user's address"),
        pytest.param("", "", "", "url key", True, id="both in the environment"),
        pytest.param("key", "", "", "url", True, id="the user's address, project's key"),
        pytest.param("url", "", "", "url key", True, id="the user overrules the project's address"),
    ],
)
def test_a_key_never_goes_to_an_address_of_somebody_else(
    places: Places, project: str, user: str, dotenv: str, env: str, sent: bool
) -> None:
    key = "my-local-key-1234"
    toml = {
        "url": f"base_url = '{REMOTE}'",
        "local": "base_url = 'http://127.0.0.1:1234/v1'",
        "key": f"api_key='{key}'",
    }
    flat = {"url": ("LLM_BASE_URL", REMOTE), "key": ("OPENAI_API_KEY", key)}
    places.write(
        project="[llm]\n" + "\n".join(toml[word] for word in project.split()),
        user="[llm]\n" + "\n".join(toml[word] for word in user.split()),
        dotenv="\n".join("=".join(flat[word]) for word in dotenv.split()),
    )

    settings = places.load(dict(flat[word] for word in env.split()))
    found, warning = key_for_endpoint(settings)

    assert found == (key if sent else None)
    assert (warning is None) is sent
    if warning:
        assert key not in warning
        assert settings.origin_of("llm.base_url").place in warning
        assert settings.origin_of("llm.api_key").place in warning
        assert warning in settings.warnings


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://192.168.1.1", False),
        ("http://10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(address: str, local: bool) -> None:
    assert is_loopback(address) is local


def test_doubtful_values_are_warned_about(places: Places) -> None:
    places.write(user="[llm]\napi_key = 'my-key-123'")
    places.user_file.chmod(0o644)

    warnings = places.load({"LLM_BASE_URL": "http://llm.example/v1", "LLM_MAX_RETRIES": "0"}).warnings

    assert [warning.split(" (")[0] for warning in warnings[:2]] == [
        "the key goes to http://llm.example/v1 unencrypted",
        "llm.max_retries is 0",
    ]
    if os.name == "posix":
        assert warnings[2].endswith(f"other users can read it - chmod 600 {places.user_file}")


keys = st.text(alphabet=string.ascii_letters + string.digits + "-_.+/='\"\\{}", min_size=6, max_size=60)


@given(key=keys, bad=st.booleans())
def test_a_key_is_never_seen_again(key: str, bad: bool) -> None:
    key = f"k3y{key}"  # a key that is a word of our messages would be found in them by chance
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_known", set())
        places = Places(Path(root), Path(root, "user.toml"))
        env = {"LLM_API_KEY": key, "LOG_LEVEL": key}
        if bad:
            env = {"LLM_API_KEY": f"{key} {key}", "LLM_BASE_URL": f"http://{key.replace('/', '')}@h"}
        with pytest.raises(ConfigValidationError) as caught:
            places.load(env)
        shown = "".join(traceback.format_exception(caught.value))
        assert key not in shown

        if not bad:
            settings = places.load({"LLM_API_KEY": key})
            assert key not in repr(settings) + str(settings) + settings.model_dump_json()
            assert key not in redaction.redact(f"the server said: {key!s} is wrong, and {key!r}")
            assert key_for_endpoint(settings).key == key


def test_a_key_that_another_source_overrules_is_masked_as_well(places: Places) -> None:
    places.write(dotenv="OPENAI_API_KEY=overruled-key-1")

    places.load({"LLM_API_KEY": "winning-key-1"})

    assert redaction.redact("overruled-key-1 winning-key-1") == "*** ***"


def test_a_bad_key_is_masked_in_its_message(places: Places) -> None:
    (problem,) = places.problems({"LLM_API_KEY": "two words"})

    assert problem == (
        "environment variable LLM_API_KEY: llm.api_key = ***: contains characters that cannot be sent in a header - "
        "allowed: text"
    )


def test_secrets_are_taken_as_secret_values_too(places: Places) -> None:
    settings = places.load(llm__api_key=SecretStr("from-the-program"))

    assert key_for_endpoint(settings) == ("from-the-program", None)


def test_a_current_folder_that_is_gone_is_a_problem(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(ConfigValidationError, match="the current folder does not exist any more"):
        load_config(env={}, user_config=places.user_file)


def test_no_two_settings_share_an_environment_name() -> None:
    names = [name for setting in setting_fields().values() for name in setting.env]

    assert len(names) == len(set(names)) == len(field_by_variable())


# Users have them in their shells and scripts: a name may be added, none may go.
FIXED_NAMES = [
    "LLM_BASE_URL",
    "OPENAI_BASE_URL",
    "LLM_API_KEY",
    "OPENAI_API_KEY",
    "LLM_MODEL",
    "OPENAI_MODEL",
    "LLM_TEMPERATURE",
    "LLM_MAX_TOKENS",
    "LLM_CONTEXT_TOKENS",
    "LLM_STREAM_RESPONSES",
    "LLM_CONNECT_TIMEOUT",
    "LLM_FIRST_TOKEN_TIMEOUT",
    "LLM_STALL_TIMEOUT",
    "LLM_TOTAL_TIMEOUT",
    "LLM_MAX_RETRIES",
    "LLM_RETRY_INITIAL_DELAY",
    "LLM_RETRY_MAX_DELAY",
    "LLM_CIRCUIT_BREAKER_THRESHOLD",
    "LLM_CIRCUIT_BREAKER_TIMEOUT",
    "LLM_CIRCUIT_BREAKER_HALF_OPEN",
    "LLM_CIRCUIT_BREAKER_WHEN_OPEN",
    "LLM_CIRCUIT_BREAKER_MAX_WAIT",
    "LLM_POOL_MAX_AGE",
    "LLM_MAX_CONCURRENCY",
    "LLM_REQUESTS_PER_MINUTE",
    "LLM_TOKENS_PER_MINUTE",
    "LLM_CACHE",
    "MAX_CONCURRENT_AGENTS",
    "TASK_TIMEOUT",
    "MAX_REWORK_ROUNDS",
    "WORKSPACE_DIR",
    "OUTPUT_DIR",
    "LOG_LEVEL",
    "LOG_FILE",
    "STRUCTURED_LOGGING",
    "COLORED_CONSOLE",
    "ENABLE_METRICS",
    "METRICS_PORT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SENTRY_DSN",
    "DATADOG_API_KEY",
    "DD_API_KEY",
    "QUINTET_PROFILE",
    "QUINTET_THEME",
    "BUDGET_TOKENS",
    "BUDGET_USD",
    "BUDGET_MINUTES",
]


def test_the_environment_names_that_are_promised_exist() -> None:
    assert set(FIXED_NAMES) <= field_by_variable().keys()


def test_every_setting_is_described() -> None:
    inside_tables = [setting for tables in table_settings().values() for setting in fields_of_table(tables)]

    assert [
        setting.name
        for setting in (*setting_fields().values(), *inside_tables)
        if not setting.description.endswith(".")
    ] == []


def test_settings_and_metrics_are_cheap_to_import() -> None:
    heavy = ["openai", "langgraph", "textual", "loguru", "psutil", "dotenv", "pydantic_settings"]
    for module, more in (
        ("core.settings", []),
        ("core.telemetry.metrics", ["pydantic"]),
        ("core.telemetry.logs", ["pydantic"]),
    ):
        code = f"import sys, {module}; print([name for name in {heavy + more} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout.strip() == "[]", f"{module} imports too much"


# The profile is read by the loading itself.
@pytest.mark.parametrize("name", sorted({*setting_fields(), *table_settings()} - {"profile"}))
def test_every_setting_is_read_by_somebody(name: str) -> None:
    section, _, field = name.rpartition(".")
    files = [file for package in ("core", "tui") for file in (ROOT / package).rglob("*.py")]
    owner = f"(?:{section}|{section.rpartition('_')[2]})" if section else "settings"
    # Or by another name, after the section was taken as a whole.
    by_another_name = rf"|\bsettings\.{section}\b[\s\S]*\.{field}\b" if section else ""
    reading = re.compile(rf"\b{owner}\.{field}\b{by_another_name}")

    users = [file for file in files if file.parent.name != "settings" and reading.search(file.read_text("utf-8"))]

    assert users
