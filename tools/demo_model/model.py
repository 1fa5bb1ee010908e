"""A small Llama in JAX, laid out as llama.cpp's architecture `llama` expects it (interleaved RoPE, tied embeddings)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Parameters = dict[str, Array]  # by GGUF tensor name; a matrix is stored (outputs, inputs)


@dataclass(frozen=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    key_value_heads: int = 2
    feed_forward: int = 768
    context: int = 1024
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Returns the width of one attention head."""
        return self.width // self.heads


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Returns the shape of every tensor by its GGUF name."""
    width, key_value = shape.width, shape.key_value_heads * shape.head_width
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (shape.vocabulary, width),
        "output_norm.weight": (width,),
    }
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        shapes[block + "attn_norm.weight"] = (width,)
        shapes[block + "attn_q.weight"] = (width, width)
        shapes[block + "attn_k.weight"] = (key_value, width)
        shapes[block + "attn_v.weight"] = (key_value, width)
        shapes[block + "attn_output.weight"] = (width, width)
        shapes[block + "ffn_norm.weight"] = (width,)
        shapes[block + "ffn_gate.weight"] = (shape.feed_forward, width)
        shapes[block + "ffn_up.weight"] = (shape.feed_forward, width)
        shapes[block + "ffn_down.weight"] = (width, shape.feed_forward)
    return shapes


def initial_parameters(shape: Shape, seed: int) -> Parameters:
    """Returns random matrices (deviation 0.02, less where a block writes to the residual) and norms of one."""
    random = np.random.default_rng(seed)
    residual = 0.02 / np.sqrt(2 * shape.layers)
    parameters: Parameters = {}
    for name, sizes in tensor_shapes(shape).items():
        deviation = residual if "attn_output" in name or "ffn_down" in name else 0.02
        values = np.ones(sizes) if len(sizes) == 1 else random.normal(0.0, deviation, sizes)
        parameters[name] = jnp.asarray(values, jnp.float32)
    return parameters


def _norm(values: Array, weight: Array, epsilon: float) -> Array:
    return values * jax.lax.rsqrt(jnp.mean(values * values, axis=-1, keepdims=True) + epsilon) * weight


def _rotate(values: Array, base: float) -> Array:
    """Applies RoPE to (batch, time, heads, head width): neighbours 2i and 2i+1 form a pair."""
    time, half = values.shape[1], values.shape[3] // 2
    angles = jnp.arange(time)[:, None] * base ** (-jnp.arange(half) / half)
    cosine, sine = jnp.cos(angles)[:, None, :], jnp.sin(angles)[:, None, :]
    even, odd = values[..., 0::2], values[..., 1::2]
    rotated = jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1)
    return rotated.reshape(values.shape)


def _attention(parameters: Parameters, block: str, values: Array, mask: Array, shape: Shape) -> Array:
    batch, time, _ = values.shape
    groups = shape.heads // shape.key_value_heads
    query = (values @ parameters[block + "attn_q.weight"].T).reshape(batch, time, shape.heads, -1)
    key = (values @ parameters[block + "attn_k.weight"].T).reshape(batch, time, shape.key_value_heads, -1)
    value = (values @ parameters[block + "attn_v.weight"].T).reshape(batch, time, shape.key_value_heads, -1)
    query = _rotate(query, shape.rope_base).reshape(batch, time, shape.key_value_heads, groups, -1)
    scores = jnp.einsum("btkgd,bskd->bkgts", query, _rotate(key, shape.rope_base)) / np.sqrt(shape.head_width)
    weights = jax.nn.softmax(jnp.where(mask[:, None, None], scores, -1e9), axis=-1)
    mixed = jnp.einsum("bkgts,bskd->btkgd", weights, value).reshape(batch, time, -1)
    return mixed @ parameters[block + "attn_output.weight"].T


def _feed_forward(parameters: Parameters, block: str, values: Array) -> Array:
    gate = jax.nn.silu(values @ parameters[block + "ffn_gate.weight"].T)
    return (gate * (values @ parameters[block + "ffn_up.weight"].T)) @ parameters[block + "ffn_down.weight"].T


def logits(parameters: Parameters, tokens: Array, segments: Array, shape: Shape) -> Array:
    """Returns the scores (batch, time, vocabulary); a token sees earlier tokens of its own segment only."""
    causal = jnp.tril(jnp.ones((tokens.shape[1], tokens.shape[1]), bool))
    mask = causal[None] & (segments[:, :, None] == segments[:, None, :])
    values = parameters["token_embd.weight"][tokens]
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        normed = _norm(values, parameters[block + "attn_norm.weight"], shape.norm_epsilon)
        values = values + _attention(parameters, block, normed, mask, shape)
        normed = _norm(values, parameters[block + "ffn_norm.weight"], shape.norm_epsilon)
        values = values + _feed_forward(parameters, block, normed)
    values = _norm(values, parameters["output_norm.weight"], shape.norm_epsilon)
    return values @ parameters["token_embd.weight"].T


def loss(parameters: Parameters, tokens: Array, segments: Array, weights: Array, shape: Shape) -> tuple[Array, Array]:
    """Returns the weighted sum of the next-token losses and the sum of weights; `weights[t]` rates predicting t."""
    scores = logits(parameters, tokens, segments, shape)[:, :-1]
    chosen = jnp.take_along_axis(scores, tokens[:, 1:, None], axis=-1)[..., 0]
    losses = jax.nn.logsumexp(scores, axis=-1) - chosen
    return jnp.sum(losses * weights[:, 1:]), jnp.sum(weights[:, 1:])
