"""Takes symbols and debug information out of shared libraries, which are half of some wheels. Runs inside the build.

What a process maps is described by the program headers and lies in front; what only linkers and debuggers read lies
behind it and is cut off, together with the table of sections. `strip` of binutils does the same, and a base has none.
https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

import struct
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_ELF64_LITTLE = b"\x7fELF\x02\x01"
_SHARED = 3


def strip(path: Path) -> int:
    """Bytes saved; 0 for what is no 64-bit little-endian shared library."""
    data = path.read_bytes()
    kept = stripped(data)
    if len(kept) < len(data):
        path.write_bytes(kept)
    return len(data) - len(kept)


def stripped(data: bytes) -> bytes:
    """The same library without what no process maps, or `data` itself."""
    if not data.startswith(_ELF64_LITTLE) or len(data) < _HEADER.size:
        return data
    ident, kind, *fields = _HEADER.unpack_from(data)
    if kind != _SHARED:
        return data
    programs_at, program_size, count = fields[3], fields[7], fields[8]
    end = programs_at + program_size * count
    for at in range(programs_at, end, program_size):
        _, _, offset, _, _, size, *_ = _PROGRAM.unpack_from(data, at)
        end = max(end, offset + size)
    sections_at, section_names = 4, 11
    fields[sections_at] = fields[section_names] = fields[section_names - 1] = 0
    return _HEADER.pack(ident, kind, *fields) + data[_HEADER.size : end]
