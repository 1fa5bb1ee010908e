"""Short answers in the form in which they are the same answer."""

from __future__ import annotations

import re
from unicodedata import category, normalize

from soban.generation.routes.numerals import in_digits

MOST_SHORT_CHARACTERS = 32
"""A name, a number, a few words; sentences that mean the same are hardly ever written alike."""

_SAME = {"예": "네", "넵": "네", "아니오": "아니요", "아뇨": "아니요"}
_BEGIN = re.compile(r"^(?:정답|답|답변|결론|answer|theanswer)(?:은|는|is|:|=):?(?=\w)")
_END = re.compile(r"(?<=.)(?:입니다|이에요|예요|이야)$")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


def short_form(text: str) -> str | None:
    """What a short answer says; None for a long one.

    NFKC, so that full-width digits are digits; lower case; no spaces, no punctuation but the decimal point; no
    "정답은 ...입니다" around it; numerals in digits; 예 is 네.
    """
    if len(text.strip()) > MOST_SHORT_CHARACTERS:
        return None
    plain = in_digits(normalize("NFKC", text).lower())
    plain = _END.sub("", _without_marks(_BEGIN.sub("", plain)))
    return _SAME.get(plain, plain)


def _without_marks(text: str) -> str:
    """No punctuation (P) and no separators (Z)."""
    pointed = _POINT.sub("\0", text)
    return "".join("." if each == "\0" else each for each in pointed if each == "\0" or category(each)[0] not in "PZ")
