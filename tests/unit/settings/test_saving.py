"""Saving settings: only the lines that change, with the words of a load, and never over a file that is broken."""

from __future__ import annotations

import stat
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import WorkspaceError
from core.settings.document import config_toml
from core.settings.editing.draft import Draft
from core.settings.editing.saving import HEADING, DiffLine, difference, with_values
from core.settings.editing.values import choices_of
from core.settings.schema.catalogue import setting_fields
from core.settings.sources.keyring_key import KeyringAnswer
from tests.support.places import Places

MINE = """\
# my own words

[llm]  # where I ask
# the small one
model = "tiny"   # good enough
max_retries = 7

# how much moves
[ui]
animation = "none"
"""
only_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def draft_of(places: Places, env: dict[str, str] | None = None, **overrides: object) -> Draft:
    return Draft(
        cwd=places.folder,
        env=env or {},
        user_config=places.user_file,
        overrides={name.replace("__", "."): value for name, value in overrides.items()},
        keyring=lambda _: KeyringAnswer(),
    )


def saved(places: Places, **edits: str) -> str:
    """Return what the user's file says after these edits."""
    draft = draft_of(places)
    for name, text in edits.items():
        draft.set_text(name.replace("__", "."), text)
    draft.save()
    return places.user_file.read_text()


# The text.


def test_a_changed_line_leaves_all_others_alone() -> None:
    changed = with_values(MINE, {"llm.model": "large"})

    assert changed == MINE.replace('"tiny"', '"large"')


def test_a_line_that_goes_leaves_the_comments() -> None:
    changed = with_values(MINE, {"llm.max_retries": None})

    assert changed == MINE.replace("max_retries = 7\n", "")


def test_a_new_line_comes_after_the_settings_of_its_table() -> None:
    changed = with_values(MINE, {"llm.max_tokens": 100})

    assert changed == MINE.replace("max_retries = 7\n", "max_retries = 7\nmax_tokens = 100\n")


def test_a_new_line_comes_below_the_commented_one_of_the_sample() -> None:
    sample = config_toml()

    changed = with_values(sample, {"llm.max_retries": 7, "ui.theme": "quintet-light"})

    assert "# max_retries = 3\nmax_retries = 7\n" in changed
    assert [line for line in changed.splitlines() if line not in sample.splitlines()] == [
        "max_retries = 7",
        'theme = "quintet-light"',
    ]


def test_a_new_table_comes_last() -> None:
    assert with_values(MINE, {"logging.level": "DEBUG"}) == f'{MINE}\n[logging]\nlevel = "DEBUG"\n'


def test_a_new_file_begins_with_what_it_is() -> None:
    assert with_values("", {"ui.cursor_blink": False}) == f"{HEADING}\n[ui]\ncursor_blink = false\n"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", f'{HEADING}\nprofile = "staging"\n'),
        (MINE, MINE.replace("\n[llm]", '\nprofile = "staging"\n\n[llm]', 1)),
        ('# about llm\n[llm]\nmodel = "a"\n', 'profile = "staging"\n\n# about llm\n[llm]\nmodel = "a"\n'),
        ('profile = "production"\n', 'profile = "staging"\n'),
    ],
    ids=["new", "with tables", "with a comment", "there already"],
)
def test_a_setting_above_all_tables_stays_there(text: str, changed: str) -> None:
    assert with_values(text, {"profile": "staging"}) == changed


@pytest.mark.parametrize(
    "text",
    [
        'llm = { model = "a" }\n',
        'llm.model = "a"\n',
        'team.off = ["a"]\nui.theme = "x"\nllm.model = "a"\n',
        '[[llm.fallbacks]]\nmodel = "b"\n',
        '[[llm.fallbacks]]\nmodel = "b"\n[ui]\ntheme = "x"\n[llm]\nmodel = "a"',
        '[llm]\nmodel = """\n[ui]\n"""\n',
        '[team]\noff = [\n  "a",  # not him\n  "b",\n]\n[llm]',
        '["llm"]\r\nmodel = "a"\r\n\r\n[ui]\r\n',
        '[llm]\nmodel = "a"\n[llm.extra]\nx = 1\n',
        "",
    ],
    ids=[
        "inline",
        "dotted",
        "dotted list",
        "list",
        "list and table",
        "many lines",
        "array",
        "windows",
        "inner table",
        "empty",
    ],
)
@pytest.mark.parametrize("name", ["llm.model", "llm.max_retries", "team.off", "ui.theme", "profile"])
def test_however_a_file_is_written_one_value_changes_and_no_other(text: str, name: str) -> None:
    changed = with_values(text, {name: "new"})

    assert _flat(changed) == {**_flat(text), name: "new"}
    assert _flat(with_values(changed, {name: None})) == {
        key: value for key, value in _flat(text).items() if key != name
    }
    assert "\r\n" not in text or "\n" not in changed.replace("\r\n", "")


