"""Control tokens of a model in texts of its callers, broken so that they stay text.

An engine reads a rendered chat with its control tokens on: `<|end|><|system|>...` inside a USER message would end that
message and begin another. A zero-width space after the first character of each keeps it readable and harmless. Both
generation, which sends texts to engines, and tokenization, which counts what is sent, break them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

BREAK = "\u200b"

_LONGEST = 256
# Of model families whose files do not say which of their tokens are control tokens.
_FAMILIES = (
    "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<bos>", "<eos>",
)  # fmt: skip
_SHAPES = (r"<(?=\|[^<>|\s]{1,64}\|>)", r"<(?=｜[^<>｜\s]{1,64}｜>)", r"\[(?=\|[^\[\]|\s]{1,64}\|\])")
# Added tokens that are not special are also runs of spaces and HTML elements, which are text.
_MARKER = re.compile(
    r"(?!</?(?:table|caption|thead|tbody|tfoot|t[rhd]|h[1-6r]|blockquote|strong|em|[abipsu]|su[bp]|code|pre|br|[uo]l|li)>)"
    r"[<\[]\S+[>\]]"
)


class Markers:
    """`special` and `added` are the special and the other added tokens of one model."""

    def __init__(self, special: Iterable[str] = (), added: Iterable[str] = ()) -> None:
        marking = (token for token in added if _MARKER.fullmatch(token))
        words = {token for token in (*_FAMILIES, *special, *marking) if 1 < len(token) <= _LONGEST}
        begun = [f"{re.escape(first)}(?={_any_of(rests)})" for first, rests in sorted(_by_first(words).items())]
        self._search = re.compile("|".join((*_SHAPES, *begun)))

    def broken(self, text: str) -> str:
        """`text` itself where it holds none. Each place is looked at by itself, so that overlapping ones break, too."""
        return self._search.sub(_with_break, text)


def _with_break(found: re.Match[str]) -> str:
    return found.group() + BREAK


def _by_first(words: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[0], []).append(word[1:])
    return groups


def _any_of(words: list[str]) -> str:
    """A pattern for the beginnings of all of them, as a tree: thousands of tokens cost no more than the longest."""
    if "" in words:
        return ""
    branches = [re.escape(first) + _any_of(rests) for first, rests in sorted(_by_first(words).items())]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
