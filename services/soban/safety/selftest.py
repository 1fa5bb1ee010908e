"""What every rule must find, and what none may, looked at before the server takes calls."""

from __future__ import annotations

from typing import Final, NamedTuple

from soban.safety.rules.placeholder import LOOKALIKE
from soban.safety.scanner import Scanner
from soban.safety.taxonomy import CARD, EMAIL, FOREIGNER_NUMBER, PHONE, PROFANITY, RESIDENT_NUMBER


class Example(NamedTuple):
    """A text and what must be found in it, in order."""

    text: str
    categories: tuple[str, ...] = ()


EXAMPLES: Final = (
    Example("주민등록번호는 900101-1234568입니다.", (RESIDENT_NUMBER,)),
    Example("외국인번호 ８００１０１－５１２３４５１로 신청했어요", (FOREIGNER_NUMBER,)),
    Example("앞자리는 900101이고 뒷자리는 1234568이에요", (RESIDENT_NUMBER, RESIDENT_NUMBER)),
    Example("제 번호는 010-1234-5678이에요", (PHONE,)),
    Example("+82 10 1234 5678로 연락 주세요", (PHONE,)),
    Example("메일은 gildong@example.com으로 보내 주세요", (EMAIL,)),
    Example("카드는 4111-1111-1111-1111을 쓸게요", (CARD,)),
    Example("시1발 진짜 개새끼네", (PROFANITY, PROFANITY)),
    Example("ㅅㅂ 뭐야", (PROFANITY,)),
    Example("what the fuck", (PROFANITY,)),
    Example("[전화번호_1]로 연락 주세요", (LOOKALIKE,)),
    Example("주문번호 20230103-5230803, 고객센터 1588-1234, 바코드 8801234567893"),
    Example("시발점에서 새끼손가락을 걸었고 18년 동안 보지 못했다"),
)
"""Every rule stands in here."""


class SelfTestError(Exception):
    """A rule does not do what it is there for; the message names the example by its number, not by its text."""


def run_self_test(scanner: Scanner) -> None:
    """Looks at all examples, whole and one character at a time. Raises SelfTestError."""
    for number, example in enumerate(EXAMPLES):
        for pieces in ([example.text], list(example.text)):
            if _categories(scanner, pieces) != example.categories:
                raise SelfTestError(f"safety example {number} was not judged as expected")


def _categories(scanner: Scanner, pieces: list[str]) -> tuple[str, ...]:
    scan = scanner.scan(lambda _: 1)
    steps = [scan.feed(piece) for piece in pieces] + [scan.feed("", final=True)]
    return tuple(found.category for step in steps for found in step.found)
