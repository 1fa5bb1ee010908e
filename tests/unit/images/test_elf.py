"""What is cut off from shared libraries, and what stays."""

from __future__ import annotations

import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.elf import strip, stripped

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM = struct.Struct("<IIQQQQQQ")
LIBRARY, PROGRAM_FILE = 3, 2

linux = pytest.mark.skipif(sys.platform != "linux", reason="libraries of other systems are no ELF")


def library(segments: list[bytes], tail: bytes, kind: int = LIBRARY) -> bytes:
    """Segments one after the other behind the headers, and behind them what no process maps."""
    at = HEADER.size + PROGRAM.size * len(segments)
    headers = b""
    for segment in segments:
        headers += PROGRAM.pack(1, 5, at, at, at, len(segment), len(segment), 4096)
        at += len(segment)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    fields = (kind, 62, 1, 0, HEADER.size, at, 0, HEADER.size, PROGRAM.size, len(segments), 64, 9, 8)
    return HEADER.pack(ident, *fields) + headers + b"".join(segments) + tail


def programs(data: bytes) -> bytes:
    count = HEADER.unpack_from(data)[10]
    return data[HEADER.size : HEADER.size + PROGRAM.size * count]


def mapped(data: bytes) -> list[bytes]:
    """The file's bytes of each segment."""
    read = PROGRAM.iter_unpack(programs(data))
    return [data[offset : offset + size] for _, _, offset, _, _, size, *_ in read]


@given(st.lists(st.binary(max_size=64), max_size=5), st.binary(max_size=64))
def test_what_a_process_maps_stays_and_the_rest_goes(segments: list[bytes], tail: bytes) -> None:
    """Program headers, bytes of segments, the entry point; of sections not even the number."""
    whole = library(segments, tail)
    kept = stripped(whole)
    assert len(kept) == len(whole) - len(tail)
    assert programs(kept) == programs(whole)
    assert mapped(kept) == segments
    before, after = HEADER.unpack_from(whole), HEADER.unpack_from(kept)
    assert after[:6] == before[:6]
    assert (after[6], after[12], after[13]) == (0, 0, 0)


@given(st.lists(st.binary(max_size=64), max_size=5), st.binary(max_size=64))
def test_stripping_twice_is_stripping_once(segments: list[bytes], tail: bytes) -> None:
    once = stripped(library(segments, tail))
    assert stripped(once) == once


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF\x02\x01",
        b"\x7fELF\x01\x01" + bytes(80),
        b"\x7fELF\x02\x02" + bytes(80),
        "#!/bin/sh\n# 라이브러리가 아님\n".encode() * 8,
        library([b"code"], b"symbols", PROGRAM_FILE),
    ],
)
def test_anything_else_stays_as_it_is(data: bytes) -> None:
    """Too short, 32 bits, big-endian, no ELF, no library."""
    assert stripped(data) == data


@linux
def test_a_stripped_library_of_an_installed_wheel_still_loads(tmp_path: Path) -> None:
    """In a process of its own: a fault of the loader would end this one."""
    spec = find_spec("frozenlist._frozenlist")
    assert spec is not None and spec.origin is not None
    copy = tmp_path / Path(spec.origin).name
    copy.write_bytes(Path(spec.origin).read_bytes())
    whole = copy.stat().st_size
    saved = strip(copy)
    assert 0 < saved < whole
    assert copy.stat().st_size == whole - saved
    code = "import ctypes, sys; ctypes.PyDLL(sys.argv[1]).PyInit__frozenlist"
    done = subprocess.run([sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
