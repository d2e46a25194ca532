"""What a setting is made of besides its type: its environment names, and the checks that several settings share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from core.addresses import checked_base_url, checked_key
from core.log_levels import understood_level

CONFIG = SettingsConfigDict(
    frozen=True,
    extra="forbid",
    validate_default=True,
    use_attribute_docstrings=True,
    hide_input_in_errors=True,
    allow_inf_nan=False,
    protected_namespaces=(),
)


# Not an attribute of a class: two threads may load two projects.
_folder: ContextVar[Path] = ContextVar("folder of relative paths", default=Path())


@contextmanager
def relative_to(folder: Path) -> Iterator[None]:
    """Let relative paths start at a folder in all settings that are made inside; elsewhere they stay relative."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


TakesEffect = Literal["at once", "from the next run", "from the next start"]
"""When a setting takes effect after it was saved; the engine keeps most of those that it was started with."""


class Env:
    """The environment names of a setting; the first is the documented one, the others are read when it is not set.

    `allowed` replaces the range that is worked out of the type, where the type says too little.
    """

    __slots__ = ("allowed", "names", "takes_effect")

    def __init__(self, *names: str, allowed: str = "", takes_effect: TakesEffect = "from the next start") -> None:
        self.names = names
        self.allowed = allowed
        self.takes_effect = takes_effect


class CrossFieldError(ValueError):
    """Two or more settings of a section do not go together; `fields` names them."""

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


def _no_bool(value: object) -> object:
    # Python takes True for 1; a user who writes `max_retries = true` means something else.
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not true or false")  # noqa: TRY004 - pydantic reports this one
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _level(value: object) -> object:
    if not isinstance(value, str):
        return value
    return understood_level(value)


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _no_empty(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise ValueError("must not be empty")
    if not stripped.isprintable():
        raise ValueError("contains characters that cannot be shown")
    return stripped


def _no_empty_path(value: object) -> object:
    # Path("") is the current folder, and nobody means that.
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


def _resolve_path(value: Path) -> Path:
    if "\0" in str(value):
        raise ValueError("must not contain a NUL character")
    try:
        expanded = value.expanduser()
    except RuntimeError:
        raise ValueError("the home folder behind ~ is not known") from None
    return _folder.get() / expanded


def _check_key(value: SecretStr) -> SecretStr:
    return SecretStr(checked_key(value.get_secret_value()))


def _check_dsn(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is no address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.username or len(parts.path) < 2:
        raise ValueError("must look like https://key@host/project")
    return SecretStr(text)


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool)]
Words = Annotated[str, AfterValidator(_no_empty)]
Names = Annotated[tuple[Words, ...], BeforeValidator(_split_list)]
FilePath = Annotated[Path, BeforeValidator(_no_empty_path), AfterValidator(_resolve_path)]
BaseUrl = Annotated[str, AfterValidator(checked_base_url)]
ApiKey = Annotated[SecretStr, AfterValidator(_check_key)]
Dsn = Annotated[SecretStr, AfterValidator(_check_dsn)]

AnyCase = BeforeValidator(_lower)
"""Put before a Literal of lower-case words."""

# LOG_LEVEL is a name that other programs read, too, and their levels must not keep Quintet from starting.
LevelName = BeforeValidator(_level)
"""Put before the Literal of the levels of the log."""
