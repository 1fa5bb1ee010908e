"""What scenarios of faults and of dry runs make of what they saw."""

from __future__ import annotations

from pathlib import Path

from cluster.answer import Answer
from cluster.cluster import Cluster
from cluster.kubectl import Kubectl
from cluster.outcome import Outcome
from cluster.scenarios.examples.scenario import pods
from cluster.timeline import Replicas, Timeline
from cluster.traffic import Traffic, expect_unharmed


def test_streams_are_told_apart_by_when_they_ran(tmp_path: Path) -> None:
    """Under way at a time, and sent since a time."""
    seen = Traffic(_timeline(tmp_path), [Answer(0, "grpc", 10.0, 2.0), Answer(1, "http", 13.0, 4.0)])
    assert [answer.number for answer in seen.running_at(11.0)] == [0]
    assert [answer.number for answer in seen.sent_from(12.0)] == [1]


def test_the_fewest_replicas_count_from_what_there_was_before(tmp_path: Path) -> None:
    """A state holds until the next one, also into the time that is asked for."""
    timeline = _timeline(tmp_path)
    timeline.replicas += [Replicas(at, "pool", desired, desired, desired) for at, desired in ((1, 2), (5, 3), (9, 1))]
    seen = Traffic(timeline)
    assert seen.fewest("pool", 2, 6) == 2
    assert seen.fewest("pool", 6, 8) == 3
    assert seen.fewest("pool", 6, 10) == 1


def test_a_broken_stream_is_told_with_its_reason() -> None:
    """The line says what the clients were told."""
    outcome = Outcome()
    answers = [Answer(0, "grpc", 0, 1), Answer(1, "http", 0, 1, "broken", why="UNAVAILABLE ENGINE_LOST")]
    expect_unharmed(outcome, "streams", answers)
    assert not outcome.passed
    assert "ENGINE_LOST" in outcome.lines[0].value


def test_no_streams_at_all_are_not_unharmed() -> None:
    """A client that could not ask would else look like a success."""
    outcome = Outcome()
    expect_unharmed(outcome, "streams", [])
    assert not outcome.passed


def test_every_pod_template_becomes_a_pod() -> None:
    """Of Deployments, Jobs and CronJobs; what has none is left out."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}
    documents = [
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": template}},
        {"kind": "CronJob", "metadata": {"name": "y"}, "spec": {"jobTemplate": {"spec": {"template": template}}}},
        {"kind": "ConfigMap", "metadata": {"name": "z"}},
        {"kind": "GRPCRoute", "metadata": {"name": "w"}, "spec": {"rules": []}},
    ]
    found = list(pods(documents))
    assert [pod["metadata"]["name"] for pod in found] == ["deployment-x", "cronjob-y"]
    assert found[0]["metadata"]["labels"] == {"a": "b"}


def _timeline(folder: Path) -> Timeline:
    return Timeline(Kubectl(Cluster(folder / "kubeconfig", folder, ())), "soban")
