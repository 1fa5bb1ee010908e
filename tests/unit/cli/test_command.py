"""The command as a process: help, version, exit codes, signals, pipes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soban.cli.command import build_parser
from unit.cli.fakes import FakeStack, ServerThread, Shell

SOBAN = (sys.executable, "-m", "soban.cli")
VERBS = ("up", "demo", "chat", "complete", "analyze", "check", "mask", "count", "models", "health", "bench")


def run(
    *argv: str | bytes, env: dict[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    found = {**os.environ, **(env or {})}
    return subprocess.run([*SOBAN, *argv], input=stdin, capture_output=True, env=found, timeout=60, check=False)


@contextmanager
def started(*argv: str, env: dict[str, str], **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*SOBAN, *argv], env={**os.environ, **env}, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_version() -> None:
    """On standard output."""
    found = run("--version")
    assert (found.returncode, found.stdout) == (0, b"soban 0.1.0\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_shows_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That name the verb."""
    with pytest.raises(SystemExit) as left:
        build_parser().parse_args([verb, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:\n" in shown
    assert f"soban {verb}" in shown.partition("examples:")[2]


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """With one line each."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [verb for verb in VERBS if not any(line.strip().startswith(f"{verb} ") for line in lines)] == []


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("dance",),
        ("chat", "--seed", "x"),
        ("bench", "--streams", "0"),
        ("chat", "--max-tokens", "3000000000", "안녕"),
        ("chat", "--system", "\udcff", "안녕"),
        ("complete", "--policy", "\udcff", "안녕"),
        ("count", "--model", "\udcff", "안녕"),
        ("mask", "--category", "\udcff", "안녕"),
        ("bench", "--max-tokens", "3000000000"),
    ],
)
def test_wrong_arguments_are_one_line_and_2(argv: tuple[str, ...]) -> None:
    """With where to look."""
    found = Shell({})(*argv)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("soban: wrong arguments (USAGE): ")
    assert found.err.count("\n") == 1
    assert "--help" in found.err


def test_an_argument_that_is_not_utf8_is_refused(server: ServerThread) -> None:
    """And nothing crashes."""
    found = run("mask", "--json", b"\xff\xfe", env=server.env)
    assert found.returncode == 1
    assert b'"code": "INVALID_ARGUMENT"' in found.stdout


def test_output_is_utf8_whatever_the_locale(server: ServerThread) -> None:
    """JSON is UTF-8 by definition."""
    found = run("mask", "안녕", env={**server.env, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert found.stdout.decode() == "안녕\n"


def test_a_reader_that_leaves_ends_the_command_quietly(server: ServerThread) -> None:
    """As `soban mask < big | head -1` does."""
    with started(
        "mask", env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("안녕\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == "안녕\n".encode()
        process.stdout.close()
        process.stdin.write("또 안녕\n".encode() * 100)
        process.stdin.close()
        assert process.wait(20) == 141
        assert process.stderr.read() == b""


def test_a_full_disk_is_one_line(server: ServerThread) -> None:
    """And no traceback, also when Python flushes at exit."""
    with (
        Path("/dev/full").open("wb") as full,
        started("mask", "안녕", env=server.env, stdout=full, stderr=subprocess.PIPE) as process,
    ):
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b"soban: cannot read or write (IO): No space left on device\n"


def test_closed_streams_are_no_accident(server: ServerThread) -> None:
    """As `soban mask <&- >&-` has them."""
    command = f"{sys.executable} -m soban.cli mask <&- >&-"
    found = subprocess.run(["sh", "-c", command], env={**os.environ, **server.env}, stderr=subprocess.PIPE, check=False)
    assert (found.returncode, found.stderr) == (0, b"")


def test_ctrl_c_ends_a_batch_with_130(server: ServerThread) -> None:
    """Also while it waits for input, and without a traceback."""
    with started(
        "mask", env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("안녕\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == b""


def test_ctrl_c_at_an_answer_stops_only_the_answer(server: ServerThread, stack: FakeStack) -> None:
    """On a real terminal; the server's side is cancelled, the prompt goes on."""
    main, side = pty.openpty()
    with started("chat", env={**server.env, "TERM": "dumb"}, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        read_until(main, "나> ")
        os.write(main, "기다려\n".encode())
        read_until(main, "라고요?")
        process.send_signal(signal.SIGINT)
        read_until(main, "answer cancelled")
        read_until(main, "나> ")
        os.write(main, b"/exit\n")
        assert process.wait(20) == 0
        assert stack.gateway.cancelled == 1
    os.close(main)


def read_until(descriptor: int, text: str) -> str:
    seen = b""
    deadline = time.monotonic() + 20
    while text.encode() not in seen:
        assert time.monotonic() < deadline, seen.decode()
        seen += os.read(descriptor, 1)
    return seen.decode()


def test_client_verbs_need_the_base_install_alone() -> None:
    """Importing the command pulls in nothing of the extras."""
    code = "import sys, soban.cli.command as m; m.build_parser(); print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    extras = {"yaml", "pydantic", "aiohttp", "opentelemetry", "kiwipiepy", "tokenizers", "uvloop"}
    assert extras & {name.partition(".")[0] for name in found.stdout.split()} == set()
