"""The certificates that are trusted: those of the system, or the ones that the user's environment names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.errors import UsageError
from core.text.sanitize import printable_line

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_SHOWN_CHARS = 200
UNREAD_VARIABLES = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)  # of other programs and of exporters; users take them for ours


def trusting_context() -> SSLContext:
    """Return what connections to https servers are checked with.

    Raises:
        UsageError: a variable of the environment stands in the way; the message names it.
    """
    import ssl

    import httpx2

    check_trust()
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as wrong:  # ssl.SSLError is an OSError
        key_log = os.environ.get("SSLKEYLOGFILE")
        if key_log and not isinstance(wrong, ssl.SSLError):
            raise _unusable("SSLKEYLOGFILE", key_log, f"cannot be written ({_reason(wrong)})", "") from None
        hint = "check the certificates of this system and the variables SSL_CERT_FILE, SSL_CERT_DIR and OPENSSL_CONF"
        raise UsageError(f"the trusted certificates cannot be loaded ({_reason(wrong)})", hint=hint) from None


def check_trust() -> None:
    """Check what the environment names as trusted; raises UsageError as `trusting_context`, which also loads it."""
    if file := os.environ.get("SSL_CERT_FILE"):
        _check_file("SSL_CERT_FILE", file)
    elif folders := os.environ.get("SSL_CERT_DIR"):
        _check_folders(folders)


def bundle_of_requests() -> str | None:
    """Return the file or folder of certificates for a program that uses requests: ours, or one that requests reads itself.

    Raises:
        UsageError: what a variable of the environment names cannot be used.
    """
    check_trust()
    if file := os.environ.get("SSL_CERT_FILE"):
        return file
    name = next((name for name in UNREAD_VARIABLES if os.environ.get(name)), None)
    if name is None:
        return None
    path = os.environ[name]
    if not os.path.isdir(path):  # noqa: PTH112 - as below
        _check_file(name, path)
    return path


def trust_hint(host: str) -> str:
    """Return how a user makes a certificate trusted."""
    for name in UNREAD_VARIABLES:
        if os.environ.get(name) and not os.environ.get("SSL_CERT_FILE"):
            return f"{name} is not read here: set SSL_CERT_FILE to the same file"
    return f"set SSL_CERT_FILE to a PEM file with the certificate of {host} or of who signed it"


def _check_file(variable: str, path: str) -> None:
    import ssl

    remedy = "set it to a file of certificates in PEM form"
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir this is False where we may not look
        raise _unusable(variable, path, "is a folder", f"{remedy}, or name the folder in SSL_CERT_DIR")
    try:
        with open(path, "rb"):  # noqa: PTH123 - as above; OpenSSL says less about why it cannot
            pass
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise _unusable(variable, path, "holds no certificate in PEM form", remedy) from None
    except (OSError, ValueError) as wrong:
        raise _unusable(variable, path, f"cannot be read ({_reason(wrong)})", remedy) from None


def _check_folders(paths: str) -> None:
    reasons = []
    for path in filter(None, paths.split(os.pathsep)):
        try:
            os.listdir(path)  # noqa: PTH208 - as above
        except OSError as wrong:
            reasons.append(_reason(wrong))
        else:
            return
    reason = ", ".join(dict.fromkeys(reasons)) or "it names none"
    remedy = "set it to a folder of certificates that `openssl rehash` has prepared"
    raise _unusable("SSL_CERT_DIR", paths, f"is no folder that can be read ({reason})", remedy)


def _unusable(variable: str, value: str, problem: str, remedy: str) -> UsageError:
    shown = printable_line(value, MAX_SHOWN_CHARS)
    return UsageError(f"{variable}={shown} {problem}", hint=f"{remedy}, or unset it" if remedy else "unset it")


def _reason(wrong: Exception) -> str:
    return printable_line(getattr(wrong, "strerror", None) or str(wrong), MAX_SHOWN_CHARS)
