"""Who is at fault by a server's own words: bodies that real servers and gateways answer with a status of 5xx."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.llm.endpoint import make_endpoint
from core.llm.errors.classify import classify_answer

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ENDPOINT = make_endpoint("http://127.0.0.1:1/v1", "m")


def said(message: str, **fields: object) -> str:
    return json.dumps({"error": {"message": message, **fields}})


ILL_SERVERS = [
    (500, said("Internal server error")),
    (500, said("Internal Server Error", type="server_error", param=None, code=None)),
    (500, "Internal Server Error"),
    (500, ""),
    (500, "{}"),
    (500, '{"detail": "Internal Server Error"}'),
    (500, '{"object": "error", "message": "", "type": "InternalServerError", "param": null, "code": 500}'),
    # OpenAI
    (500, said("The server had an error while processing your request. Sorry about that!", type="server_error")),
    (500, said("An error occurred while processing your request. You can retry your request, or contact us", type="server_error")),
    (503, said("The engine is currently overloaded, please try again later", type="server_error")),
    # Anthropic, Google
    (529, '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'),
    (500, '{"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}'),
    (503, '[{"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}}]'),
    (500, '{"error": {"code": 500, "message": "An internal error has occurred. Please retry", "status": "INTERNAL"}}'),
    # nginx, Cloudflare, Envoy, HAProxy, AWS
    (502, "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"),
    (504, "<html><head><title>504 Gateway Time-out</title></head></html>"),
    (520, "<!DOCTYPE html><title>example.org | 520: Web server is returning an unknown error</title>"),
    (522, "error code: 522"),
    (525, "error code: 525"),
    (503, "upstream connect error or disconnect/reset before headers. reset reason: connection termination"),
    (503, "no healthy upstream"),
    (504, "upstream request timeout"),
    (502, '{"message": "An invalid response was received from the upstream server"}'),
    (502, '{"message": "Internal server error"}'),
    (503, "<html><body><h1>503 Service Unavailable</h1>No server is available to handle this request.</body></html>"),
    # Ollama
    (500, said("model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details", type="api_error")),
    (500, said("llama runner process has terminated: signal: killed", type="api_error")),
    (500, '{"error": "model requires more system memory (8.4 GiB) than is available (3.1 GiB)"}'),
    (503, '{"error": "server busy, please try again.  maximum pending requests exceeded"}'),
    # llama.cpp, vLLM, TGI, LM Studio, SGLang
    (500, said("Compute error.", code=500, type="server_error")),
    (500, said("CUDA error: an illegal memory access was encountered")),
    (500, said("CUDA error: invalid argument: cannot be allocated, 'n' expected")),
    (500, said("CUDA out of memory. Tried to allocate 20.00 MiB")),
    (500, '{"object": "error", "message": "EngineCore encountered an issue. See stack trace (above) for the root cause.", "type": "InternalServerError", "param": null, "code": 500}'),
    (500, said("background loop has errored already", type="InternalServerError", code=500)),
    (424, '{"error": "Request failed during generation: Server error: CUDA out of memory", "error_type": "generation"}'),
    (500, '{"error": "Incomplete generation", "error_type": "incomplete_generation"}'),
    (400, '{"error": "The model has crashed without additional information. (Exit code: null)"}'),
    (400, said("Model unloaded.")),
    (500, said("probability tensor contains either `inf`, `nan` or element < 0")),
    (500, said("invalid value encountered in true_divide")),
    # LiteLLM, OpenRouter
    (500, said("litellm.InternalServerError: InternalServerError: OpenAIException - Internal server error", type=None, param=None, code="500")),
    (500, said("litellm.APIConnectionError: Cannot connect to host 10.0.0.2:8000 ssl:default", type="None", param="None", code="500")),
    (503, said("litellm.ServiceUnavailableError: Vertex_aiException - Connection reset by peer", type=None, param="None", code=503)),
    (502, said("Provider returned error", code=502, metadata={"raw": "error"})),
    (408 + 96, said("Request timed out.")),
    (None, '{"error": {"message": "Internal server error", "code": 500}}'),
    (None, '{"error": {"message": "JSON error injected into SSE stream"}}'),
]  # fmt: skip

BLAMED_REQUESTS = [
    # llama.cpp, which blames requests with status 500
    (500, said("Failed to parse messages: Missing 'role' in message", code=500, type="server_error")),
    (500, said("Failed to parse messages: Expected 'content' to be a string or an array", type="server_error")),
    (500, said("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", code=500, type="server_error")),
    (500, said("Failed to parse grammar")),
    (500, said("tools param requires --jinja flag", code=500, type="server_error")),
    (500, said("Cannot use custom grammar constraints with tools.", type="server_error")),
    (500, said("Value is not callable: null at row 62, column 114:\n{%- for message in messages %}", type="server_error")),
    (500, said("Conversation roles must alternate user/assistant/user/assistant/... at row 11, column 32")),
    (500, said("Only user and assistant roles are supported!", type="server_error")),
    (500, said("Assistant response prefill is incompatible with enable_thinking.", type="server_error")),
    (500, said("Cannot have 2 or more assistant messages at the end of the list.")),
    # vLLM, SGLang, TGI
    (500, '{"object": "error", "message": "temperature must be non-negative, got -1.0.", "type": "BadRequestError", "param": null, "code": 500}'),
    (500, said("top_p must be in (0, 1], got 7", type="InternalServerError")),
    (500, said("As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template")),
    (500, '{"error": "Input validation error: `temperature` must be strictly positive", "error_type": "validation"}'),
    (424, '{"error": "Template error: unknown method", "error_type": "template_error"}'),
    # Ollama, LM Studio
    (500, '{"error": "template: :3:12: executing \\"\\" at <.System>: can\'t evaluate field System"}'),
    (500, '{"error": "json: cannot unmarshal string into Go struct field ChatCompletionRequest.temperature"}'),
    (500, '{"error": "registry.ollama.ai/library/gemma:2b does not support tools"}'),
    (500, "{\"error\": \"Error rendering prompt with jinja template: \\\"Only user and assistant roles\\\"\"}"),
    # OpenAI and gateways that wrap it
    (500, said("Unsupported parameter: 'logprobs' is not supported with this model.", type="invalid_request_error")),
    (500, said("Invalid value: 'maximum'.", param="messages[1].role", code="invalid_value")),
    (500, said("litellm.BadRequestError: OpenAIException - Unsupported value: 'temperature' does not support 0.2", code="400")),
    (500, said("litellm.UnsupportedParamsError: m does not support parameters: ['tools']", code=500)),
    (502, said("Provider returned error", code=400)),
    (500, said("create() got an unexpected keyword argument 'min_p'")),
    (500, '{"detail": "1 validation error for ChatCompletionRequest"}'),
    (500, said("Bad request")),
    (None, '{"error": {"message": "Error rendering prompt with jinja template", "code": 500}}'),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text"), ILL_SERVERS)
def test_a_server_that_is_ill_does_not_speak_of_the_request(status: int | None, text: str) -> None:
    fault = classify_answer(status, text, ENDPOINT, NOW)

    assert (fault.action, fault.error.blames_request) == ("retry", False)
    assert fault.outcome == "failure"


@pytest.mark.parametrize(("status", "text"), BLAMED_REQUESTS)
def test_a_server_that_refuses_the_request_says_so(status: int | None, text: str) -> None:
    fault = classify_answer(status, text, ENDPOINT, NOW)

    assert fault.error.blames_request or fault.kind in {"bad_request", "context"}
