"""Phone numbers: forms and particles, public lines, and what only looks like one."""

from __future__ import annotations

import pytest

from soban.safety.rules.phone import national_digits
from soban.safety.scanner import Scanner
from unit.safety.seeing import found_in, seen


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("제 번호는 010-1234-5678이에요", "010-1234-5678"),
        ("01012345678로 문자 주세요", "01012345678"),
        ("010 1234 5678인데요", "010 1234 5678"),
        ("010.1234.5678으로", "010.1234.5678"),
        ("(010)1234-5678", "(010)1234-5678"),
        ("010)1234-5678", "010)1234-5678"),
        ("011-234-5678은 옛날 번호", "011-234-5678"),
        ("사무실은 02-123-4567이고", "02-123-4567"),
        ("(02) 123-4567", "(02) 123-4567"),
        ("031-1234-5678", "031-1234-5678"),
        ("0212345678 입니다", "0212345678"),
        ("인터넷 전화 070-1234-5678", "070-1234-5678"),
        ("안심번호 0504-1234-5678이에요", "0504-1234-5678"),
        ("050712345678", "050712345678"),
        ("+82 10-1234-5678", "+82 10-1234-5678"),
        ("+82-2-123-4567", "+82-2-123-4567"),
        ("+82 (0)10 1234 5678", "+82 (0)10 1234 5678"),
        ("82-10-1234-5678", "82-10-1234-5678"),
        ("tel:+821012345678", "+821012345678"),
        ("?phone=%2B821012345678&", "%2B821012345678"),
        ("０１０－１２３４－５６７８번", "０１０－１２３４－５６７８"),
        ("0\u200b1\u200b0-1234-5678", "0\u200b1\u200b0-1234-5678"),
        ("010–1234–5678", "010–1234–5678"),
        ("010·1234·5678", "010·1234·5678"),
        ("010/1234/5678", "010/1234/5678"),
        ("0 1 0 1 2 3 4 5 6 7 8", "0 1 0 1 2 3 4 5 6 7 8"),
        ("0️⃣1️⃣0️⃣-1️⃣2️⃣3️⃣4️⃣-5️⃣6️⃣7️⃣8️⃣이요", "0️⃣1️⃣0️⃣-1️⃣2️⃣3️⃣4️⃣-5️⃣6️⃣7️⃣8"),
        ("연락처는010-1234-5678입니다", "010-1234-5678"),
        ("010-1234-****", "010-1234-****"),
    ],
)
def test_forms_in_sentences(scanner: Scanner, text: str, number: str) -> None:
    """Mobile, area, internet and safe numbers, with separators and particles as people write them."""
    assert seen(scanner, text) == [("pii.phone", number)]


@pytest.mark.parametrize(
    "text",
    [
        "고객센터 1588-1234로 전화하세요",
        "15881234",
        "1600-0028, 1899-0683",
        "긴급신고 112, 119, 1339, 120",
        "운송장 0237786611 어디쯤인가요",
        "0237786611 운송장 조회",
        "송장번호 218561008316",
        "게임 쿠폰 3566-0016-9627-5735 등록",
        "수식 25-21-7727 의 답은?",
        "학번 2020882054",
        "원주율은 3.14159265358979323846",
        "위도 37.574793, 경도 126.809275",
        "2024-01-15 09:30",
        "010-XXXX-XXXX 자리에 번호를 넣으세요",
        "48b15a2faff01012345678e5af",
    ],
)
def test_look_alikes_are_left_alone(scanner: Scanner, text: str) -> None:
    """Public lines, parcels, coupons, formulas, decimals, templates, hashes."""
    assert seen(scanner, text) == []


def test_numbers_glued_to_others_are_found(scanner: Scanner) -> None:
    """A number in full form ends where its last group does."""
    glued = [("pii.phone", "010-1111-2222"), ("pii.phone", "010-3333-4444")]
    assert seen(scanner, "010-1111-2222010-3333-4444") == glued
    assert seen(scanner, "이름홍길동번호010-1111-2222메일") == glued[:1]
    assert seen(scanner, "01012345678\u200b01098765432") == [("pii.phone", "01012345678"), ("pii.phone", "01098765432")]


@pytest.mark.parametrize(
    "written", ["010-1234-5678", "+82 10 1234 5678", "%2B821012345678", "0082-10-1234-5678", "(010)1234-5678"]
)
def test_ways_of_writing_one_number_are_equal(written: str) -> None:
    """So that they share a placeholder."""
    assert national_digits(written) == "01012345678"


def test_labels_raise_the_confidence(scanner: Scanner) -> None:
    """And stand in the evidence."""
    (plain,), (labelled,) = found_in(scanner, "02-123-4567"), found_in(scanner, "전화 02-123-4567")
    assert plain.confidence < labelled.confidence
    assert "label 전화" in labelled.evidence
