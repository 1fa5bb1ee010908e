"""The choice: never who must be avoided, bounded load, sessions and prefixes that pods agree on, least work else."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from soban.generation.choosing.chooser import LOAD_FACTOR, Chooser
from soban.generation.choosing.demand import Demand
from soban.generation.choosing.prefix import covered, prefix_of
from unit.generation.choosing.replicas import DOCUMENT, INSTRUCTIONS, FakeReplica, ask, place, replicas

some_replicas = st.lists(
    st.builds(
        FakeReplica,
        id=st.sampled_from([f"http://10.0.0.{number}:8000" for number in range(12)]),
        slots=st.integers(1, 64),
        running=st.integers(0, 64),
        work=st.floats(-1e-9, 1e6),
        group=st.integers(0, 2),
        weight=st.sampled_from([None, 0.0, 1.0, 20.0]),
        adapters=st.frozensets(st.sampled_from(["law", "medicine"])),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda replica: replica.id,
)
demands = st.builds(
    Demand,
    prefill=st.floats(0, 1e5),
    decode=st.floats(0, 1e4),
    prefix=st.lists(st.integers(0, 5), max_size=6).map(tuple),
    session=st.sampled_from(["", "김민수", "이영희"]),
    adapter=st.sampled_from(["", "law", "finance"]),
    avoid=st.frozensets(st.sampled_from([f"http://10.0.0.{number}:8000" for number in range(12)])),
)


def chooser(seed: int = 1) -> Chooser:
    return Chooser(Random(seed))


@given(some_replicas, st.lists(demands, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_candidate_is_chosen_that_fits_as_well_as_any(
    all_replicas: list[FakeReplica], asked: list[Demand], random: Random
) -> None:
    """Not to be avoided before all, then of some weight, with the adapter, with a free slot; whatever came before."""
    choose = Chooser(random)
    for number, demand in enumerate(asked):
        candidates = all_replicas[number % len(all_replicas) :]
        chosen = choose.choose(candidates, demand)
        choose.placed(chosen, demand)
        assert chosen in candidates
        assert fitness(chosen, demand) == max(fitness(replica, demand) for replica in candidates)


def fitness(replica: FakeReplica, demand: Demand) -> tuple[bool, ...]:
    return (
        replica.id not in demand.avoid,
        replica.weight != 0,
        not demand.adapter or demand.adapter in replica.adapters,
        replica.running < replica.slots,
    )


@settings(derandomize=True, max_examples=200)
@given(
    st.lists(st.tuples(st.floats(1, 5000), st.floats(1, 500), st.integers(0, 3)), min_size=1, max_size=120),
    st.integers(2, 9),
    st.booleans(),
)
def test_load_is_bounded_whatever_is_shared(
    asked: list[tuple[float, float, int]], count: int, in_sessions: bool
) -> None:
    """Nothing is done meanwhile, so that all piles up: a replica has at most the bound and a few requests more."""
    choose, all_replicas = chooser(), replicas(count)
    largest = max(prefill + decode for prefill, decode, _ in asked)
    for prefill, decode, topic in asked:
        session = f"손님-{topic}" if in_sessions else ""
        place(choose, all_replicas, Demand(prefill, decode, (topic, topic + 10, topic + 20), session))
    loads = [replica.work for replica in all_replicas]
    assert max(loads) <= LOAD_FACTOR * (sum(loads) / count) + 3 * largest


def test_pods_agree_on_sessions() -> None:
    """From the first request on, in any order, without a word; a replica that goes moves only its own."""
    sessions = [f"상담-{number}" for number in range(300)]
    one, other, all_replicas = chooser(1), chooser(2), replicas(6)
    demand = {name: Demand(500, 200, session=name) for name in sessions}
    before = {name: one.choose(all_replicas, demand[name]).id for name in sessions}
    again = {name: other.choose(all_replicas[::-1], demand[name]).id for name in reversed(sessions)}
    assert before == again
    assert len(set(before.values())) == 6
    gone = all_replicas.pop(2).id
    one.forget(gone)
    after = {name: one.choose(all_replicas, demand[name]).id for name in sessions}
    assert all(after[name] == before[name] for name in sessions if before[name] != gone)


def test_a_session_leaves_a_replica_that_is_loaded_over_the_bound() -> None:
    """For the next on the ring, the same in every pod; and comes back."""
    all_replicas = replicas(6)
    demand = Demand(500, 200, session="상담-1")
    home = chooser().choose(all_replicas, demand)
    home.work = 5000
    others = {chooser(seed).choose(all_replicas, demand).id for seed in range(8)}
    assert len(others) == 1
    assert home.id not in others
    home.work = 0
    assert chooser().choose(all_replicas, demand) is home


def test_the_replica_that_has_the_prompt_is_chosen() -> None:
    """While the work it has to do first costs less than computing the prompt elsewhere."""
    choose, all_replicas = chooser(), replicas(8)
    first = Demand(1500, 100, prefix_of(ask("이 약관의 목적이 뭐예요?", system=INSTRUCTIONS + DOCUMENT), ""))
    second = Demand(1500, 100, prefix_of(ask("환불은 어떻게 하나요?", system=INSTRUCTIONS + DOCUMENT), ""))
    home = place(choose, all_replicas, first)
    home.work = 1000
    assert all(choose.choose(all_replicas, second) is home for _ in range(50))
    home.work = 3000
    assert all(choose.choose(all_replicas, second) is not home for _ in range(50))


def test_what_is_cached_is_no_work() -> None:
    """As far as this pod knows: all of it the first time, the end of it the second."""
    choose, replica = chooser(), replicas(1)[0]
    prefix = prefix_of(ask("요약해 줘", system=DOCUMENT), "")
    demand = Demand(2000, 100, prefix)
    assert choose.placed(replica, demand) == 2100
    left = choose.placed(replica, demand)
    assert 100 < left <= 100 + 2000 * (1 - covered(len(prefix)) / covered(len(prefix) + 1))
    choose.forget(replica.id)
    assert choose.placed(replica, demand) == 2100


def test_pods_send_a_new_document_to_the_same_replica_where_texts_recur() -> None:
    """They have learned that from other documents, and hash the first block that none of them knows."""
    pods, all_replicas = [chooser(seed) for seed in range(4)], replicas(8)
    known = [
        Demand(1500, 100, prefix_of(ask(f"{number}번 {DOCUMENT}", system=INSTRUCTIONS), "")) for number in range(20)
    ]
    for pod in pods:
        for demand in known * 5:
            pod.placed(pod.choose(all_replicas, demand), demand)
    new = Demand(1500, 100, prefix_of(ask(f"처음 보는 문서. {DOCUMENT}", system=INSTRUCTIONS), ""))
    assert len({pod.choose(all_replicas, new).id for pod in pods}) == 1


def test_unknown_prompts_spread_by_work() -> None:
    """A replica with less work than all others is never passed by for one with more, when both are looked at."""
    choose, all_replicas = chooser(), replicas(8)
    for replica in all_replicas[1:]:
        replica.work = 8000
    counts = Counter(choose.choose(all_replicas, Demand(300, 200)).id for _ in range(800))
    assert 0.2 < counts[all_replicas[0].id] / 800 < 0.3


def test_a_new_replica_does_not_draw_every_request() -> None:
    """Two of eight are looked at: it gets a quarter of the requests until it has as much to do as the others."""
    choose, all_replicas = chooser(), replicas(8)
    for replica in all_replicas[1:]:
        replica.work = 1e6
    first = [place(choose, all_replicas, Demand(300, 200)).id for _ in range(100)]
    assert 10 < first.count(all_replicas[0].id) < 45


def test_a_replica_with_more_slots_is_given_more() -> None:
    """Twice the work on twice the slots is the same load."""
    choose, all_replicas = chooser(), replicas(4)
    all_replicas[0].slots = 96
    for _ in range(600):
        place(choose, all_replicas, Demand(300, 200)).running = 0
    share = all_replicas[0].work / sum(replica.work for replica in all_replicas)
    assert 0.4 < share < 0.6


def test_canaries_get_their_share_and_keep_their_sessions() -> None:
    """Whatever is in the caches of the others."""
    choose = chooser()
    all_replicas = [*replicas(4), FakeReplica("http://10.0.1.0:8000", group=1, weight=10)]
    for replica in all_replicas[:4]:
        replica.weight = 90
    demand = Demand(1500, 100, prefix_of(ask("안녕", system=INSTRUCTIONS), ""))
    counts = Counter(choose.choose(all_replicas, demand).group for _ in range(200))
    assert abs(counts[1] - 20) <= 3
    names = [f"손님-{number}" for number in range(200)]
    first = [choose.choose(all_replicas, Demand(100, 100, session=name)).group for name in names]
    assert first == [chooser(5).choose(all_replicas, Demand(900, 10, session=name)).group for name in names]
    all_replicas[4].running = 32
    assert {choose.choose(all_replicas, demand).group for _ in range(200)} == {0}
