"""What is asked over and over: small talk, numbered."""

from __future__ import annotations

_QUESTIONS = (
    "안녕하세요, 오늘 기분이 어떠세요?",
    "점심에 뭘 먹으면 좋을까요?",
    "주말에 비가 온다는데 어디로 가면 좋을까?",
    "새로 산 노트북이 너무 느린 것 같아요.",
    "내일 면접인데 너무 떨려요.",
)


def question(number: int) -> str:
    """No prompt comes twice: the engine's cache would make it look faster than it is for strangers."""
    return f"{_QUESTIONS[number % len(_QUESTIONS)]} ({number})"
