"""What `soban up` tells: lines for a person, JSON lines for a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from soban.cli.client import SERVERS
from soban.cli.console import Console
from soban.cli.journal import Journal
from soban.cli.lines import dumps
from soban.cli.plan import Plan
from soban.runtime.process import State

_WORDS = {
    State.STARTING: "starts again",
    State.RUNNING: "ready",
    State.BACKOFF: "ended",
    State.STOPPED: "stopped",
}
_STOPPING = "멈추는 중, 답하던 것은 마칩니다 · stopping; running answers may end (Ctrl-C again hurries)"


class Reporter(Protocol):
    """Tells a person or a program."""

    def starting(self, plan: Plan) -> None:
        """The configuration is checked, and every address decided."""

    def state(self, service: str, state: State, seconds: float) -> None:
        """A service has a new state."""

    def ready(self, plan: Plan, seconds: float, unready: Mapping[str, str]) -> None:
        """All of them are ready; `unready` has the states of the models that are not."""

    def waiting(self, services: list[str]) -> None:
        """It takes long; these are not ready."""

    def stopping(self) -> None:
        """Asked to stop."""

    def stopped(self) -> None:
        """All are gone."""


def endpoints(plan: Plan) -> dict[str, str]:
    """Addresses by server, and the base URL of the OpenAI API under `http`."""
    return {**{server.name: plan.address(server.name) for server in SERVERS}, "http": plan.http_url}


class ProgramReporter:
    """One JSON object a line: `event` is `starting`, `state`, `waiting`, `ready`, `stopping` or `stopped`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def starting(self, plan: Plan) -> None:
        """With all addresses, so that a client can begin with the first server that is ready."""
        self._tell("starting", models=list(plan.config.models), endpoints=endpoints(plan))

    def state(self, service: str, state: State, seconds: float) -> None:
        """With the seconds since the start."""
        self._tell("state", service=service, state=state.value, seconds=round(seconds, 3))

    def ready(self, plan: Plan, seconds: float, unready: Mapping[str, str]) -> None:
        """With all addresses."""
        models = {"models": list(plan.config.models), "unready": dict(unready)}
        self._tell("ready", seconds=round(seconds, 3), **models, endpoints=endpoints(plan))

    def waiting(self, services: list[str]) -> None:
        """With who is not ready."""
        self._tell("waiting", services=services)

    def stopping(self) -> None:
        """Running calls may end."""
        self._tell("stopping")

    def stopped(self) -> None:
        """The last line."""
        self._tell("stopped")

    def _tell(self, event: str, **fields: Any) -> None:
        self._console.tell(dumps({"event": event, **fields}))


class PersonReporter:
    """A line for each state, and at the end of the start how to send the first request."""

    def __init__(self, console: Console, journal: Journal) -> None:
        self._console = console
        self._journal = journal
        self._seen: set[str] = set()

    def starting(self, plan: Plan) -> None:
        """With what is to be served."""
        self._console.tell(f"시작하는 중 · starting ({', '.join(plan.config.models)})")

    def state(self, service: str, state: State, seconds: float) -> None:
        """The first start is not worth a line; a crash comes with the service's last words."""
        if state is State.STARTING and service not in self._seen:
            self._seen.add(service)
            return
        style = {State.RUNNING: "green", State.BACKOFF: "red"}.get(state, "dim")
        self._console.tell(f"  {service:<13} {self._console.paint(_WORDS[state], style)}  {seconds:.1f} s")
        if state is State.BACKOFF:
            for line in self._journal.last(service):
                self._console.tell(self._console.paint(f"    {line}", "dim"))

    def ready(self, plan: Plan, seconds: float, unready: Mapping[str, str]) -> None:
        """Addresses, models that cannot be used yet, and examples."""
        usable = [name for name in plan.config.models if name not in unready]
        model = next(iter(usable or plan.config.models), "")
        self._console.tell()
        self._console.tell(self._console.paint(f"소반이 준비됐습니다 · Soban is ready ({seconds:.1f} s)", "bold"))
        for name, address in endpoints(plan).items():
            self._console.tell(f"  {name:<13} {address}")
        self._tell_unready(unready)
        self._console.tell()
        self._console.tell("해 보세요 · try, in another terminal:")
        for line in [*_exports(plan), 'soban chat "안녕하세요"', _curl(plan.http_url, model)]:
            self._console.tell(f"  {line}")
        self._console.tell()
        self._console.tell("Ctrl-C로 멈춥니다 · Ctrl-C stops")

    def _tell_unready(self, unready: Mapping[str, str]) -> None:
        place = self._journal.place("generation")
        for name, state in unready.items():
            line = f"  {name:<13} 모델을 아직 쓸 수 없습니다 · model is {state}; 까닭은 · why: {place}"
            self._console.tell(self._console.paint(line, "yellow"))

    def waiting(self, services: list[str]) -> None:
        """Big models take minutes."""
        self._console.tell(f"  아직 준비 중 · still loading: {', '.join(services)} (see --logs -)")

    def stopping(self) -> None:
        """Running answers may end."""
        self._console.tell()
        self._console.tell(_STOPPING)

    def stopped(self) -> None:
        """The last line."""
        self._console.tell("멈췄습니다 · stopped")


def _exports(plan: Plan) -> list[str]:
    """What a shell has to know of ports that are not the usual ones."""
    moved: Mapping[str, str] = {
        server.variable: plan.address(server.name)
        for server in SERVERS
        if plan.address(server.name) != server.default_address
    }
    return [f"export {' '.join(f'{name}={address}' for name, address in moved.items())}"] if moved else []


def _curl(url: str, model: str) -> str:
    body = dumps({"model": model, "messages": [{"role": "user", "content": "안녕하세요"}]})
    return f"curl {url}/chat/completions -H 'Content-Type: application/json' -d '{body}'"
