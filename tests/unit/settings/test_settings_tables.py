"""Settings that are whole tables of a config.toml: fallbacks, prices, alerts, and who gets which key."""

from __future__ import annotations

import tomllib

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from core.settings import FallbackSettings, key_for_fallback
from core.settings.sources.toml import lines_of
from core.text import redaction
from tests.support.places import Places

KEY = "the-users-own-key-1"


TWO = """\
[llm]
base_url = "http://127.0.0.1:8080/v1"
[[llm.fallbacks]]
model = "second"

[[llm.fallbacks]]
base_url = "https://other.example/v1/"
model = "third"
api_key = "key-of-the-third"
context_tokens = 4096
"""


def test_fallbacks_keep_the_order_of_their_tables(places: Places) -> None:
    places.write(project=TWO)

    settings = places.load()

    second, third = settings.llm.fallbacks
    assert (second.base_url, second.model, second.api_key, second.context_tokens) == (None, "second", None, None)
    assert (third.base_url, third.model, third.context_tokens) == ("https://other.example/v1", "third", 4096)
    assert settings.origin_of("llm.fallbacks").label == "config.toml [[llm.fallbacks]]"
    assert settings.origin_of("llm.fallbacks").place == "config.toml:3 [[llm.fallbacks]]"
    assert settings.warnings == ()


def test_there_are_no_fallbacks_unless_somebody_names_them(places: Places) -> None:
    settings = places.load()

    assert settings.llm.fallbacks == ()
    assert settings.origin_of("llm.fallbacks").label == "default"


def test_lists_of_tables_do_not_merge_but_the_sections_around_them_do(places: Places) -> None:
    places.write(
        project='[llm]\nmax_retries = 1\n[[llm.fallbacks]]\nmodel = "a"\n[[llm.fallbacks]]\nmodel = "b"\n[[alerts]]\nname = "queue_deep"',
        user='[[llm.fallbacks]]\nmodel = "c"\n',
    )

    settings = places.load()

    assert [fallback.model for fallback in settings.llm.fallbacks] == ["c"]
    assert settings.llm.max_retries == 1
    assert [alert.name for alert in settings.alerts] == ["queue_deep"]


def test_prices_merge_model_by_model(places: Places) -> None:
    places.write(
        project='[pricing."gpt-4.1"]\ninput = 2\noutput = 8\n[pricing.small]\ninput = 0\noutput = 0.5',
        user='[pricing."gpt-4.1"]\ninput = 1\noutput = 4',
    )

    settings = places.load()

    assert {name: (price.input, price.output) for name, price in settings.pricing.items()} == {
        "gpt-4.1": (1.0, 4.0),
        "small": (0.0, 0.5),
    }
    assert settings.origin_of("pricing.gpt-4.1").label == f'{places.user_file} [pricing."gpt-4.1"]'
    assert settings.origin_of("pricing.small").label == 'config.toml [pricing."small"]'


def test_an_alert_changes_what_it_names_and_nothing_else(places: Places) -> None:
    places.write(
        project='[[alerts]]\nname = "queue_deep"\nthreshold = 20\n[[alerts]]\nname = "breaker_opened"\nenabled = false'
    )

    settings = places.load()

    deep, off = settings.alerts
    assert (deep.name, deep.threshold, deep.enabled) == ("queue_deep", 20.0, True)
    assert (deep.severity, deep.clear, deep.for_seconds, deep.keep_firing_seconds, deep.min_samples) == (None,) * 5
    assert not off.enabled


