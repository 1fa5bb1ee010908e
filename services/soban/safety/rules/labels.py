"""Words beside a number that say what it is, or what it is not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from soban.safety.outcomes import MORE, Wait, Window

NOT_PERSONAL: Final = (
    r"주문|구매\s?번호|송장|택배|배송\s?번호|등기|접수|예약\s?번호|예매|문서\s?번호|공문|공고|고시|의안|사건|판례|판결|대법원|"
    r"도면|품번|부품|모델|제품|상품|바코드|일련\s?번호|시리얼|쿠폰|기프트|규격|좌석|악보|수식|원주율|소수점|좌표|위도|경도|"
    r"버전|펌웨어|빌드|로그|타임스탬프|학번|사번|법인|사업자|우편\s?번호|청구서|견적|피벗|정렬|콤마|"
    r"barcode|isbn|sku|serial|coupon|order|invoice|tracking|timestamp|version|build|trace|log\b|ts=|req_?id|request\s?id"
)
"""Labels of numbers that belong to things."""

_LETTER = re.compile(r"[^\W\d_]")
_BEFORE = 32
_BEHIND = 10


@dataclass(frozen=True, slots=True)
class Label:
    """A label beside a number: `own` when it names the kind looked for, else it speaks against it."""

    word: str
    own: bool


class Labels:
    """The labels of one kind of number. `own` is a regular expression."""

    def __init__(self, own: str) -> None:
        self._before = re.compile(f"(?P<own>{own})|(?:{NOT_PERSONAL})", re.IGNORECASE)
        self._behind = re.compile(f"[^0-9]*?(?:{NOT_PERSONAL})", re.IGNORECASE)

    def before(self, window: Window) -> Label | None:
        """The nearest label before the number."""
        text = window.before(_BEFORE)
        if _LETTER.search(text) is None:
            return None
        found = list(self._before.finditer(unicodedata.normalize("NFC", text)))
        return Label(found[-1].group(), found[-1].group("own") is not None) if found else None

    def speaks_against(self, window: Window, end: int) -> bool | Wait:
        """Whether a label directly behind the number names something else."""
        behind = window.after(end, _BEHIND)
        return MORE if behind is None else self._behind.match(unicodedata.normalize("NFC", behind)) is not None
