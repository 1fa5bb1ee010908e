"""Answers that refuse, or say that the model does not know."""

from __future__ import annotations

import re
from unicodedata import normalize

_HEAD_CHARACTERS = 300
"""Models refuse at the begin of an answer, if they do."""

# Quoted text is not what the model says for itself: "'잘 모르겠습니다' is 'I am not sure' in English".
_QUOTED = re.compile(
    r"\"[^\"\n]{1,100}\"|“[^”\n]{1,100}”|「[^」\n]{1,100}」|『[^』\n]{1,100}』|(?<!\w)['‘][^'’\n]{1,100}['’]"
)
_SENTENCE_END = re.compile(r"[.!?。\n]")

# Spaces are left out before these are looked for, since they are what Korean spelling errors are made of.
_ALONE = (
    "답변할수없", "답변드릴수없", "답변해드릴수없", "답변을드릴수없", "답변을제공할수없",
    "답변하기어렵", "답변드리기어렵",
    "답할수없", "대답할수없", "대답해드릴수없", "대답하기어렵",
    "도와드릴수없", "도와드릴수가없", "도움을드릴수없", "도움드릴수없", "도와드리기어렵", "도움을드리기어렵",
    "제공할수없습니다", "제공해드릴수없", "제공하기어렵습니다", "알려드릴수없", "말씀드릴수없", "말씀드리기어렵",
    "응할수없", "처리해드릴수없", "요청을수행할수없", "요청은수행할수없", "요청을처리할수없",
    "모르겠습니다", "모르겠어요", "모르겠네요", "알지못합니다", "확실하지않습니다", "확실하지않아요",
    "정보가없습니다", "정보를찾을수없", "정보를가지고있지않", "언어모델로서", "언어모델이라", "인공지능이라서",
    "icannothelp", "ican'thelp", "icannotassist", "ican'tassist", "icannotprovide", "ican'tprovide",
    "icannotanswer", "ican'tanswer", "iamunableto", "i'munableto", "iamnotableto", "i'mnotableto",
    "idonotknow", "idon'tknow", "iamnotsure", "i'mnotsure", "asanailanguagemodel",
)  # fmt: skip
_APOLOGIES = (
    "죄송하지만", "죄송합니다", "죄송해요", "미안하지만", "유감스럽", "유감이지만", "안타깝지만", "아쉽지만",
    "i'msorry", "iamsorry", "sorry,", "iapologize", "unfortunately",
)  # fmt: skip
_INABILITIES = (
    "수없습니다", "수없어요", "수가없습니다", "수없는", "수없네요", "수없을", "수는없습니다", "어렵습니다", "어려워요",
    "어려울", "불가능", "불가합니다", "못합니다", "못해요", "모릅니다", "제공하지않", "지원하지않",
    "cannot", "can't", "unable", "notableto", "won't", "don'tknow", "notpossible",
)  # fmt: skip


def refuses(text: str) -> bool:
    """Whether it begins with a refusal. Only its first 300 characters count, so more text changes no yes into a no."""
    head = normalize("NFC", text[:_HEAD_CHARACTERS]).replace("’", "'").lower()
    sentences = [_compact(each) for each in _SENTENCE_END.split(_QUOTED.sub("", head)) if each.strip()][:3]
    if any(phrase in sentence for sentence in sentences[:2] for phrase in _ALONE):
        return True
    apologised = any(phrase in sentence for sentence in sentences[:1] for phrase in _APOLOGIES)
    return apologised and any(phrase in sentence for sentence in sentences for phrase in _INABILITIES)


def _compact(text: str) -> str:
    return "".join(text.split())