def test_every_fault_in_a_table_names_file_line_table_and_number(places: Places) -> None:
    places.write(
        project="[[llm.fallbacks]]\n"
        'base_url = "other.example"\n'
        'model = "m"\n'
        "[[llm.fallbacks]]  # no model\n"
        'models = "m"\n'
        "context_tokens = 1\n"
        '[pricing."gpt-4.1"]\n'
        "input = -1\n"
        "output = true\n"
        "[[alerts]]\n"
        'name = "x"\n'
        'severity = "loud"\n'
        "thresholds = 3\n"
    )

    assert list(places.problems()) == [
        (
            "config.toml:2 [[llm.fallbacks]] #1 base_url: llm.fallbacks.base_url = 'other.example': must start with http:// or "
            "https:// and name a host - allowed: an http:// or https:// address"
        ),
        "config.toml:4 [[llm.fallbacks]] #2 model: is missing - allowed: text",
        (
            "config.toml:6 [[llm.fallbacks]] #2 context_tokens: llm.fallbacks.context_tokens = 1: Input should be greater than "
            "or equal to 256 - allowed: int from 256 to 10000000"
        ),
        "config.toml:5 [[llm.fallbacks]] #2 models: unknown setting llm.fallbacks.models (did you mean model?)",
        (
            'config.toml:8 [pricing."gpt-4.1"] input: pricing.input = -1: Input should be greater than or equal to 0 - allowed: '
            "float from 0 to 1000000"
        ),
        (
            'config.toml:9 [pricing."gpt-4.1"] output: pricing.output = True: Input should be a number, not true or false - '
            "allowed: float from 0 to 1000000"
        ),
        (
            "config.toml:12 [[alerts]] #1 severity: alerts.severity = 'loud': Input should be 'critical', 'warning' or 'info' - "
            "allowed: one of critical, warning, info"
        ),
        "config.toml:13 [[alerts]] #1 thresholds: unknown setting alerts.thresholds (did you mean threshold?)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[llm.fallbacks]\nmodel = "m"',
            "config.toml:1: llm.fallbacks is made of tables - write [[llm.fallbacks]] and its settings below",
        ),
        (
            '[llm]\nfallbacks = ["m"]',
            "config.toml:2: llm.fallbacks is made of tables - write [[llm.fallbacks]] and its settings below",
        ),
        ("alerts = 3", "config.toml:1: alerts is made of tables - write [[alerts]] and its settings below"),
        ("pricing = 3", 'config.toml:1: pricing is made of tables - write [pricing."name"] and its settings below'),
        ("[pricing]\ninput = 3", 'config.toml:2 [pricing] input: write [pricing."name"] and its settings below'),
        (
            "[pricing.gpt-4.1]\ninput = 3\noutput = 4",
            'config.toml:1 [pricing.gpt-4]: a name with dots stands in quotes, as in [pricing."name.1"]',
        ),
        ('[[alert]]\nname = "x"\n[llm]', "config.toml:1: unknown setting alert (did you mean alerts?)"),
        (
            '[[llm.fallback]]\nmodel = "x"',
            "config.toml:1 [llm] fallback: unknown setting llm.fallback (did you mean llm.fallbacks?)",
        ),
        (
            '[llm]\nfallbacks = [{models = "x", model = "y"}]',
            "config.toml:2 [[llm.fallbacks]] #1 models: unknown setting ",
        ),
    ],
)
def test_tables_that_are_written_wrongly_are_explained(places: Places, text: str, problem: str) -> None:
    places.write(project=text)

    (found,) = places.problems()

    assert found.startswith(problem)


def test_a_list_can_be_given_by_a_program(places: Places) -> None:
    settings = places.load(llm__fallbacks=[{"model": "m"}])

    assert settings.llm.fallbacks == (FallbackSettings(model="m"),)
    assert places.problems(llm__fallbacks=[{"models": "m", "model": "n"}]) == (
        "command line llm.fallbacks #1 models: unknown setting llm.fallbacks.models (did you mean model?)",
    )


def test_the_key_of_a_fallback_is_never_seen_again(places: Places) -> None:
    places.write(project=TWO)

    settings = places.load()

    assert "key-of-the-third" not in repr(settings) + settings.model_dump_json()
    assert redaction.redact("it was key-of-the-third") == "it was ***"


@pytest.mark.parametrize(
    "text",
    [
        f"[[llm.fallbacks]]\nmodel = 3\napi_key = '{KEY} {KEY}'",
        f"[llm.fallbacks]\nmodel = 'm'\napi_key = '{KEY}'",
        f"[[llm.fallbacks]]\nmodel = {{api_key = '{KEY}'}}",
    ],
)
def test_the_key_of_a_fallback_is_in_no_message(places: Places, text: str) -> None:
    places.write(project=text)

    assert KEY not in "".join(places.problems())


def test_a_file_with_the_key_of_a_fallback_is_for_its_owner_only(places: Places) -> None:
    places.write(user=TWO)
    places.user_file.chmod(0o644)

    assert places.load().warnings == (
        f"{places.user_file} holds a key and other users can read it - chmod 600 {places.user_file}",
    )


OWN = "https://llm.example/v1"


