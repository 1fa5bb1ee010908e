"""`soban demo`, which `make demo` runs."""

from __future__ import annotations

import contextlib
import socket
import subprocess

import psutil

from integration.cli.stacks import SOBAN, eventually, none_left

SECTIONS = ("1. 게이트웨이로", "2. 개인정보는", "3. 욕설은", "4. 형태소", "5. 같은 대화를", "6. 모든 서버")


def test_the_demonstration_shows_everything_and_leaves_nothing() -> None:
    """Without a terminal it ends by itself, also while another program has one of the usual ports."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by another program already, which is as good
            other.bind(("127.0.0.1", 50061))
            other.listen()
        process = subprocess.Popen(
            [*SOBAN, "demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        family = [psutil.Process(process.pid)]
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith(SECTIONS[0]):
                family += family[0].children(recursive=True)
        assert process.wait(60) == 0, shown
    assert "빈 포트를 씁니다" in shown
    assert [section for section in SECTIONS if section not in shown] == []
    assert "010-1234-5678" in shown
    assert "차단됨 (blocked)" in shown
    assert shown.count("정상") == 4
    assert len(family) >= 6
    assert eventually(lambda: none_left(family))
