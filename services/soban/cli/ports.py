"""Ports of this machine: whether one is free, and one that is."""

from __future__ import annotations

import contextlib
import socket

_METRICS_DISTANCE = 1000
_LAST_WITH_METRICS = 65_535 - _METRICS_DISTANCE
_TRIES = 200


class PortInUse(Exception):  # noqa: N818 - named by what went wrong
    """It cannot be had; the message is the system's."""


def is_free(host: str, port: int) -> bool:
    """Whether somebody could listen there now."""
    with Ports() as ports:
        try:
            ports.check(host, port)
        except PortInUse:
            return False
        return True


class Ports:
    """Holds every port it has given or checked until it is left, so that none is given twice."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Ports:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def check(self, host: str, port: int) -> None:
        """Raises PortInUse when nobody can listen there."""
        self._hold(host, port)

    def free(self, host: str, with_metrics: bool) -> int:
        """A free port; with the one at +1000, where metrics go, free as well when asked for. Raises PortInUse."""
        for _ in range(_TRIES):
            port = self._hold(host, 0)
            if not with_metrics:
                return port
            if port <= _LAST_WITH_METRICS:
                with contextlib.suppress(PortInUse):
                    self._hold(host, port + _METRICS_DISTANCE)
                    return port
        raise PortInUse(f"no free pair of ports on {host}")

    def _hold(self, host: str, port: int) -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host.strip("[]"), port))
            taken.listen(1)
        except OSError as err:
            taken.close()
            raise PortInUse(err.strerror or str(err)) from err
        self._held.enter_context(taken)
        number: int = taken.getsockname()[1]
        return number
