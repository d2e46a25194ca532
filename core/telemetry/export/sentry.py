"""Reports faults of our own to Sentry: where they happened, without texts of users and models."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from core.network.certificates import bundle_of_requests
from core.network.proxy import SOCKS_OF_REQUESTS, proxy_before
from core.text.redaction import redact_value

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

MAX_BREADCRUMBS = 20
MAX_DEPTH = 16  # of an event; its frames are eight levels down

logging.getLogger("sentry_sdk.errors").addHandler(logging.NullHandler())


class SentryReports:
    """A client apart from the global one of sentry_sdk; it installs no hooks and prints nothing.

    The text of an exception may quote an answer, so it is left out unless `with_texts`.

    Raises:
        ValueError: the DSN cannot be used.
        UsageError: a variable of the environment, such as a proxy, stands in the way.
    """

    def __init__(self, dsn: str, *, environment: str, version: str, with_texts: bool = False) -> None:
        self._with_texts = with_texts
        before = proxy_before(dsn, socks=SOCKS_OF_REQUESTS)
        proxy = before.url if before is not None else ""  # "" is none at all, None the environment's
        # send_default_pii stays unset, which means no: naming it at all is deprecated.
        self._client = sentry_sdk.Client(
            dsn,
            release=f"quintet@{version}",
            environment=environment,
            server_name="",
            # The default integrations send the command line, which holds the task, and print at the exit; those that
            # switch themselves on wrap the openai client, and would report faults of servers as ours.
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=MAX_BREADCRUMBS,
            before_send=self._cleaned,
            before_send_transaction=self._cleaned,
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            enable_metrics=False,
            debug=False,
            spotlight=False,
            ca_certs=bundle_of_requests() if dsn.startswith("https:") else None,
            http_proxy=proxy,
            https_proxy=proxy,
        )

    def report(self, error: BaseException) -> None:
        """Send a fault of our own; returns at once."""
        event, hint = event_from_exception(error, client_options=self._client.options)
        self._client.capture_event(event, hint=hint)

    def close(self) -> None:
        """Send what is waiting and end; blocks while the server is slow."""
        self._client.close()

    def _cleaned(self, event: Event, hint: Hint) -> Event | None:
        del hint
        plain: dict[str, Any] = dict(event)
        for exception in (plain.get("exception") or {}).get("values") or ():
            if not self._with_texts:
                exception.pop("value", None)
            for frame in (exception.get("stacktrace") or {}).get("frames") or ():
                frame.pop("abs_path", None)  # the user's name is in it
        return cast("Event", redact_value(plain, -MAX_DEPTH))
