"""A cluster through `kubectl`: objects as parsed JSON, and waiting for one to become what it should."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.cluster import Cluster
from cluster.invoke import invoke, lines_of

Object = dict[str, Any]
_MANAGER = "soban-tests"


class NotSeenError(Exception):
    """Something did not happen in time; the message says what, and how things stood at last."""


@dataclass(frozen=True)
class Kubectl:
    """`kubectl` of a cluster, without blocking the loop. All calls raise InvokeError when it fails."""

    cluster: Cluster

    async def run(self, *args: str, stdin: str = "", timeout: float = 60.0) -> str:
        """Standard output of `kubectl ARGS`."""
        binary = str(self.cluster.bin_dir / "kubectl")
        return await invoke(binary, *args, env=self.cluster.environment(), stdin=stdin, timeout=timeout)

    async def raw(self, path: str) -> str:
        """Body of a GET of the API server, such as `/api/v1/namespaces/NS/pods/POD:51063/proxy/metrics`."""
        return await self.run("get", "--raw", path)

    async def get(self, kind: str, name: str, namespace: str = "") -> Object:
        """One object. Raises InvokeError when there is none."""
        found: Object = json.loads(await self.run("get", kind, name, "-o", "json", *_in(namespace)))
        return found

    async def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object, or None."""
        text = await self.run("get", kind, name, "-o", "json", "--ignore-not-found", *_in(namespace))
        return json.loads(text) if text.strip() else None

    async def items(self, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """All objects of a kind (or several, `a,b`) that have the labels of `selector`."""
        args = ("-l", selector) if selector else ()
        listed = json.loads(await self.run("get", kind, "-o", "json", *args, *_in(namespace)))
        found: list[Object] = listed["items"]
        return found

    async def apply(self, *documents: Mapping[str, Any], namespace: str = "", dry_run: bool = False) -> str:
        """Applies objects on the server's side; returns what `kubectl` said, warnings of the server included."""
        stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        args = ("--dry-run=server",) if dry_run else ()
        flags = ("--server-side", "--force-conflicts", "--field-manager", _MANAGER)
        return await self.run("apply", "-f", "-", *flags, *args, *_in(namespace), stdin=stdin)

    async def patch(self, kind: str, name: str, patch: Any, namespace: str, *more: str) -> None:
        """A JSON patch (a list) or a merge patch (a mapping)."""
        how = "json" if isinstance(patch, list) else "merge"
        await self.run("patch", kind, name, "--type", how, "-p", json.dumps(patch), *more, *_in(namespace))

    async def delete(self, kind: str, name: str, namespace: str = "", *more: str) -> None:
        """Deletes an object if it is there; waits for nothing."""
        await self.run("delete", kind, name, "--ignore-not-found", "--wait=false", *more, *_in(namespace))

    async def scale(self, deployment: str, namespace: str, replicas: int) -> None:
        """Asks for so many replicas; waits for nothing."""
        await self.run("scale", "deployment", deployment, f"--replicas={replicas}", *_in(namespace))

    async def rolled_out(self, deployment: str, namespace: str, timeout: float = 120.0) -> None:
        """Returns when all replicas are of the newest template and ready."""
        args = ("rollout", "status", f"deployment/{deployment}", f"--timeout={timeout:.0f}s")
        await self.run(*args, *_in(namespace), timeout=timeout + 5)

    async def until(
        self, what: str, ref: str, namespace: str, true: Callable[[Object], bool], timeout: float = 60.0
    ) -> Object:
        """The object `kind/name` once `true` of it, asked twice a second. Raises NotSeenError, which says `what`."""
        kind, _, name = ref.partition("/")
        end = time.monotonic() + timeout
        while True:
            found = await self.find(kind, name, namespace)
            if found is not None and true(found):
                return found
            if time.monotonic() > end:
                status = json.dumps((found or {}).get("status"), ensure_ascii=False)
                raise NotSeenError(f"{what}: not within {timeout:g} s; {ref} has status {status}")
            await asyncio.sleep(0.5)

    @contextlib.asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[AsyncIterator[Object]]:
        """Watch events `{"type", "object"}` of a list's path, such as `/apis/apps/v1/namespaces/NS/deployments`.

        The first events are what is there already. Ends when the API server ends the watch.
        """
        argv = (str(self.cluster.bin_dir / "kubectl"), "get", "--raw", f"{path}?watch=true")
        async with lines_of(*argv, env=self.cluster.environment()) as lines:
            yield _parsed(lines)


async def _parsed(lines: AsyncIterator[bytes]) -> AsyncIterator[Object]:
    async for line in lines:
        yield json.loads(line)


def _in(namespace: str) -> tuple[str, ...]:
    return ("-n", namespace) if namespace else ()