@pytest.mark.parametrize(
    ("primary", "fallback", "sent"),
    [
        pytest.param(OWN, "", KEY, id="no address: the same server"),
        pytest.param(OWN, "https://llm.example/v2", KEY, id="the same host"),
        pytest.param(OWN, "https://LLM.example:443/v1", KEY, id="the same host, written differently"),
        pytest.param(OWN, "http://llm.example/v1", None, id="the same host, unencrypted"),
        pytest.param(OWN, "https://llm.example:8443/v1", None, id="another port"),
        pytest.param(OWN, "https://other.example/v1", None, id="another host"),
        pytest.param(OWN, "https://llm.example.evil.example/v1", None, id="a host that looks the same"),
        pytest.param(OWN, "http://127.0.0.1:8080/v1", KEY, id="this machine"),
        pytest.param("", "https://api.openai.com/v1", KEY, id="a key alone means OpenAI"),
        pytest.param("", "https://other.example/v1", None, id="a key alone, another host"),
    ],
)
@pytest.mark.parametrize("named_by", ["project", "user"])
def test_a_fallback_gets_the_users_key_only_if_it_is_the_same_server(
    places: Places, named_by: str, primary: str, fallback: str, sent: str | None
) -> None:
    table = "[[llm.fallbacks]]\nmodel = 'm'\n" + (f"base_url = '{fallback}'\n" if fallback else "")
    env = {"LLM_API_KEY": KEY, "LLM_BASE_URL": primary}

    places.write(**{named_by: table})
    settings = places.load(env)
    key, warning = key_for_fallback(settings, settings.llm.fallbacks[0])

    assert key == sent
    assert (warning is None) is (sent is not None)
    if warning:
        assert settings.origin_of("llm.fallbacks").place in warning
        assert KEY not in warning
        assert warning in settings.warnings


def test_a_fallback_of_the_same_server_gets_no_key_that_the_server_itself_does_not_get(places: Places) -> None:
    places.write(project=f"[llm]\nbase_url = '{OWN}'\n[[llm.fallbacks]]\nmodel = 'm'")

    settings = places.load({"LLM_API_KEY": KEY})

    assert key_for_fallback(settings, settings.llm.fallbacks[0]).key is None
    assert len(settings.warnings) == 1


def test_a_fallbacks_own_key_is_for_its_own_address(places: Places) -> None:
    places.write(project=TWO)

    settings = places.load({"LLM_API_KEY": KEY})

    assert key_for_fallback(settings, settings.llm.fallbacks[1]) == ("key-of-the-third", None)


def test_without_any_key_there_is_nothing_to_hold_back(places: Places) -> None:
    places.write(project="[[llm.fallbacks]]\nmodel = 'm'\nbase_url = 'https://other.example/v1'")

    settings = places.load()

    assert key_for_fallback(settings, settings.llm.fallbacks[0]) == (None, None)
    assert settings.warnings == ()


def test_the_lines_of_a_file_are_found_whatever_stands_between() -> None:
    text = (
        "# [no]\n"
        "top = 1\n"
        "[llm]  # not [this]\n"
        'model = "x]=\\" y"\n'
        'text = """\n'
        "[no]\n"
        'no = 1 "" """\n'
        "list = [\n"
        "  1, [2.5, 3], # ]\n"
        "  {no = 1},\n"
        "]\n"
        "[[llm.fallbacks]]\n"
        "'model' = 'm\"'\n"
        "  [[ llm . fallbacks ]]\n"
        "a.b = 2\r\n"
        '[pricing."gpt-4.1"]\n'
        "when = 1979-05-27T07:32:00Z\n"
        "[keys]\n"
        "\"pane.next\" = '''\nf6'''\n"
        "last = true"
    )

    assert lines_of(text) == {
        ("top",): 2,
        ("llm",): 3,
        ("llm", "model"): 4,
        ("llm", "text"): 5,
        ("llm", "list"): 8,
        ("llm", "fallbacks", 0): 12,
        ("llm", "fallbacks", 0, "model"): 13,
        ("llm", "fallbacks", 1): 14,
        ("llm", "fallbacks", 1, "a", "b"): 15,
        ("pricing", "gpt-4.1"): 16,
        ("pricing", "gpt-4.1", "when"): 17,
        ("keys",): 18,
        ("keys", "pane.next"): 19,
        ("keys", "last"): 21,
    }


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
texts = st.text(st.sampled_from("ab [](){}=.,#'\"\\\n\t"), max_size=12)
values = st.one_of(texts, st.integers(), st.booleans(), st.lists(texts, max_size=3), st.floats(allow_nan=False))


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=4), min_size=1, max_size=4))
def test_what_stands_from_one_line_to_the_next_is_one_statement(tables: dict[str, dict[str, object]]) -> None:
    text = tomlkit.dumps(tables)
    found = lines_of(text)

    assert set(found) == {(name,) for name in tables} | {(name, key) for name in tables for key in tables[name]}
    lines = text.split("\n")
    starts = sorted(found.items(), key=lambda item: item[1])
    for (path, start), end in zip(starts, [line for _, line in starts[1:]] + [len(lines) + 1], strict=True):
        statement = tomllib.loads("\n".join(lines[start - 1 : end - 1]))
        name, *key = map(str, path)
        assert statement == ({key[0]: tables[name][key[0]]} if key else {name: {}})
