"""Soban's generation, LiteLLM's proxy and vllm-router, all in front of one engine."""
