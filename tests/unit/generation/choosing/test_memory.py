"""What is remembered of prompts: chains only, the oldest forgotten, never more than the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soban.generation.choosing.memory import PrefixMemory

CHAIN = tuple(range(1, 11))


def test_depth_is_the_common_begin() -> None:
    """By replica."""
    memory = PrefixMemory(1e6)
    memory.add("a", CHAIN, 100)
    memory.add("b", (*CHAIN[:4], 99, 98), 100)
    memory.add("c", (77, *CHAIN[1:]), 100)
    assert memory.depths(CHAIN) == {"a": 10, "b": 4}
    assert memory.depths((1, 2, 55)) == {"a": 2, "b": 2}
    assert memory.depths(()) == {}


def test_a_cache_that_is_gone_is_forgotten() -> None:
    """And another replica may come in its place."""
    memory = PrefixMemory(1e6)
    memory.add("a", CHAIN, 100)
    memory.add("b", CHAIN[:3], 100)
    memory.forget("a")
    memory.forget("a")
    assert memory.depths(CHAIN) == {"b": 3}
    memory.add("c", CHAIN[:5], 100)
    assert memory.depths(CHAIN) == {"b": 3, "c": 5}


def test_what_has_not_been_sent_for_a_cache_full_of_tokens_is_forgotten() -> None:
    """What is sent again stays."""
    memory = PrefixMemory(1000)
    memory.add("a", (1, 2, 3), 400)
    memory.add("a", (1, 7), 400)
    memory.add("a", (8,), 400)
    memory.add("a", (9,), 400)
    assert memory.depths((1, 2, 3)) == {"a": 1}
    assert memory.depths((1, 7)) == {"a": 2}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(0, 3), max_size=8), st.floats(0, 500)), max_size=60)
)
def test_a_block_is_never_kept_without_those_before_it(sent: list[tuple[str, list[int], float]]) -> None:
    """Or the depth would be told wrongly: as engines evict from the end of a prompt."""
    memory = PrefixMemory(800)
    chains = []
    for replica, steps, tokens in sent:
        chain = tuple(hash(tuple(steps[: end + 1])) for end in range(len(steps)))
        chains.append(chain)
        memory.add(replica, chain, tokens)
        assert memory.depths(chain).get(replica, 0) == len(chain)
    kept = {replica: set(found.stamps) for replica, found in memory._sent.items()}
    for chain in chains:
        depths = memory.depths(chain)
        for replica, blocks in kept.items():
            assert blocks.isdisjoint(chain[depths.get(replica, 0) :])


def test_memory_is_bounded() -> None:
    """However many prompts, however small: per replica and over all."""
    memory = PrefixMemory(1e12)
    for number in range(3000):
        memory.add(f"engine-{number % 10}", tuple(range(number * 100, number * 100 + 100)), 1)
    assert len(memory) <= 65_536
    alone = PrefixMemory(1e12)
    for number in range(200):
        alone.add("engine", tuple(range(number * 100, number * 100 + 100)), 1)
    assert len(alone) == 8_192
    alone.forget("engine")
    assert len(alone) == len(alone._holders) == 0
