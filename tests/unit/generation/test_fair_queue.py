"""Whose turn is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from soban.generation.fair_queue import FairQueue

_TENANTS = ("서울", "부산", "대구")


@dataclass(eq=False)
class Request:
    tenant: str
    work: float = 1.0
    level: int = 0


def _filled(*requests: Request, levels: int = 3) -> FairQueue[Request]:
    queue: FairQueue[Request] = FairQueue(levels)
    for request in requests:
        queue.push(request)
    return queue


def _next(queue: FairQueue[Request]) -> Request:
    head = queue.head()
    assert head is not None
    queue.take(head)
    return head


def _order(queue: FairQueue[Request]) -> list[Request]:
    return [_next(queue) for _ in range(len(queue))]


def test_tenants_take_turns() -> None:
    """Where their requests are alike."""
    queue = _filled(*(Request("서울") for _ in range(3)), *(Request("부산") for _ in range(3)))
    assert [request.tenant for request in _order(queue)] == ["서울", "부산"] * 3


def test_shares_are_of_work_and_not_of_requests() -> None:
    """Ten questions against one document that is ten times as long."""
    queue = _filled(*(Request("문서", 1000) for _ in range(5)), *(Request("질문", 100) for _ in range(50)))
    first = Counter(_next(queue).tenant for _ in range(33))
    assert first["질문"] * 100 == first["문서"] * 1000


def test_who_comes_back_after_each_answer_gets_no_more_than_its_share() -> None:
    """A tenant with one request at a time cannot keep out one that has many."""
    queue = _filled(*(Request("대량") for _ in range(100)))
    served: Counter[str] = Counter()
    queue.push(Request("하나씩"))
    for _ in range(100):
        tenant = _next(queue).tenant
        served[tenant] += 1
        if tenant == "하나씩":
            queue.push(Request("하나씩"))
    assert served == {"대량": 50, "하나씩": 50}


def test_a_tenant_that_was_away_has_saved_nothing_up() -> None:
    """Shares are of the present."""
    queue = _filled(*(Request("계속") for _ in range(200)))
    for _ in range(100):
        _next(queue)
    for _ in range(50):
        queue.push(Request("오랜만"))
    assert Counter(_next(queue).tenant for _ in range(20)) == {"계속": 10, "오랜만": 10}


def test_a_cancelled_request_costs_no_share() -> None:
    """Its tenant is where it was."""
    dear = Request("서울", 1000)
    queue = _filled(dear, Request("서울"), Request("부산"), Request("부산"))
    queue.remove(dear)
    assert [request.tenant for request in _order(queue)] == ["서울", "부산", "부산"]


def test_who_is_put_back_is_next_and_pays_nothing_again() -> None:
    """Before the others of its class, in the order of coming back."""
    queue = _filled(*(Request("서울") for _ in range(2)), *(Request("부산") for _ in range(2)))
    first, second = _next(queue), _next(queue)
    queue.put_back(second)
    queue.put_back(first)
    order = _order(queue)
    assert order[:2] == [second, first]
    assert [request.tenant for request in order[2:]] == ["서울", "부산"]


def test_a_pinned_head_stays_the_head() -> None:
    """Though smaller work comes; and it leaves like any other."""
    wide = Request("서울", 100)
    queue = _filled(wide)
    queue.pin(wide)
    small = Request("부산")
    queue.push(small)
    assert queue.head() is wide
    queue.remove(wide)
    assert _order(queue) == [small]


def test_the_newest_of_the_lowest_class_gives_up_its_place() -> None:
    """Then the newest of the largest tenant of the own class, if it stays at least as large."""
    old, new = Request("서울", level=2), Request("부산", level=2)
    queue = _filled(old, new, Request("서울", level=1))
    assert queue.expendable(Request("대구", level=0)) is new
    assert queue.expendable(Request("대구", level=2)) is None
    third = Request("서울", level=2)
    queue.push(third)
    assert queue.expendable(Request("대구", level=2)) is third
    assert queue.expendable(Request("부산", level=2)) is None


def test_the_work_in_front_is_told_per_class_and_share() -> None:
    """Of higher classes all, of the own one an equal share for each tenant."""
    queue = _filled(*(Request("서울", 10, 1) for _ in range(10)), Request("부산", 5, 0), Request("부산", 99, 2))
    assert queue.work_before(Request("대구", 7, 1)) == 5 + 2 * 7
    assert queue.work_before(Request("서울", 7, 1)) == 5 + 100
    assert queue.work_before(Request("대구", 7, 0)) == 5


def test_nothing_is_kept_of_tenants_that_have_left() -> None:
    """Ten thousand names come and go while one waits on."""
    queue = _filled(Request("대기", 1e9))
    for number in range(10_000):
        queue.push(Request(f"손님{number}"))
        _next(queue)
    (level,) = (level for level in queue._levels if level.size)
    assert (len(level._lines), len(level._fresh)) == (1, 1)
    assert len(level._tags) < 50


def test_heads_that_are_cancelled_leave_no_tags() -> None:
    """A tenant that cancels the first of its requests again and again."""
    queue = _filled(Request("대기"), levels=1)
    for _ in range(10_000):
        first, second = Request("변덕"), Request("변덕")
        queue.push(first)
        queue.push(second)
        queue.remove(first)
        queue.remove(second)
    assert len(queue._levels[0]._tags) < 50


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.sampled_from(_TENANTS), st.integers(1, 50), st.integers(0, 1)),
            st.tuples(st.just("take")),
            st.tuples(st.just("remove"), st.integers(0, 100)),
            st.tuples(st.just("back")),
        )
    )
)
def test_sizes_and_sums_are_those_of_the_waiting(steps: list[tuple[object, ...]]) -> None:
    """Against a plain list; within a tenant and class the order is that of arrival."""
    queue: FairQueue[Request] = FairQueue(2)
    waiting: list[Request] = []
    taken: list[Request] = []
    for step in steps:
        match step:
            case ("push", str(tenant), int(work), int(level)):
                waiting.append(Request(tenant, work, level))
                queue.push(waiting[-1])
            case ("take",) if waiting:
                head = _next(queue)
                assert head.level == min(request.level for request in waiting)
                same = [other for other in waiting if (other.level, other.tenant) == (head.level, head.tenant)]
                assert head is same[0] or head in taken
                waiting.remove(head)
                taken.append(head)
            case ("remove", int(number)) if waiting:
                queue.remove(waiting.pop(number % len(waiting)))
            case ("back",) if taken and taken[-1] not in waiting:
                waiting.append(taken[-1])
                queue.put_back(taken[-1])
        assert len(queue) == len(waiting)
        work = sum(request.work for request in waiting if request.level == 0)
        assert abs(queue._levels[0].work - work) < 1e-6
        sizes = Counter(request.tenant for request in queue._levels[1]._fresh)
        assert queue._levels[1]._sizes.largest == max(sizes.values(), default=0)


@given(st.lists(st.integers(1, 100), min_size=30, max_size=60), st.lists(st.integers(1, 100), min_size=30, max_size=60))
def test_two_busy_tenants_are_never_further_apart_than_one_request_of_each(mine: list[int], yours: list[int]) -> None:
    """The bound of self-clocked fair queueing."""
    queue = _filled(*(Request("나", work) for work in mine), *(Request("너", work) for work in yours))
    served: Counter[str] = Counter()
    left = {"나": len(mine), "너": len(yours)}
    while all(left.values()):
        assert abs(served["나"] - served["너"]) <= max(mine) + max(yours)
        head = _next(queue)
        served[head.tenant] += int(head.work)
        left[head.tenant] -= 1
