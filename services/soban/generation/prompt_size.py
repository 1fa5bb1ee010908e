"""Tokens of a prompt, guessed from its characters without a tokenizer, and learned from what engines count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import soban.v1 as pb

# A text that is longer is counted in slices of it: 50 microseconds for any text.
_COUNTED_CHARACTERS = 8_192
_SLICES = 4


class Shape(NamedTuple):
    """What a prompt is made of: characters by script, and what a chat template writes around them."""

    hangul: float = 0.0
    ascii: float = 0.0
    jamo: float = 0.0
    """Decomposed Hangul (NFD), of which a syllable has two or three."""
    other: float = 0.0
    """Han, kana, accented Latin, Cyrillic, typographic signs, ..."""
    rare: float = 0.0
    """Beyond the basic plane: emoji."""
    messages: float = 0.0
    """Messages and tools."""
    requests: float = 1.0


# Tokens of each, and how far models lie apart. Hangul costs .48 (Llama 4) over .58 (GPT-4o) and .65 (Qwen3) to 1.2
# tokens a character; English has four characters a token; templates write 4 to 8 tokens around a message, and some of
# them a system prompt of 20 to 30 once.
_TOKENS = Shape(hangul=0.7, ascii=0.28, jamo=1.2, other=0.9, rare=2.0, messages=5.0, requests=5.0)
_SPREAD = Shape(hangul=0.3, ascii=0.1, jamo=0.5, other=0.4, rare=1.0, messages=3.0, requests=15.0)

# Characters of one script differ from text to text: the share of a prompt's tokens that no weights explain.
_UNEXPLAINED = 0.15
# How much of its first uncertainty each weight gets back with every prompt, so that it can follow when texts change.
_FORGETTING = 0.001
_FARTHEST_DEVIATIONS = 4.0


class PromptSize:
    """Of the prompts of one model: a Kalman filter of the seven weights of a linear model. `learn` costs 20 us."""

    def __init__(self) -> None:
        self._weights = list(_TOKENS)
        self._variances = [spread**2 for spread in _SPREAD]
        size = range(len(self._weights))
        self._covariance = [[self._variances[row] if row == column else 0.0 for column in size] for row in size]

    def tokens(self, shape: Shape) -> float:
        """Expected, at least 1."""
        return max(1.0, _dot(self._weights, shape))

    def learn(self, shape: Shape, tokens: int) -> None:
        """A prompt of this shape had so many. One that is far off what was likely pulls no more than a likely one."""
        gains = [_dot(row, shape) for row in self._covariance]
        variance = _dot(gains, shape) + (_UNEXPLAINED * tokens) ** 2 + 1.0
        farthest = _FARTHEST_DEVIATIONS * math.sqrt(variance)
        error = min(farthest, max(-farthest, tokens - _dot(self._weights, shape)))
        self._weights = [
            max(0.0, weight + gain / variance * error) for weight, gain in zip(self._weights, gains, strict=True)
        ]
        for row, gain in zip(self._covariance, gains, strict=True):
            row[:] = [value - gain * other / variance for value, other in zip(row, gains, strict=True)]
        for index, first in enumerate(self._variances):
            self._covariance[index][index] = min(first, self._covariance[index][index] + _FORGETTING * first)


def shape_of(request: pb.GenerateRequest) -> Shape:
    """Of all texts that the engine reads. Pictures are not in it."""
    counts = [0.0] * 5
    for text in _texts(request):
        for index, count in enumerate(_scripts(text)):
            counts[index] += count
    return Shape._make((*counts, len(request.messages) + len(request.options.tools), 1.0))


def _texts(request: pb.GenerateRequest) -> Iterator[str]:
    yield request.prompt
    for message in request.messages:
        yield from (part.text for part in message.parts)
        yield from (call.name + call.arguments for call in message.tool_calls)
    for tool in request.options.tools:
        yield tool.name + tool.description + tool.parameters_json_schema


# First bytes of UTF-8 by script; the bytes that follow a first one are in none of them. EA to ED is Hangul syllables
# and little else; E1 is mostly conjoining jamo; F0 to F4 is beyond the basic plane.
def _class_of(byte: int) -> int:
    if byte < 0x80:
        return 1
    if byte < 0xC0:
        return 5
    if byte >= 0xF0:
        return 4
    return {0xE1: 2, 0xEA: 0, 0xEB: 0, 0xEC: 0, 0xED: 0}.get(byte, 3)


_CLASSES = bytes(map(_class_of, range(256)))


def _scripts(text: str) -> list[float]:
    """Characters as the first five of Shape."""
    if text.isascii():
        return [0.0, float(len(text)), 0.0, 0.0, 0.0]
    counted = text if len(text) <= _COUNTED_CHARACTERS else _slices(text)
    classes = counted.encode("utf-8", "replace").translate(_CLASSES)
    scale = len(text) / len(counted)
    return [classes.count(number) * scale for number in range(5)]


def _slices(text: str) -> str:
    length = _COUNTED_CHARACTERS // _SLICES
    step = (len(text) - length) // (_SLICES - 1)
    return "".join(text[start : start + length] for start in range(0, step * _SLICES, step))


def _dot(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