NAMES = st.sampled_from(["profile", "llm.model", "llm.api_key", "ui.theme", "team.workflow", "team.off"])
VALUES = st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(), max_size=3)


@given(edits=st.lists(st.tuples(NAMES, VALUES), max_size=6), text=st.sampled_from(["", MINE, config_toml()]))
def test_any_value_can_be_written_and_comes_back_as_it_was(edits: list[tuple[str, object]], text: str) -> None:
    changed = text
    for name, value in edits:
        changed = with_values(changed, {name: value})

    assert _flat(changed) == {**_flat(text), **dict(edits)}
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in changed.splitlines() if line in comments][: len(comments)] == comments or not text


def _flat(text: str) -> dict[str, object]:
    tables = tomllib.loads(text)
    inside = {
        f"{section}.{field}": value
        for section, table in tables.items()
        if isinstance(table, dict)
        for field, value in table.items()
    }
    return {name: value for name, value in tables.items() if not isinstance(value, dict)} | inside


@pytest.mark.parametrize("text", ["[llm", "a = 1\na = 2", "[llm]\nmodel = tiny"])
def test_a_text_that_is_no_toml_is_not_changed(text: str) -> None:
    with pytest.raises(WorkspaceError, match="not be valid TOML"):
        with_values(text, {"llm.model": "x"})


def test_a_difference_names_the_table_and_shows_what_stands_around() -> None:
    lines = list(difference(MINE, with_values(MINE, {"ui.animation": "full"})))

    assert lines == [
        DiffLine("@", "[ui]"),
        DiffLine(" ", "[ui]"),
        DiffLine("-", 'animation = "none"'),
        DiffLine("+", 'animation = "full"'),
    ]


# The check.


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("llm.max_retries", "99"),
        ("llm.max_retries", "many"),
        ("llm.max_retries", "true"),
        ("llm.temperature", "nan"),
        ("llm.base_url", "ftp://x"),
        ("logging.level", "LOUD"),
        ("ui.cursor_blink", "perhaps"),
        ("llm.retry_initial_delay", "59.5"),
        ("llm.api_key", "two words"),
    ],
)
def test_a_wrong_value_is_told_in_the_words_of_a_load(places: Places, name: str, text: str) -> None:
    places.write(project="[llm]\nretry_max_delay = 5.0\n")
    variable = setting_fields()[name].env[0]
    (by_load,) = places.problems({variable: text})
    draft = draft_of(places)

    draft.set_text(name, text)

    words = by_load.removeprefix(f"environment variable {variable}: ").split(f"environment variable {variable}")
    assert draft.problem_of(name)
    assert all(part in draft.problem_of(name) for part in words)
    with pytest.raises(WorkspaceError, match="nothing was saved"):
        draft.save()
    assert not places.user_file.exists()


def test_a_problem_goes_when_the_edit_is_mended_or_taken_back(places: Places) -> None:
    draft = draft_of(places)
    seen = []
    for text in ("99", "9", "99", ""):
        draft.set_text("llm.max_retries", text)
        seen.append(bool(draft.problem_of("llm.max_retries")))

    assert seen == [True, False, True, False]
    assert not draft.is_edited("llm.max_retries")


def test_two_edits_that_contradict_each_other_are_both_told(places: Places) -> None:
    draft = draft_of(places)

    draft.set_text("llm.max_tokens", "5000")
    draft.set_text("llm.context_tokens", "4000")

    assert "must be below context_tokens (4000)" in draft.problem_of("llm.max_tokens")
    assert draft.problem_of("llm.max_tokens") == draft.problem_of("llm.context_tokens")
    assert draft.problem_of("llm.max_retries") == ""


def test_a_value_that_only_the_environment_makes_good_is_not_saved(places: Places) -> None:
    draft = draft_of(places, {"LLM_RETRY_MAX_DELAY": "600"})

    draft.set_text("llm.retry_max_delay", "5")
    draft.set_text("llm.retry_initial_delay", "50")

    assert "must not exceed retry_max_delay (5.0)" in draft.problem_of("llm.retry_initial_delay")


def test_mistakes_of_other_sources_do_not_keep_a_user_from_saving(places: Places) -> None:
    places.write(project="[llm]\nmax_retries = 99\nretry_max_delay = 0.5\n")
    draft = draft_of(places, {"LLM_TEMPERATURE": "hot"})

    draft.set_text("ui.animation", "none")
    draft.save()

    assert tomllib.loads(places.user_file.read_text()) == {"ui": {"animation": "none"}}


