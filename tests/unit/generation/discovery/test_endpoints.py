"""Where the pods of a Service are, by its EndpointSlices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.discovery.endpoints import endpoints_of
from unit.generation.discovery.fake_api import endpoint, endpoint_slice

POD = endpoint("10.0.0.1", "ko-1")


@pytest.mark.parametrize(
    ("ports", "wanted", "found"),
    [
        ({"http": 8000, "metrics": 9000}, "http", {"10.0.0.1:8000"}),
        ({"http": 8000, "metrics": 9000}, "9000", {"10.0.0.1:9000"}),
        ({"http": 8000, "metrics": 9000}, "80", set()),
        ({"http": 8000, "metrics": 9000}, "", set()),
        ({"http": 8000}, "80", {"10.0.0.1:8000"}),
        ({"": 8000}, "80", {"10.0.0.1:8000"}),
        ({"": 8000}, "", {"10.0.0.1:8000"}),
        ({"http": 8000}, "grpc", set()),
        ({}, "80", set()),
    ],
)
def test_a_port_is_found_by_name_or_number(ports: dict[str, int], wanted: str, found: set[str]) -> None:
    """The only port there is stands for the Service's own number."""
    assert endpoints_of([endpoint_slice("a", POD, ports=ports)], wanted) == found


@pytest.mark.parametrize(
    ("conditions", "there"),
    [
        ({}, True),
        ({"ready": None, "serving": None, "terminating": None}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": True, "serving": True, "terminating": True}, False),
    ],
)
def test_conditions_decide(conditions: dict[str, bool | None], there: bool) -> None:
    """The last is a Service that publishes addresses which are not ready."""
    found = endpoints_of([endpoint_slice("a", endpoint("10.0.0.1", **conditions))], "http")
    assert found == ({"10.0.0.1:8000"} if there else set())


def test_a_pod_with_two_families_counts_once() -> None:
    """By its IPv4 address; one that has only the other by that."""
    four = endpoint_slice("four", POD)
    six = endpoint_slice("six", endpoint("fd00::1", "ko-1"), endpoint("fd00::2", "ko-2"), family="IPv6")
    assert endpoints_of([six, four], "http") == {"10.0.0.1:8000", "[fd00::2]:8000"}
    assert endpoints_of([six], "http") == {"[fd00::1]:8000", "[fd00::2]:8000"}


def test_names_are_no_addresses() -> None:
    """Slices of type FQDN are deprecated, and nothing says what they mean."""
    assert endpoints_of([endpoint_slice("a", endpoint("ko.example"), family="FQDN")], "http") == set()


def test_each_slice_has_ports_of_its_own() -> None:
    """In a rollout that changes a named port, old pods keep theirs."""
    old, new = endpoint_slice("old", POD), endpoint_slice("new", endpoint("10.0.0.2", "ko-2"), ports={"http": 9000})
    assert endpoints_of([old, new], "http") == {"10.0.0.1:8000", "10.0.0.2:9000"}


PODS = st.lists(st.integers(1, 40), unique=True, max_size=20)


@given(PODS, st.data())
def test_how_pods_are_split_over_slices_does_not_matter(pods: list[int], data: st.DataObject) -> None:
    """Nor does a pod that is in two of them while it moves from one to the other."""
    homes = {pod: data.draw(st.sets(st.integers(0, 3), min_size=1)) for pod in pods}
    slices = [
        endpoint_slice(f"s{home}", *(endpoint(f"10.0.0.{pod}", f"ko-{pod}") for pod in pods if home in homes[pod]))
        for home in range(4)
    ]
    assert endpoints_of(slices, "http") == {f"10.0.0.{pod}:8000" for pod in pods}
