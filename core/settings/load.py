"""Loads the configuration: the command line over the environment, .env, the user's and the project's config.toml."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigValidationError
from core.kinds import FindingSeverity
from core.settings.checking import check
from core.settings.place_checks import LIMIT_SECONDS, place_findings
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.finding import Finding
from core.settings.schema.origin import Origin, SourcedValue
from core.settings.schema.profiles import PROFILES
from core.settings.schema.sections import Settings
from core.settings.sources.keyring_key import KeyringAnswer, ask_keyring, key_from_keyring
from core.settings.sources.reading import SourceFile, SourceReading
from core.settings.sources.toml import read_toml
from core.settings.sources.variables import read_dotenv, read_environment, read_overrides
from core.settings.trust.folder import (
    drop_untrusted,
    fingerprint,
    servers_elsewhere,
    trust_file,
    trusted_servers,
    unread,
)
from core.settings.trust.keys import secrets_in
from core.settings.warning_rules import warnings_about
from core.system.path_state import output_folder_around
from core.text.redaction import register_secret


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and all that is to be said of them; where there are errors the settings hold defaults.

    `named_by_folder` holds the servers elsewhere that files of this folder name, each with its place.
    """

    settings: Settings
    findings: tuple[Finding, ...]
    named_by_folder: Mapping[str, str]

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the errors, each as one sentence."""
        return sentences(self.findings, "error")


def load_config(
    *,
    overrides: Mapping[str, object] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user_config: Path | None = None,
    keyring: Callable[[str], KeyringAnswer] = ask_keyring,
) -> Settings:
    """Return the checked settings; raises ConfigValidationError that lists every problem at once.

    `overrides` are the options of the command line by dotted name ("llm.model"). `cwd` is the project's folder,
    `env` replaces os.environ, `user_config` the config.toml of the user's configuration folder, `keyring` the keyring
    of the operating system.
    """
    found = examine_config(overrides=overrides, cwd=cwd, env=env, user_config=user_config, keyring=keyring)
    if found.problems:
        raise ConfigValidationError(found.problems)
    return found.settings


def examine_config(
    *,
    overrides: Mapping[str, object] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user_config: Path | None = None,
    keyring: Callable[[str], KeyringAnswer] = ask_keyring,
    limit_seconds: float = LIMIT_SECONDS,
    trust_files: bool = False,
) -> Configuration:
    """Return what `load_config` returns or raises, and the warnings in either case.

    `limit_seconds` is how long the disks may take that the settings name. With `trust_files` the files of this folder are
    read even if Quintet made it and the user has not said that they count.
    """
    folder = _current_folder() if cwd is None else cwd
    user_file = user_config_file() if user_config is None else user_config

    # 1. Every source, the one with the lowest precedence first. Files that a model may have written are none.
    trusted = trusted_servers(folder, trust_file())
    maker = output_folder_around(folder)
    if maker is None or trust_files or fingerprint(folder) in trusted:
        project = read_toml(SourceFile(folder / "config.toml", "config.toml", "project"))
        dotenv = read_dotenv(SourceFile(folder / ".env", ".env", "dotenv"))
    else:
        project, dotenv = unread(folder, maker), SourceReading()
    readings = [
        project,
        read_toml(SourceFile(user_file, shorten_home(user_file), "user")),
        dotenv,
        read_environment(os.environ if env is None else env),
        read_overrides(overrides or {}),
    ]
    # 2. Keys are masked before anything is said about them; also one that another source overrules.
    for reading in readings:
        _mask_secrets(reading)
    # 3. What a stranger's file may not decide is taken out.
    named = {server: place for reading in readings for server, place in servers_elsewhere(reading.values)}
    for reading in readings:
        drop_untrusted(reading, folder, trusted)
    # 4. What is merged later wins, setting by setting; the profile and the keyring follow from what was chosen.
    chosen: dict[str, SourcedValue] = {}
    for reading in readings:
        chosen |= reading.values
    chosen = profile_values(chosen) | chosen
    keyring_reading = key_from_keyring(chosen, keyring)
    _mask_secrets(keyring_reading)
    chosen |= keyring_reading.values
    # 5. The values are checked; the settings know where each of them stood.
    settings, problems = check(chosen, folder)
    settings._origins = {name: found.origin for name, found in chosen.items()}
    settings._trusted = trusted
    # 6. Everything that is to be said.
    readings.append(keyring_reading)
    said = [finding for reading in readings for finding in reading.findings]
    refused = {name for problem in problems for name in problem.setting.split(", ")}
    places = place_findings(settings, chosen, only=setting_fields().keys() - refused, limit_seconds=limit_seconds)
    said += [*problems, *warnings_about(settings, readings), *places]
    findings = tuple(finding.printable() for finding in said)
    settings._warnings = sentences(findings, "warning")
    return Configuration(settings, findings, named)


def sentences(findings: Iterable[Finding], severity: FindingSeverity) -> tuple[str, ...]:
    """Return the findings of one severity, each as one sentence."""
    return tuple(str(finding) for finding in findings if finding.severity == severity)


def profile_values(chosen: Mapping[str, SourcedValue]) -> dict[str, SourcedValue]:
    """Return what the chosen profile sets; nothing if none, or none of ours, was chosen."""
    wanted = str(chosen["profile"].value).strip().lower() if "profile" in chosen else ""
    values = next((values for name, values in PROFILES.items() if name == wanted), {})
    origin = Origin("profile", f"profile {wanted}")
    return {name: SourcedValue(name, value, origin) for name, value in values.items()}


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


def _mask_secrets(reading: SourceReading) -> None:
    for found in reading.values.values():
        for secret in secrets_in(found):
            register_secret(secret)
            register_secret(secret.strip())
