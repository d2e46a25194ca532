"""Retry, circuit breaker and concurrency gate; nothing here knows of LLMs."""
