"""Addresses as users write them, and what follows from an address or a model's name."""

from __future__ import annotations

import pytest

from core.addresses import is_loopback, needs_no_proxy
from core.errors import UsageError
from core.llm.endpoint import configured_endpoint, make_endpoint, normalise_base_url
from core.settings import LLMSettings, Settings


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        (" http://localhost:11434 ", "http://localhost:11434/v1"),
        ("localhost:1234", "http://localhost:1234/v1"),
        ("192.168.1.7:8000/v1", "http://192.168.1.7:8000/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("api.example.org/v1", "https://api.example.org/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://example.org/openai/deployments/x", "https://example.org/openai/deployments/x"),
        ("http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:8080/v1"),
    ],
)
def test_an_address_is_read_as_it_was_meant(written: str, url: str) -> None:
    assert normalise_base_url(written) == url


@pytest.mark.parametrize(
    "written",
    ["", "  ", "ftp://x/v1", "http://", "http://host:port/v1", "http://a b/v1", "http://[::1/v1", "http://x/v1?key=1", "http://x:99999"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageError) as refused:
        normalise_base_url(written)

    assert "http://127.0.0.1:8080/v1" in str(refused.value)


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        normalise_base_url("ftp://user:hunter2@host/v1")

    assert "hunter2" not in str(refused.value)
    assert make_endpoint("http://user:hunter2@host/v1", "m").host == "host"


@pytest.mark.parametrize(
    ("url", "kind", "loopback"),
    [
        ("http://127.0.0.1:1/v1", "local", True),
        ("http://127.8.8.8:1/v1", "local", True),
        ("http://[::1]:1/v1", "local", True),
        ("http://localhost:1/v1", "local", True),
        ("http://192.168.0.4:1/v1", "local", False),
        ("http://10.1.2.3/v1", "local", False),
        ("http://ollama:11434/v1", "local", False),
        ("http://gpu.local/v1", "local", False),
        ("http://host.docker.internal/v1", "local", False),
        ("https://api.openai.com/v1", "remote", False),
        ("http://8.8.8.8/v1", "remote", False),
        ("http://localhost.example.org/v1", "remote", False),
    ],
)
def test_local_is_this_machine_and_its_network(url: str, kind: str, loopback: bool) -> None:
    assert make_endpoint(url, "m").kind == kind
    assert is_loopback(url) is loopback
    assert needs_no_proxy(url) is loopback


@pytest.mark.parametrize("url", ["http://0.0.0.0:8080/v1", "http://[::]:8080/v1", "http://model.localhost/v1"])
def test_what_is_meant_for_this_machine_passes_no_proxy_but_gets_no_key_of_its_own_accord(url: str) -> None:
    assert needs_no_proxy(url)
    assert not is_loopback(url)


def test_the_key_is_in_no_representation() -> None:
    endpoint = make_endpoint("localhost:1", "m", api_key=" sk-secret \n")

    assert endpoint.api_key == "sk-secret"
    assert "sk-secret" not in f"{endpoint!r} {endpoint} {endpoint.breaker_name}"


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "a\x00b"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_endpoint("localhost:1", "m", api_key=key)

    assert key not in str(refused.value)


def test_the_settings_name_the_endpoint() -> None:
    assert configured_endpoint(Settings()) is None
    named = configured_endpoint(Settings(llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="m")))
    with_key = configured_endpoint(Settings(llm=LLMSettings(api_key="sk-1", model="m")))
    assert named is not None
    assert with_key is not None
    assert (named.base_url, named.kind) == ("http://127.0.0.1:9/v1", "local")
    assert (with_key.base_url, with_key.api_key) == ("https://api.openai.com/v1", "sk-1")
