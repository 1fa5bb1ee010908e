"""Tokens of work: what a request will cost is guessed when it arrives, and what is left of it is known at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import soban.v1 as pb
from soban.generation.choices import choice_count
from soban.generation.engine import Usage
from soban.generation.knee import Knee
from soban.generation.prefill_speed import PrefillSpeed
from soban.generation.prompt_size import PromptSize, Shape, shape_of
from soban.generation.replica_pace import ReplicaPace

_FIRST_ANSWER = 256.0
_WEIGHT_OF_LAST = 0.05
_IMAGE_TOKENS = 800.0
# Limits of the length of an answer that differ by less than four times are one class.
_LIMIT_BITS = 2
_UNLIMITED = -1
_NOTHING = Shape()

# Replicas come and go, each under a name of its own; with so many, those without work are forgotten.
_MOST_REPLICAS = 256
# A sequence that goes on has at least so many tokens before it, however long it has become.
_FEWEST_LEFT = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a request is expected to ask of an engine, in tokens."""

    prefill: float
    """Of the prompt, without what is expected to be in the engine's cache."""
    decode: float
    """Of all its answers."""
    prompt: float = 0.0
    """The whole prompt."""
    sequences: int = 1
    shape: Shape = _NOTHING
    images: int = 0
    limit: int = _UNLIMITED
    """Class of its `max_tokens`."""

    @property
    def total(self) -> float:
        """Both."""
        return self.prefill + self.decode

    def of_one(self) -> Work:
        """Of one of its answers, each of which is a request to an engine; the prompt is in all of them."""
        return self if self.sequences == 1 else replace(self, decode=self.decode / self.sequences, sequences=1)


class _Mean:
    """Of the first values, then moving."""

    __slots__ = ("count", "value")

    def __init__(self, value: float) -> None:
        self.count = 0
        self.value = value

    def add(self, value: float) -> None:
        self.count += 1
        self.value += max(_WEIGHT_OF_LAST, 1 / self.count) * (value - self.value)


class Estimator:
    """Guesses for one model, from requests as the engine is sent them; better with every answer."""

    def __init__(self) -> None:
        self._size = PromptSize()
        self._answers = _Mean(_FIRST_ANSWER)
        self._answers_by_limit: dict[int, _Mean] = {}
        self._uncached = _Mean(1.0)

    def estimate(self, request: pb.GenerateRequest) -> Work:
        """20 microseconds for 4,000 characters, 50 for any more."""
        shape = shape_of(request)
        images = sum(part.HasField("image") for message in request.messages for part in message.parts)
        prompt = self._size.tokens(shape) + _IMAGE_TOKENS * images
        options = request.options
        limit = options.max_tokens.bit_length() // _LIMIT_BITS if options.HasField("max_tokens") else _UNLIMITED
        sequences = max(1, choice_count(request))
        return Work(
            prefill=max(1.0, prompt * self._uncached.value),
            decode=sequences * self._answer(options, limit),
            prompt=prompt,
            sequences=sequences,
            shape=shape,
            images=images,
            limit=limit,
        )

    def learn(self, work: Work, usage: Usage) -> None:
        """What it was. Answers that were cut off or cancelled say nothing: leave them out."""
        if usage.input_tokens > 0:
            if not work.images:
                self._size.learn(work.shape, usage.input_tokens)
            cached = min(usage.cached_input_tokens, usage.input_tokens)
            self._uncached.add(1 - cached / usage.input_tokens)
        length = usage.output_tokens / work.sequences
        self._answers.add(length)
        self._answers_by_limit.setdefault(work.limit, _Mean(length)).add(length)

    def _answer(self, options: pb.GenerationOptions, limit: int) -> float:
        """Length of one: as others with such a limit were, and within its own."""
        expected = self._answers_by_limit.get(limit, self._answers).value
        if limit == _UNLIMITED:
            return max(1.0, expected)
        return float(options.max_tokens) if options.ignore_eos else max(1.0, min(expected, options.max_tokens))


