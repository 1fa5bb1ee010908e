"""Which safety policy a request is under, and which ones a client may choose."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import soban.v1 as pb
from soban.runtime.errors import PolicyForbidden


class Policies:
    """The model's, else the default; a request may name that one, or one of those that the operator opened.

    `own` is the policy of each model, profile and route; None where the default applies.
    """

    def __init__(self, default: str, own: Mapping[str, str | None], open_to_clients: Collection[str]) -> None:
        self._default = default
        self._of_model = {name: policy for name, policy in own.items() if policy}
        self._open = frozenset(open_to_clients)

    def of_chat(self, chat: pb.ChatRequest) -> str:
        """Name of the policy; safety says whether it exists. Raises PolicyForbidden."""
        return self._chosen(chat.safety_policy, self._of_model.get(chat.model, self._default))

    def of_text(self, named: str) -> str:
        """The same for a text that no model reads."""
        return self._chosen(named, self._default)

    def _chosen(self, named: str, own: str) -> str:
        if named and named != own and named not in self._open:
            raise PolicyForbidden(
                "requests may not name this safety policy; clientPolicies of the gateway lists those they may",
                field="safety_policy",
                metadata={"setting": "services.gateway.clientPolicies"},
            )
        return named or own
