"""How large the embedded server is made: slots, context and threads for this machine and this model."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

from core.llm.embedded.model_file import ModelFile

MAX_SLOTS = 5  # one an agent of the team, so that a round table streams in five panes at once
MAX_CONTEXT_TOKENS = 8192  # a CPU reads more than this too slowly to be worth its memory
USEFUL_CONTEXT_TOKENS = 4096  # below this a second and third slot is worth less than more context
MIN_CONTEXT_TOKENS = 2048  # less does not hold a task, its requirements and an answer
MIN_TEAM_SLOTS = 2  # QA and DevOps work at the same time
MAX_THREADS = 8  # memory bandwidth, not cores, limits more
BATCH_TOKENS = 128  # one agent's prompt holds up the others' tokens for as long; larger ones read no faster on a CPU
ASSUMED_KV_BYTES_PER_TOKEN = 131_072  # that of an 8B model, for files that do not tell
MEMORY_SHARE = 0.25  # of what is free now, for the context of all slots together


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Sizes of the embedded server; `context_tokens` is per slot."""

    slots: int
    context_tokens: int
    threads: int
    batch_tokens: int = BATCH_TOKENS
    cache_mebibytes: int = 0  # an agent's prompt stays in its slot; llama.cpp would keep up to 8 GiB of old ones


def plan_server(model: ModelFile, *, cores: int, available_bytes: int) -> ServerPlan:
    """Choose the sizes for `model` on a machine with `cores` usable cores and `available_bytes` of free memory.

    The best of these whose context takes at most a quarter of the memory that the model itself leaves free: five slots
    of up to 8192 tokens, five of half as many down to 4096, then fewer slots down to two, then half the context again,
    at last one slot. Half of the cores compute: llama.cpp's threads wait for each other in a busy loop, so that one thread
    without a core stops all of them, and the screen and test runs need cores too.
    """
    budget_bytes = (available_bytes - model.file_bytes) * MEMORY_SHARE
    token_bytes = model.kv_bytes_per_token or ASSUMED_KV_BYTES_PER_TOKEN
    slots = MAX_SLOTS
    context_tokens = min(model.context_train or MAX_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS)
    while slots * context_tokens * token_bytes > budget_bytes:
        half_tokens = context_tokens // 2
        if half_tokens >= USEFUL_CONTEXT_TOKENS:
            context_tokens = half_tokens
        elif slots > MIN_TEAM_SLOTS:
            slots -= 1
        elif half_tokens >= MIN_CONTEXT_TOKENS:
            context_tokens = half_tokens
        elif slots > 1:
            slots -= 1
        else:
            break  # the smallest server there is; whether it fits is for the system to say
    threads = min(max(1, cores // 2), MAX_THREADS)
    return ServerPlan(slots=slots, context_tokens=context_tokens, threads=threads)


def plan_for_this_machine(model: ModelFile) -> ServerPlan:
    """Choose the sizes for the cores this process may use and the memory that is free now."""
    return plan_server(model, cores=usable_cores(), available_bytes=psutil.virtual_memory().available)


def usable_cores() -> int:
    """Return how many cores this process may run on; containers and taskset allow fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
