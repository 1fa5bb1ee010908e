"""Tenants as metrics may name them: few, and none that is text of users."""

from __future__ import annotations

from collections.abc import Collection

from soban.runtime.plain_names import is_plain

DEFAULT, OTHER = "default", "other"

# So often a tenant has to come before it has a name of its own, and so many that have not are counted.
_OFTEN = 10
_MOST_COUNTED = 1_000


class TenantNames:
    """At most `most` tenants keep their names beside those that are `known`; a name once given stays.

    A series for each tenant that anybody makes up would grow without end, and what looks like no name may be a sentence
    or a person.
    """

    def __init__(self, most: int, known: Collection[str] = ()) -> None:
        self._named = frozenset(known)
        self._earned: set[str] = set()
        self._most = most
        self._counts: dict[str, int] = {}

    def name(self, tenant: str) -> str:
        """`tenant` itself, "default" for none, or "other". Call it once for each request."""
        if not tenant:
            return DEFAULT
        if tenant in self._named or tenant in self._earned:
            return tenant
        if len(self._earned) < self._most and is_plain(tenant):
            self._count(tenant)
        return tenant if tenant in self._earned else OTHER

    def _count(self, tenant: str) -> None:
        count = self._counts.pop(tenant, 0) + 1
        if count >= _OFTEN:
            self._earned.add(tenant)
            return
        if len(self._counts) >= _MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        self._counts[tenant] = count
