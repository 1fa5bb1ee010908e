"""In which language an answer is."""

from __future__ import annotations

import unicodedata

import pytest

from soban.generation.routes.language import is_written_in

KOREAN = [
    "서울은 대한민국의 수도입니다.",
    "Pod는 Kubernetes에서 배포 가능한 가장 작은 단위입니다.",
    "다음과 같이 쓰세요:\n```python\nprint('hello world, this is a long line of English')\n```",
    "ㅇㅋ ㅋㅋㅋ",
    "`kubectl get pods --all-namespaces`를 실행하세요.",
    unicodedata.normalize("NFD", "맥에서 쓴 글자입니다."),
]
OTHERS = [
    "Seoul is the capital of Korea.",
    "首尔是韩国的首都。",
    "ソウルは韓国の首都です。",
    "The word is 안녕, which means hello, and it is used between friends.",
]


@pytest.mark.parametrize("text", KOREAN)
def test_korean(text: str) -> None:
    """Among English terms, beside code, in jamo and in NFD."""
    assert is_written_in(text, "ko")
    assert not is_written_in(text, "en")


@pytest.mark.parametrize("text", OTHERS)
def test_not_korean(text: str) -> None:
    """Chinese and Japanese are no Korean, nor is English that quotes a word."""
    assert not is_written_in(text, "ko")


def test_english() -> None:
    """Latin letters, with accents."""
    assert is_written_in("The café is in Myeong-dong.", "en")
    assert not is_written_in("首尔是韩国的首都。", "en")


@pytest.mark.parametrize("text", ["", "42", "3.14 + 2 = 5.14", "👍🎉", "```\ncode\n```"])
def test_what_has_no_letters_is_in_every_language(text: str) -> None:
    """Code apart."""
    assert is_written_in(text, "ko")
    assert is_written_in(text, "en")
