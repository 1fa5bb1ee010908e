"""Resident and foreigner registration numbers: forms, check digit, dates, labels, and what only looks like one."""

from __future__ import annotations

import pytest

from soban.safety.rules.registration_number import RegistrationNumber
from soban.safety.scanner import Scanner
from unit.safety.seeing import found_in, reasons_against, seen

RRN, FRN = "pii.resident_number", "pii.foreigner_number"


@pytest.mark.parametrize(
    ("text", "category", "number"),
    [
        ("주민등록번호는 900101-1234568입니다.", RRN, "900101-1234568"),
        ("주민번호 9001011234568이에요", RRN, "9001011234568"),
        ("민증에 900101 1234568 이라고 적혀 있어요", RRN, "900101 1234568"),
        ("번호가 900101 - 1234568로 되어 있네요", RRN, "900101 - 1234568"),
        ("주민번호９００１０１－１２３４５６８요", RRN, "９００１０１－１２３４５６８"),
        ("주민번호 9\u200b00101-12345\u200b68 맞죠", RRN, "9\u200b00101-12345\u200b68"),
        ("주민번호 9 0 0 1 0 1 1 2 3 4 5 6 8 입니다", RRN, "9 0 0 1 0 1 1 2 3 4 5 6 8"),
        ("주민번호 900101·1234568", RRN, "900101·1234568"),
        ("주민번호\n900101\n1234568", RRN, "900101\n1234568"),
        ("주민번호는 19900101-1234568이고요", RRN, "19900101-1234568"),
        ("주민번호 1990.01.01-1234568", RRN, "1990.01.01-1234568"),
        ('{"jumin":"900101-1234568"}', RRN, "900101-1234568"),
        ("주민번호 900101-1******", RRN, "900101-1******"),
        ("외국인등록번호 800101-5123453이에요", FRN, "800101-5123453"),
        ("거소신고번호는 211006-7505341로요", FRN, "211006-7505341"),
    ],
)
def test_forms_in_sentences(scanner: Scanner, text: str, category: str, number: str) -> None:
    """Particles follow without a space, separators come in many kinds."""
    assert seen(scanner, text) == [(category, number)]


@pytest.mark.parametrize(
    "text",
    [
        "고객 900101-1234567 확인",  # 6-7 and a real date; the check digit fails
        "2211063938290 으로 조회",  # bare, from the time without check digit
        "주민번호 9001011234567 맞나요",  # bare, check digit fails, but the label says what it is
        "주민번호 991332-1234567",  # a mistyped date behind its own label
        "주민번호는 390202-3279900",  # a date in the future behind its own label
    ],
)
def test_a_failing_check_digit_is_no_excuse(scanner: Scanner, text: str) -> None:
    """Numbers since October 2020 have none, and one mistyped digit must not publish twelve."""
    assert [category for category, _ in seen(scanner, text)] == [RRN]


@pytest.mark.parametrize(
    "text",
    [
        "바코드 8801234567893 상품",
        "바코드 8808054243082 상품 재고 알려줘",
        "8809240331767 찾아줘",
        "타임스탬프 1615560274023 를 날짜로",
        "1671450326310 ms",
        "주문번호 20230103-5230803 배송",
        "주문번호 20250910-8020492 배송",
        "221007-3233172 주문 취소해 주세요",
        "주문번호 181024-4886484 배송",
        "2024년 900101 1234",
        "서버 로그: req_id=6969779680134 status=200",
        "ISBN 9791150419941",
        "9001011234567",
        "1110111234567890123",
    ],
)
def test_look_alikes_are_left_alone(scanner: Scanner, text: str) -> None:
    """Barcodes, orders, timestamps, and thirteen digits for which nothing speaks."""
    assert seen(scanner, text) == []


def test_a_number_told_in_two_parts(scanner: Scanner) -> None:
    """Both parts are found; other six and seven digits are not."""
    assert seen(scanner, "앞자리는 070206이고 뒷자리는 2099082입니다") == [(RRN, "070206"), (RRN, "2099082")]
    assert seen(scanner, "앞 여섯 자리 241006, 뒤 일곱 자리 4631209 불러드렸어요") == [
        (RRN, "241006"),
        (RRN, "4631209"),
    ]
    assert seen(scanner, "카드 앞자리 941312, 우편번호 06164, 조회수 1234567") == []


def test_two_numbers_without_a_gap_are_both_found(scanner: Scanner) -> None:
    """As they come out of spreadsheets."""
    assert seen(scanner, "목록: 9001011234568010-1111-2222") == [(RRN, "9001011234568"), ("pii.phone", "010-1111-2222")]


def test_evidence_and_reasons_are_told(scanner: Scanner) -> None:
    """For a finding and for what was dropped."""
    (found,) = found_in(scanner, "주민번호 900101-1234568")
    assert found.evidence == ("form 6-7", "date of birth real", "check digit valid", "label 주민")
    assert (found.rule, found.severity, found.confidence) == ("rrn", 4, 0.99)
    (reason,) = reasons_against(scanner, "주문번호 181024-4886484 배송")
    assert reason == "form 6-7; date of birth real; check digit fails; label of something else: 주문"


@pytest.mark.parametrize(
    ("digits", "valid"),
    [("9001011234568", True), ("9001011234567", False), ("8001015123453", True), ("9001011964568", False)],
)
def test_check_digits(digits: str, valid: bool) -> None:
    """Foreigners' numbers count from 13; regions end with 95."""
    assert RegistrationNumber(digits).passes_check() is valid
