"""The texts of one answer as lanes of one Filter stream.

| lane | text |
|---|---|
| 0-7 | the answer of choice 0-7 |
| 8-15 | the reasoning of choice 0-7 |
| 16-63 | arguments of tool calls, in the order in which the calls appear over all choices |

Safety allows 64 lanes, the contract 8 choices: 48 tool calls fit in one answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import grpc

import soban.v1 as pb
from soban.runtime.errors import UpstreamStatus

MOST_CHOICES = 8
FIRST_REASONING_LANE = 8
FIRST_TOOL_LANE = 16
MOST_LANES = 64


class Lane:
    """One text on its way through the filter."""

    def __init__(self, number: int, choice: int, place: str) -> None:
        self.number = number
        self.choice = choice
        self.place = place
        """As in `Finding.place`: "text", "reasoning" or "tool_calls[0].arguments"."""

    def delta(self, text: str) -> pb.ChatDelta:
        """Released text as the client gets it."""
        return pb.ChatDelta(index=self.choice, text=text)


class ReasoningLane(Lane):
    """Reasoning of a choice."""

    def delta(self, text: str) -> pb.ChatDelta:
        """Released reasoning."""
        return pb.ChatDelta(index=self.choice, reasoning=text)


class ToolLane(Lane):
    """Arguments of one tool call."""

    def __init__(self, number: int, choice: int, first: pb.ToolCallDelta, offered: frozenset[str]) -> None:
        super().__init__(number, choice, f"tool_calls[{first.index}].arguments")
        self._call = first.index
        self._head = (first.id, first.name if first.name in offered else "")
        self.announced = False

    def delta(self, text: str) -> pb.ChatDelta:
        """Released arguments; the first piece carries id and name.

        A name is text that the model wrote, so it leaves only if the client itself offered a tool of that name.
        """
        call_id, name = ("", "") if self.announced else self._head
        self.announced = True
        piece = pb.ToolCallDelta(index=self._call, id=call_id, name=name, arguments=text)
        return pb.ChatDelta(index=self.choice, tool_calls=[piece])


class Lanes:
    """Numbers the texts of one answer."""

    def __init__(self, choices: int, offered_tools: frozenset[str]) -> None:
        self._by_number: dict[int, Lane] = {index: Lane(index, index, "text") for index in range(choices)}
        self._tools: dict[tuple[int, int], ToolLane] = {}
        self._offered = offered_tools

    def __getitem__(self, number: int) -> Lane:
        return self._by_number[number]

    def reasoning(self, choice: int) -> Lane:
        """The lane of a choice's reasoning, opened on first use."""
        number = FIRST_REASONING_LANE + choice
        if number not in self._by_number:
            self._by_number[number] = ReasoningLane(number, choice, "reasoning")
        return self._by_number[number]

    def tool(self, choice: int, piece: pb.ToolCallDelta) -> ToolLane:
        """The lane of a tool call, opened by its first piece. Raises UpstreamStatus when none is left."""
        key = (choice, piece.index)
        if key not in self._tools:
            number = FIRST_TOOL_LANE + len(self._tools)
            if number >= MOST_LANES:
                most = MOST_LANES - FIRST_TOOL_LANE
                raise UpstreamStatus(
                    f"the model asked for more than {most} tool calls",
                    code=grpc.StatusCode.OUT_OF_RANGE,
                    reason="TOO_MANY_TOOL_CALLS",
                )
            self._tools[key] = ToolLane(number, choice, piece, self._offered)
            self._by_number[number] = self._tools[key]
        return self._tools[key]

    def of_choice(self, choice: int) -> Iterator[Lane]:
        """The lanes that a choice has opened, text first, then by number."""
        return (lane for _, lane in sorted(self._by_number.items()) if lane.choice == choice)
