"""A trace of Korean requests: who asks what when. Seeded; the same for every policy.

Tokens for an eojeol are those measured with Llama 3.1's vocabulary (news 3.02, questions 2.83, spoken dialogue 2.47),
and an eojeol has 4 syllables, as its 0.63 tokens for each character have it. How long prompts and answers are, how
often a text is shared, and how long people think is assumed: no public trace of Korean requests is known to us.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import soban.v1 as pb
from bench.simulation.cache import BLOCK_TOKENS
from bench.simulation.hardware import Hardware
from soban.generation.choosing.prefix import prefix_of

_TOKENS = {"document": 3.02, "question": 2.83, "dialogue": 2.47, "answer": 2.83}
_VOCABULARY = 4000
_SYLLABLES = "가나다라마바사아자차카타파하고는도를은이의에서로과와한할했던지면서요니까"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `at` is seconds from the begin of the trace."""

    at: float
    prompt_tokens: int
    answer_tokens: int
    blocks: tuple[int, ...]
    """Names of the whole blocks of the prompt in an engine's cache, and of the answer behind it."""
    answer_blocks: tuple[int, ...]
    prefix: tuple[int, ...]
    session: str
    pod: float
    """From 0 to 1: which pod of generation it comes to."""

    @property
    def blocks_with_answer(self) -> int:
        """Whole and begun ones."""
        return math.ceil((self.prompt_tokens + self.answer_tokens) / BLOCK_TOKENS)


@dataclass(frozen=True, slots=True)
class Text:
    """A part of a prompt."""

    words: str
    tokens: int
    number: int
    """Equal for equal texts only."""


class _Writer:
    """Texts, and the names of cache blocks that they fill."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._words = ["".join(random.choices(_SYLLABLES, k=random.randint(2, 6))) for _ in range(_VOCABULARY)]
        self._names: dict[tuple[int, int], int] = {}
        self._texts = 0

    def text(self, kind: str, median: float, spread: float) -> Text:
        """Of log-normally many eojeol; `spread` is the standard deviation of the logarithm."""
        eojeol = max(2, round(median * math.exp(self._random.gauss(0, spread))))
        return self.written(" ".join(self._random.choices(self._words, k=eojeol)), round(eojeol * _TOKENS[kind]))

    def written(self, words: str, tokens: int) -> Text:
        """A text of its own, even if another has the same words."""
        self._texts += 1
        return Text(words, tokens, self._texts)

    def block_names(self, texts: Sequence[Text]) -> tuple[int, ...]:
        """Of the whole blocks in `texts` one after the other."""
        names: list[int] = []
        path = end = 0
        for text in texts:
            path = self._names.setdefault((path, -text.number), len(self._names))
            end += text.tokens
            while (len(names) + 1) * BLOCK_TOKENS <= end:
                names.append(self._names.setdefault((path, len(names)), len(self._names)))
        return tuple(names)


class TraceMaker:
    """Requests of four applications with instructions of their own, and of people without any."""

    def __init__(self, seed: int, *, shared: bool) -> None:
        self._random = Random(seed)
        self._writer = _Writer(self._random)
        self._shared = shared
        self._instructions = [self._writer.text("document", 250, 0.5) for _ in range(4)]
        self._documents = [self._writer.text("document", 700, 0.4) for _ in range(200)]
        self._popularity = [1 / rank**0.9 for rank in range(1, 201)]
        self._sessions = 0

    def visits(self, requests: int) -> list[list[Ask]]:
        """Of people, until they have that many requests; each begins at 0."""
        visits: list[list[Ask]] = []
        while sum(map(len, visits)) < requests:
            visits.append(self._visit())
        return visits

    def _visit(self) -> list[Ask]:
        """What one person asks."""
        kinds = (self._chat, self._search, self._document, self._short)
        return self._random.choices(kinds, (35, 30, 5, 30))[0]()

    def _chat(self) -> list[Ask]:
        """A conversation under an application's instructions; half of the clients name their sessions."""
        self._sessions += 1
        session = f"session-{self._sessions}" if self._random.random() < 0.5 else ""
        turns = min(12, 1 + int(self._random.expovariate(1 / 3)))
        texts = [self._random.choices(self._instructions, (8, 4, 2, 1))[0]]
        asks: list[Ask] = []
        at = 0.0
        for _ in range(turns):
            texts.append(self._writer.text("dialogue", 15, 0.8))
            answer = self._writer.text("answer", 60, 0.7)
            asks.append(self._ask(at, texts, answer, session))
            texts.append(answer)
            at += 5 + answer.tokens * 0.05 + self._random.expovariate(1 / 20)
        return asks

    def _search(self) -> list[Ask]:
        """One or two questions about a document that others ask about, too."""
        document = self._random.choices(self._documents, self._popularity)[0]
        asks = []
        for number in range(self._random.choice((1, 1, 2))):
            texts = [self._instructions[0], document, self._writer.text("question", 12, 0.6)]
            asks.append(self._ask(number * 30.0, texts, self._writer.text("answer", 50, 0.6), ""))
        return asks

    def _document(self) -> list[Ask]:
        """A document of the person's own to be summed up."""
        texts = [self._writer.text("document", 1800, 0.4), self._writer.text("question", 8, 0.3)]
        return [self._ask(0.0, texts, self._writer.text("answer", 120, 0.4), "")]

    def _short(self) -> list[Ask]:
        return [self._ask(0.0, [self._writer.text("question", 15, 0.8)], self._writer.text("answer", 60, 0.7), "")]

    def _ask(self, at: float, texts: Sequence[Text], answer: Text, session: str) -> Ask:
        if not self._shared:
            texts, session = [self._writer.written(f"{self._random.random()} {t.words}", t.tokens) for t in texts], ""
        names = self._writer.block_names([*texts, answer])
        tokens = sum(text.tokens for text in texts)
        return Ask(
            at=at,
            prompt_tokens=tokens,
            answer_tokens=answer.tokens,
            blocks=names[: tokens // BLOCK_TOKENS],
            answer_blocks=names[tokens // BLOCK_TOKENS :],
            prefix=prefix_of(_request(texts), ""),
            session=session,
            pod=self._random.random(),
        )


def spread(visits: Sequence[Sequence[Ask]], hardware: Hardware, replicas: int, load: float, seed: int) -> list[Ask]:
    """In time, beginning at random. `load` is the share of their time that the engines were busy with all of it if
    nothing were ever in a cache: 1 is what a pool without prefix cache can just do, and with one it can do more."""
    random = Random(f"{seed}-{load}")
    duration = sum(_busy_seconds(ask, hardware) for visit in visits for ask in visit) / replicas / load
    # The trace is a circle: what would go on after its end is at its begin, so that its load is even throughout.
    begins = [random.uniform(0, duration) for _ in visits]
    moved = [
        replace(ask, at=(ask.at + begin) % duration)
        for visit, begin in zip(visits, begins, strict=True)
        for ask in visit
    ]
    return sorted(moved, key=lambda ask: ask.at)


def _busy_seconds(ask: Ask, hardware: Hardware) -> float:
    return hardware.busy_seconds(ask.prompt_tokens, ask.answer_tokens, ask.prompt_tokens + ask.answer_tokens / 2)


def _request(texts: Sequence[Text]) -> pb.GenerateRequest:
    """Instructions first where there are several texts, then question and answer in turns."""
    roles = (pb.ROLE_USER, pb.ROLE_ASSISTANT)
    messages = [
        pb.Message(role=roles[number % 2], parts=[pb.ContentPart(text=text.words)]) for number, text in enumerate(texts)
    ]
    return pb.GenerateRequest(messages=messages)
