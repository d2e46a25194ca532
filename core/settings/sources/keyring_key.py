"""A server's key from the keyring of the operating system; needs quintet[keyring]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from core.addresses import is_loopback, server_of
from core.settings.schema.origin import Origin, SourcedValue
from core.settings.sources.reading import SourceReading

SERVICE = "quintet"
LIMIT_SECONDS = 2.0  # a locked keyring opens a dialogue, which may be on no screen


@dataclass(frozen=True, slots=True)
class KeyringAnswer:
    """The key of a host, or None; `warning` says why the keyring could not be asked."""

    key: str | None = None
    warning: str = ""


def may_hold_key(chosen: Mapping[str, SourcedValue]) -> bool:
    """Tell whether the keyring may hold the key: for a server elsewhere whose address and key no project's file names.

    What stands in the environment, in .env or on the command line wins; the user's config.toml does not.
    """
    address, key = chosen.get("llm.base_url"), chosen.get("llm.api_key")
    if address is None or not isinstance(address.value, str) or not server_of(address.value):
        return False
    if address.origin.in_project or is_loopback(address.value):
        return False
    return key is None or key.origin.kind in {"project", "user"}


def ask_keyring(host: str, limit_seconds: float = LIMIT_SECONDS) -> KeyringAnswer:
    """Return the password of service "quintet" and the account that is named like the host."""
    if find_spec("keyring") is None:
        return KeyringAnswer()
    answers: list[KeyringAnswer] = []
    # A daemon: a keyring that hangs must not hold the exit.
    asking = threading.Thread(target=lambda: answers.append(_ask(host)), name="keyring", daemon=True)
    asking.start()
    asking.join(limit_seconds)
    late = KeyringAnswer(warning=f"the keyring did not answer within {limit_seconds:g} s: no key of it is used")
    return answers[0] if answers else late


def key_from_keyring(chosen: Mapping[str, SourcedValue], ask: Callable[[str], KeyringAnswer]) -> SourceReading:
    """Return the key for the configured server, if there is one and the keyring may be asked for it."""
    reading = SourceReading()
    if not may_hold_key(chosen):
        return reading
    host = urlsplit(str(chosen["llm.base_url"].value).strip()).hostname or ""
    answer = ask(host)
    if answer.key is not None:
        reading.add("llm.api_key", answer.key, Origin("keyring", f"keyring {SERVICE} {host}"))
    elif answer.warning:
        reading.warn(answer.warning, setting="llm.api_key", source=f"keyring {SERVICE} {host}")
    return reading


def _ask(host: str) -> KeyringAnswer:
    try:
        import keyring
        from keyring.errors import NoKeyringError

        try:
            return KeyringAnswer(keyring.get_password(SERVICE, host) or None)
        except NoKeyringError:
            return KeyringAnswer()
    except BaseException as error:  # noqa: BLE001 - each system's keyring raises its own, and the thread must answer
        return KeyringAnswer(warning=f"the keyring cannot be read ({type(error).__name__}): no key of it is used")
