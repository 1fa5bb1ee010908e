"""Categories: what can be found, how it is called, and what stands in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

RESIDENT_NUMBER: Final = "pii.resident_number"
FOREIGNER_NUMBER: Final = "pii.foreigner_number"
PHONE: Final = "pii.phone"
EMAIL: Final = "pii.email"
CARD: Final = "pii.card"
PROFANITY: Final = "abuse.profanity"


class Name(NamedTuple):
    """For people. The Korean name of a category is also its placeholder's word: `[전화번호_1]`."""

    ko: str
    en: str


CATEGORIES: Final[Mapping[str, Name]] = {
    RESIDENT_NUMBER: Name("주민등록번호", "resident registration number"),
    FOREIGNER_NUMBER: Name("외국인등록번호", "foreigner registration number"),
    PHONE: Name("전화번호", "phone number"),
    EMAIL: Name("이메일", "e-mail address"),
    CARD: Name("카드번호", "card number"),
    PROFANITY: Name("욕설", "profanity"),
}
"""The leaves of the tree."""

GROUPS: Final[Mapping[str, Name]] = {"pii": Name("개인정보", "personal data")}
"""Heads that people are told of together with their leaves; leaves of other heads speak for themselves."""


def heads() -> list[str]:
    """Names that stand above leaves."""
    return sorted({name.partition(".")[0] for name in CATEGORIES})


def covers(wide: str, category: str) -> bool:
    """Whether `wide` is the category or stands above it: `pii` covers `pii.phone`."""
    return category == wide or category.startswith(f"{wide}.")


def leaves(wide: str) -> Iterator[str]:
    """All categories that `wide` covers; none for a name that is not in the tree."""
    return (name for name in CATEGORIES if covers(wide, name))
