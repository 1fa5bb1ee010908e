"""Policies: which rule counts, what configurations may say, versions."""

from __future__ import annotations

from typing import Any

import pytest

from soban.runtime.config import ConfigError
from soban.runtime.errors import PolicyNotFound
from soban.safety.decisions import Action, Direction, Mode, Role
from soban.safety.policy import Policies
from soban.safety.taxonomy import CATEGORIES, PHONE, PROFANITY, RESIDENT_NUMBER

ALLOW, MASK, BLOCK = Action
RULE = {"category": "pii", "action": "mask"}


def policy_of(*rules: dict[str, Any], **more: Any) -> Any:
    return Policies({"test": {"rules": list(rules), **more}}).get("test", "policy")


def test_the_default_masks_personal_data_and_blocks_profanity() -> None:
    """In both directions, for every author."""
    policy = Policies().get("", "policy")
    for direction in Direction:
        for role in (None, *Role):
            done = policy.decisions(direction, role).done
            assert done == {name: BLOCK if name == PROFANITY else MASK for name in CATEGORIES}
    assert policy.name == "default"


def test_observe_finds_the_same_and_changes_nothing() -> None:
    """It tells, and everything passes."""
    decisions = Policies().get("observe", "policy").decisions(Direction.INPUT)
    assert decisions.change_nothing
    assert decisions.wanted == Policies().get("default", "policy").decisions(Direction.INPUT).done


def test_the_most_specific_rule_counts() -> None:
    """A leaf before its head, then a direction, then a role, whatever comes first."""
    policy = policy_of(
        {"category": "pii.phone", "action": "allow", "direction": "output"},
        {"category": "pii.phone", "action": "block", "direction": "output", "role": "tool"},
        {"category": "pii", "action": "mask"},
    )
    assert policy.decisions(Direction.INPUT, Role.USER).done[PHONE] is MASK
    assert policy.decisions(Direction.OUTPUT, Role.ASSISTANT).done[PHONE] is ALLOW
    assert policy.decisions(Direction.OUTPUT, Role.TOOL).done[PHONE] is BLOCK
    assert policy.decisions(Direction.OUTPUT, Role.TOOL).done[RESIDENT_NUMBER] is MASK


def test_what_no_rule_covers_passes() -> None:
    """A policy on personal data lets swearing pass."""
    assert policy_of({"category": "pii", "action": "mask"}).decisions(Direction.INPUT).done[PROFANITY] is ALLOW


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"rules": [{"category": "pii.fone", "action": "mask"}]}, "nearest known one is pii.phone"),
        ({"rules": [{"category": "pii", "action": "hide"}]}, "policies.a.rules.0.action"),
        ({"rules": [RULE | {"roll": "user"}]}, "policies.a.rules.0.roll: unknown key; the nearest known one is"),
        ({"rules": []}, "policies.a.rules"),
        ({"rules": [RULE, RULE]}, "two rules decide on 'pii'"),
        ({"rules": [RULE], "modus": "observe"}, "nearest known one is policies.a.mode"),
        ({"rules": [RULE], "failOpen": True}, "policies.a.fail"),
        ("mask everything", "policies.a"),
    ],
)
def test_mistakes_are_named(raw: Any, message: str) -> None:
    """With the key, and the nearest right one."""
    with pytest.raises(ConfigError) as error:
        Policies({"a": raw})
    assert message in str(error.value)


def test_names_are_plain() -> None:
    """As they stand in URLs and metrics."""
    with pytest.raises(ConfigError, match="lower-case letters"):
        Policies({"Ä b": {"rules": [RULE]}})


def test_an_unknown_policy_is_not_found() -> None:
    """With the field that named it."""
    with pytest.raises(PolicyNotFound) as error:
        Policies().get("없는 정책", "config.policy")
    assert error.value.field == "config.policy"
    assert "없는 정책" not in error.value.message


def test_the_version_is_that_of_the_content() -> None:
    """Equal content gives an equal version, however it is written."""
    rule = {"category": "pii", "action": "mask"}
    assert policy_of(rule).version == policy_of(rule, mode="balanced").version
    assert policy_of(rule).version != policy_of(rule, mode="observe").version


def test_policies_are_listed_by_name_and_shipped_ones_can_be_replaced() -> None:
    """The configuration goes over what is shipped."""
    own = Policies(
        {
            "default": {"rules": [{"category": "pii", "action": "block"}]},
            "b-team": {"rules": [{"category": "pii", "action": "mask"}]},
        }
    )
    assert [policy.name for policy in own] == ["b-team", "default", "observe"]
    assert own.get("default", "policy").decisions(Direction.INPUT).done[PHONE] is BLOCK
    assert "category: pii" in own.get("default", "policy").source
    assert own.get("observe", "policy").mode is Mode.OBSERVE