class WorkMeter:
    """What is in flight of one model: waiting and running, over all its replicas. No I/O; a token costs additions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._items = 0
        self._tokens = 0.0
        self._unread = 0.0
        self._paces: dict[str, ReplicaPace] = {}
        self._speed = PrefillSpeed()
        self._knee = Knee()

    @property
    def tokens_in_flight(self) -> int:
        """Of prompts that have no output yet, and of answers as expected."""
        return round(self._tokens)

    @property
    def prefill_tokens_per_second(self) -> float | None:
        """Of one replica; None before three prompts of 32 tokens were read."""
        return self._speed.value()

    @property
    def prefill_backlog_seconds(self) -> float | None:
        """How long one replica would read at the prompts that have no output yet; None while its speed is unknown."""
        if self._unread <= 0:
            return 0.0
        speed = self._speed.value()
        return None if speed is None else self._unread / speed

    @property
    def knee(self) -> float | None:
        """As `Knee.value`."""
        return self._knee.value()

    def arrive(self, work: Work) -> WorkItem:
        """A request is there. Whoever brings it calls `leave` when it has gone, whatever became of it."""
        self._items += 1
        self.add(work.prefill, work.decode)
        return WorkItem(self, work)

    def add(self, prefill: float, decode: float) -> None:
        """For items: so much more is in flight; less where it is negative."""
        self._unread += prefill
        self._tokens += prefill + decode

    def gone(self) -> None:
        """For items: one has left. Without any there is nothing in flight, whatever rounding left."""
        self._items -= 1
        if self._items == 0:
            self._tokens = self._unread = 0.0

    def pace(self, replica: str) -> ReplicaPace:
        """For items: of the replica that they are on."""
        found = self._paces.get(replica)
        if found is None:
            if len(self._paces) >= _MOST_REPLICAS:
                self._paces = {name: pace for name, pace in self._paces.items() if not pace.idle}
            found = self._paces[replica] = ReplicaPace(self._speed, self._knee, self._clock)
        return found

    def correct(self, tokens: float) -> None:
        """For items: a prompt was so much more than was guessed."""
        self._speed.correct(tokens)


class WorkItem:
    """One request on its way: `arrive`, (`admitted`, [`requeued`])..., `first_output`, `progress`..., `leave`.

    A step that makes no sense in the state it is called in does nothing, so that ways out need not be told apart.
    """

    __slots__ = ("_decode", "_gone", "_guessed", "_meter", "_pace", "_prefill", "work")

    def __init__(self, meter: WorkMeter, work: Work) -> None:
        self.work = work
        self._meter = meter
        self._pace: ReplicaPace | None = None
        self._prefill = work.prefill
        self._decode = work.decode
        self._guessed: float | None = None
        """Tokens that its prompt was taken for when it was read."""
        self._gone = False

    @property
    def left(self) -> float:
        """Tokens of work to come."""
        return self._prefill + self._decode

    def admitted(self, replica: str = "") -> None:
        """An engine has it: `replica` is its id."""
        self.requeued()
        if not self._gone:
            self._pace = self._meter.pace(replica)
            self._pace.begin(self.work.sequences)

    def requeued(self) -> None:
        """The engine did not answer, or died: it waits again, with its prompt to be read."""
        if self._pace is None:
            return
        self._end(self._pace)
        self._change(self.work.prefill - self._prefill, 0.0)

    def first_output(self, input_tokens: int | None = None) -> None:
        """Its prompt has been read; it had `input_tokens`, where the engine tells."""
        if self._pace is None or self._prefill == 0.0:
            return
        guessed = self.work.prefill
        if input_tokens is not None and self.work.prompt > 0:
            guessed *= input_tokens / self.work.prompt
        self._guessed = guessed
        self._pace.first_output(guessed)
        self._change(-self._prefill, 0.0)

    def progress(self, tokens: int, input_tokens: int | None = None) -> float:
        """Tokens came; the first say that the prompt was read (`first_output`). Returns how much less is to be done."""
        if self._pace is None:
            return 0.0
        before = self.left
        if self._prefill > 0.0:
            self.first_output(input_tokens)
        self._pace.output(tokens)
        fewest = _FEWEST_LEFT * self.work.sequences
        if self._decode > fewest:
            self._change(0.0, max(-float(tokens), fewest - self._decode))
        return before - self.left

    def leave(self, usage: Usage | None = None) -> None:
        """It is over; `usage` is what it was, where that is known."""
        if self._gone:
            return
        if usage is not None and self._guessed is not None and usage.input_tokens > 0:
            self._meter.correct(usage.input_tokens - usage.cached_input_tokens - self._guessed)
        if self._pace is not None:
            self._end(self._pace)
        self._change(-self._prefill, -self._decode)
        self._gone = True
        self._meter.gone()

    def _end(self, pace: ReplicaPace) -> None:
        if self._prefill > 0.0:
            pace.give_up()
        pace.end(self.work.sequences)
        self._pace = None

    def _change(self, prefill: float, decode: float) -> None:
        self._prefill += prefill
        self._decode += decode
        self._meter.add(prefill, decode)
