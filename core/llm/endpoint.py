"""Where a call goes: address, model and what is known of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from core.addresses import OPENAI_BASE_URL, checked_key, completed_base_url, is_near, without_credentials
from core.errors import UsageError
from core.kinds import EndpointKind, Tier
from core.llm.tiers import TierChoice, choose_tier

if TYPE_CHECKING:
    from core.settings import Settings

_URL_HINT = "write it like http://127.0.0.1:8080/v1 (LLM_BASE_URL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server said of itself and of the model; None for what it did not say. `context_tokens` is what one slot holds."""

    slots: int | None = None
    context_tokens: int | None = None
    parameters: int | None = None
    tokenizer: Literal["llama.cpp", "vllm"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model on one server; the key appears in no representation. `facts` are None while nobody has asked for them."""

    base_url: str
    model: str
    kind: EndpointKind
    label: str
    api_key: str | None = field(default=None, repr=False)
    context_tokens: int | None = None
    slots: int | None = None
    tier: Tier = "full"
    tier_reason: str = ""
    facts: ServerFacts | None = None

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine or its network: slower to start, nothing to pay."""
        return self.kind != "remote"

    @property
    def host(self) -> str:
        """Host and port as a reader knows them."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def shown_url(self) -> str:
        """The address without the name and password that may stand in it."""
        return without_credentials(self.base_url)

    @property
    def server_name(self) -> str:
        """What identifies a server: the address, or for the embedded one, whose port changes when it is restarted, its kind."""
        return self.kind if self.kind == "embedded" else self.base_url

    @property
    def breaker_name(self) -> str:
        """The name under which failures of this model on this server are counted."""
        return f"{self.kind if self.kind == 'embedded' else self.host}/{self.model}"


def make_endpoint(
    base_url: str,
    model: str,
    *,
    api_key: str | None = None,
    context_tokens: int | None = None,
    slots: int | None = None,
    kind: EndpointKind | None = None,
    label: str | None = None,
    tier: TierChoice | None = None,
) -> Endpoint:
    """Return the endpoint of an address as a user writes it; a tier that is not given is told from name and window.

    Raises:
        UsageError: the address or the key cannot be used.
    """
    url = normalise_base_url(base_url)
    tier = tier or choose_tier(model, context_tokens=context_tokens)
    host = urlsplit(url).netloc.rpartition("@")[2]
    return Endpoint(
        base_url=url,
        model=model,
        kind=kind or locality(url),
        label=label or host,
        api_key=_checked_key(api_key, host),
        context_tokens=context_tokens,
        slots=slots,
        tier=tier.tier,
        tier_reason=tier.reason,
    )


def configured_endpoint(settings: Settings) -> Endpoint | None:
    """Return the endpoint the settings name: their base_url, else OpenAI's if there is a key, else None (embedded).

    Raises:
        UsageError: the address or the key cannot be used.
    """
    from core.settings import key_for_endpoint

    llm = settings.llm
    api_key = key_for_endpoint(settings).key
    if not llm.base_url and not api_key:
        return None
    return make_endpoint(
        llm.base_url or OPENAI_BASE_URL,
        llm.model or "",
        api_key=api_key,
        context_tokens=llm.context_tokens,
    )


def normalise_base_url(written: str) -> str:
    """Return the address with a scheme and without a trailing slash; a bare host gets the customary /v1.

    Raises:
        UsageError: no http(s) address can be read from it.
    """
    try:
        return completed_base_url(written)
    except ValueError as wrong:
        shown = repr(without_credentials(written.strip(), "***@")[:200])
        raise UsageError(f"the base URL {shown} {wrong}", hint=_URL_HINT) from None


def locality(base_url: str) -> Literal["local", "remote"]:
    """Return whether an address is on this machine or its private network."""
    return "local" if is_near(base_url) else "remote"


def _checked_key(api_key: str | None, host: str) -> str | None:
    if not api_key or not api_key.strip():
        return None
    try:
        return checked_key(api_key)
    except ValueError as wrong:
        raise UsageError(f"the API key for {host} {wrong}", hint="copy the key again (LLM_API_KEY)") from None
