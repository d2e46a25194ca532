"""An agent: a role with its prompt, one LLM task in, one whole answer out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from core.arguments import checked_name, checked_text
from core.llm.call.caller import Caller
from core.llm.call.stream_listener import StreamCallback
from core.llm.endpoint import Endpoint
from core.llm.request import CallRequest, ChatMessage, Reply
from core.prompts import AgentPrompt

DEFAULT_TEMPERATURE = 0.2


@dataclass(frozen=True, slots=True)
class CallScope:
    """What a call belongs to: a run, the user's task that caused it, and the step within.

    `admit` returns when the call may be sent, or raises; None lets it through.
    """

    run_id: str
    correlation_id: str
    task_id: str
    admit: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn; None leaves the temperature to the settings, then to the prompt, and the length to the server."""

    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    prefill: str = ""  # the beginning of the answer, sent as the model's own words; small local models keep to it
    may_continue: bool = True  # whether the model is asked to go on when a token limit has cut its answer off


class Team(dict[str, "Agent"]):
    """The agents by id, in the team's order; a name that is not one of theirs is a mistake of the caller's."""

    def __missing__(self, agent_id: object) -> Agent:
        return self[checked_name("agent", agent_id, self, list_as="the team")]


class Agent:
    """One member of the team.

    Args:
        prompt: the agent's role, as data.
        caller: the path of one LLM call, shared by the team.
        find_route: gives the endpoint at the time of a call, and after it its fallbacks; starts the embedded model on
            first need.
        find_again: gives the endpoint anew; for one that is restarted at another address when it has died.
        at_work: surrounds every call; raises UsageError when the engine takes none.
        new_scope: makes the scope of a call that belongs to no run.
        continue_with: the words that ask a model to go on with an answer that was cut off.
        defaults: what the settings say; their length also bounds what a call asks for.
    """

    def __init__(
        self,
        prompt: AgentPrompt,
        *,
        caller: Caller,
        find_route: Callable[[], Awaitable[tuple[Endpoint, ...]]],
        find_again: Callable[[], Awaitable[Endpoint]],
        at_work: Callable[[], AbstractContextManager[None]],
        new_scope: Callable[[], CallScope],
        continue_with: str,
        defaults: Sampling,
    ) -> None:
        self.prompt = prompt
        self.enabled = True
        self._caller = caller
        self._find_route = find_route
        self._find_again = find_again
        self._at_work = at_work
        self._new_scope = new_scope
        self._continue_with = continue_with
        self._defaults = defaults

    @property
    def id(self) -> str:
        return self.prompt.id

    @property
    def title(self) -> str:
        return self.prompt.title

    @property
    def temperature(self) -> float:
        """The temperature of a call that asks for none of its own."""
        for wanted in (self._defaults.temperature, self.prompt.temperature):
            if wanted is not None:
                return wanted
        return DEFAULT_TEMPERATURE

    async def execute_llm_task(
        self,
        prompt: str,
        *,
        stream_callback: StreamCallback | None = None,
        stream: bool = True,
        sampling: Sampling | None = None,
        scope: CallScope | None = None,
    ) -> Reply:
        """Send one task to the model as this agent and return the whole answer.

        Args:
            prompt: the user message; the agent's system prompt goes before it.
            stream_callback: receives each new piece of text at once. One with a second parameter is also told
                `restarted=True`, with no text, when what it has received is void because an attempt starts again.
            stream: ask the server to stream; LLM_STREAM_RESPONSES=false turns it off for every call.
            sampling: overrides of temperature, length and stops for this call.
            scope: the run and step the call belongs to; None makes one of its own.

        Raises:
            LLMCallError: no whole answer came; `.kind`, `.attempts`, `.partial` and `.hint` say more.
            UsageError: the prompt is no text, the stream callback is async or no function, or the engine is not open.
            Exception: whatever the stream callback raises, which ends the call.
            QuintetError: the scope admits no further call.
        """
        checked_text("the task", prompt, hint="give execute_llm_task a text")
        with self._at_work():
            return await self._answer(prompt, stream_callback, stream=stream, sampling=sampling, scope=scope)

    async def _answer(
        self,
        prompt: str,
        stream_callback: StreamCallback | None,
        *,
        stream: bool,
        sampling: Sampling | None,
        scope: CallScope | None,
    ) -> Reply:
        if scope is not None and scope.admit is not None:
            await scope.admit()
        endpoint, *fallbacks = await self._find_route()
        chosen = sampling or Sampling()
        system = self.prompt.render_system(endpoint.tier, {})
        in_run = scope is not None
        scope = scope or self._new_scope()
        request = CallRequest(
            messages=(ChatMessage.of_text("system", system), ChatMessage.of_text("user", prompt)),
            run_id=scope.run_id,
            correlation_id=scope.correlation_id,
            agent_id=self.id,
            task_id=scope.task_id,
            max_tokens=self._max_tokens(chosen, endpoint),
            temperature=self.temperature if chosen.temperature is None else chosen.temperature,
            stop=chosen.stop,
            prefill=chosen.prefill,
            stream=stream,
            continue_with=self._continue_with if chosen.may_continue else "",
            priority="agent" if in_run else "user",
            prompt_name=self.id,
        )
        return await self._caller.call(
            request,
            endpoint,
            fallbacks=tuple(fallbacks),
            stream_callback=stream_callback,
            refresh=self._find_again if endpoint.kind == "embedded" else None,
        )

    def _max_tokens(self, chosen: Sampling, endpoint: Endpoint) -> int | None:
        wanted = chosen.max_tokens if chosen.max_tokens is not None else self._defaults.max_tokens
        if self._defaults.max_tokens is not None and wanted is not None:
            wanted = min(wanted, self._defaults.max_tokens)
        if wanted is not None and endpoint.context_tokens is not None:
            wanted = min(wanted, max(64, endpoint.context_tokens // 2))
        return wanted
