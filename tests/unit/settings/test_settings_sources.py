"""The sources of the settings: which of them wins for every kind of setting, and what no strange file can do."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from core.doctor import EXTRAS
from core.settings import FallbackSettings, PriceSettings
from core.settings.editing.draft import Draft
from core.settings.schema.catalogue import setting_fields
from core.settings.sources.keyring_key import KeyringAnswer
from core.settings.trust.folder import EXPORTERS
from core.text.redaction import redact
from tests.support.places import Places


@dataclass(frozen=True)
class Chain:
    """One setting, lowest source first: what each of them writes, and the value that is in force then."""

    name: str
    default: object
    project: tuple[str, object]
    user: tuple[str, object]
    profile: object = None
    dotenv: tuple[str, object] | None = None
    environment: tuple[Mapping[str, str], object] | None = None
    command_line: tuple[object, object] | None = None


CHAINS = (
    Chain(
        "llm.max_retries",
        default=3,
        profile=2,
        project=("[llm]\nmax_retries = 1", 1),
        user=("[llm]\nmax_retries = 5", 5),
        dotenv=("LLM_MAX_RETRIES=4", 4),
        environment=({"LLM_MAX_RETRIES": "6"}, 6),
        command_line=(7, 7),
    ),
    Chain(
        "team.off",
        default=(),
        project=('[team]\noff = ["developer", "qa_engineer"]', ("developer", "qa_engineer")),
        user=('[team]\noff = ["business_analyst"]', ("business_analyst",)),
        dotenv=("QUINTET_AGENTS_OFF=devops_engineer,developer", ("devops_engineer", "developer")),
        environment=({"QUINTET_AGENTS_OFF": "technical_writer"}, ("technical_writer",)),
        command_line=(["qa_engineer"], ("qa_engineer",)),
    ),
    Chain(
        "llm.fallbacks",
        default=(),
        project=(
            '[[llm.fallbacks]]\nmodel = "a"\n[[llm.fallbacks]]\nmodel = "b"',
            (FallbackSettings(model="a"), FallbackSettings(model="b")),
        ),
        user=('[[llm.fallbacks]]\nmodel = "c"', (FallbackSettings(model="c"),)),
        command_line=([{"model": "d"}], (FallbackSettings(model="d"),)),
    ),
    Chain(
        "pricing",
        default={},
        project=(
            '[pricing."a"]\ninput = 1\noutput = 1\n[pricing."b"]\ninput = 1\noutput = 1',
            {"a": PriceSettings(input=1, output=1), "b": PriceSettings(input=1, output=1)},
        ),
        # Model by model, and each model as a whole.
        user=(
            '[pricing."b"]\ninput = 2\noutput = 2\n[pricing."c"]\ninput = 2\noutput = 2',
            {
                "a": PriceSettings(input=1, output=1),
                "b": PriceSettings(input=2, output=2),
                "c": PriceSettings(input=2, output=2),
            },
        ),
    ),
)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_each_source_wins_over_all_below_it(places: Places, chain: Chain) -> None:
    assert places.load().value_of(chain.name) == chain.default

    env: dict[str, str] = {"QUINTET_PROFILE": "development"}
    if chain.profile is not None:
        assert places.load(env).value_of(chain.name) == chain.profile

    places.write(project=chain.project[0])
    assert places.load(env).value_of(chain.name) == chain.project[1]

    places.write(user=chain.user[0])
    assert places.load(env).value_of(chain.name) == chain.user[1]

    if chain.dotenv:
        places.write(dotenv=chain.dotenv[0])
        assert places.load(env).value_of(chain.name) == chain.dotenv[1]

    if chain.environment:
        env |= chain.environment[0]
        assert places.load(env).value_of(chain.name) == chain.environment[1]

    if chain.command_line:
        overrides = {chain.name.replace(".", "__"): chain.command_line[0]}
        assert places.load(env, **overrides).value_of(chain.name) == chain.command_line[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(f"[llm]\nmax_retries = {'1' * 5000}", "holds a number that is too long", id="decimal"),
        pytest.param(f"[llm]\nmax_retries = 0x{'f' * 9000}", "holds a number that is too long", id="hexadecimal"),
        pytest.param(f"[team]\noff = [1, 0x{'f' * 9000}]", "holds a number that is too long", id="in a list"),
        pytest.param(f"[llm]\nmodel{'.a' * 3000} = 1", "nested too deeply", id="setting of many parts"),
        pytest.param(f"[keys]\na{' . a' * 100_000} = 1", "nested too deeply", id="key of very many parts"),
        pytest.param(f"[{'a.' * 3000}a]", "nested too deeply", id="header of many parts"),
        pytest.param(f"llm = {'{a = ' * 90}1{'}' * 90}", "nested too deeply", id="inline tables"),
        pytest.param(f"[team]\noff = {'[' * 90}{']' * 90}", "nested too deeply", id="lists"),
    ],
)
def test_a_file_that_no_parser_likes_is_one_line_and_is_never_overwritten(
    places: Places, text: str, reason: str
) -> None:
    places.write(user=text)

    (problem,) = places.problems()
    draft = Draft(cwd=places.folder, env={}, user_config=places.user_file, keyring=lambda _: KeyringAnswer())

    assert problem == f"{places.user_file}: not valid TOML: {reason}"
    assert draft.save_error == problem


@pytest.mark.skipif(os.name != "posix", reason="pipes with a name are POSIX")
def test_a_pipe_without_a_writer_is_not_waited_for(places: Places) -> None:
    os.mkfifo(places.folder / "config.toml")
    os.mkfifo(places.folder / ".env")

    assert places.problems() == ("config.toml: is a pipe, not a file - remove or rename it",)

    (places.folder / "config.toml").unlink()
    assert places.load().warnings == (".env is a pipe and was ignored",)


def test_a_folder_that_may_not_be_looked_into_is_told_in_our_words(places: Places) -> None:
    mode = stat.S_IMODE(places.folder.stat().st_mode)
    places.folder.chmod(0)
    if os.access(places.folder, os.X_OK):
        pytest.skip("nothing is forbidden to this user")
    try:
        problems = places.problems()
    finally:
        places.folder.chmod(mode)

    assert problems == tuple(
        f"{name}: cannot be read: permission denied - make it readable for you" for name in ("config.toml", ".env")
    )


def test_a_key_that_is_no_text_is_a_problem_and_is_not_shown(places: Places) -> None:
    (problem,) = places.problems({"LLM_API_KEY": "sk-key\udcff-of-the-user"})

    assert problem.startswith("environment variable LLM_API_KEY: llm.api_key = ***: contains characters ")
    assert redact("it was sk-key\udcff-of-the-user") == "it was ***"


@pytest.mark.parametrize("name", ["LLM_MODEL", "QUINTET_WORKFLOW", "QUINTET_THEME", "QUINTET_AGENTS_OFF"])
@pytest.mark.parametrize("text", ["a\udcffb", "a\x00b", "a\x1b[31mb", "a\nb"])
def test_a_name_that_cannot_be_shown_is_refused(places: Places, name: str, text: str) -> None:
    (problem,) = places.problems({name: text})

    assert problem.startswith(f"environment variable {name}: ")
    assert problem.isprintable()


@pytest.mark.parametrize("name", ["llm.model_file", "team.prompts_dir", "workspace.dir", "logging.file"])
def test_an_empty_path_in_a_file_is_not_the_current_folder(places: Places, name: str) -> None:
    section, _, setting = name.partition(".")
    places.write(user=f'[{section}]\n{setting} = ""')

    (problem,) = places.problems()

    assert f"{name} = '': must not be empty - allowed: a path" in problem


def test_a_dotenv_may_hold_names_of_the_users_own_program_that_look_like_ours(places: Places) -> None:
    places.write(dotenv="LLM_PROVIDER=openai\nLLM_MODEL\n")
    assert places.load().warnings == (
        ".env:2: LLM_MODEL has no = and was ignored",
        ".env:1: LLM_PROVIDER is no setting and was ignored",
    )

    places.write(dotenv="LLM_MODLE=m\nQUINTET_COLOUR=blue\n")
    assert places.problems() == (
        ".env:1: unknown setting LLM_MODLE (did you mean LLM_MODEL?)",
        ".env:2: unknown setting QUINTET_COLOUR (did you mean QUINTET_LAYOUT?)",
    )


def test_whatever_sends_something_away_is_among_the_exporters_that_a_folder_may_not_name() -> None:
    sent = {setting.name for setting in setting_fields().values() if setting.section == "telemetry" and setting.secret}
    sent |= {name for name in setting_fields() if name.startswith("telemetry.") and name.endswith(("endpoint", "url"))}

    assert sent == set(EXPORTERS) == set(EXTRAS)
