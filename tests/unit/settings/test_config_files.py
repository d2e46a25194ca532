"""The files that people read about the settings are what the settings say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from core.settings import Settings, load_config
from core.settings.document import DOCUMENTS
from core.settings.schema.catalogue import setting_fields, table_settings
from core.settings.trust.folder import trust, trust_file
from tests.support.repository import ROOT


def load(folder: Path) -> Settings:
    return load_config(cwd=folder, env={}, user_config=folder / "none.toml")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_file_in_the_repository_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == DOCUMENTS[name](), "run python -m core.settings.document"


@pytest.mark.parametrize("name", ["config.toml", ".env.example"])
def test_the_sample_as_shipped_loads_to_the_defaults(name: str, tmp_path: Path) -> None:
    defaults = load(tmp_path)
    (tmp_path / name.removesuffix(".example")).write_text(DOCUMENTS[name]())

    settings = load(tmp_path)

    assert settings.model_dump() == defaults.model_dump()
    assert settings.warnings == ()


@pytest.mark.parametrize("name", ["config.toml", ".env.example"])
def test_the_sample_with_every_line_switched_on_names_every_setting(name: str, tmp_path: Path) -> None:
    defaults = load(tmp_path)
    switched_on = re.sub(r"(?m)^# (?=\w+ ?=|\[)", "", DOCUMENTS[name]())
    (tmp_path / name.removesuffix(".example")).write_text(switched_on)
    (Path.home() / "my-prompts" / "agents").mkdir(parents=True)
    trust(tmp_path, ["https://sentry.example:443", "datadog"], trust_file())

    settings = load(tmp_path)

    for setting in setting_fields().values():
        if name == ".env.example" and not setting.env:
            continue
        assert settings.origin_of(setting.name).in_project, f"{setting.name} is missing in {name}"
        if setting.default == setting.example:
            assert settings.value_of(setting.name) == defaults.value_of(setting.name)
    if name == "config.toml":
        tables = (*settings.llm.fallbacks, *settings.pricing.values(), *settings.alerts)
        assert {type(table) for table in tables} == {table.model for table in table_settings().values()}


def test_the_env_example_uses_the_documented_names() -> None:
    switched_on = re.sub(r"(?m)^# (?=\w+=)", "", DOCUMENTS[".env.example"]())
    names = re.findall(r"(?m)^(\w+)=", switched_on)

    assert names == [setting.env[0] for setting in setting_fields().values() if setting.env]


def test_every_setting_and_every_environment_name_is_in_the_documentation() -> None:
    text = DOCUMENTS["docs/CONFIGURATION.md"]()

    for setting in setting_fields().values():
        first = f"`{setting.env[0]}`" if setting.env else ""
        assert f"| `{setting.field}` | {first}" in text
        assert setting.description in text
        assert all(f"`{name}`" in text for name in setting.env)


def test_no_sample_holds_a_value_that_would_count(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(DOCUMENTS[".env.example"]())

    assert dotenv_values(tmp_path / "env") == {}
