"""What was judged as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import soban.v1 as pb
from soban.safety.check import Judged, Passage
from soban.safety.decisions import Action, Direction
from soban.safety.filter import Finding, Rejected
from soban.safety.policy import Policy
from soban.safety.reasons import reason_for
from soban.safety.streams import Release
from soban.safety.taxonomy import Name

_NOWHERE = Passage("")


def verdict_of(policy: Policy, direction: Direction, judged: Sequence[Judged], *, explain: bool) -> pb.Verdict:
    """The judgement on all passages of a request."""
    findings = [finding for result in judged for finding in result.findings]
    verdict = _verdict(policy, direction, findings)
    for result in judged:
        verdict.findings.extend(finding_of(found, result.passage, explain=explain) for found in result.findings)
        verdict.rejected.extend(_rejected(candidate, result.passage) for candidate in result.rejected)
    return verdict


def release_of(release: Release, policy: Policy, direction: Direction, *, explain: bool) -> pb.FilterResponse:
    """What goes out of a lane."""
    lane, piece = release.lane, release.piece
    response = pb.FilterResponse(lane=lane.number, text=piece.text)
    response.findings.extend(finding_of(found, _NOWHERE, explain=explain) for found in piece.findings)
    if release.over:
        verdict = _verdict(policy, direction, lane.findings)
        verdict.findings.extend(finding_of(found, _NOWHERE, explain=explain) for found in lane.findings)
        verdict.rejected.extend(_rejected(candidate, _NOWHERE) for candidate in lane.rejected)
        if lane.filter.stopped:
            verdict.released_code_points = lane.filter.released
        response.verdict.CopyFrom(verdict)
    return response


def finding_of(finding: Finding, passage: Passage, *, explain: bool) -> pb.Finding:
    """One finding; with `explain` its evidence, too."""
    return pb.Finding(
        category=finding.category,
        rule=finding.rule,
        span=pb.Span(start=finding.start, end=finding.end),
        action=_action(finding.action),
        confidence=finding.confidence,
        severity=finding.severity,
        tier=pb.TIER_RULES,
        view=finding.view,
        placeholder=finding.placeholder,
        message_index=passage.message,
        part_index=passage.part,
        place=passage.place,
        evidence=finding.evidence if explain else (),
    )


def masked_text_of(judged: Judged, *, explain: bool) -> pb.MaskedText:
    """A text after masking, with what was masked in it."""
    masked = [found for found in judged.findings if found.action is Action.MASK]
    return pb.MaskedText(
        text=judged.masked,
        findings=[finding_of(found, judged.passage, explain=explain) for found in masked],
        rejected=[_rejected(candidate, judged.passage) for candidate in judged.rejected],
    )


def policy_of(policy: Policy) -> pb.Policy:
    """A policy as it is shown."""
    settings = policy.settings
    rules = [
        pb.PolicyRule(
            category=rule.category,
            direction=pb.Direction.Value(f"DIRECTION_{(rule.direction or 'unspecified').upper()}"),
            role=pb.Role.Value(f"ROLE_{(rule.role or 'unspecified').upper()}"),
            action=pb.Action.Value(f"ACTION_{rule.action.upper()}"),
        )
        for rule in settings.rules
    ]
    return pb.Policy(
        name=policy.name,
        version=policy.version,
        description=pb.Reason(ko=settings.description.ko, en=settings.description.en),
        mode=pb.PolicyMode.Value(f"POLICY_MODE_{settings.mode.upper()}"),
        rules=rules,
        tiers=[pb.TIER_RULES],
        fail_open=settings.fail_open,
        yaml=policy.source,
    )


def strongest(findings: Iterable[Finding]) -> Action:
    """The action that a whole text gets."""
    return max((finding.action for finding in findings), default=Action.ALLOW)


def _verdict(policy: Policy, direction: Direction, findings: Sequence[Finding]) -> pb.Verdict:
    action = strongest(findings)
    reason: Name = reason_for(action, direction, (found.category for found in findings if found.action is action))
    return pb.Verdict(
        action=_action(action),
        reason=pb.Reason(ko=reason.ko, en=reason.en),
        policy=policy.name,
        policy_version=policy.version,
        direction=pb.Direction.Value(f"DIRECTION_{direction.name}"),
        tiers=[pb.TIER_RULES],
    )


def _rejected(candidate: Rejected, passage: Passage) -> pb.RejectedCandidate:
    return pb.RejectedCandidate(
        category=candidate.category,
        span=pb.Span(start=candidate.start, end=candidate.end),
        reason=candidate.reason,
        message_index=passage.message,
        part_index=passage.part,
    )


def _action(action: Action) -> pb.Action.ValueType:
    return pb.Action.Value(f"ACTION_{action.name}")