# The lines that are written.


def test_values_are_written_as_their_type_has_them(places: Places) -> None:
    text = saved(
        places,
        llm__max_retries=" 7 ",
        llm__temperature="1",
        llm__base_url="http://127.0.0.1:1/v1/",
        logging__level="debug",
        logging__file="~/q.log",
        ui__cursor_blink="off",
        team__off="developer, qa_engineer",
    )

    assert tomllib.loads(text) == {
        "llm": {"max_retries": 7, "temperature": 1.0, "base_url": "http://127.0.0.1:1/v1"},
        "logging": {"level": "DEBUG", "file": "~/q.log"},
        "ui": {"cursor_blink": False},
        "team": {"off": ["developer", "qa_engineer"]},
    }


@pytest.mark.parametrize("name", setting_fields())
def test_a_default_is_not_written(places: Places, name: str) -> None:
    draft = draft_of(places)
    text = draft.text_of(name)

    draft.set_text(name, text)

    assert draft.changes == {}


def test_a_default_takes_the_line_away_that_said_something_else(places: Places) -> None:
    places.write(user=MINE)

    assert saved(places, llm__max_retries="3") == MINE.replace("max_retries = 7\n", "")


@pytest.mark.parametrize(
    "project", ["[llm]\nmax_retries = 9\n", 'profile = "development"\n'], ids=["a value", "a profile"]
)
def test_a_default_is_written_where_something_else_would_be_in_force(places: Places, project: str) -> None:
    places.write(project=project)

    saved(places, llm__max_retries="3")

    assert places.load().llm.max_retries == 3


def test_a_value_of_the_project_is_written_for_it_counts_in_other_folders_too(places: Places) -> None:
    places.write(project="[llm]\nmax_retries = 9\n", user="[llm]\nmax_retries = 7\n")

    assert saved(places, llm__max_retries="9") == "[llm]\nmax_retries = 9\n"


def test_nothing_typed_takes_the_line_away(places: Places) -> None:
    places.write(user=MINE)

    assert saved(places, llm__model="") == MINE.replace('model = "tiny"   # good enough\n', "")


def test_what_wins_over_the_file_is_named(places: Places) -> None:
    places.write(dotenv="LLM_MODEL=from-dotenv\n")
    draft = draft_of(places, {"LLM_MAX_RETRIES": "2"}, ui__theme="x")
    draft.set_text("llm.max_retries", "7")
    draft.save()

    winners = {
        name: draft.overriding_origin(name) for name in ("llm.max_retries", "llm.model", "ui.theme", "ui.layout")
    }

    assert {name: winner.label if winner else "" for name, winner in winners.items()} == {
        "llm.max_retries": "environment variable LLM_MAX_RETRIES",
        "llm.model": ".env: LLM_MODEL",
        "ui.theme": "command line ui.theme",
        "ui.layout": "",
    }
    assert (draft.value_of("llm.max_retries"), draft.text_of("llm.max_retries")) == (2, "7")


def test_a_profile_that_is_set_shows_at_once_in_what_it_sets(places: Places) -> None:
    draft = draft_of(places)

    draft.set_text("profile", "development")

    assert draft.value_of("llm.max_retries") == 2
    assert draft.origin_of("llm.max_retries").label == "profile development"
    assert draft.changes == {"profile": "development"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("workspace.dir", "nowhere", "does not exist"),
        ("workspace.output_dir", "file", "is a file, not a folder"),
        ("team.workflow", "delivry", "there is no workflow 'delivry'"),
        ("team.off", "nobody", "there is no agent 'nobody'"),
    ],
)
def test_a_place_that_would_end_the_next_start_is_not_saved(places: Places, name: str, text: str, said: str) -> None:
    (places.folder / "file").touch()
    draft = draft_of(places, {"WORKSPACE_DIR": str(places.folder), "OUTPUT_DIR": "somewhere"})
    draft.set_text(name, text)

    with pytest.raises(WorkspaceError, match=said) as caught:
        draft.save()

    assert caught.value.hint.endswith("nothing was saved")
    assert not places.user_file.exists()


# The file.


@only_posix
@pytest.mark.parametrize(
    ("before", "name", "mode"),
    [(None, "llm.model", 0o600), (0o644, "llm.model", 0o644), (0o644, "llm.api_key", 0o600)],
    ids=["new", "without a key", "with a key"],
)
def test_only_its_owner_reads_a_file_with_a_key(places: Places, before: int | None, name: str, mode: int) -> None:
    if before is not None:
        places.write(user=MINE)
        places.user_file.chmod(before)

    saved(places, **{name.replace(".", "__"): "abcdef-123456"})

    assert stat.S_IMODE(places.user_file.stat().st_mode) == mode


