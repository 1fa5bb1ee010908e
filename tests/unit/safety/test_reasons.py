"""Decisions in words."""

from __future__ import annotations

import pytest

from soban.safety.decisions import Action, Direction
from soban.safety.reasons import reason_for
from soban.safety.taxonomy import EMAIL, PHONE, PROFANITY

PHONE_MASKED = ("개인정보(전화번호)가 있어 가렸습니다.", "Personal data (phone number) was masked.")
TWO_MASKED = (
    "개인정보(전화번호, 이메일)가 있어 가렸습니다.",
    "Personal data (phone number, e-mail address) was masked.",
)
ANSWER_STOPPED = ("욕설이 있어 답변을 보내지 않았습니다.", "Profanity was found, so the answer was stopped.")
BOTH_REFUSED = (
    "개인정보(전화번호)와 욕설이 있어 요청을 받지 않았습니다.",
    "Personal data (phone number) and profanity were found, so the request was refused.",
)
OBSERVED = ("욕설이 있어 그대로 두고 알리기만 했습니다.", "Profanity was found and left in place.")


@pytest.mark.parametrize(
    ("action", "direction", "categories", "sentences"),
    [
        (Action.MASK, Direction.INPUT, [PHONE], PHONE_MASKED),
        (Action.MASK, Direction.OUTPUT, [EMAIL, PHONE, PHONE], TWO_MASKED),
        (Action.BLOCK, Direction.OUTPUT, [PROFANITY], ANSWER_STOPPED),
        (Action.BLOCK, Direction.INPUT, [PROFANITY, PHONE], BOTH_REFUSED),
        (Action.ALLOW, Direction.INPUT, [PROFANITY], OBSERVED),
        (Action.ALLOW, Direction.INPUT, [], ("", "")),
    ],
)
def test_sentences(action: Action, direction: Direction, categories: list[str], sentences: tuple[str, str]) -> None:
    """One in each language, with the right particles; none where nothing was found."""
    assert reason_for(action, direction, categories) == sentences
