"""Who may do what, asked again inside every transaction that writes (GEN-02, GEN-11)."""

from __future__ import annotations

import sqlalchemy as sa

from cstui.domain.actor import Actor, Grant
from cstui.domain.errors import NotFound, NotPermitted, NotSignedIn
from cstui.domain.permissions import GRANTED, Permission
from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import Staff, StaffGrant
from cstui.storage.transaction import Transaction

_STAFF = table_of(Staff)
_GRANT = table_of(StaffGrant)

_SAY: dict[Permission, str] = {
    Permission.ORDER_UNLOCK: "unlock orders",
    Permission.ORDER_UPDATE: "change orders",
    Permission.ORDER_CANCEL: "cancel orders",
    Permission.ORDER_HOLD: "place or release holds",
    Permission.CUSTOMER_UPDATE: "change customers",
    Permission.NOTE_CREATE: "add notes",
    Permission.CALL_LOG: "log calls",
    Permission.AUDIT_VIEW: "see the history",
    Permission.DATA_IMPORT: "import data",
    Permission.STAFF_MANAGE: "manage staff",
    Permission.STAFF_UNLOCK: "unlock colleagues",
    Permission.STORE_MANAGE: "manage stores",
    Permission.SETTINGS_MANAGE: "change settings",
    Permission.CUSTOMER_VIEW: "see customers",
    Permission.CUSTOMER_DISABLE: "disable customers",
    Permission.CUSTOMER_BLACKLIST: "blacklist customers",
    Permission.CUSTOMER_MERGE: "merge customers",
    Permission.ORDER_VIEW: "see orders",
    Permission.ORDER_CREATE: "create orders",
    Permission.SHIPMENT_SPLIT: "split shipments",
    Permission.RETURN_CREATE: "create returns",
    Permission.RETURN_RECEIVE: "receive returns",
    Permission.REFUND_REQUEST: "refund",
    Permission.REFUND_GOODWILL: "refund as goodwill",
    Permission.REFUND_OTHER_SOURCE: "refund to another card",
    Permission.REFUND_EXTERNAL: "record refunds made elsewhere",
    Permission.REFUND_APPROVE: "approve refunds",
    Permission.CARD_MANAGE: "manage cards",
    Permission.SUBSCRIPTION_VIEW: "see subscriptions",
    Permission.SUBSCRIPTION_UPDATE: "change subscriptions",
    Permission.SUBSCRIPTION_PRICE: "change prices of subscriptions",
    Permission.MAIL_RESEND: "send mails again",
    Permission.MAIL_OVERRIDE: "mail to suppressed addresses",
    Permission.DATA_EXPORT: "export data",
    Permission.VERIFY_OVERRIDE: "go on without verification",
}


def permission_words(permission: Permission) -> str:
    """What a permission allows, as it stands in a refusal: `unlock orders`."""
    return _SAY.get(permission, permission.replace(".", ": "))


def current_grants(transaction: Transaction, actor: Actor) -> tuple[Grant, ...]:
    """The grants that hold at this moment; the program itself keeps its own.

    Errors: `NotSignedIn` where the account has been disabled meanwhile, or its one-time password not yet been changed.
    """
    if actor.staff_id == 0:
        return actor.grants
    found = transaction.rows(
        sa.select(_STAFF.c.disabled_at, _STAFF.c.must_change_password).where(_STAFF.c.id == actor.staff_id)
    )
    if not found or found[0].disabled_at is not None:
        raise NotSignedIn("This account is disabled.", "Ask an administrator.")
    if found[0].must_change_password:
        raise NotSignedIn("The password must be changed first.", "Sign in again and choose a new one.")
    rows = transaction.rows(
        sa.select(_GRANT.c.role, _GRANT.c.store_id).where(_GRANT.c.staff_id == actor.staff_id)
    )
    return tuple(Grant(row.role, row.store_id) for row in rows)


def require(transaction: Transaction, actor: Actor, permission: Permission, store_id: int | None) -> None:
    """Passes where the actor holds the permission in that store (None: in every store).

    Errors: `NotPermitted` naming the permission, `NotSignedIn`.
    """
    grants = current_grants(transaction, actor)
    if not any(
        permission in GRANTED[g.role] and (g.store_id is None or g.store_id == store_id) for g in grants
    ):
        raise not_permitted(permission)


def require_somewhere(transaction: Transaction, actor: Actor, permission: Permission) -> None:
    """Passes where the actor holds the permission in at least one store. Errors: as `require`."""
    if not any(permission in GRANTED[grant.role] for grant in current_grants(transaction, actor)):
        raise not_permitted(permission)


def require_visible(actor: Actor, permission: Permission, store_id: int, what: str) -> None:
    """Passes where the record's store is visible to the actor; another store's record is simply not found (GEN-02).

    Errors: `NotFound` naming `what` (`order #1001`).
    """
    if not actor.may(permission, store_id):
        raise NotFound(f"There is no {what} here.", "Check the number, or ask for access to its store.")


def not_permitted(permission: Permission) -> NotPermitted:
    """The refusal in words."""
    return NotPermitted(
        f"Your role may not {permission_words(permission)} here.",
        "Ask a supervisor.",
        permission=permission.value,
    )
