"""Hangul letters in the three ways they are encoded: syllables, conjoining letters (NFD), compatibility letters."""

from __future__ import annotations

from typing import NamedTuple

_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_VOWELS, _TAILS = 21, 28
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_TAIL_LETTERS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_FIRST_VOWEL = 0x314F


class Letters(NamedTuple):
    """A syllable taken apart. Each letter is two characters, compatibility and conjoining; `tail` may be empty."""

    open: str
    """The syllable without its final consonant."""
    lead: str
    vowel: str
    tail: str


def letters_of(char: str) -> Letters | None:
    """None for anything but a modern syllable."""
    if not _FIRST_SYLLABLE <= ord(char) <= _LAST_SYLLABLE:
        return None
    index = ord(char) - _FIRST_SYLLABLE
    lead, vowel, tail = index // (_VOWELS * _TAILS), index // _TAILS % _VOWELS, index % _TAILS
    return Letters(
        chr(ord(char) - tail),
        _LEADS[lead] + chr(0x1100 + lead),
        chr(_FIRST_VOWEL + vowel) + chr(0x1161 + vowel),
        _TAIL_LETTERS[tail - 1] + chr(0x11A7 + tail) if tail else "",
    )


def lead_of_conjoining(char: str) -> str | None:
    """The compatibility letter of a conjoining initial consonant; None for anything else."""
    index = ord(char) - 0x1100
    return _LEADS[index] if 0 <= index < len(_LEADS) else None
