"""Redaction: what has the form of a key is masked wherever it stands, what is an ordinary word nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.redaction import (
    MASK,
    can_be_masked,
    cover,
    mask_keys,
    redact,
    register_secret,
    split_before_begun_secret,
)

KEYS = (
    "sk-abcdefgh1234",
    "sk-proj-abc_DEF-0123456789",
    "sk-abc*********************xyz",
    "sk_live_0123456789abcdefghij",
    "pk_test_0123456789abcdefghij",
    "gsk_0123456789abcdefghijKLMN",
    "xai-0123456789abcdefghijKLMN",
    "hf_abcdefghijklmnopqrstuvwxyz",
)
NO_KEYS = (
    "ask-for-more-than-twelve",
    "hf_hub_download_to_a_folder",
    "pk_customer_orders_2_index_of_all",
    "sk-short",
    "xai-like",
    "task-0123456789abcdef",
)


@pytest.mark.parametrize("key", KEYS)
def test_the_key_of_a_provider_is_masked_in_messages_and_covered_in_streams(key: str) -> None:
    assert mask_keys(f"bad key ({key}), sorry") == f"bad key ({MASK}), sorry"
    assert redact(key) == MASK
    assert cover(f"<{key}>") == f"<{'*' * len(key)}>"


@pytest.mark.parametrize("word", NO_KEYS)
def test_a_word_that_only_begins_like_a_key_stays(word: str) -> None:
    assert (mask_keys(word), redact(word), cover(word)) == (word, word, word)


@given(key=st.sampled_from(KEYS), cut=st.integers(1, 40))
def test_a_key_of_any_form_is_covered_however_it_is_cut(key: str, cut: int) -> None:
    written, rest = split_before_begun_secret(f"a {key[:cut]}")
    further, held = split_before_begun_secret(f"{rest}{key[cut:]} b")

    assert written + further + cover(held) == f"a {'*' * len(key)} b"


@pytest.mark.parametrize("value", ["", "a", "no", "12345", "ollama", "OLLAMA", "lm-studio", "not-needed"])
def test_what_is_too_short_or_stands_for_no_key_is_no_secret(value: str) -> None:
    text = "a note from ollama, OLLAMA and lm-studio: 12345 is not-needed"
    register_secret(value)

    assert not can_be_masked(value)
    assert (redact(text), cover(text), mask_keys(text, value)) == (text, text, text)


@pytest.mark.parametrize("written", ["p/w+six", "p%2Fw%2Bsix", "p/w%2Bsix"])
def test_a_key_that_is_given_is_masked_however_an_address_writes_it(written: str) -> None:
    assert mask_keys(f"no {written}!", "p/w+six") == f"no {MASK}!"
