"""Which proxy of the environment stands before a server, and what is said of one that cannot be used."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.network import proxy as module
from core.network.proxy import proxy_before

REMOTE = "https://llm.example.org/v1"


def _set(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("address", "variables", "shown"),
    [
        (REMOTE, {}, None),
        (REMOTE, {"HTTPS_PROXY": "http://10.0.0.1:3128"}, "HTTPS_PROXY=http://10.0.0.1:3128"),
        (REMOTE, {"https_proxy": "10.0.0.1:3128"}, "https_proxy=http://10.0.0.1:3128"),
        (REMOTE, {"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "https_proxy=http://a:1"),
        (REMOTE, {"https_proxy": "", "HTTPS_PROXY": "http://b:1"}, None),
        (REMOTE, {"HTTP_PROXY": "nonsense://x"}, None),
        (REMOTE, {"ALL_PROXY": "http://a:1"}, "ALL_PROXY=http://a:1"),
        (REMOTE, {"all_proxy": "http://a:1", "https_proxy": "http://b:1"}, "https_proxy=http://b:1"),
        ("http://llm.example.org/v1", {"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "x://"}, "HTTP_PROXY=http://a:1"),
        (REMOTE, {"HTTPS_PROXY": "http://me:pw@a:1"}, "HTTPS_PROXY=http://***@a:1"),
        (REMOTE, {"HTTPS_PROXY": "http://me:p@ss@a:1"}, "HTTPS_PROXY=http://***@a:1"),
        # this machine never needs one, however broken it is
        *[
            (address, {"ALL_PROXY": "socks5://a:1", "HTTP_PROXY": "x://", "HTTPS_PROXY": ":::"}, None)
            for address in ("http://127.0.0.1:8080/v1", "http://localhost/v1", "https://[::1]:8443/v1", "http://0.0.0.0:1/v1")
        ],
        # nor do those that NO_PROXY names
        *[
            (address, {"ALL_PROXY": "socks4://a:1", "NO_PROXY": excepted}, None)
            for address, excepted in (
                (REMOTE, "*"),
                (REMOTE, "llm.example.org"),
                (REMOTE, " other.net , LLM.Example.ORG "),
                (REMOTE, "example.org"),
                (REMOTE, ".example.org"),
                (REMOTE, "*.example.org"),
                (REMOTE, "https://llm.example.org"),
                ("https://llm.example.org:8443/v1", "llm.example.org:8443"),
                ("http://192.168.1.7:8000/v1", "192.168.1.7"),
                ("http://192.168.1.7:8000/v1", "192.168.0.0/16"),
                ("http://[fd00::7]:8000/v1", "fd00::/8"),
                ("http://[fd00::7]:8000/v1", "[fd00::7]"),
            )
        ],
        (REMOTE, {"ALL_PROXY": "http://a:1", "NO_PROXY": "ample.org,example.org:1,10.0.0.0/8,,x/y"}, "ALL_PROXY=http://a:1"),
    ],
)  # fmt: skip
def test_the_variable_that_counts_for_an_address_is_found(
    monkeypatch: pytest.MonkeyPatch, address: str, variables: dict[str, str], shown: str | None
) -> None:
    _set(monkeypatch, variables)

    proxy = proxy_before(address)

    assert (None if proxy is None else str(proxy)) == shown


@pytest.mark.parametrize(
    ("value", "problem", "remedy"),
    [
        ("socks5://me:swordfish@10.0.0.1:1080", "needs the package socksio", "pip install socksio"),
        ("socks5h://10.0.0.1:1080", "needs the package socksio", "pip install socksio"),
        ("socks4://10.0.0.1:1080", "has the scheme 'socks4'", "socks5://"),
        ("socks://10.0.0.1:1080/", "has the scheme 'socks'", "socks5://"),
        ("ftp://10.0.0.1", "has the scheme 'ftp'", "http://"),
        ("http://10.0.0.1:99999", "Port out of range", "http://127.0.0.1:3128"),
        ("10.0.0.1:31x8", "is no address", "http://127.0.0.1:3128"),
        ("http://:3128", "names no host", "http://127.0.0.1:3128"),
        ("://", "has the scheme ''", "http://"),
        ("http://[::1:3128", "is no address", "http://127.0.0.1:3128"),
        ("http://my proxy:1", "characters that no address has", "http://127.0.0.1:3128"),
        ("http://pröxy:1", "characters that no address has", "http://127.0.0.1:3128"),
        ("http://me:swordfish@a\nb:1", "characters that no address has", "http://127.0.0.1:3128"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used_is_named_with_its_remedy_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str, remedy: str
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    monkeypatch.setenv(variable, value)

    with pytest.raises(UsageError) as raised:
        proxy_before(REMOTE)

    assert raised.value.message.startswith(f"{variable}=")
    assert problem in raised.value.message
    assert remedy in raised.value.hint
    assert f"unset {variable}, or add llm.example.org to NO_PROXY" in raised.value.hint
    assert "swordfish" not in str(raised.value)
    assert str(raised.value).isprintable()


def test_with_its_package_a_socks_proxy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setenv("ALL_PROXY", "socks5://10.0.0.1:1080")

    assert str(proxy_before(REMOTE)) == "ALL_PROXY=socks5://10.0.0.1:1080"
