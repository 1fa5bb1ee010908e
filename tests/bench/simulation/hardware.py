"""What an engine does in a step, by the roofline that facts of 441 measured points were fitted with.

    step = (W_read + kv * KVtok) / (eta_bw * BW) + 2 * P_body * chunk / (eta_c * F) + ov * L

Llama-3.1-8B (Kanana-1.5-8B has its shape). The fit has a mean error of 8 % over H100, and is 2.5 % off on the one
measured L4 (KubeAI's benchmark: 8 L4, FP8, 832/76 tokens, 184.5 ms predicted, 189.3 ms measured per output token).
"""

from __future__ import annotations

from dataclasses import dataclass

_PARAMETERS_BODY = 6.98e9
_PARAMETERS_HEAD = 0.525e9
_KV_BYTES = 131_072
_BANDWIDTH_SHARE = 0.80
_STEP_OVERHEAD = 32 * 30e-6


@dataclass(frozen=True)
class Hardware:
    """One replica. Seconds, tokens."""

    name: str
    slots: int
    kv_tokens: int
    chunk: int
    """Most tokens of a step, as vLLM's `max_num_batched_tokens`."""
    weights_seconds: float
    kv_seconds: float
    """To read one token's keys and values."""
    prefill_seconds: float
    """For one token of a prompt."""

    def step(self, decoding: int, context: int, prefill: int) -> float:
        """Seconds for one token of each of `decoding` sequences with `context` tokens together, and a chunk."""
        memory = self.weights_seconds + context * self.kv_seconds
        return max(memory, decoding * self.prefill_seconds) + prefill * self.prefill_seconds + _STEP_OVERHEAD

    def busy_seconds(self, prefill: float, decode: float, context: float) -> float:
        """Of a request among as many others as fit: its prefill, and its part of the steps."""
        others = min(self.slots, self.kv_tokens / context)
        return prefill * self.prefill_seconds + decode * self.step(int(others), int(others * context), 0) / others


def _hardware(
    name: str, *, slots: int, kv_tokens: int, chunk: int, bandwidth: float, flops: float, weight_bytes: int
) -> Hardware:
    """`flops` are what is reached of the peak: 0.7 in bf16, 0.5 in FP8."""
    read = _PARAMETERS_BODY * weight_bytes + _PARAMETERS_HEAD * 2
    return Hardware(
        name=name,
        slots=slots,
        kv_tokens=kv_tokens,
        chunk=chunk,
        weights_seconds=read / (_BANDWIDTH_SHARE * bandwidth),
        kv_seconds=_KV_BYTES / (_BANDWIDTH_SHARE * bandwidth),
        prefill_seconds=2 * _PARAMETERS_BODY / flops,
    )


L4 = _hardware(
    "NVIDIA L4, 8B FP8",
    slots=32,
    kv_tokens=61_210,
    chunk=2048,
    bandwidth=300e9,
    flops=0.5 * 242e12,
    weight_bytes=1,
)
H100 = _hardware(
    "NVIDIA H100, 8B bf16",
    slots=128,
    kv_tokens=400_000,
    chunk=8192,
    bandwidth=3350e9,
    flops=0.7 * 989e12,
    weight_bytes=2,
)
