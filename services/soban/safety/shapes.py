"""Shapes: bounded patterns that also know whether a text that ends early may still become one.

A shape is two regular expressions. `full` matches the whole shape. `part` matches, up to the end of the text, what is a
beginning of it and not yet all of it. Both are built together from the same pieces, so that a stream waits for exactly
the text that could still matter. Every repetition is bounded, which bounds the time as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = r"\Z"


@dataclass(frozen=True, slots=True)
class Shape:
    """Two regular expressions, see above."""

    full: str
    part: str

    def __or__(self, other: Shape) -> Shape:
        return Shape(f"(?:{self.full}|{other.full})", f"(?:{self.part}|{other.part})")

    def __add__(self, other: Shape) -> Shape:
        return Shape(self.full + other.full, f"(?:{self.part}|{self.full}{other.part})")


def one_of(chars: str) -> Shape:
    """One character of a class; `chars` is the class's body, such as `0-9`."""
    return Shape(f"[{chars}]", _END)


def run(chars: str, least: int, most: int) -> Shape:
    """`least` to `most` characters of a class, as many as there are."""
    return Shape(f"[{chars}]{{{least},{most}}}", f"[{chars}]{{0,{most - 1}}}{_END}")


def all_of(chars: str, most: int) -> Shape:
    """All characters of a class that follow each other, at least 1 and at most `most`; nothing is given back."""
    return Shape(f"[{chars}]{{1,{most}}}+", f"[{chars}]{{0,{most - 1}}}{_END}")


def text(literal: str) -> Shape:
    """Exactly this text."""
    part = ""
    for char in reversed(literal[:-1]):
        part = f"(?:{re.escape(char)}{part})?"
    return Shape(re.escape(literal), part + _END)


def any_text(*literals: str) -> Shape:
    """One of these texts; a longer one comes before its own beginning."""
    shapes = [text(literal) for literal in sorted(literals, key=len, reverse=True)]
    return Shape(*(f"(?:{'|'.join(patterns)})" for patterns in zip(*((s.full, s.part) for s in shapes), strict=True)))


def maybe(shape: Shape) -> Shape:
    """The shape or nothing."""
    return Shape(f"(?:{shape.full})?", shape.part)


def repeat(shape: Shape, least: int, most: int) -> Shape:
    """`least` to `most` times the shape."""
    return Shape(f"(?:{shape.full}){{{least},{most}}}", f"(?:{shape.full}){{0,{most - 1}}}{shape.part}")


def digits(least: int, most: int | None = None) -> Shape:
    """So many digits."""
    return run("0-9", least, most or least)


def not_after(lookbehind: str, shape: Shape) -> Shape:
    """The shape where `lookbehind`, an expression of fixed width, does not stand before it."""
    return Shape(f"(?<!{lookbehind}){shape.full}", f"(?<!{lookbehind}){shape.part}")
