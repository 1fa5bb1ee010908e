"""E-mail addresses beside Hangul."""

from __future__ import annotations

import pytest

from soban.safety.scanner import Scanner
from unit.safety.seeing import seen


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("lee@naver.com으로 보내 주세요", "lee@naver.com"),
        ("사서함lee@naver.com", "lee@naver.com"),
        ("메일은 minsu.kim+work@mail.example.co.kr이에요", "minsu.kim+work@mail.example.co.kr"),
        ("Lee_Minsu-1@Example.COM.", "Lee_Minsu-1@Example.COM"),
        ("ｌｅｅ＠ｎａｖｅｒ．ｃｏｍ입니다", "ｌｅｅ＠ｎａｖｅｒ．ｃｏｍ"),
        ("l\u200bee@na\u200bver.com", "l\u200bee@na\u200bver.com"),
        ("lee[at]naver.com", "lee[at]naver.com"),
        ("lee 골뱅이 naver.com으로", "lee 골뱅이 naver.com"),
        ("lee(at)naver[.]com", "lee(at)naver[.]com"),
        ("01012345678@example.com", "01012345678@example.com"),
        ("mailto:lee@example.com?subject=hi", "lee@example.com"),
        ("user%40example.com", "user%40example.com"),
        ("메일은 한소은@example.com이에요", "@example.com"),
    ],
)
def test_addresses_end_where_hangul_begins(scanner: Scanner, text: str, address: str) -> None:
    """And begin where it ends."""
    assert seen(scanner, text) == [("pii.email", address)]


@pytest.mark.parametrize(
    "text",
    [
        "@RestController 는 언제 쓰나요?",
        "골뱅이무침 레시피",
        "logo@2x.png",
        "lodash@4.17.21",
        "a@b",
        "lee@네이버.컴",
        "@lee",
        f"{'a' * 65}@b.com",
    ],
)
def test_look_alikes_are_left_alone(scanner: Scanner, text: str) -> None:
    """Annotations, dishes, file names, versions, and local parts longer than 64."""
    assert seen(scanner, text) == []
