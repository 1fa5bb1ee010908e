"""`soban up`: ready when it says so, stopped as asked, nothing left behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import soban.v1 as pb
from integration.cli.stacks import FREE_PORTS, SOBAN, Up, eventually, none_left, soban, up


@pytest.fixture(scope="module")
def stack() -> Iterator[Up]:
    with up() as running:
        yield running


def test_ready_means_that_every_server_is_serving(stack: Up) -> None:
    """`soban health` agrees at once."""
    found = soban("health", "--json", **stack.env)
    assert found.returncode == 0, found.stdout
    assert {json.loads(line)["serving"] for line in found.stdout.splitlines()} == {True}


def test_every_client_verb_works_on_it(stack: Up) -> None:
    """With the bundled model."""
    env = stack.env
    chat = soban("chat", "안녕하세요, 오늘 하루 힘들었어요.", **env)
    assert chat.returncode == 0, chat.stderr
    assert chat.stdout.strip()
    assert soban("complete", "--max-tokens", "8", "오늘 날씨가", **env).returncode == 0
    assert "영화/NNG+를/JKO" in soban("analyze", "친구랑 영화를 봤어요.", **env).stdout
    assert "010-1234-5678" not in soban("mask", "제 번호는 010-1234-5678이에요", **env).stdout
    assert "MASK" in soban("check", "제 번호는 010-1234-5678이에요", **env).stdout
    assert int(json.loads(soban("count", "--json", "배고파", **env).stdout)["total"]) > 0
    assert "soban-demo" in soban("models", **env).stdout
    bench = json.loads(soban("bench", "--streams", "4", "--requests", "8", "--json", **env).stdout)
    assert (bench["requests"], bench["errors"]) == (8, {})


def test_a_batch_of_lines_is_answered_in_order(stack: Up) -> None:
    """Mixed with a line that is refused."""
    lines = [f"{number}번째 문장이에요." for number in range(50)]
    found = soban("analyze", "--json", stdin="\n".join(lines), **stack.env)
    objects = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["id"] for line in objects] == list(range(1, 51))
    assert all(line["analyses"][0]["morphemes"] for line in objects)


def test_personal_data_is_masked_on_the_way_to_the_model(stack: Up) -> None:
    """The verdict comes with the answer."""
    found = soban("chat", "제 번호는 010-1234-5678이에요", **stack.env)
    assert found.returncode == 0, found.stderr
    assert "MASK" in found.stderr


def test_a_crashed_service_comes_back(stack: Up) -> None:
    """Killed outright, it answers again soon."""
    stack.service("safety").kill()
    assert stack.until(event="state", service="safety", state="backoff")
    assert stack.until(event="state", service="safety", state="running")
    assert eventually(lambda: soban("check", "안녕", **stack.env).returncode == 0)


def test_sigterm_lets_running_streams_end_and_leaves_nothing() -> None:
    """The gateway goes first."""
    with up() as running, ThreadPoolExecutor() as pool:
        family = running.family()
        assert len(family) >= 6
        command = ("bench", "--streams", "8", "--requests", "8", "--max-tokens", "300", "--ignore-eos", "--json")
        answers = pool.submit(lambda: soban(*command, **running.env))
        assert eventually(lambda: running_sequences(running) == 8)
        running.signal(signal.SIGTERM)
        stopped = [event["service"] for event in running.events() if event.get("state") == "stopped"]
        assert stopped[0] == "gateway"
        assert set(stopped) == {"gateway", "tokenization", "safety", "generation"}
        assert running.wait() == 0
        assert eventually(lambda: none_left(family))
        report = json.loads(answers.result().stdout)
        assert (report["requests"], report["complete"], report["errors"]) == (8, True, {})


def running_sequences(stack: Up) -> int:
    """How many streams generation works on now."""
    with grpc.insecure_channel(stack.endpoints["generation"]) as channel:
        loads = pb.GenerationServiceStub(channel).GetLoad(pb.GetLoadRequest(), timeout=10).loads
    return loads[0].running


def test_sigkill_leaves_nothing_either() -> None:
    """Services, engine and workers end when their parent does."""
    with up() as running:
        family = running.family()
        running.signal(signal.SIGKILL)
        assert eventually(lambda: none_left(family))


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """Before anything is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        config = tmp_path / "soban.yaml"
        config.write_text(f"services: {{safety: {{port: {port}}}}}")
        found = soban("up", "-c", str(config))
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith(f"soban: cannot start safety (PORT_IN_USE): 127.0.0.1:{port} ")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("modles: {}", "models"),
        ("models: {a: {url: ./a.gguf, enginee: llamacpp}}", "engine"),
        ("services: {safety: {prt: 1}}", "port"),
        ("services: {gateway: {httpPort: high}}", "httpPort"),
        ("models: [", "soban.yaml:1"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_2(tmp_path: Path, text: str, named: str) -> None:
    """It names the nearest known key, or the line."""
    config = tmp_path / "soban.yaml"
    config.write_text(text)
    found = soban("up", "-c", str(config))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.count("\n") == 1
    assert named in found.stderr


def test_a_missing_file_is_one_line_and_2() -> None:
    """Of the configuration or of the model."""
    assert soban("up", "-c", "nowhere.yaml").returncode == 2
    found = soban("up", "--model", "nowhere.gguf")
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)


def test_a_reader_that_leaves_does_not_end_the_stack() -> None:
    """Ctrl-C at `soban up | tee log` ends tee first."""
    process = subprocess.Popen([*SOBAN, "up", "-c", str(FREE_PORTS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        time.sleep(2.0)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
