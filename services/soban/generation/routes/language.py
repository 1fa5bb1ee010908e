"""In which language an answer is written, by its letters."""

from __future__ import annotations

import re
from typing import Literal

# A Hangul syllable holds two or three letters and is counted as one, so Korean that is full of English terms has far
# more Latin letters: "Pod는 Kubernetes에서 배포 가능한 가장 작은 단위입니다" is 57 % Hangul by this count, and prose on
# software goes down to 40 %.
_LEAST_HANGUL = 0.3
_LEAST_LATIN = 0.7

# Up to the closing fence or the end; code is Latin in any language.
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def is_written_in(text: str, language: Literal["ko", "en"]) -> bool:
    """Code apart. A text without letters, such as a number, is in every language."""
    letters = [letter for letter in _CODE.sub(" ", text) if letter.isalpha()]
    if not letters:
        return True
    if language == "ko":
        return sum(map(_is_hangul, letters)) / len(letters) >= _LEAST_HANGUL
    return sum(map(_is_latin, letters)) / len(letters) >= _LEAST_LATIN


def _is_hangul(letter: str) -> bool:
    """A syllable or a jamo, conjoining ones included."""
    return "가" <= letter <= "힣" or "ᄀ" <= letter <= "ᇿ" or "ㄱ" <= letter <= "ㆎ"


def _is_latin(letter: str) -> bool:
    """With the accents of Latin-1 and Latin Extended-A and -B."""
    return letter <= "ɏ"
