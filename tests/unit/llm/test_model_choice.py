"""Which models of a server's list can hold a conversation."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.llm.servers.facts import chat_models, decoded_models, model_names

FOR_CHAT = (
    "gpt-4o-mini", "gpt-4.1", "o3", "chatgpt-4o-latest", "gpt-oss-20b", "openai/gpt-5", "claude-sonnet-4", "grok-4",
    "gemini-2.5-flash", "gemma3:4b", "models/gemini-2.0-pro", "llama3.2:latest", "llama-3.1-8b-instruct", "Meta-Llama-3-70B-Instruct",
    "qwen2.5-coder:7b", "Qwen/Qwen3-30B-A3B", "qwen2.5-vl-7b", "mistral-small", "mixtral-8x7b", "codestral-latest", "deepseek-r1",
    "deepseek-chat", "phi-4", "smollm2-135m", "command-r-plus", "granite-3.3-8b", "llava:13b", "kimi-k2", "glm-4.5",
    "yi-34b-chat", "starcoder2:15b", "model", "default", "my-fine-tune", "solar-pro", "nous-hermes2", "vicuna-13b",
    "hermes-3-llama-3.1", "openchat", "falcon-40b", "sonar-pro", "gpt-4o-search-preview", "nova-pro", "ministral-8b",
)  # fmt: skip
FOR_OTHER_TASKS = (
    "text-embedding-3-small", "text-embedding-ada-002", "nomic-embed-text:latest", "mxbai-embed-large", "all-minilm:33m",
    "text-embedding-nomic-embed-text-v1.5", "BAAI/bge-m3", "bge-large-en-v1.5", "intfloat/e5-mistral-7b-instruct",
    "multilingual-e5-large", "gte-Qwen2-7B-instruct", "snowflake-arctic-embed2", "jina-embeddings-v3", "voyage-3-large",
    "sentence-transformers/all-mpnet-base-v2", "paraphrase-multilingual", "Qwen3-Embedding-0.6B", "granite-embedding:30m",
    "bge-reranker-v2-m3", "jina-reranker-v2", "rerank-english-v3.0", "Qwen3-Reranker-4B", "ms-marco-cross-encoder",
    "whisper-1", "whisper-large-v3-turbo", "openai/whisper-tiny", "gpt-4o-transcribe", "gpt-4o-mini-tts", "tts-1-hd",
    "playai-tts", "kokoro-82m", "gpt-4o-realtime-preview", "gpt-4o-audio-preview", "parakeet-tdt-0.6b", "speecht5_tts",
    "omni-moderation-latest", "text-moderation-stable", "llama-guard3:8b", "meta-llama/Llama-Guard-4-12B", "shieldgemma:2b",
    "granite3-guardian", "gpt-oss-safeguard-20b", "dall-e-3", "gpt-image-1", "gemini-2.5-flash-image", "stable-diffusion-3.5",
    "sdxl-turbo", "flux.1-dev", "FLUX.1-schnell", "black-forest-labs/flux-pro", "sora-2", "veo-3.0", "imagen-4", "clip-vit-large",
    "mmproj-model-f16", "davinci-002", "babbage-002", "gpt-3.5-turbo-instruct", "nv-embedqa-e5-v5", "Skywork-Reward-Llama-3.1-8B",
)  # fmt: skip


def _chosen(*entries: Mapping[str, object]) -> tuple[str, ...]:
    models = decoded_models({"data": list(entries)})
    assert models is not None
    return model_names(chat_models(models))


def test_names_of_models_for_chat_are_taken() -> None:
    assert _chosen(*[{"id": name} for name in FOR_CHAT]) == FOR_CHAT


def test_names_of_models_for_other_tasks_are_never_taken() -> None:
    assert _chosen(*[{"id": name} for name in FOR_OTHER_TASKS]) == ()


@pytest.mark.parametrize(
    "said",
    [
        {"type": "embeddings"},
        {"type": "embedding"},
        {"type": "image"},
        {"task": "text-to-speech"},
        {"pipeline_tag": "feature-extraction"},
        {"mode": "rerank"},
        {"capabilities": {"completion_chat": False}},
        {"architecture": {"output_modalities": ["image"]}},
    ],
    ids=str,
)
def test_what_a_server_says_of_a_model_counts_too(said: dict[str, object]) -> None:
    assert _chosen({"id": "a", **said}, {"id": "b"}) == ("b",)


@pytest.mark.parametrize(
    "said",
    [
        {"type": "llm"},
        {"type": None},
        {"type": ["embedding"]},
        {"object": "model"},
        {"capabilities": ["completion"]},
        {"capabilities": {"completion_chat": True}},
        {"architecture": {"output_modalities": ["text", "image"]}},
        {"architecture": {"output_modalities": "image"}},
        {"architecture": 7},
    ],
    ids=str,
)
def test_what_a_server_says_of_a_model_for_chat_does_not_hinder(said: dict[str, object]) -> None:
    assert _chosen({"id": "a", **said}) == ("a",)
