"""What settings may not say together, what is doubtful, and what a profile sets."""

from __future__ import annotations

import pytest

from core.settings.schema.catalogue import setting_fields
from core.settings.schema.profiles import PROFILES, ProfileName
from tests.support.places import Places


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[llm]\nretry_initial_delay = 9\nretry_max_delay = 3",
            (
                "llm: retry_initial_delay (9.0) must not exceed retry_max_delay (3.0) "
                "(config.toml:2 [llm] retry_initial_delay, config.toml:3 [llm] retry_max_delay)"
            ),
        ),
        (
            "[llm]\nfirst_token_timeout = 20\ntotal_timeout = 10",
            "llm: first_token_timeout (20.0) must not exceed total_timeout (10.0) ",
        ),
        (
            "[llm]\nstall_timeout = 20\ntotal_timeout = 10",
            "llm: stall_timeout (20.0) must not exceed total_timeout (10.0) ",
        ),
        (
            "[llm]\nconnect_timeout = 20\ntotal_timeout = 10",
            "llm: connect_timeout (20.0) must not exceed total_timeout (10.0) ",
        ),
        (
            "[llm]\nmax_tokens = 4096\ncontext_tokens = 4096",
            "llm: max_tokens (4096) must be below context_tokens (4096): the question needs room too ",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_one_problem_with_both_places(
    places: Places, text: str, problem: str
) -> None:
    places.write(project=text)

    (found,) = places.problems()

    assert found.startswith(problem)
    assert found.count("config.toml:") == 2


def test_two_contradictions_of_one_section_are_both_reported(places: Places) -> None:
    places.write(project="[llm]\nretry_initial_delay = 9\nretry_max_delay = 3\nstall_timeout = 20\ntotal_timeout = 10")

    assert [problem.split(" (")[0] for problem in places.problems()] == [
        "llm: retry_initial_delay",
        "llm: stall_timeout",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[llm]\nfirst_token_timeout = 20\ntotal_timeout = 20",
        "[llm]\ntotal_timeout = 15",
        "[llm]\nmax_tokens = 5000\ncontext_tokens = 8192",
        '[circuit_breaker]\ntimeout = 60\nmax_wait = 30\nwhen_open = "fail"',
    ],
)
def test_settings_that_go_together_are_no_problem(places: Places, text: str) -> None:
    places.write(project=text)

    assert places.load().warnings == ()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("[llm]\nmax_retries = 0", "llm.max_retries is 0 (config.toml:2 [llm] max_retries): one hiccup of the server"),
        ("[llm]\ntokens_per_minute = 2000\nmax_tokens = 3000", "llm.tokens_per_minute (2000) is less than one answer"),
        (
            "[llm]\ntotal_timeout = 90\n[team]\ntask_timeout = 60",
            "llm.total_timeout (90.0) exceeds team.task_timeout (60.0)",
        ),
        ("[budget]\nminutes = 31", "budget.minutes (31.0) is longer than team.task_timeout (1800.0 s)"),
        (
            "[circuit_breaker]\ntimeout = 900",
            "circuit_breaker.timeout (900.0) exceeds circuit_breaker.max_wait (600.0)",
        ),
        # Calls that come when the breaker has been open for a while do get through.
        (
            "[circuit_breaker]\nmax_wait = 30",
            "circuit_breaker.timeout (60.0) exceeds circuit_breaker.max_wait (30.0)",
        ),
        ("[circuit_breaker]\nthreshold = 2", "circuit_breaker.half_open (3) exceeds circuit_breaker.threshold (2)"),
        (
            "[circuit_breaker]\ntimeout = 5\n[llm]\nfirst_token_timeout = 20",
            "circuit_breaker.timeout (5.0) is shorter than llm.first_token_timeout (20.0)",
        ),
        (
            "[telemetry]\nenable_metrics = false\nmetrics_port = 9464",
            "telemetry.metrics_port is 9464, but enable_metrics",
        ),
        ("[telemetry]\ncapture_content = true", "telemetry.capture_content is true, but no otel_endpoint is set"),
        ("[[llm.fallbacks]]\nmodel = 'm'", "[[llm.fallbacks]] #1 has no base_url, and no server is configured"),
        (
            "[llm]\nbase_url = 'http://127.0.0.1:1/v1'\nmodel = 'm'\n[[llm.fallbacks]]\nmodel = 'm'",
            "[[llm.fallbacks]] #1 asks m again at the same server",
        ),
        (
            "[[llm.fallbacks]]\nbase_url = 'http://llm.example/v1'\nmodel = 'm'\napi_key = 'key-of-m'",
            "the key goes to http://llm.example/v1 unencrypted (config.toml:1 [[llm.fallbacks]])",
        ),
    ],
)
def test_what_is_legal_but_doubtful_is_one_warning(places: Places, text: str, warning: str) -> None:
    places.write(project=text)

    (found,) = places.load().warnings

    assert found.startswith(warning)


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"TASK_TIMEOUT": "1"}, "team.task_timeout (1) is very low (environment variable TASK_TIMEOUT): a run takes"),
        ({"LLM_TEMPERATURE": "1.9"}, "llm.temperature (1.9) is very high (environment variable LLM_TEMPERATURE)"),
        (
            {"LLM_MAX_RETRIES": "10", "LLM_RETRY_MAX_DELAY": "600"},
            "llm.max_retries (10) and llm.retry_max_delay (600) let one call wait 17 minutes between its attempts",
        ),
        (
            {"LLM_MAX_RETRIES": "10", "LLM_RETRY_MAX_DELAY": "600", "LLM_RETRY_INITIAL_DELAY": "60"},
            "llm.max_retries (10) and llm.retry_max_delay (600) let one call wait 75 minutes",
        ),
        ({"LLM_MAX_TOKENS": "5"}, "llm.max_tokens (5) is very low"),
        ({"LLM_CONTEXT_TOKENS": "300"}, "llm.context_tokens (300) is very low"),
        ({"LLM_CONNECT_TIMEOUT": "0.01"}, "llm.connect_timeout (0.01) is very low"),
        ({"LLM_FIRST_TOKEN_TIMEOUT": "0.5"}, "llm.first_token_timeout (0.5) is very low"),
        ({"LLM_STALL_TIMEOUT": "0.5"}, "llm.stall_timeout (0.5) is very low"),
        ({"LLM_TOTAL_TIMEOUT": "1"}, "llm.total_timeout (1) is very low"),
        ({"LLM_RETRY_INITIAL_DELAY": "0.001"}, "llm.retry_initial_delay (0.001) is very low"),
        ({"LLM_POOL_MAX_AGE": "1"}, "llm.pool_max_age (1) is very low"),
        ({"LLM_REQUESTS_PER_MINUTE": "1"}, "llm.requests_per_minute (1) is very low"),
        ({"LLM_TOKENS_PER_MINUTE": "10"}, "llm.tokens_per_minute (10) is very low"),
        ({"LLM_CIRCUIT_BREAKER_THRESHOLD": "1"}, "circuit_breaker.threshold (1) is very low"),
        ({"LLM_CIRCUIT_BREAKER_TIMEOUT": "0.1"}, "circuit_breaker.timeout (0.1) is very low"),
        ({"LLM_CIRCUIT_BREAKER_TIMEOUT": "3600"}, "circuit_breaker.timeout (3600) is very high"),
        ({"BUDGET_TOKENS": "1"}, "budget.tokens (1) is very low"),
        ({"BUDGET_MINUTES": "0.1"}, "budget.minutes (0.1) is very low"),
        ({"LLM_API_KEY": "ab"}, "the key has fewer than 6 characters (environment variable LLM_API_KEY): it cannot be"),
    ],
)
def test_a_value_that_is_hardly_meant_is_a_warning_and_no_mistake(
    places: Places, variables: dict[str, str], warning: str
) -> None:
    assert any(found.startswith(warning) for found in places.load(variables).warnings)


