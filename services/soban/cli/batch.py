"""Many requests at once, their answers in the order of the inputs, and no more in memory than are under way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

import grpc

from soban.cli.failure import Problem, problem_of
from soban.cli.lines import Item

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Pending(Protocol[R_co]):
    """A request under way, as `stub.Method.future(...)` gives it."""

    def result(self) -> R_co:
        """Waits for the response. Raises grpc.RpcError."""


class Batch(Generic[T]):
    """Asks for each item with at most `limit` requests under way, and iterates over answers in input order.

    Items are read in a thread of their own, so that an answer is given on while the next line is awaited. The thread
    is a daemon because a read from a terminal or pipe cannot be broken off.
    """

    def __init__(self, items: Iterable[Item], ask: Callable[[Item], Pending[T]], limit: int) -> None:
        self._items = items
        self._ask = ask
        self._slots = threading.Semaphore(limit)
        self._asked: queue.SimpleQueue[tuple[Item, Pending[T] | Problem] | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[tuple[Item, T | Problem]]:
        """Once. Raises what reading the items raised."""
        threading.Thread(target=self._read, name="batch-input", daemon=True).start()
        try:
            while (asked := self._asked.get()) is not None:
                if isinstance(asked, BaseException):
                    raise asked
                item, pending = asked
                yield item, _answer(pending)
                self._slots.release()
        finally:
            self._stopped.set()
            self._slots.release()

    def _read(self) -> None:
        try:
            for item in self._items:
                self._slots.acquire()
                if self._stopped.is_set():
                    return
                self._asked.put((item, item.problem or self._ask(item)))
        except Exception as err:  # noqa: BLE001 - raised again in the reader's thread
            self._asked.put(err)
        else:
            self._asked.put(None)


def _answer(pending: Pending[T] | Problem) -> T | Problem:
    if isinstance(pending, Problem):
        return pending
    try:
        return pending.result()
    except grpc.RpcError as err:
        return problem_of(err)
