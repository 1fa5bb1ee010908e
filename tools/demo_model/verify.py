"""Checks an exported model in llama.cpp: the trainer's tokens, an end to each answer, whole syllables."""

import json
import time
import unicodedata
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tokenizers import Tokenizer

from demo_model.model import Parameters, Shape, logits
from demo_model.tokenizer import ASSISTANT, END, IDS, USER

LONGEST_ANSWER = 200
PARITY_WINDOW = 256

SAMPLE_QUESTIONS = (
    "안녕하세요",
    "안녕",
    "너는 누구니?",
    "이름이 뭐야?",
    "소반이 뭐야?",
    "고마워",
    "한국의 수도는?",
    "오늘 날씨 어때?",
    "점심 뭐 먹을까?",
    "배고파",
    "기분이 안 좋아요",
    "한글은 누가 만들었나요?",
    "김치찌개 어떻게 만들어?",
    "주말에 뭐 하지?",
    "여행 가고 싶다",
    "잠이 안 와요",
    "친구랑 싸웠어",
    "강아지 키우고 싶어",
    "언어 모델이 뭐야?",
    "옛날이야기 해 줘",
)

HARD_TEXTS = (
    "ㅋㅋㅋㅋ ㅠㅠ ㅇㅋ ㄱㄱ",
    "한글 jamo ㅎㅏㄴㄱㅡㄹ",
    unicodedata.normalize("NFD", "한글을 자모로 풀어 씁니다."),
    "가\u0301 각\u11a8 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "이모지 😀👍🏽 👨‍👩‍👧‍👦 🇰🇷 끝",
    "섞인 글: Soban v1.2, 漢字와 かな, Ωμέγα, עברית",
    "  앞뒤   공백\t탭\n\n줄  바꿈 \r\n 끝  ",
    "\u3000전각 공백\u00a0과\u200b너비 없는 공백",
    "it's 2026년 11월 25일, 3.14% (약 1,000원)!!!???",
    "…·「따옴표」 “둥근” ‘따옴표’ —",
    "사용자가 적은 <|end|><|assistant|> 표시",
    "\ud7a3\uac00\u3131\u318e\uffa1",
    "१२३ ٤٥٦ ½ ² ⅷ",
)


@contextmanager
def llama_server(model: Path, threads: int = 2) -> Iterator[str]:
    """Runs llama.cpp's server on the model in this process and yields its address."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    parameters.port = 0
    parameters.cpuparams.n_threads = threads
    server = xllamacpp.Server(parameters)
    yield server.listening_address
    del server


def ask(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Posts JSON and returns the answer."""
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def chat(address: str, messages: list[dict[str, str]], temperature: float, seed: int = 0) -> tuple[str, str]:
    """Returns the answer's text and finish reason."""
    body = {"messages": messages, "temperature": temperature, "max_tokens": LONGEST_ANSWER, "seed": seed}
    choice = ask(address, "/v1/chat/completions", body)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


def user(text: str) -> list[dict[str, str]]:
    """Returns a chat of one question."""
    return [{"role": "user", "content": text}]


def differing_tokenisations(address: str, tokenizer: Tokenizer, texts: list[str]) -> list[str]:
    """Returns the texts that llama.cpp and `tokenizers` do not split into the same ids."""
    return [
        text
        for text in texts
        if ask(address, "/tokenize", {"content": text})["tokens"]
        != tokenizer.encode(text, add_special_tokens=False).ids
    ]


def differing_answers(
    address: str, tokenizer: Tokenizer, parameters: Parameters, shape: Shape, questions: tuple[str, ...]
) -> list[str]:
    """Returns the questions whose greedy answers differ in a token between the trainer's network and llama.cpp."""
    score = jax.jit(partial(logits, shape=shape))
    different = []
    for question in questions:
        prompt = tokenizer.encode(f"{USER}{question}{END}{ASSISTANT}", add_special_tokens=False).ids
        body = {"prompt": prompt, "temperature": 0, "n_predict": LONGEST_ANSWER, "return_tokens": True}
        theirs = [token for token in ask(address, "/completion", body)["tokens"] if token != IDS[END]]
        if theirs != _greedy(score, parameters, prompt):
            different.append(question)
    return different


def _greedy(score: Any, parameters: Parameters, prompt: list[int]) -> list[int]:
    tokens = np.zeros((1, PARITY_WINDOW), np.int32)
    tokens[0, : len(prompt)] = prompt
    length = len(prompt)
    while length < PARITY_WINDOW:
        scores = score(parameters, jnp.asarray(tokens), jnp.zeros_like(tokens))
        chosen = int(scores[0, length - 1].argmax())
        if chosen == IDS[END]:
            break
        tokens[0, length] = chosen
        length += 1
    return [int(token) for token in tokens[0, len(prompt) : length]]


def _stopping(address: str, questions: list[str], temperature: float) -> str:
    answers = [chat(address, user(question), temperature, seed) for seed, question in enumerate(questions)]
    stopped = sum(reason == "stop" for _, reason in answers)
    broken = sum("\ufffd" in text for text, _ in answers)
    empty = sum(not text.strip() for text, _ in answers)
    return f"temperature {temperature}: {stopped} of {len(questions)} stop, {broken} with U+FFFD, {empty} empty"


def _speed(address: str) -> str:
    body = {"prompt": "옛날 어느 마을에", "n_predict": 300, "ignore_eos": True, "temperature": 0.7}
    started = time.monotonic()
    count = ask(address, "/completion", body)["tokens_predicted"]
    return f"{count / (time.monotonic() - started):.0f} tokens/s at one stream"


def verify(model: Path, tokenizer: Tokenizer, parameters: Parameters, shape: Shape, questions: list[str]) -> None:
    """Prints the checks on `model`; `parameters` are the trainer's, `questions` were held out."""
    with llama_server(model) as address:
        texts = [*HARD_TEXTS, *SAMPLE_QUESTIONS, *questions]
        print(f"tokenisation: {differing_tokenisations(address, tokenizer, texts)} of {len(texts)} texts differ")
        different = differing_answers(address, tokenizer, parameters, shape, SAMPLE_QUESTIONS)
        print(f"greedy answers: {different} of {len(SAMPLE_QUESTIONS)} differ from the trainer")
        for temperature in (0.0, 0.7):
            print(_stopping(address, questions[:100], temperature))
        print(_speed(address))
        for question in SAMPLE_QUESTIONS:
            print(f"{question} -> {chat(address, user(question), 0.0)[0]}")
