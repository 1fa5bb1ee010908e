"""Payment cards, and coupons that look like them."""

from __future__ import annotations

import pytest

from soban.safety.rules.card import passes_luhn
from soban.safety.scanner import Scanner
from unit.safety.seeing import reasons_against, seen


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("카드는 4111-1111-1111-1111을 쓸게요", "4111-1111-1111-1111"),
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("4111111111111111이에요", "4111111111111111"),
        ("국내 전용 9420-0067-9496-5822로 결제", "9420-0067-9496-5822"),
        ("아멕스 3782-822463-10005요", "3782-822463-10005"),
        ("378282246310005", "378282246310005"),
        ("4111–1111–1111–1111", "4111–1111–1111–1111"),
        ("４１１１－１１１１－１１１１－１１１１", "４１１１－１１１１－１１１１－１１１１"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 카드", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
        ("카드번호 4111-1111-1111-1112 입니다", "4111-1111-1111-1112"),
        ("카드 4111-11**-****-1111", "4111-11**-****-1111"),
    ],
)
def test_forms_in_sentences(scanner: Scanner, text: str, number: str) -> None:
    """With separators and particles; behind its own label also with a wrong check digit."""
    assert seen(scanner, text) == [("pii.card", number)]


@pytest.mark.parametrize(
    "text",
    [
        "게임 쿠폰 5105-1047-2767-7658 등록",
        "시리얼 4000-0086-5826-9799",
        "4111111111111112",
        "1234-5678-9012-3456",
        "41111111111111111111",
    ],
)
def test_look_alikes_are_left_alone(scanner: Scanner, text: str) -> None:
    """Coupons and serials fail the check; longer runs are no cards."""
    assert seen(scanner, text) == []


def test_reasons_are_told(scanner: Scanner) -> None:
    """Why a coupon is none."""
    assert reasons_against(scanner, "게임 쿠폰 5105-1047-2767-7658 등록") == [
        "groups of a card; check digit fails; label of something else: 쿠폰"
    ]


def test_luhn() -> None:
    """ISO/IEC 7812-1; hidden digits prove nothing."""
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")
    assert not passes_luhn("411111**********")
