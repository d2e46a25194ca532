"""The connection pool's place in the stable API."""

from __future__ import annotations

from core.llm.http.pool import get_llm_client, get_pool_stats

__all__ = ["get_llm_client", "get_pool_stats"]
