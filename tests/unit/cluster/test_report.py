"""Tables, pages and pictures of a run."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from cluster.answer import Answer
from cluster.drawing import Panel, Series, draw
from cluster.outcome import Outcome
from cluster.picture import load_panel, picture, replicas_panel
from cluster.report import Result, failed, markdown, table, write
from cluster.scenario import Scenario
from cluster.timeline import Replicas, Timeline


async def _never(world: object) -> Outcome:
    return Outcome()


def result(name: str, outcome: Outcome, rung: str = "c") -> Result:
    """A scenario that ended so."""
    return Result(Scenario(name, rung, "Shows it.", 300, "pods", "", frozenset(), 60.0, _never), outcome, 1.5)


def met(value: bool) -> Outcome:
    """With one bar."""
    outcome = Outcome()
    outcome.expect("broken streams", 0 if value else 3, "0", value)
    return outcome


def test_one_bar_that_is_not_met_fails_the_run() -> None:
    """And the table says which."""
    results = [result("node_drain", met(True)), result("rolling_upgrade", met(False))]
    assert failed(results)
    assert "broken streams: 3, wanted 0" in table(results)


def test_a_scenario_that_is_left_out_fails_nothing() -> None:
    """But it is no success either."""
    left_out = result("faults", Outcome(left_out="the cluster's processes are not ours to stop"), "d")
    assert not failed([left_out])
    assert left_out.verdict == "left out"
    assert "not ours to stop" in table([left_out])


def test_a_scenario_that_did_not_end_fails() -> None:
    """Whatever it had met until then."""
    outcome = met(True)
    outcome.problem = "not done after 60 s"
    assert failed([result("install", outcome)])
    assert "not done after 60 s" in markdown([result("install", outcome)], {})


def test_page_says_what_was_simulated() -> None:
    """For each scenario, in one table."""
    page = markdown([result("install", met(True))], {"Kubernetes": "v1.35.4"})
    assert "* Kubernetes: v1.35.4" in page
    assert "| c | [install](#install) | Shows it. | pods | nothing | passed | 2 s |" in page


def test_pictures_of_the_run_before_go(tmp_path: Path) -> None:
    """A page must not lie beside pictures that belong to another one."""
    (tmp_path / "old.svg").write_text("<svg/>", encoding="utf-8")
    outcome = met(True)
    outcome.pictures["node_drain"] = draw("드레인", [], 10)
    write([result("node_drain", outcome)], {}, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["README.md", "node_drain.svg", "report.json"]
    assert "![node_drain](node_drain.svg)" in (tmp_path / "README.md").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["scenarios"][0]["lines"] == [{"what": "broken streams", "value": "0", "bar": "0", "met": True}]


def test_picture_is_well_formed_whatever_the_words() -> None:
    """Names and titles are escaped."""
    panels = [Panel("<pods> & more", [Series("a<b", [(0, 1), (5, 3)])], broken=[4.0]), Panel("empty", [])]
    root = ElementTree.fromstring(draw("A & B", panels, 10, [(3, "drain <begins>")]))
    text = "".join(root.itertext())
    assert "A & B" in text
    assert "drain <begins>" in text


def test_steps_hold_their_value_to_the_end() -> None:
    """Two replicas from second 5 on are two replicas at second 10."""
    svg = draw("", [Panel("", [Series("n", [(0, 1), (5, 2)])])], 10)
    (line,) = [each.get("d", "") for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")]
    heights = [point.split()[1] for point in line.removeprefix("M").split(" L")]
    assert len(heights) == 4
    assert heights[0] == heights[1] != heights[2] == heights[3]


def test_picture_of_a_scenario_counts_from_the_begin_of_its_timeline() -> None:
    """Answers and replicas are on the same clock."""
    timeline = Timeline(None, "ko")  # type: ignore[arg-type]
    timeline.began = 1000.0
    timeline.replicas = [Replicas(1001.0, "soban-engine-ko", 1, 1, 1)]
    answers = [Answer(0, "grpc", 1002.0, 3.0), Answer(1, "http", 1003.0, 1.0, status="broken")]
    panels = [replicas_panel(timeline, "soban-engine-ko"), load_panel(timeline, answers)]
    assert panels[0].series[1].points == [(1.0, 1.0)]
    assert panels[1].series[0].points[0] == (0.0, 0.4)
    assert panels[1].broken == [4.0]
    ElementTree.fromstring(picture("ko", timeline, panels, [(1002.5, "kill")]))
