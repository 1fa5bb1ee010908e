"""Categories: what can be found, how it is called, and what stands in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

RESIDENT_NUMBER: Final = "pii.resident_number"
FOREIGNER_NUMBER: Final = "pii.foreigner_number"
PHONE: Final = "pii.phone"
EMAIL: Final = "pii.email"
CARD: Final = "pii.card"
PROFANITY: Final = "abuse.profanity"


@dataclass(frozen=True, slots=True)
class Category:
    """A leaf of the tree. `ko` is also the placeholder's word: `[전화번호_1]`."""

    name: str
    ko: str
    en: str


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the leaves, in words."""

    name: str
    ko: str
    en: str


HEADS: Final[Mapping[str, Head]] = {
    head.name: head for head in (Head("pii", "개인정보", "personal data"), Head("abuse", "욕설", "abusive language"))
}
CATEGORIES: Final[Mapping[str, Category]] = {
    category.name: category
    for category in (
        Category(RESIDENT_NUMBER, "주민등록번호", "resident registration number"),
        Category(FOREIGNER_NUMBER, "외국인등록번호", "foreigner registration number"),
        Category(PHONE, "전화번호", "phone number"),
        Category(EMAIL, "이메일", "e-mail address"),
        Category(CARD, "카드번호", "card number"),
        Category(PROFANITY, "욕설", "profanity"),
    )
}


def head_of(category: str) -> Head:
    """The head of a category: that of `pii` for `pii.phone`."""
    return HEADS[category.partition(".")[0]]


def covers(wide: str, category: str) -> bool:
    """Whether `wide` is the category or stands above it: `pii` covers `pii.phone`."""
    return category == wide or category.startswith(f"{wide}.")


def leaves(wide: str) -> Iterator[str]:
    """All categories that `wide` covers; none for a name that is not in the tree."""
    return (name for name in CATEGORIES if covers(wide, name))
