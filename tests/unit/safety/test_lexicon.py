"""The word list: spellings, disguises, innocent look-alikes."""

from __future__ import annotations

import unicodedata

import pytest

from soban.safety.scanner import Scanner
from soban.safety.wordlist import read_words, shipped_words
from unit.safety.seeing import found_in, reasons_against, seen


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("아 씨발 진짜", "씨발"),
        ("시발ㅋㅋㅋ", "시발"),
        ("시1발 뭐야", "시1발"),
        ("씨.발", "씨.발"),
        ("시\u200b발", "시\u200b발"),
        ("ㅅㅣ발", "ㅅㅣ발"),
        ("씨바ㄹ", "씨바ㄹ"),
        ("ㅅㅂ 짜증나", "ㅅㅂ"),
        ("아 ㅅ1ㅂ", "ㅅ1ㅂ"),
        ("ㅄ이냐", "ㅄ"),
        ("ㅂㅅ같네", "ㅂㅅ"),
        ("병신아", "병신"),
        ("또 지랄이야", "지랄"),
        ("이 개새끼가", "개새끼"),
        ("저 새끼가 그랬어", "새끼가"),
        ("무지막지한새끼들", "새끼들"),
        ("좆같네", "좆"),
        ("존나 웃겨", "존나"),
        ("미친 놈아", "미친 놈"),
        ("엿 먹어라", "엿 먹어라"),
        ("what the FUCK", "FUCK"),
        ("tlqkf 뭐야", "tlqkf"),
    ],
)
def test_swearing_is_found(scanner: Scanner, text: str, word: str) -> None:
    """Spelled in full, in initials, in jamo, with signs between, on the wrong keyboard."""
    assert seen(scanner, text) == [("abuse.profanity", word)]


@pytest.mark.parametrize(
    "text",
    [
        "사건의 시발이 된 발언을 요약해 주세요.",
        "이 지역이 한국 철도의 시발점이라고 배웠어요.",
        "1955년에 나온 국산차 시발 자동차의 역사를 알려줘.",
        "다시 발표해 주세요. 역시, 발이 빨라요. 동시발생, 즉시발급",
        "서울시 발전 계획과 혹시 발생할 문제",
        "그 영화는 아직 보지 못했어요.",
        "뒤도 돌아보지 않고 달렸다.",
        "새끼손가락 걸고 약속해, 새끼 고양이 세 마리, 새끼줄",
        "이 새끼 고양이를 어떻게 하죠?",
        "개새우와 날개새김",
        "오후 2시발 열차, 18년 10월 18일, 18세기, 십팔 층",
        "간질 발작을 예전에는 지랄병이라고 불렀다고 해요.",
        "초성퀴즈 ㅅㅂ 정답이 수박 맞나요?",
        "ㅅㅂ 은 초성으로 수박이에요",
        "전염병 예방 수칙",
        "8등신 모델과 등신대",
        "개 같은 경우에는",
        "3개년 계획",
        "공존나무, 보존나 마찬가지",
        "가족같이 지내요",
        "마감이 닥쳐서",
        "화면이 꺼져요",
        "아저씨 발, 날씨발표, 김철수씨발표",
        "창녕군 우포늪",
        "마이애미로 가시나요",
        "존나무 아래",
        "병신년 새해 복 많이 받으세요",
        "질병신고 번호",
        "가방을 뒤져 찾았다",
        "뒤져 봐도 없다",
        "서랍을 뒤져버려",
        "이년이 지났어",
        "이 버스의 시발 정류장",
        "시발은 부산이고 종착은 서울",
        "분당 병신축 아파트",
        "경신년 병신월",
        "개소리가 시끄럽다",
        "우리 개소리 들었어?",
        "개같이 벌어 정승같이 쓴다",
        "개같은 날의 오후",
        "위기가 닥쳐라",
        "쳐맞은편",
        "졸라게임",
        "처먹다",
        "scunthorpe basement shuttlecock",
        "ㅋㅋㅋㅋ ㅎㅎ ㅠㅠ ㄱㅅ ㄴㄴ ㅇㅋ",
    ],
)
def test_innocent_look_alikes_are_left_alone(scanner: Scanner, text: str) -> None:
    """Words that contain, or are spelled like, a swear word."""
    assert seen(scanner, text) == []


def test_conjoining_letters_are_read(scanner: Scanner) -> None:
    """NFD as macOS writes it, and no initials are read into finals."""
    assert seen(scanner, unicodedata.normalize("NFD", "개새끼야"))[0][0] == "abuse.profanity"
    assert seen(scanner, unicodedata.normalize("NFD", "것부터 시발점까지")) == []


def test_a_finding_tells_its_view(scanner: Scanner) -> None:
    """What had to be seen through."""
    views = {text: found_in(scanner, text)[0].view for text in ("시발", "시1발", "ㅅㅣ발", "시\u200b발")}
    assert views == {"시발": "raw", "시1발": "gaps", "ㅅㅣ발": "jamo", "시\u200b발": "invisible"}


def test_an_innocent_word_is_told(scanner: Scanner) -> None:
    """As a dropped candidate."""
    assert reasons_against(scanner, "시발점에서") == ["innocent word 시발점"]


def test_the_list_is_read_as_its_head_says() -> None:
    """One of, optional space, begin, end, behind, innocent."""
    entries = list(read_words("# comment\n2 [가나]다_라 ^마$ (바|사)아 (!자)차 fu*\n! 하하\n"))
    assert [entry.word.text for entry in entries] == [
        "가다라", "가다 라", "나다라", "나다 라", "마", "아", "차", "fu", "하하",
    ]  # fmt: skip
    assert [entry.before for entry in entries[4:7]] == ["(?<![가-힣ᄀ-ᇿ0-9])", "(?<=바|사)", "(?<!자)"]
    assert entries[4].word.behind == "(?![가-힣ᄀ-ᇿ])"
    assert entries[-1].word.severity == 0


@pytest.mark.parametrize("line", ["x 가나", "시발"])
def test_a_wrong_line_is_refused(line: str) -> None:
    """At start, not at the first text."""
    with pytest.raises(ValueError, match="invalid literal"):
        list(read_words(line))


def test_every_word_of_the_list_is_found_alone(scanner: Scanner) -> None:
    """With what must stand before it, none is hidden by another rule of the list."""
    missed = []
    for entry in shipped_words():
        if entry.word.severity and "?<=" not in entry.before:
            missed += [] if found_in(scanner, f"- {entry.word.text} -") else [entry.word.text]
    assert missed == []
