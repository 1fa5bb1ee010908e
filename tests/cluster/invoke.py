"""Programs that the tests run: `kubectl`, `helm`. Whoever is cancelled while one runs ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

_LAST_BYTES = 4000
_STOP_SECONDS = 5.0
_LINE_BYTES = 16 * 2**20


class InvokeError(Exception):
    """A program failed, or did not end in time; the message holds the end of what it said."""

    def __init__(self, argv: Sequence[str], output: str) -> None:
        super().__init__(f"{' '.join(argv)}\n{output[-_LAST_BYTES:].strip()}")
        self.output = output


async def invoke(*argv: str, env: Mapping[str, str], stdin: str = "", timeout: float = 60.0) -> str:
    """Standard output of a program. Raises InvokeError when it exits with anything but 0 or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(stdin.encode())
    except TimeoutError:
        raise InvokeError(argv, f"did not end within {timeout:g} s") from None
    finally:
        await _end(process)
    if process.returncode:
        raise InvokeError(argv, f"{out.decode(errors='replace')}\n{err.decode(errors='replace')}")
    return out.decode()


@contextlib.asynccontextmanager
async def lines_of(*argv: str, env: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Lines of a program's standard output as they come; the program ends with the `async with`."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LINE_BYTES,
        env=env,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
