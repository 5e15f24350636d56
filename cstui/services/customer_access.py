"""Who may see and change a customer: he belongs to the organisation, and is known in some of its stores."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cstui.domain.actor import Actor
from cstui.domain.permissions import Permission
from cstui.services.access import current_grants, not_permitted
from cstui.storage.queries import customers
from cstui.storage.queries.customer_view import not_found
from cstui.storage.queries.customers import StoredCustomer
from cstui.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer's row with the stores through which the actor sees him; `actor` holds the grants of this moment."""

    row: StoredCustomer
    stores: tuple[int, ...]
    actor: Actor

    def permits(self, permission: Permission) -> bool:
        """Whether the permission is held in at least one of these stores."""
        if not self.stores:
            return self.actor.may(permission)
        return any(self.actor.may(permission, store_id) for store_id in self.stores)


def seen_customer(tx: Transaction, actor: Actor, customer_id: int, *, lock: bool = False) -> KnownCustomer:
    """The customer as the actor may see him by the grants of this moment; with `lock` nobody else edits him until the end.

    Errors: `NotFound`, also where he is known only in stores that the actor may not see; `NotSignedIn`.
    """
    present = replace(actor, grants=current_grants(tx, actor))
    row = customers.stored(tx, customer_id, lock=lock)
    visible = present.stores(Permission.CUSTOMER_VIEW)
    if row is None:
        raise not_found()
    stores = tuple(s for s in customers.stores_of(tx, customer_id) if visible is None or s in visible)
    if not stores and visible is not None:
        raise not_found()
    return KnownCustomer(row, stores, present)


def permitted_customer(
    tx: Transaction, actor: Actor, customer_id: int, permission: Permission, *, lock: bool = True
) -> KnownCustomer:
    """The customer, where the actor holds the permission in at least one visible store that knows him.

    Errors: `NotFound`, `NotPermitted`, `NotSignedIn`.
    """
    known = seen_customer(tx, actor, customer_id, lock=lock)
    if not known.permits(permission):
        raise not_permitted(permission)
    return known
