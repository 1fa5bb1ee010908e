"""Korean phone numbers: mobile, area, internet (070), safe numbers (050x), with and without +82.

Numbering plan: Google's libphonenumber, metadata of region KR. Representative lines (15xx, 16xx, 18xx) and emergency
lines have no prefix of this list: they are public.
"""

from __future__ import annotations

import re

from soban.safety.outcomes import MORE, Hit, Miss, Outcome, Wait, Window
from soban.safety.rules.labels import Label, Labels
from soban.safety.rules.matching import Pattern
from soban.safety.rules.numbers import (
    GAP,
    HIDDEN,
    OUTSIDE_NUMBER,
    begins_number,
    digits_of,
    follows_number,
    gap_count,
    has_usual_gaps,
    is_inside_word,
    is_joined_to_digits,
    spaced,
)
from soban.safety.rules.weighing import Weighing
from soban.safety.shapes import any_text, digits, maybe, one_of, run, text
from soban.safety.taxonomy import PHONE

_SEVERITY = 2
_LABELS = (
    r"전화|연락|휴대|핸드폰|폰|번호|모바일|팩스|문자|통화|사무실|내선|보호자|수신|발신|"
    r"\btel|phone|mobile|\bfax|\bcell|\bhp\b|\b[TMFH][.:)]|\bcall"
)
_SURE = 0.6
"""From here on no label behind the number is waited for."""
_GAPS_OF_FULL_FORM = 2
"""02-123-4567: so written, a number ends where its last group does, whatever follows."""

_CODE = (
    (text("1") + one_of("016-9"))
    | text("2")
    | (one_of("3-6") + one_of("1-5"))
    | any_text("60", "70", "80")
    | (text("50") + one_of("0-9"))
)
_HIDDEN = re.escape(HIDDEN)
_LINE = run(f"0-9{_HIDDEN}", 3, 4) + GAP + (digits(4) | run(_HIDDEN, 4, 4))
_COUNTRY = any_text("+82", "0082", "82", "%2B82", "(+82)", "(82)")
_SHAPE = (
    (((text("0") + _CODE + maybe(text(")"))) | (text("(0") + _CODE + text(")"))) + GAP + _LINE)
    | (_COUNTRY + GAP + maybe(any_text("(0)", "0")) + _CODE + GAP + _LINE)
    | spaced("0", 9, 12)
)
_GLUED = text("01") + one_of("016-9") + text("-") + digits(3, 4) + text("-") + digits(4)
_COUNTRY_WRITTEN = re.compile(r"(?:%2B|00|\(?\+?)82\)?")
_NOTHING_LEFT = "*" * 7
_PLAN = re.compile(
    r"(?P<personal>010[0-9*]{7,8}|01[16-9][0-9*]{7,8}|070[0-9*]{8}|050[0-9][0-9*]{7,8})"
    r"|0(?:2|[3-6][1-5])[1-9*][0-9*]{6,7}|0[68]0[0-9*]{7,8}"
)


class PhoneRule:
    """Weighs prefix, separators and labels."""

    starts = "08+(%"

    def __init__(self) -> None:
        self._pattern = Pattern(_SHAPE)
        self._glued = Pattern(_GLUED)
        self._labels = Labels(_LABELS)
        self.trigger = f"(?:{OUTSIDE_NUMBER}{self._pattern.trigger}|(?<=[0-9]{{5}}){self._glued.trigger})"

    def look(self, window: Window) -> Outcome:
        """A phone number at the position."""
        is_continued = is_joined_to_digits(window, window.at) and not window.after_hit
        match = (self._glued if is_continued else self._pattern).match(window)
        if match is None or match is MORE:
            return match
        written, end = match.group(), match.end()
        number = national_digits(written)
        plan = None if number.endswith(_NOTHING_LEFT) else _PLAN.fullmatch(number)
        if plan is None:
            return None
        personal = plan.group("personal") is not None
        stands_alone = _stands_alone(window, end, written, personal)
        if stands_alone is not True:
            return MORE if stands_alone is MORE else None
        label = self._labels.before(window)
        case = _weigh(written, personal, label)
        if case.accepted and case.confidence < _SURE and label is None:
            against = self._labels.speaks_against(window, end)
            if against is MORE:
                return MORE
            if against:
                case.add(-0.25, "label of something else behind it")
        if not case.accepted:
            return Miss(end, PHONE, case.reason)
        return Hit(end, PHONE, "phone", case.confidence, _SEVERITY, number, case.evidence)


def national_digits(written: str) -> str:
    """The number as dialled inside the country, digits only."""
    digits_only = digits_of(_COUNTRY_WRITTEN.sub("", written, count=1)) if _is_abroad(written) else digits_of(written)
    return digits_only if digits_only.startswith("0") else f"0{digits_only}"


def _is_abroad(written: str) -> bool:
    return _COUNTRY_WRITTEN.match(written) is not None


def _stands_alone(window: Window, end: int, written: str, personal: bool) -> bool | Wait:
    gaps = gap_count(written)
    if gaps >= _GAPS_OF_FULL_FORM:
        return True
    if gaps == 0 and (follows_number(window) or is_inside_word(window, end)):
        return False
    if is_joined_to_digits(window, end):
        return personal and begins_number(window, end)
    return True


def _weigh(written: str, personal: bool, label: Label | None) -> Weighing:
    if personal:
        case = Weighing(0.8 if has_usual_gaps(written) else 0.65, "prefix of personal lines")
    elif gap_count(written) == 0:
        case = Weighing(0.55, "area code, digits only")
    else:
        case = Weighing(0.76 if has_usual_gaps(written) else 0.45, "area code")
    if label is not None and label.own:
        case.add(0.3, f"label {label.word}")
    elif label is not None:
        case.add(-0.25, f"label of something else: {label.word}")
    return case
