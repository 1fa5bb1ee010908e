"""What counts as a refusal, in Korean and English."""

from __future__ import annotations

import unicodedata

import pytest

from soban.generation.routes.phrases import refuses

REFUSALS = [
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    "죄송합니다. 해당 질문에는 답변을 드릴 수 없습니다.",
    "죄송합니다만, 저는 실시간 정보를 확인할 수 없습니다.",
    "미안하지만 그건 알려 줄 수 없어요.",
    "유감스럽게도 해당 정보를 찾는 것은 불가능합니다.",
    "안타깝지만 그 문서를 열어 보기 어렵습니다.",
    "아쉽지만 그 기능은 지원하지 않습니다.",
    "잘 모르겠습니다.",
    "음... 저도 잘 모르겠어요 ㅠㅠ",
    "글쎄요, 정확히는 모르겠네요.",
    "그 부분은 답변하기 어렵습니다.",
    "그 내용은 말씀드릴 수 없습니다.",
    "해당 인물에 대한 정보가 없습니다.",
    "저는 AI 언어 모델로서 개인적인 의견을 갖지 않습니다.",
    "도와드릴수없습니다",
    "도와 드릴 수 가 없습니다".replace(" 가", "가"),
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I cannot assist with this request.",
    "Sorry, I am unable to open links.",
    "I don't know the answer to that.",
    "As an AI language model, I do not have opinions.",
    "Unfortunately, it is not possible to say.",
]
ANSWERS = [
    "서울의 인구는 약 940만 명입니다.",
    "아니요, 걸어서는 갈 수 없습니다. 버스를 타세요.",
    "죄송합니다. 앞의 계산이 틀렸습니다. 정답은 42입니다.",
    "'잘 모르겠습니다'는 영어로 \"I don't know\"입니다.",
    "“죄송하지만 도와드릴 수 없습니다”는 정중한 거절 표현입니다.",
    "이 식은 실수 범위에서 풀 수 없습니다. 판별식이 음수이기 때문입니다.",
    "모르는 단어는 사전에서 찾으세요. 그래도 모르겠으면 물어보세요.",
    "물은 100도에서 끓습니다. 기압이 낮으면 더 낮은 온도에서 끓는데, 왜 그런지는 아직 모르는 사람이 많습니다.",
    "한국어로 sorry는 '죄송합니다'입니다.",
    "The capital of Korea is Seoul.",
    "You cannot divide by zero.",
    "I can help you with that: first, open the settings.",
    "ㅎㅎ 네!",
    "👍",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    """With and without spaces, polite and not, in NFD as well."""
    assert refuses(text)
    assert refuses(unicodedata.normalize("NFD", text)[:290])
    assert refuses(text.replace(" ", "  "))


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    """That something cannot be done is an answer, and so is what is quoted."""
    assert not refuses(text)


def test_more_text_changes_no_refusal() -> None:
    """So that a cascade may leave an answer as soon as it sees one."""
    assert refuses("죄송하지만 그 요청은 도와드릴 수 없습니다. " + "대신 다른 방법을 알려 드릴게요. " * 100)
    assert not refuses("다음은 요약입니다. " * 40 + "잘 모르겠습니다.")


def test_a_hostile_text_takes_no_time() -> None:
    """Only its begin is looked at, and no pattern goes back over it."""
    for mark in ("'", '"', "“", "「", "가'"):
        refuses(mark * 1_000_000)
