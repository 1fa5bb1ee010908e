"""Turns texts and pairs into packed rows of tokens. Everything is a function of the seed and the epoch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from demo_model.corpus import Pair, punctuation_variants
from demo_model.tokenizer import ASSISTANT, END, IDS, SYSTEM, USER

SHORT_ROW, LONG_ROW = 256, 1024
LONG_EVERY = 5  # each fifth dialogue epoch packs long conversations into long rows
USER_WEIGHT = 0.2  # of the loss on what the user says; answers weigh 1
OPEN_ROWS = 20  # that many rows stay open for a sequence that fits
SEED_COPIES = 4  # own pairs appear so often in a dialogue epoch
SPELLED_FROM = 8  # from the ninth pass on, every wording of the own pairs appears, so that the draw misses none

SYSTEM_TEXTS = (
    "당신은 친절한 한국어 도우미입니다.",
    "너는 친절한 챗봇이야.",
    "당신은 소반 데모 모델입니다. 짧고 정중하게 대답하세요.",
    "짧게 대답해 주세요.",
    "존댓말로 대답하세요.",
    "한국어로 대답해 주세요.",
    "당신은 유용하고 정직한 AI 비서입니다. 사용자의 질문에 정확하게 답변하세요.",
    "You are a helpful assistant.",
    "You are a helpful Korean assistant. Answer in Korean.",
    "Answer briefly.",
)

Rows = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]  # tokens, segments, loss weights


@dataclass
class Sequence:
    """Tokens that belong together, with the weight of each in the loss."""

    tokens: list[int]
    weights: list[float]

    def add(self, tokens: list[int], weight: float) -> None:
        """Appends tokens that all weigh the same."""
        self.tokens += tokens
        self.weights += [weight] * len(tokens)


def pack(sequences: list[Sequence], length: int) -> Rows:
    """Places each sequence into the first open row of `length` with room; each keeps its own segment number."""
    rows: list[list[Sequence]] = []
    room: list[int] = []
    for sequence in sequences:
        needed = len(sequence.tokens)
        recent = range(max(0, len(rows) - OPEN_ROWS), len(rows))
        place = next((index for index in recent if room[index] >= needed), len(rows))
        if place == len(rows):
            rows.append([])
            room.append(length)
        rows[place].append(sequence)
        room[place] -= needed
    tokens = np.zeros((len(rows), length), np.int32)
    segments = np.zeros((len(rows), length), np.int32)
    weights = np.zeros((len(rows), length), np.float32)
    for index, row in enumerate(rows):
        start = 0
        for number, sequence in enumerate(row, start=1):
            end = start + len(sequence.tokens)
            tokens[index, start:end], segments[index, start:end] = sequence.tokens, number
            weights[index, start:end] = sequence.weights
            weights[index, start] = 0.0  # nothing precedes the first token
            start = end
    return tokens, segments, weights


class Sampler:
    """Builds the rows of an epoch from texts (pre-training) or pairs (dialogue)."""

    def __init__(self, tokenizer: Tokenizer, texts: list[str], seed: int) -> None:
        self._tokenizer = tokenizer
        self._texts = texts
        self._seed = seed

    def text_rows(self, pairs: list[Pair], epoch: int) -> Rows:
        """Returns the plain texts, each closed by the end token, mixed with the pairs as one-turn chats."""
        random = np.random.default_rng([self._seed, 1, epoch])
        sequences = [self._text(text) for text in self._encode(self._texts)]
        sequences += self._chats([[pair] for pair in pairs], random, system_share=0.0)
        order = random.permutation(len(sequences))
        return pack([sequences[index] for index in order if len(sequences[index].tokens) <= SHORT_ROW], SHORT_ROW)

    def dialogue_rows(self, pairs: list[Pair], seeds: list[Pair], epoch: int) -> Rows:
        """Returns chats of one or more turns; each `LONG_EVERY`-th epoch has rows of `LONG_ROW`."""
        random = np.random.default_rng([self._seed, 2, epoch])
        is_long = epoch % LONG_EVERY == LONG_EVERY - 1
        length = LONG_ROW if is_long else SHORT_ROW
        own = spelled_out(seeds) * 2 if epoch >= SPELLED_FROM else seeds * SEED_COPIES
        pool = pairs + own
        shuffled = [pool[index] for index in random.permutation(len(pool))]
        chats = self._chats(_split(shuffled, random, is_long), random, system_share=0.3)
        return pack([_shortened(chat, length) for chat in chats], length)

    def validation_rows(self, pairs: list[Pair]) -> Rows:
        """Returns one-turn chats as written, where only the answers count."""
        sequences = []
        for pair in pairs:
            sequence = Sequence([], [])
            self._turn(sequence, USER, self._tokenizer.encode(pair.user).ids, 0.0)
            self._turn(sequence, ASSISTANT, self._tokenizer.encode(pair.assistant).ids, 1.0)
            sequences.append(sequence)
        return pack(sequences, SHORT_ROW)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]

    def _text(self, tokens: list[int]) -> Sequence:
        return Sequence([*tokens, IDS[END]], [1.0] * (len(tokens) + 1))

    def _turn(self, sequence: Sequence, role: str, tokens: list[int], weight: float) -> None:
        sequence.add([IDS[role]], 0.0)
        sequence.add([*tokens, IDS[END]], weight)

    def _chats(self, chats: list[list[Pair]], random: np.random.Generator, system_share: float) -> list[Sequence]:
        questions = iter(self._encode([_worded(pair, random) for chat in chats for pair in chat]))
        answers = iter(self._encode([pair.assistant for chat in chats for pair in chat]))
        systems = self._encode([*SYSTEM_TEXTS, *self._texts[:: max(1, len(self._texts) // 500)]])
        sequences = []
        for chat in chats:
            sequence = Sequence([], [])
            if random.random() < system_share:
                known = random.random() < 0.7
                choice = random.integers(len(SYSTEM_TEXTS)) if known else random.integers(len(systems))
                self._turn(sequence, SYSTEM, systems[int(choice)], 0.0)
            for _ in chat:
                self._turn(sequence, USER, next(questions), USER_WEIGHT)
                self._turn(sequence, ASSISTANT, next(answers), 1.0)
            sequences.append(sequence)
        return sequences


def spelled_out(pairs: list[Pair]) -> list[Pair]:
    """Returns one pair for each wording of each question."""
    return [Pair(wording, pair.assistant) for pair in pairs for wording in (pair.user, *pair.variants)]


def _worded(pair: Pair, random: np.random.Generator) -> str:
    """Returns one wording of the question; half the time with other final punctuation."""
    wordings = [pair.user, *pair.variants]
    question = wordings[int(random.integers(len(wordings)))]
    variants = punctuation_variants(question)
    return question if random.random() < 0.5 else variants[int(random.integers(len(variants)))]


def _split(pairs: list[Pair], random: np.random.Generator, is_long: bool) -> list[list[Pair]]:
    """Cuts shuffled pairs into conversations: short ones of 1 to 8 turns, or long ones of 8 to 40."""
    chats, start = [], 0
    while start < len(pairs):
        short = int(random.choice([1, 2, 3, 5, 8], p=[0.5, 0.22, 0.16, 0.08, 0.04]))
        turns = int(random.integers(8, 41)) if is_long else short
        chats.append(pairs[start : start + turns])
        start += turns
    return chats


def _shortened(chat: Sequence, length: int) -> Sequence:
    """Cuts a chat to at most `length` tokens, after a complete message."""
    if len(chat.tokens) <= length:
        return chat
    stop = max((index + 1 for index, token in enumerate(chat.tokens[:length]) if token == IDS[END]), default=length)
    return Sequence(chat.tokens[:stop], chat.weights[:stop])
