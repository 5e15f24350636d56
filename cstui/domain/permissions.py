"""What may be done, and which roles hold it (ROLE-01 … ROLE-11).

A permission is a verb on a noun. Services check it, per store; screens only read the answer to hide or dim.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """Named permissions; the value is what settings, audit and messages show."""

    CUSTOMER_VIEW = "customer.view"
    CUSTOMER_UPDATE = "customer.update"
    CUSTOMER_DISABLE = "customer.disable"
    CUSTOMER_BLACKLIST = "customer.blacklist"
    CUSTOMER_MERGE = "customer.merge"
    ORDER_VIEW = "order.view"
    ORDER_UPDATE = "order.update"
    ORDER_CREATE = "order.create"
    ORDER_CANCEL = "order.cancel"
    ORDER_HOLD = "order.hold"
    ORDER_UNLOCK = "order.unlock"
    SHIPMENT_SPLIT = "shipment.split"
    RETURN_CREATE = "return.create"
    RETURN_RECEIVE = "return.receive"
    REFUND_REQUEST = "refund.request"
    REFUND_GOODWILL = "refund.goodwill"
    REFUND_OTHER_SOURCE = "refund.other_source"
    REFUND_EXTERNAL = "refund.external"
    REFUND_APPROVE = "refund.approve"
    CARD_MANAGE = "card.manage"
    SUBSCRIPTION_VIEW = "subscription.view"
    SUBSCRIPTION_UPDATE = "subscription.update"
    SUBSCRIPTION_PRICE = "subscription.price"
    NOTE_CREATE = "note.create"
    CALL_LOG = "call.log"
    MAIL_RESEND = "mail.resend"
    MAIL_OVERRIDE = "mail.override"
    AUDIT_VIEW = "audit.view"
    DATA_EXPORT = "data.export"
    DATA_IMPORT = "data.import"
    VERIFY_OVERRIDE = "verify.override"
    STAFF_UNLOCK = "staff.unlock"
    STAFF_MANAGE = "staff.manage"
    STORE_MANAGE = "store.manage"
    SETTINGS_MANAGE = "settings.manage"


class Role(StrEnum):
    """The roles that a grant can give, for one store or for all."""

    VIEWER = "viewer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    WAREHOUSE = "warehouse"


_P = Permission
_VIEWER = frozenset({_P.CUSTOMER_VIEW, _P.ORDER_VIEW, _P.SUBSCRIPTION_VIEW})
_AGENT = _VIEWER | {
    _P.CUSTOMER_UPDATE,
    _P.ORDER_UPDATE,
    _P.ORDER_CREATE,
    _P.ORDER_CANCEL,
    _P.ORDER_HOLD,
    _P.SHIPMENT_SPLIT,
    _P.RETURN_CREATE,
    _P.REFUND_REQUEST,
    _P.CARD_MANAGE,
    _P.SUBSCRIPTION_UPDATE,
    _P.SUBSCRIPTION_PRICE,
    _P.NOTE_CREATE,
    _P.CALL_LOG,
    _P.MAIL_RESEND,
    _P.AUDIT_VIEW,
}
_SUPERVISOR = _AGENT | {
    _P.ORDER_UNLOCK,
    _P.CUSTOMER_DISABLE,
    _P.CUSTOMER_BLACKLIST,
    _P.CUSTOMER_MERGE,
    _P.RETURN_RECEIVE,
    _P.REFUND_GOODWILL,
    _P.REFUND_EXTERNAL,
    _P.REFUND_APPROVE,
    _P.REFUND_OTHER_SOURCE,
    _P.VERIFY_OVERRIDE,
    _P.MAIL_OVERRIDE,
    _P.STAFF_UNLOCK,
    _P.DATA_EXPORT,
}

GRANTED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.AGENT: frozenset(_AGENT),
    Role.SUPERVISOR: frozenset(_SUPERVISOR),
    Role.ADMIN: frozenset(Permission),
    Role.WAREHOUSE: frozenset({_P.ORDER_VIEW, _P.RETURN_RECEIVE, _P.NOTE_CREATE}),
}
