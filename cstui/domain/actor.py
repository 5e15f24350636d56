"""Who acts: a member of staff at a terminal, with grants that say what he may do in which store."""

from __future__ import annotations

from dataclasses import dataclass

from cstui.domain.permissions import GRANTED, Permission, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held in one store, or in all of them where `store_id` is None (GEN-11)."""

    role: Role
    store_id: int | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a use case. `session_id` is 0 for the program itself (imports, demo, worker).

    A snapshot from sign-in: services that write read the grants again inside their transaction.
    """

    staff_id: int
    name: str
    terminal: str
    session_id: int
    grants: tuple[Grant, ...]
    zone: str = ""
    locale: str = ""

    def may(self, permission: Permission, store_id: int | None = None) -> bool:
        """Whether the permission is held in that store; with no store, whether it is held in every store."""
        return any(
            permission in GRANTED[grant.role] and (grant.store_id is None or grant.store_id == store_id)
            for grant in self.grants
        )

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether the permission is held in at least one store."""
        return any(permission in GRANTED[grant.role] for grant in self.grants)

    def stores(self, permission: Permission = Permission.ORDER_VIEW) -> frozenset[int] | None:
        """The stores in which the permission is held; None means every store (GEN-02)."""
        held = [grant for grant in self.grants if permission in GRANTED[grant.role]]
        if any(grant.store_id is None for grant in held):
            return None
        return frozenset(grant.store_id for grant in held if grant.store_id is not None)

    def permitted(self, store_id: int) -> frozenset[str]:
        """Everything that may be done in that store, as permission values; screens hide and dim by it."""
        roles = {grant.role for grant in self.grants if grant.store_id is None or grant.store_id == store_id}
        return frozenset[str]().union(*(GRANTED[role] for role in roles))


def system_actor(name: str, terminal: str = "system") -> Actor:
    """The program acting for itself: an import, the demo's seeding, a worker."""
    return Actor(0, name, terminal, 0, (Grant(Role.ADMIN),))
