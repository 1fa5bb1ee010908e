"""Hashes of a prompt's begin: equal for equal text, everywhere; bounded; different where an engine reads otherwise."""

from __future__ import annotations

import subprocess
import sys
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.choosing.prefix import covered, prefix_of
from soban.generation.prompt import Preparation
from soban.runtime.config import ModelConfig
from unit.generation.choosing.replicas import DOCUMENT, INSTRUCTIONS, ask


def common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Blocks that both begin with."""
    return next(
        (number for number, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )


def test_the_hashes_are_the_same_in_every_process() -> None:
    """Python's own hash() is not; these were written down."""
    assert prefix_of(ask("배송이 언제 오나요?", system="가" * 200), "") == (14735595071159531067, 5696412130510679443)
    code = (
        "from unit.generation.choosing.replicas import *; from soban.generation.choosing.prefix import prefix_of;"
        "print(prefix_of(ask(DOCUMENT), '')[:2])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == str(prefix_of(ask(DOCUMENT), "")[:2])


def test_questions_under_the_same_instructions_begin_alike() -> None:
    """And no further."""
    first = prefix_of(ask("환율이 어떻게 되나요? " * 40, system=INSTRUCTIONS), "")
    second = prefix_of(ask("대출 금리가 궁금해요 ㅠㅠ " * 40, system=INSTRUCTIONS), "")
    size = len(INSTRUCTIONS.encode())
    assert size - 256 < covered(common(first, second)) <= size + 8


@given(st.lists(st.text(max_size=400), min_size=1, max_size=8))
def test_a_later_turn_begins_with_all_blocks_of_an_earlier_one(texts: list[str]) -> None:
    """Whatever is written: a conversation only grows."""
    earlier, later = prefix_of(ask(*texts), ""), prefix_of(ask(*texts, "그리고요? " * 100), "")
    assert later[: len(earlier)] == earlier


@given(st.text(min_size=200, max_size=3000), st.data())
def test_another_character_changes_its_block_and_all_behind_it(text: str, data: st.DataObject) -> None:
    """No block before it."""
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + ("나" if text[place] != "나" else "다") + text[place + 1 :]
    first, second = prefix_of(ask(text), ""), prefix_of(ask(changed), "")
    alike = common(first, second)
    before = len(text[:place].encode())
    assert covered(alike) <= before + 8 or alike == min(len(first), len(second))
    assert covered(alike + 1) > before or alike == min(len(first), len(second))
    assert not set(first[alike:]) & set(second[alike:])


def test_the_same_text_in_nfd_hashes_the_same_once_it_is_prepared() -> None:
    """As every request is: macOS writes NFD, Windows NFC."""
    preparation = Preparation("ko", ModelConfig(url="bundled:soban-demo"))
    composed, decomposed = (
        preparation.prepare(ask(normalize(form, DOCUMENT), system=normalize(form, INSTRUCTIONS))).request
        for form in ("NFC", "NFD")
    )
    assert prefix_of(composed, "") == prefix_of(decomposed, "")


def test_adapter_tools_and_turns_count() -> None:
    """An engine's cache is another one under another adapter, and its chat template writes tools and roles."""
    plain = ask(DOCUMENT, system=INSTRUCTIONS)
    with_tools = ask(DOCUMENT, system=INSTRUCTIONS)
    with_tools.options.tools.add(name="search", description="문서를 찾는다")
    turned = ask(DOCUMENT, system=INSTRUCTIONS)
    turned.messages[0].role = pb.ROLE_USER
    raw = pb.GenerateRequest(model="ko", prompt=INSTRUCTIONS + DOCUMENT)
    chains = [prefix_of(plain, ""), prefix_of(plain, "law"), prefix_of(turned, ""), prefix_of(raw, "")]
    assert len({chain[0] for chain in chains}) == len(chains)
    assert 0 < common(chains[0], prefix_of(with_tools, "")) < len(chains[0])


def test_pictures_count_by_their_content() -> None:
    """Without reading megabytes of them."""

    def chain(picture: bytes) -> tuple[int, ...]:
        request = ask("이 사진에 뭐가 보여?")
        request.messages[0].parts.insert(0, pb.ContentPart(image=pb.Image(data=picture, media_type="image/png")))
        request.messages[0].parts.append(pb.ContentPart(text=DOCUMENT))
        return prefix_of(request, "")

    cat, dog = (bytes(range(256)) * 8000 + name.encode() for name in ("고양이", "강아지"))
    assert chain(cat) == chain(cat)
    assert chain(cat)[0] != chain(dog)[0]


def test_a_megabyte_has_few_blocks() -> None:
    """And the last of them is at most a sixteenth of all."""
    text = (DOCUMENT * 300)[:349_000]
    blocks = prefix_of(ask(text), "")
    assert 130 <= len(blocks) <= 144
    assert covered(len(blocks)) > len(text.encode()) * 15 / 16
    assert covered(len(prefix_of(pb.GenerateRequest(prompt="a" * 16_000_000), ""))) > 15_000_000


@given(st.integers(0, 300))
def test_blocks_grow_with_what_is_before_them(blocks: int) -> None:
    """From 256 bytes on, to a sixteenth."""
    size = covered(blocks + 1) - covered(blocks)
    assert size == 256 or size <= covered(blocks) / 16


def test_short_prompts_have_no_block() -> None:
    """There is nothing to gain."""
    assert prefix_of(ask("안녕하세요 🙂"), "") == ()
