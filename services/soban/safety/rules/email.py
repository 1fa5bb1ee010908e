"""E-mail addresses: ASCII, so that they begin behind Hangul and end before it ("사서함lee@naver.com으로")."""

from __future__ import annotations

from soban.safety.outcomes import MORE, Hit, Outcome, Window
from soban.safety.rules.matching import Pattern
from soban.safety.shapes import all_of, any_text, maybe, one_of, repeat, run, text
from soban.safety.taxonomy import EMAIL

_SEVERITY = 2
_CONFIDENCE = 0.98
_CONFIDENCE_OF_REST = 0.7
_FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "css", "js", "ts", "html", "json", "xml", "yaml"}
)

_SPACE = maybe(text(" "))
_AT = (
    text("@")
    | text("%40")
    | (_SPACE + any_text("[at]", "(at)", "{at}", "<at>", "골뱅이", "[골뱅이]", "(골뱅이)", "[@]", "(@)") + _SPACE)
)
_DOT = text(".") | any_text("[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}") | (_SPACE + any_text("점", "닷") + _SPACE)
_LABEL = one_of("A-Za-z0-9") + run(r"A-Za-z0-9\-", 0, 62)
_DOMAIN = repeat(_LABEL + _DOT, 1, 6) + run("A-Za-z", 2, 24)
_SHAPE = all_of(r"A-Za-z0-9._+\-", 64) + _AT + _DOMAIN
_BEHIND_HANGUL = text("@") + _DOMAIN


class EmailRule:
    """Local part of at most 64 characters, up to 6 names of at most 63 before the top-level domain.

    A local part in Hangul has gone out before the "@" can be seen: then all from the "@" on is found.
    """

    starts = "A-Za-z0-9_@"

    def __init__(self) -> None:
        self._pattern = Pattern(_SHAPE)
        self._behind_hangul = Pattern(_BEHIND_HANGUL)
        self.trigger = f"(?:(?<![A-Za-z0-9_]){self._pattern.trigger}|(?<=[가-힣]){self._behind_hangul.trigger})"

    def look(self, window: Window) -> Outcome:
        """An address at the position."""
        is_rest = window.text[window.at] == "@"
        match = (self._behind_hangul if is_rest else self._pattern).match(window)
        if match is None or match is MORE:
            return match
        address = match.group().lower()
        if address.rpartition(".")[2] in _FILE_ENDINGS:
            return None
        evidence = "form of an address behind Hangul" if is_rest else "form of an address"
        confidence = _CONFIDENCE_OF_REST if is_rest else _CONFIDENCE
        return Hit(match.end(), EMAIL, "email", confidence, _SEVERITY, address, (evidence,))