@pytest.mark.parametrize(
    "variables",
    [
        {"LLM_TEMPERATURE": "1.0", "TASK_TIMEOUT": "60", "LLM_MAX_RETRIES": "10"},
        {"LLM_API_KEY": "x", "LLM_BASE_URL": "http://127.0.0.1:8080/v1"},
        {"LLM_API_KEY": "ollama", "LLM_BASE_URL": "http://127.0.0.1:11434/v1"},
    ],
)
def test_what_people_do_set_is_no_warning(places: Places, variables: dict[str, str]) -> None:
    assert places.load(variables).warnings == ()


STAGING = {
    "llm.max_retries": 3,
    "circuit_breaker.threshold": 5,
    "logging.level": "INFO",
    "logging.structured": True,
    "logging.colored_console": False,
    "telemetry.enable_metrics": True,
}
SET_BY_PROFILE: dict[ProfileName, dict[str, object]] = {
    "development": {
        "llm.max_retries": 2,
        "logging.level": "DEBUG",
        "logging.structured": False,
        "logging.colored_console": True,
        "telemetry.enable_metrics": True,
    },
    "staging": STAGING,
    "production": {**STAGING, "llm.stream_responses": True},
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_sets_what_is_promised_and_nothing_else(places: Places, name: ProfileName) -> None:
    plain, settings = places.load(), places.load({"QUINTET_PROFILE": name.upper()})

    assert settings.profile == name
    for dotted in setting_fields():
        promised = SET_BY_PROFILE[name].get(dotted, plain.value_of(dotted))
        if dotted != "profile":
            assert (dotted, settings.value_of(dotted)) == (dotted, promised)
            label = f"profile {name}" if dotted in SET_BY_PROFILE[name] else "default"
            assert (dotted, settings.origin_of(dotted).label) == (dotted, label)
    assert settings.warnings == ()


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_settings_that_exist(name: ProfileName) -> None:
    assert PROFILES[name].keys() <= setting_fields().keys()


@pytest.mark.parametrize("where", ["project", "user", "dotenv", "environment", "command line"])
def test_whatever_is_set_anywhere_wins_over_the_profile(places: Places, where: str) -> None:
    toml = "[logging]\nlevel = 'ERROR'"
    env = {"QUINTET_PROFILE": "development"}
    options = {"logging__level": "ERROR"} if where == "command line" else {}
    places.write(
        project=toml if where == "project" else "",
        user=toml if where == "user" else "",
        dotenv="LOG_LEVEL=ERROR" if where == "dotenv" else "",
    )

    settings = places.load(env | ({"LOG_LEVEL": "ERROR"} if where == "environment" else {}), **options)

    assert settings.logging.level == "ERROR"
    assert settings.logging.colored_console


def test_a_profile_may_stand_wherever_a_setting_may(places: Places) -> None:
    places.write(project="profile = 'staging'")
    assert places.load().origin_of("circuit_breaker.threshold").place == "profile staging"
    assert places.load().origin_of("profile").place == "config.toml:1 profile"

    places.write(dotenv="QUINTET_PROFILE=development")
    assert places.load().logging.level == "DEBUG"

    assert places.load(profile="production").origin_of("llm.stream_responses").place == "profile production"


def test_a_profile_of_another_name_is_a_problem(places: Places) -> None:
    assert places.problems({"QUINTET_PROFILE": "prod"}) == (
        (
            "environment variable QUINTET_PROFILE: profile = 'prod': Input should be 'development', 'staging' or "
            "'production' - allowed: one of development, staging, production"
        ),
    )


def test_without_a_profile_the_defaults_hold(places: Places) -> None:
    settings = places.load()

    assert settings.profile is None
    assert (settings.logging.level, settings.logging.structured, settings.logging.colored_console) == (
        "INFO",
        True,
        False,
    )


def test_a_value_of_a_profile_refuses_nothing_that_a_user_sets(places: Places) -> None:
    settings = places.load({"QUINTET_PROFILE": "staging", "LLM_CIRCUIT_BREAKER_TIMEOUT": "1000"})

    assert [warning.split(" exceeds")[0] for warning in settings.warnings] == ["circuit_breaker.timeout (1000.0)"]
