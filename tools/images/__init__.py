"""Builds the container images; `make wheels` and `make images` call it, and docs/images.md describes it."""
