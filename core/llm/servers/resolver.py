"""The endpoint of the run: the configured server, or the embedded model, which is started on first need."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.addresses import OPENAI_BASE_URL, without_credentials
from core.clock import Clock
from core.errors import ModelUnavailableError, UsageError
from core.kinds import EndpointState, TierSetting
from core.llm.embedded.model_file import ModelFile, find_model_file
from core.llm.embedded.server import EmbeddedServer
from core.llm.endpoint import Endpoint, ServerFacts, locality, make_endpoint
from core.llm.faults import Fault, clean_detail
from core.llm.servers.facts import LIST_TIMEOUT_SECONDS, chat_models, learn_facts, list_models, model_names
from core.llm.tiers import TierChoice, choose_tier
from core.settings import Settings, key_for_endpoint, key_for_fallback
from core.state.status import EndpointStatus
from core.telemetry.logs import log

if TYPE_CHECKING:
    from core.llm.http.pool import ClientPool

DEMO_NOTE = (
    "embedded demo model SmolLM2-135M: real, tiny, often wrong; set LLM_BASE_URL or OPENAI_API_KEY for real work"
)
DEMO_NAME = "SmolLM2-135M"
MAX_SHOWN_MODELS = 5
OPENAI_DEFAULT_MODEL = "gpt-4o-mini"


class EndpointSource:
    """Resolves where calls go; one embedded server at most, shared by all agents, stopped by `close`.

    Attributes:
        key_warning: why a key that is set is not sent; None if it is.
        model_note: which model was taken, and how to choose, if the settings name none and the server offers several.
    """

    def __init__(self, settings: Settings, *, pool: ClientPool, clock: Clock, log_folder: Path) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._log_folder = log_folder
        self._lock = asyncio.Lock()
        self._endpoint: Endpoint | None = None
        self._server: EmbeddedServer | None = None
        self._model_file: ModelFile | None = None
        self._failure = ""
        self._api_key, self.key_warning = key_for_endpoint(settings)
        self._fallbacks: tuple[Endpoint, ...] | None = None
        self.model_note = ""
        pool.resolve = self.resolve

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded model answers: no server is configured, or the command line names a model file."""
        return self._settings.uses_model_file or (not self._settings.llm.base_url and self._api_key is None)

    async def resolve(self) -> Endpoint:
        """Return the endpoint to call now; starts the embedded model's server, again when it has died.

        Raises:
            ModelUnavailableError: the embedded model cannot be served, or the server names no model.
            UsageError: the configured address, or what the environment says about the way to it, cannot be used.
        """
        async with self._lock:
            try:
                self._endpoint = await (self._embedded() if self.is_embedded else self._configured())
            except (ModelUnavailableError, UsageError) as error:
                self._failure = str(error)
                raise
            self._failure = ""
            return self._endpoint

    async def route(self) -> tuple[Endpoint, ...]:
        """Return the endpoint to call now, and after it those that take over when it cannot answer.

        Raises:
            ModelUnavailableError: the first endpoint cannot be served, and there is no other.
            UsageError: an address, or what the environment says about the way to it, cannot be used.
        """
        fallbacks = self._fallback_endpoints()
        for fallback in fallbacks:
            await self._pool.client(fallback)
        try:
            return (await self.resolve(), *fallbacks)
        except ModelUnavailableError as error:
            if not fallbacks:
                raise
            log("WARNING", "the first endpoint cannot be had, its fallback is used", reason=error.message)
            return fallbacks

    def status(self) -> EndpointStatus:
        """Return what is known without asking anybody."""
        if self.is_embedded:
            return self._embedded_status()
        llm = self._settings.llm
        base_url = llm.base_url or OPENAI_BASE_URL
        if self._endpoint is None:
            state: EndpointState = "failed" if self._failure else "idle"
            note = self._failure or self.key_warning or ""
            return EndpointStatus(without_credentials(base_url), locality(base_url), llm.model or "", state, note)
        return EndpointStatus(
            self._endpoint.label,
            self._endpoint.kind,
            self._endpoint.model,
            "ready",
            self.key_warning or self.model_note,
        )

    async def close(self) -> None:
        """Stop the embedded server, if there is one; calls are to be ended before."""
        if self._server is not None:
            await self._server.stop()

    async def _embedded(self) -> Endpoint:
        llm = self._settings.llm
        if self._model_file is None:
            self._model_file = await asyncio.to_thread(find_model_file, llm.model_file)
        if self._server is None:
            self._server = EmbeddedServer(
                log_file=self._log_folder / "embedded-model.log", clock=self._clock, model_file=llm.model_file
            )
        address = await self._server.ensure_started()
        context_tokens = min(address.context_tokens, llm.context_tokens or address.context_tokens)
        return make_endpoint(
            address.base_url,
            address.model_label,
            api_key=address.api_key,
            context_tokens=context_tokens,
            slots=address.slots,
            kind="embedded",
            label="embedded model",
            tier=tier_of_file(self._model_file, context_tokens, self._settings.team.tier),
        )

    async def _configured(self) -> Endpoint:
        if self._endpoint is not None:
            return self._endpoint
        llm = self._settings.llm
        base_url = llm.base_url or OPENAI_BASE_URL
        endpoint = make_endpoint(base_url, llm.model or "", api_key=self._api_key, context_tokens=llm.context_tokens)
        # Now, and not in the first call of each agent: what stands in the way of a client is told once.
        await self._pool.client(endpoint)
        if endpoint.model:
            return await self._with_tier(endpoint)
        if base_url == OPENAI_BASE_URL:
            model = OPENAI_DEFAULT_MODEL
            self.model_note = f"no model is set: {model} is taken - set LLM_MODEL to choose"
        else:
            model = await self._chosen_model(endpoint)
        return await self._with_tier(replace(endpoint, model=model))

    async def _with_tier(self, endpoint: Endpoint) -> Endpoint:
        """Ask a local server what it serves, and lead the model accordingly; what it says is asked for once."""
        facts = await learn_facts(self._pool, endpoint) if endpoint.is_local else ServerFacts()
        tier = choose_tier(
            endpoint.model,
            parameters=facts.parameters,
            context_tokens=endpoint.context_tokens or facts.context_tokens,
            setting=self._settings.team.tier,
        )
        known = facts if endpoint.is_local else None
        return replace(endpoint, tier=tier.tier, tier_reason=tier.reason, facts=known)

    def _fallback_endpoints(self) -> tuple[Endpoint, ...]:
        if self._fallbacks is None:
            llm = self._settings.llm
            self._fallbacks = tuple(
                make_endpoint(
                    fallback.base_url or llm.base_url or OPENAI_BASE_URL,
                    fallback.model,
                    api_key=key_for_fallback(self._settings, fallback).key,
                    context_tokens=fallback.context_tokens,
                    tier=choose_tier(
                        fallback.model, context_tokens=fallback.context_tokens, setting=self._settings.team.tier
                    ),
                )
                for fallback in llm.fallbacks
            )
        return self._fallbacks

    async def _chosen_model(self, endpoint: Endpoint) -> str:
        """Ask the server for its models, and take the first one for chat: one that serves only one needs no LLM_MODEL."""
        host = endpoint.host
        try:
            models = await list_models(self._pool, endpoint, LIST_TIMEOUT_SECONDS)
        except Fault as fault:
            message = f"no model is set, and the models of {host} cannot be asked for: {fault.message}"
            raise ModelUnavailableError(message, hint=fault.hint) from None
        except TimeoutError:
            models = None
        if not models:
            raise ModelUnavailableError(
                f"no model is set and {host} does not list its models", hint="set LLM_MODEL, and check LLM_BASE_URL"
            )
        names = model_names(chat_models(models))
        if not names:
            offered = _shown(model_names(models), endpoint)
            raise ModelUnavailableError(
                f"no model is set, and none that {host} offers looks like one for chat: {offered}",
                hint="set LLM_MODEL if one of them is",
            )
        if len(models) > 1:
            others = f"; it also offers {_shown(names[1:], endpoint)}" if names[1:] else ""
            taken = _shown(names[:1], endpoint)
            self.model_note = (
                f"no model is set: {taken} is taken, the first for chat at {host} - set LLM_MODEL to choose"
            )
            self.model_note += others
        return names[0]

    def _embedded_status(self) -> EndpointStatus:
        model_file = self._settings.llm.model_file
        name = DEMO_NAME if model_file is None else model_file.stem
        note = DEMO_NOTE if model_file is None else ""
        state = self._server.state if self._server is not None else "idle"
        if self._failure:
            state = "failed"
        if self._server is not None and state in ("starting", "failed"):
            note = self._server.note or note
        return EndpointStatus("embedded model", "embedded", name, state, self._failure or note)


def _shown(names: Sequence[str], endpoint: Endpoint) -> str:
    more = f", and {len(names) - MAX_SHOWN_MODELS} more" if len(names) > MAX_SHOWN_MODELS else ""
    return clean_detail(", ".join(names[:MAX_SHOWN_MODELS]), endpoint.api_key) + more


def tier_of_file(file: ModelFile, context_tokens: int, setting: TierSetting) -> TierChoice:
    """Return how to lead the model in a file: its header counts the parameters, else its names tell them."""
    names = f"{file.label} {file.path.stem}"
    return choose_tier(names, parameters=file.parameters, context_tokens=context_tokens, setting=setting)
