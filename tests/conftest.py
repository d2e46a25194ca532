"""Keeps the developer's own machine and other tests' secrets out of every test, and chooses how many examples are tried."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.llm.http import pool
from core.settings.schema.catalogue import field_by_variable
from core.text import redaction
from tests.support.hypothesis_profiles import register_profiles

register_profiles()

# Each worker would compile all tests anew, and each program that a test starts all of ours, where the environment says so.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Programs that are started heed signals that are ignored where they start, as `nohup` does it; tests send them nonetheless.
# A handler, unlike the default, ends nothing here, and is no more than the default in the programs.
for _name in ("SIGHUP", "SIGINT", "SIGTERM"):
    _signal = getattr(signal, _name, None)
    if _signal is not None and signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, lambda *_: None)

FEW_FILES = 20
MOST_WORKERS = 4  # each holds the whole app, and some tests start processes of their own

_FOREIGN = ("LLM_", "OPENAI_", "TEXTUAL", "QUINTET_", "OTEL_", "SENTRY_", "DATADOG_", "DD_", "LANGSMITH_", "LANGCHAIN_")
_FOREIGN_NAMES = frozenset({
    "NO_COLOR", "FORCE_COLOR", "COLORTERM",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    *field_by_variable(),
})  # fmt: skip


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(_FOREIGN) or name.upper() in _FOREIGN_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())


@pytest.fixture(autouse=True)
def _own_pool_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_ended", pool._Counts())


@pytest.fixture(scope="session")
def _new_homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Numbered here: pytest looks through all the folders there are, thousands, for the next number.
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, _new_homes: Iterator[Path]) -> Path:
    home = next(_new_homes)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name, folder in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"),
    ):
        monkeypatch.setenv(name, str(home / folder))
    return home


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many workers `-n auto` means: none for a few files, which take less time than workers need to start."""
    folders = [Path(argument) for argument in config.args]
    files = sum(1 for folder in folders if folder.is_dir() for _ in folder.rglob("test_*.py"))
    cores = os.cpu_count() or 1
    # Two a core: half of the time is spent on waiting for programs, servers and screens.
    return min(2 * cores, MOST_WORKERS) if cores > 1 and files > FEW_FILES else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no two embedded models run at once: with several workers, all that need one go to the same."""
    for item in items:
        if item.get_closest_marker("embedded"):
            item.add_marker(pytest.mark.xdist_group("embedded"))
