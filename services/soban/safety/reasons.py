"""A decision in words for people, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from soban.safety.decisions import Action, Direction
from soban.safety.hangul import letters_of
from soban.safety.taxonomy import CATEGORIES, GROUPS, Name

NO_REASON: Final = Name("", "")

_LEFT = Name("그대로 두고 알리기만 했습니다", "found and left in place")
_DONE = {
    (Action.ALLOW, Direction.INPUT): _LEFT,
    (Action.ALLOW, Direction.OUTPUT): _LEFT,
    (Action.MASK, Direction.INPUT): Name("가렸습니다", "masked"),
    (Action.MASK, Direction.OUTPUT): Name("가렸습니다", "masked"),
    (Action.BLOCK, Direction.INPUT): Name("요청을 받지 않았습니다", "found, so the request was refused"),
    (Action.BLOCK, Direction.OUTPUT): Name("답변을 보내지 않았습니다", "found, so the answer was stopped"),
}


def reason_for(action: Action, direction: Direction, categories: Iterable[str]) -> Name:
    """Why it was done: a sentence in each language. `categories` are those that led to it; none, no reason."""
    found = set(categories)
    if not found:
        return NO_REASON
    done, grouped = _DONE[action, direction], _grouped([name for name in CATEGORIES if name in found])
    korean = " ".join(_with_particle(name.ko, "과와") for name in grouped[:-1])
    korean += f" {_with_particle(grouped[-1].ko, '이가')} 있어 {done.ko}."
    english = " and ".join(name.en for name in grouped)
    verb = "was" if len(grouped) == 1 else "were"
    return Name(korean.strip(), f"{english[0].upper()}{english[1:]} {verb} {done.en}.")


def _grouped(categories: list[str]) -> list[Name]:
    """`개인정보(전화번호, 이메일)` for the leaves of a group, the name alone for others."""
    grouped = []
    for head, group in GROUPS.items():
        inside = [CATEGORIES[name] for name in categories if name.startswith(f"{head}.")]
        if inside:
            korean, english = (", ".join(names) for names in zip(*inside, strict=True))
            grouped.append(Name(f"{group.ko}({korean})", f"{group.en} ({english})"))
    return grouped + [CATEGORIES[name] for name in categories if name.partition(".")[0] not in GROUPS]


def _with_particle(word: str, forms: str) -> str:
    """The first form behind a final consonant; brackets do not count."""
    letters = letters_of(word.partition("(")[0][-1])
    return word + (forms[0] if letters is not None and letters.tail else forms[1])
