"""The verdicts on the lanes of a choice as one verdict on the choice."""

from __future__ import annotations

from collections.abc import Iterable

import soban.v1 as pb
from soban.gateway.lanes import Lane


def merged(choice: int, judged: Iterable[tuple[Lane, pb.Verdict]]) -> pb.Verdict:
    """The strongest verdict, with the findings of all lanes, each told where it stands.

    Lanes come in their order: text, reasoning, tool calls. Of equally strong verdicts the first gives reason and
    scores.
    """
    ordered = sorted(judged, key=lambda pair: pair[0].number)
    whole = pb.Verdict()
    whole.CopyFrom(max((verdict for _, verdict in ordered), key=lambda verdict: verdict.action))
    whole.choice_index = choice
    whole.direction = pb.DIRECTION_OUTPUT
    del whole.findings[:], whole.rejected[:]
    for lane, verdict in ordered:
        whole.rejected.extend(verdict.rejected)
        for finding in verdict.findings:
            placed = whole.findings.add()
            placed.CopyFrom(finding)
            placed.place = lane.place
    return whole