@only_posix
def test_a_link_stays_a_link(places: Places) -> None:
    real = places.folder / "dotfiles.toml"
    real.write_text(MINE)
    places.user_file.symlink_to(real)

    saved(places, llm__model="large")

    assert places.user_file.is_symlink()
    assert real.read_text() == MINE.replace("tiny", "large")


def test_a_missing_folder_is_made(places: Places) -> None:
    places.user_file = places.user_file.parent / "a" / "b" / "config.toml"

    assert tomllib.loads(saved(places, llm__model="x")) == {"llm": {"model": "x"}}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("[llm\n", "not valid TOML"),
        ("[llm]\ncolour = 'x'\n", "unknown setting llm.colour"),
        ("\0\n", "not valid TOML"),
    ],
)
def test_a_broken_file_is_never_overwritten(places: Places, broken: str, words: str) -> None:
    places.write(user=broken)
    draft = draft_of(places)

    draft.set_text("ui.layout", "wide")

    assert words in draft.save_error
    with pytest.raises(WorkspaceError, match=r"nothing was saved"):
        draft.save()
    assert places.user_file.read_text() == broken


def test_a_file_that_is_no_text_is_never_overwritten(places: Places) -> None:
    places.user_file.write_bytes(b"\xff\xfe\x00")
    draft = draft_of(places)
    draft.set_text("ui.layout", "wide")

    with pytest.raises(WorkspaceError, match="UTF-8"):
        draft.save()

    assert places.user_file.read_bytes() == b"\xff\xfe\x00"


def test_a_wrong_value_in_the_file_can_be_mended(places: Places) -> None:
    places.write(user=MINE.replace("= 7", "= 99"))
    draft = draft_of(places)
    assert draft.problems

    draft.set_text("llm.max_retries", "9")
    draft.save()

    assert places.user_file.read_text() == MINE.replace("= 7", "= 9")


def test_a_file_that_changed_meanwhile_is_not_overwritten(places: Places) -> None:
    places.write(user=MINE)
    draft = draft_of(places)
    draft.set_text("llm.model", "large")
    places.write(user=MINE + "layout = 'wide'\n")

    with pytest.raises(WorkspaceError, match="changed by another program"):
        draft.save()
    draft.reload()
    draft.save()

    assert places.user_file.read_text() == MINE.replace("tiny", "large") + "layout = 'wide'\n"


@only_posix
def test_a_folder_that_cannot_be_written_is_named(places: Places) -> None:
    places.user_file = places.user_file / "config.toml"
    places.user_file.parent.write_text("a file where the folder should be")
    draft = draft_of(places)
    draft.set_text("llm.model", "x")

    with pytest.raises(WorkspaceError, match="cannot be written"):
        draft.save()


def test_nothing_but_the_file_is_left_behind(places: Places) -> None:
    places.write(user=MINE)

    saved(places, llm__model="large")

    assert [path.name for path in places.user_file.parent.iterdir()] == ["config.toml"]


# Secrets.


@pytest.mark.parametrize("key", ["sk-abcdefghijklmnop", "q!z"])
def test_a_key_is_written_but_never_shown(places: Places, key: str) -> None:
    places.write(user='[llm]\napi_key = "old-secret-key"\n')
    draft = draft_of(places)
    draft.set_text("llm.api_key", key)

    shown = f"{draft.difference()} {draft.text_of('llm.api_key')!r} {draft.value_of('llm.api_key')!r} {vars(draft)}"

    assert key not in shown
    assert "old-secret-key" not in str(draft.difference())
    draft.save()
    assert tomllib.loads(places.user_file.read_text()) == {"llm": {"api_key": key}}


def test_a_sentry_address_is_not_shown_in_the_difference(places: Places) -> None:
    draft = draft_of(places)
    draft.set_text("telemetry.sentry_dsn", "https://abc123@sentry.example/1")

    assert "abc123" not in str(draft.difference())


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("ui.cursor_blink", ("true", "false")),
        ("circuit_breaker.when_open", ("wait", "fail")),
        ("profile", ("development", "staging", "production")),
        ("llm.max_retries", ()),
        ("llm.model", ()),
        ("team.off", ()),
    ],
)
def test_a_closed_list_of_words_can_be_chosen_from(name: str, choices: tuple[str, ...]) -> None:
    assert choices_of(setting_fields()[name]) == choices
