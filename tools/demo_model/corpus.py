"""Reads dialogue pairs and plain Korean text, and drops lines that a demo model should not learn."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Words (also parts of words) that make a line unfit: swearing, insults, sexual content, self-harm.
_UNFIT_WORDS = (
    "씨발|시발|씨팔|시팔|ㅅㅂ|ㅆㅂ|병신|ㅂㅅ|개새|새끼|좆|존나|졸라|지랄|염병|썅|씹|닥쳐|엿먹|미친놈|미친년|또라이|등신|"
    "찐따|호구|창녀|놈|딸년|한 년|이년|저년|그년|지지배|쳐먹|처먹|젠장|제기랄|미친 |살인|마약|걸레년|한남충|김치녀|"
    "된장녀|맘충|틀딱|급식충|쪽바리|짱깨|짱개|깜둥이|빨갱이|병맛|개년|썩을|뒈져|뒤져라|"
    "섹스|야동|성관계|강간|자위|음란|모텔|원나잇|자살|자해|죽고 ?싶|죽을래|죽어버|죽여|목숨"
)
_UNFIT = re.compile(_UNFIT_WORDS)

# Digits that could be a telephone, account or resident number; e-mail addresses and links.
_PERSONAL = re.compile(r"\d{5,}|\d{2,4}[-. ]\d{3,4}[-. ]\d{4}|\d{6}-\d|\S+@\S+\.\S+|https?://|www\.")

_SENTENCE_END = re.compile(r"[.?!~…]+$")


@dataclass(frozen=True)
class Pair:
    """One question with its answer; `variants` are further wordings of the same question."""

    user: str
    assistant: str
    variants: tuple[str, ...] = ()


def clean(text: str) -> str:
    """Returns `text` in NFC with single spaces and no outer space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_fit(text: str) -> bool:
    """Tells whether a line holds no swearing and nothing that looks like personal data."""
    return bool(text) and not _UNFIT.search(text) and not _PERSONAL.search(text)


def _rows(folder: Path) -> Iterator[dict[str, object]]:
    """Yields the rows of all `*.jsonl` files of a folder, in the order of their names."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def read_texts(folders: list[Path]) -> list[str]:
    """Returns the cleaned, fitting, distinct `text` values of the folders' rows."""
    texts = (clean(str(row["text"])) for folder in folders for row in _rows(folder))
    return list(dict.fromkeys(text for text in texts if is_fit(text)))


def read_pairs(folders: list[Path]) -> list[Pair]:
    """Returns the cleaned, fitting, distinct pairs (`text`, `answer`) of the folders' rows."""
    rows = (row for folder in folders for row in _rows(folder))
    pairs = (Pair(clean(str(row["text"])), clean(str(row["answer"]))) for row in rows)
    return list(dict.fromkeys(pair for pair in pairs if is_fit(pair.user) and is_fit(pair.assistant)))


def read_seed_pairs(path: Path | None) -> list[Pair]:
    """Returns own pairs; a row's `user` lists wordings and its `assistant` lists answers that fit them all."""
    if path is None:
        return []
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Pair(clean(row["user"][0]), clean(answer), tuple(clean(user) for user in row["user"][1:]))
        for row in rows
        for answer in row["assistant"]
    ]


def punctuation_variants(question: str) -> list[str]:
    """Returns a question with other final punctuation: none, a full stop, a question or exclamation mark."""
    bare = _SENTENCE_END.sub("", question).rstrip()
    if not bare:
        return [question]
    ending = "?" if question.endswith("?") else "."
    return list(dict.fromkeys([question, bare, bare + ending, bare + ("?" if ending == "?" else "!")]))


def without_questions_of(own: list[Pair], pairs: list[Pair]) -> list[Pair]:
    """Returns the pairs whose question is not answered by an own pair, so that the model hears one answer only."""
    answered = {_bare(wording) for pair in own for wording in (pair.user, *pair.variants)}
    return [pair for pair in pairs if _bare(pair.user) not in answered]


def _bare(question: str) -> str:
    return _SENTENCE_END.sub("", question).replace(" ", "")
