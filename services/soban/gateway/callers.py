"""For whom a request is, as far as generation has to know: whom to charge, and whose prompt cache to meet."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.pseudonyms import Pseudonyms


class Callers:
    """`tenant_label` is the key of the request label that names the tenant; empty means that all are one."""

    def __init__(self, tenant_label: str, pseudonyms: Pseudonyms) -> None:
        self._tenant_label = tenant_label
        self._pseudonyms = pseudonyms

    def tenant(self, chat: pb.ChatRequest) -> str:
        """Empty for the default tenant."""
        return chat.labels.get(self._tenant_label, "") if self._tenant_label else ""

    def session(self, chat: pb.ChatRequest) -> str:
        """The client's own, else one for each user: caches and the shares of a split then stay with them."""
        return chat.session or self._pseudonyms.of(chat.user)
