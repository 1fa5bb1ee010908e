"""What the engine's pod refuses before it loads anything, and how it buries orphans."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from soban.generation.sizing import pod_kv_cache_mib
from unit.generation.gguf_file import write_gguf

MIB = 2**20
FILE = """
models:
  ko: {{url: "hf://kakaocorp/kanana-1.5-2.1b/ko.gguf", adapters: {{법률: {adapter}}}}}
"""


def start(folder: Path, *arguments: str, adapter: str = "/없는/법률.gguf") -> subprocess.CompletedProcess[str]:
    (folder / "soban.yaml").write_text(FILE.format(adapter=adapter), encoding="utf-8")
    command = [sys.executable, "-m", "soban.generation.engine_pod", "-c", str(folder / "soban.yaml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_unknown_model_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    """Exit code 2 and one line."""
    done = start(tmp_path, "--model", "exaone")
    assert (done.returncode, done.stderr) == (2, "soban: models.exaone: no such model; there are ko\n")


def test_a_path_that_does_not_exist_is_the_arguments_fault(tmp_path: Path) -> None:
    """And not that of the url, which is not looked at."""
    done = start(tmp_path, "--model", "ko", "--path", "/없는/모델.gguf")
    assert (done.returncode, done.stderr) == (2, "soban: --path: no such file: /없는/모델.gguf\n")


def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    """llama.cpp itself would end without a word of it."""
    done = start(tmp_path, "--model", "ko", "--path", str(write_gguf(tmp_path / "한국어.gguf")))
    assert (done.returncode, done.stderr) == (2, "soban: models.ko.adapters.법률: no such file: /없는/법률.gguf\n")


@pytest.mark.parametrize(
    ("limit", "model", "mib"),
    [
        # Without a limit what soban.yaml says, or its default.
        (None, 500 * MIB, 1024),
        # (4,096 - 500 - 160) * 4 / 5
        (4096 * MIB, 500 * MIB, 2748),
        # A limit below what the weights need still leaves room for a chat, and the kernel has the last word.
        (400 * MIB, 500 * MIB, 64),
        (64_000 * MIB, 500 * MIB, 8192),
    ],
)
def test_memory_for_contexts_follows_the_container(limit: int | None, model: int, mib: int) -> None:
    """In MiB."""
    assert pod_kv_cache_mib(limit, model, 1024) == mib


# In a process of its own, since it takes every ended child. WNOWAIT waits for an end and leaves the exit code there.
ORPHANS = """
import os, subprocess
from soban.generation.first_process import reap_orphans

engine, orphan = subprocess.Popen(["sleep", "60"]), subprocess.Popen(["true"])
os.waitid(os.P_PID, orphan.pid, os.WEXITED | os.WNOWAIT)
reap_orphans(engine.pid)
try:
    os.waitpid(orphan.pid, 0)
except ChildProcessError:
    print("orphan reaped")
engine.kill()
os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)
reap_orphans(engine.pid)
print("engine ended by", -engine.wait())
"""


def test_orphans_are_reaped_and_the_engine_is_left_to_its_owner() -> None:
    """Who reads its exit code."""
    done = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "orphan reaped\nengine ended by 9\n"


def test_before_anything_is_served_a_signal_ends_the_process() -> None:
    """By an exit code: the default, which the kernel withholds from the first process, would be a signal."""
    code = (
        "import os; from soban.generation.first_process import end_at_signal; end_at_signal(); os.kill(os.getpid(), 15)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 128 + 15
