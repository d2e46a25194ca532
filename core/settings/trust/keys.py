"""Keys: which values are some, and to which server each may go: a project's address gets no key of the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.addresses import OPENAI_BASE_URL, is_loopback, server_of
from core.settings.schema.catalogue import fields_of_table, setting_fields, table_settings
from core.settings.schema.origin import SourcedValue
from core.settings.schema.sections import Settings
from core.settings.schema.tables import FallbackSettings


class KeyDecision(NamedTuple):
    """The key that goes to a server, None for none; `warning` says why one is held back."""

    key: str | None
    warning: str | None = None


def secrets_in(found: SourcedValue) -> Iterator[str]:
    """Return the secrets that a value is or holds."""
    return _secrets(found.name.rpartition(".")[2], found.value)


def key_for_endpoint(settings: Settings) -> KeyDecision:
    """Decide which key to send to the configured server.

    An address in a project's config.toml or .env may be a stranger's. It is used with a key only if both stood in the
    same file, or the host is this machine, or the user trusts this folder to name it.
    """
    secret, base_url = settings.llm.api_key, settings.llm.base_url
    key = secret.get_secret_value() if secret else None
    if key is None or base_url is None:
        return KeyDecision(key)
    address_from = settings.origin_of("llm.base_url")
    key_from = settings.origin_of("llm.api_key")
    if not address_from.in_project or address_from.file == key_from.file:
        return KeyDecision(key)
    if is_loopback(base_url) or settings.trusts(base_url):
        return KeyDecision(key)
    warning = (
        f"no key is sent to {urlsplit(base_url).hostname}: the address is from a file of this folder "
        f"({address_from.place}), the key is not ({key_from.place}) - if you trust the address, run "
        f"`quintet config trust` here, or set LLM_BASE_URL={base_url} in your environment"
    )
    return KeyDecision(None, warning)


def key_for_fallback(settings: Settings, fallback: FallbackSettings) -> KeyDecision:
    """Decide which key to send to a fallback's server.

    A table's own key is for its own address. The key of [llm] goes to the server of [llm] only, and to this machine.
    """
    if fallback.api_key is not None:
        return KeyDecision(fallback.api_key.get_secret_value())
    if fallback.base_url is None or server_of(fallback.base_url) == server_of(settings.llm.base_url or OPENAI_BASE_URL):
        return key_for_endpoint(settings)
    secret = settings.llm.api_key
    if secret is None:
        return KeyDecision(None)
    if is_loopback(fallback.base_url):
        return KeyDecision(secret.get_secret_value())
    warning = (
        f"no key is sent to {urlsplit(fallback.base_url).hostname}: {settings.origin_of('llm.fallbacks').place} gives "
        f"{fallback.model} none, and the key of [llm] is for another server - if it needs one, add api_key there"
    )
    return KeyDecision(None, warning)


@cache
def _secret_fields() -> frozenset[str]:
    fields = [
        *setting_fields().values(),
        *(setting for tables in table_settings().values() for setting in fields_of_table(tables)),
    ]
    return frozenset(setting.field for setting in fields if setting.secret)


def _secrets(name: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(str(key), item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(name, item)
    elif name in _secret_fields():
        yield value.get_secret_value() if isinstance(value, SecretStr) else str(value)
