"""What the user's environment says about certificates and headers, and what is said of a variable that stands in the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from core.errors import UsageError
from core.llm.endpoint import make_endpoint
from core.llm.http.client import load_sdk, make_client
from tests.support.tls_server import new_authority

REMOTE = "https://llm.example.org/v1"
OPENAI = "https://api.openai.com/v1"


def client_of(base_url: str) -> AsyncOpenAI:
    return make_client(make_endpoint(base_url, "m"), load_sdk(base_url), 1, lambda: lambda _succeeded: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "empty").write_text("")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "broken").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("SSL_CERT_FILE", "missing", "cannot be read (No such file or directory)"),
        ("SSL_CERT_FILE", "text/below", "cannot be read (Not a directory)"),
        ("SSL_CERT_FILE", "folder", "is a folder"),
        ("SSL_CERT_FILE", "text", "holds no certificate in PEM form"),
        ("SSL_CERT_FILE", "empty", "holds no certificate in PEM form"),
        ("SSL_CERT_FILE", "binary", "holds no certificate in PEM form"),
        ("SSL_CERT_FILE", "broken", "holds no certificate in PEM form"),
        ("SSL_CERT_DIR", "missing", "is no folder that can be read (No such file or directory)"),
        ("SSL_CERT_DIR", "text", "is no folder that can be read (Not a directory)"),
    ],
)
def test_certificates_that_cannot_be_loaded_are_a_mistake_of_the_variable_that_names_them(
    monkeypatch: pytest.MonkeyPatch, folder: Path, variable: str, value: str, problem: str
) -> None:
    path = str(folder / value)
    monkeypatch.setenv(variable, path)

    with pytest.raises(UsageError) as raised:
        load_sdk(REMOTE)

    assert f"{variable}=" in raised.value.message
    assert raised.value.message.endswith(problem)
    assert "unset it" in raised.value.hint
    load_sdk("http://127.0.0.1:8080/v1")  # needs none


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
def test_a_log_of_keys_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(new_authority(tmp_path).file))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys"))

    with pytest.raises(UsageError, match=r"SSLKEYLOGFILE=.*cannot be written \(No such file or directory\) - unset it"):
        load_sdk(REMOTE)


def test_of_several_folders_one_is_enough(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere:{folder / 'folder'}")

    load_sdk(REMOTE)


@pytest.mark.parametrize("value", ["org\nX-Evil: 1", "örg", "a\tb"])
@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID"])
def test_a_name_that_no_header_can_carry_is_told_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError, match=f"{name}=.* holds characters that no header can carry"):
        client_of(OPENAI)
    client_of(REMOTE)  # is not told of it


def test_headers_for_the_sdk_are_sent_where_they_are_meant_for_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: one\nX-Token: secret-value")

    def headers(base_url: str) -> str:
        return str(client_of(base_url).default_headers)

    assert "secret-value" in headers(OPENAI)
    assert "secret-value" not in headers(REMOTE)
    monkeypatch.setenv("OPENAI_BASE_URL", REMOTE)
    assert "secret-value" in headers(REMOTE)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: \u00f6ne")
    with pytest.raises(UsageError, match=r"OPENAI_CUSTOM_HEADERS=\*\*\* holds"):
        headers(REMOTE)


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENAI_BASE_URL": "ftp://x", "OPENAI_API_KEY": "k\n", "OPENAI_ADMIN_KEY": "\n", "OPENAI_WEBHOOK_SECRET": "ö"},
        {"OPENAI_LOG": "loud", "OPENAI_API_TYPE": "mars", "OPENAI_API_VERSION": "\n"},
    ],
)
def test_other_variables_of_the_sdk_break_nothing(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    for base_url in (OPENAI, REMOTE, "http://127.0.0.1:1/v1"):
        assert str(client_of(base_url).base_url) == f"{base_url}/"
