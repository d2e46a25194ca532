"""Loads the configuration: the command line over the environment, .env, the user's and the project's config.toml."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from core.errors import ConfigValidationError
from core.settings.checking import check
from core.settings.flat_sources import read_dotenv, read_environment, read_overrides
from core.settings.key_binding import is_loopback, key_for_endpoint
from core.settings.leaves import all_leaves
from core.settings.origin import Given
from core.settings.reading import Reading, SourceFile
from core.settings.redaction import register_secret
from core.settings.sections import Settings
from core.settings.toml_source import read_toml


def load_config(
    *,
    overrides: Mapping[str, object] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user_config: Path | None = None,
) -> Settings:
    """Return the checked settings; raises ConfigValidationError that lists every problem at once.

    `overrides` are the options of the command line by dotted name ("llm.model"). `cwd` is the project's folder,
    `env` replaces os.environ, `user_config` the config.toml of the user's configuration folder.
    """
    folder = _current_folder() if cwd is None else cwd
    environment = os.environ if env is None else env
    user_file = user_config_file() if user_config is None else user_config
    # Lowest precedence first: what is merged later wins, setting by setting.
    readings = [
        read_toml(SourceFile(folder / "config.toml", "config.toml", "project")),
        read_toml(SourceFile(user_file, shorten_home(user_file), "user")),
        read_dotenv(SourceFile(folder / ".env", ".env", "dotenv")),
        read_environment(environment),
        read_overrides(overrides or {}),
    ]
    _register_secrets(readings)
    merged: dict[str, Given] = {}
    for reading in readings:
        merged |= reading.values
    settings, problems = check(merged, folder)
    problems = [problem for reading in readings for problem in reading.problems] + problems
    if problems:
        # `from None`: the cause would carry the values, and with them a key, into a traceback.
        raise ConfigValidationError(tuple(problems)) from None
    settings._origins = {name: given.origin for name, given in merged.items()}
    settings._warnings = tuple(warning for reading in readings for warning in reading.warnings)
    settings._warnings += tuple(_doubts(settings, readings))
    return settings


def user_config_file() -> Path:
    """Return the path of the user's config.toml, whether it exists or not."""
    from platformdirs import user_config_path

    return user_config_path("quintet", appauthor=False) / "config.toml"


def shorten_home(path: Path) -> str:
    """Return a path for people: the home folder as ~."""
    try:
        return f"~{os.sep}{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        problem = "the current folder does not exist any more - change to one that does"
        raise ConfigValidationError((problem,)) from None


def _register_secrets(readings: list[Reading]) -> None:
    """Mask every key that was found, also one that another source overrules."""
    for leaf in all_leaves().values():
        for reading in readings if leaf.secret else ():
            given = reading.values.get(leaf.name)
            if given is not None:
                value = given.value.get_secret_value() if isinstance(given.value, SecretStr) else str(given.value)
                register_secret(value)
                register_secret(value.strip())


def _doubts(settings: Settings, readings: list[Reading]) -> Iterator[str]:
    """Return what is allowed but probably not meant."""
    key, held_back = key_for_endpoint(settings)
    if held_back:
        yield held_back
    base_url = settings.llm.base_url
    if key and base_url and base_url.startswith("http://") and not is_loopback(base_url):
        yield f"the key goes to {base_url} unencrypted ({settings.source_of('llm.base_url')}) - use https if it can"
    if settings.llm.max_retries == 0:
        yield f"llm.max_retries is 0 ({settings.source_of('llm.max_retries')}): one hiccup of the server ends a call"
    for reading in readings:
        given = reading.values.get("llm.api_key")
        if given and given.origin.file and _readable_by_others(given.origin.file):
            yield f"{given.origin.file} holds a key and other users can read it - chmod 600 {given.origin.file}"


def _readable_by_others(path: Path) -> bool:
    if os.name != "posix":
        return False
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
