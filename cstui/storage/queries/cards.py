"""Cards on file and card links as rows; never a number, only what may be shown and the gateway's names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.attempts import WORKER_LEASE
from cstui.domain.card_desk import LIVE_SUBSCRIPTIONS
from cstui.domain.gateways import Operation
from cstui.domain.payments import IN_FLIGHT, WAITING_REFUNDS, AttemptState
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Card, CustomerAddress
from cstui.storage.tables.payments import CardLinkRow, PaymentAttempt, Refund, Worker
from cstui.storage.tables.people import Store
from cstui.storage.tables.subscriptions import Subscription
from cstui.storage.transaction import Transaction

CARD = table_of(Card)
LINK = table_of(CardLinkRow)
_ADDRESS = table_of(CustomerAddress)
_ATTEMPT = table_of(PaymentAttempt)
_REFUND = table_of(Refund)
_STORE = table_of(Store)
_SUBSCRIPTION = table_of(Subscription)
_WORKER = table_of(Worker)
#: How long one look at a link may take until another worker may look too.
_LOOKING = timedelta(minutes=3)


def read(tx: Transaction, card_id: int) -> Any | None:
    """A card's row, locked until the transaction ends; None where there is none."""
    rows = tx.rows(sa.select(CARD).where(CARD.c.id == card_id).with_for_update())
    return rows[0] if rows else None


def face(tx: Transaction, card_id: int | None) -> tuple[str, str]:
    """Brand and last four of a card on file, also of one that was removed; empty where there is none. Locks nothing."""
    rows = tx.rows(sa.select(CARD.c.brand, CARD.c.last4).where(CARD.c.id == card_id)) if card_id else []
    return (rows[0].brand, rows[0].last4) if rows else ("", "")


def live(tx: Transaction, customer_id: int) -> list[Any]:
    """The cards that a customer has on file, the newest first."""
    return tx.rows(
        sa.select(CARD)
        .where(CARD.c.customer_id == customer_id, CARD.c.removed_at.is_(None))
        .order_by(CARD.c.id.desc())
    )


def named(tx: Transaction, gateway: str, account: str, vault: str, billing: str) -> Any | None:
    """The card of these names at a gateway, also one that was removed here; None where there is none."""
    rows = tx.rows(
        sa.select(CARD)
        .where(
            CARD.c.gateway == gateway,
            CARD.c.account == account,
            CARD.c.vault_ref == vault,
            CARD.c.billing_ref == billing,
        )
        .order_by(CARD.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    return rows[0] if rows else None


def add(tx: Transaction, **values: Any) -> int:
    """Writes a card and returns its key."""
    row = {"failed_before": False, "first_ref": "", "removed_at": None, "created_at": tx.now, **values}
    return int(tx.rows(CARD.insert().values(**row).returning(CARD.c.id))[0][0])


def change(tx: Transaction, card_id: int, **values: Any) -> None:
    """Writes single facts of a card."""
    tx.run(CARD.update().where(CARD.c.id == card_id).values(**values))


def set_default(tx: Transaction, customer_id: int, card_id: int) -> None:
    """Makes one card the customer's default and no other."""
    tx.run(
        CARD.update()
        .where(CARD.c.customer_id == customer_id, CARD.c.is_default.is_(True), CARD.c.id != card_id)
        .values(is_default=False)
    )
    change(tx, card_id, is_default=True)


def postcode_of(tx: Transaction, customer_id: int) -> str:
    """The postcode of the customer's billing address, else of his newest."""
    rows = tx.rows(
        sa.select(_ADDRESS.c.postcode)
        .where(_ADDRESS.c.customer_id == customer_id)
        .order_by(_ADDRESS.c.is_default_billing.desc(), _ADDRESS.c.id.desc())
        .limit(1)
    )
    return str(rows[0].postcode) if rows else ""


def store_of(tx: Transaction, store_id: int) -> tuple[str, str]:
    """A store's name and currency; empty texts for one that is not known."""
    rows = tx.rows(sa.select(_STORE.c.name, _STORE.c.currency).where(_STORE.c.id == store_id))
    return (rows[0].name, rows[0].currency) if rows else ("", "")


# What a card is used for ----------------------------------------------------------------------------


def subscriptions_of(tx: Transaction, customer_id: int, stores: frozenset[int] | None) -> list[Any]:
    """The customer's subscriptions that are charged or may be again, with the card of each, in these stores (None: all)."""
    query = (
        sa.select(_SUBSCRIPTION, CARD.c.brand, CARD.c.last4)
        .outerjoin(CARD, CARD.c.id == _SUBSCRIPTION.c.card_id)
        .where(_SUBSCRIPTION.c.customer_id == customer_id, _SUBSCRIPTION.c.status.in_(LIVE_SUBSCRIPTIONS))
        .order_by(_SUBSCRIPTION.c.next_bill_date, _SUBSCRIPTION.c.id)
    )
    return tx.rows(query if stores is None else query.where(_SUBSCRIPTION.c.store_id.in_(stores)))


def paid_by(tx: Transaction, card_id: int) -> list[Any]:
    """The live subscriptions that a card pays: key, product, store."""
    return tx.rows(
        sa.select(_SUBSCRIPTION.c.id, _SUBSCRIPTION.c.product, _SUBSCRIPTION.c.store_id)
        .where(_SUBSCRIPTION.c.card_id == card_id, _SUBSCRIPTION.c.status.in_(LIVE_SUBSCRIPTIONS))
        .order_by(_SUBSCRIPTION.c.id)
    )


def use_for(tx: Transaction, subscription_id: int, card_id: int) -> Any:
    """Lets a card pay a subscription from now on; returns its version and product."""
    return tx.rows(
        _SUBSCRIPTION.update()
        .where(_SUBSCRIPTION.c.id == subscription_id)
        .values(card_id=card_id, version=_SUBSCRIPTION.c.version + 1, updated_at=tx.now)
        .returning(_SUBSCRIPTION.c.version, _SUBSCRIPTION.c.product)
    )[0]


def subscription(tx: Transaction, subscription_id: int) -> Any | None:
    """A subscription's row, locked until the transaction ends, with what its card is called; None where there is none."""
    rows = tx.rows(sa.select(_SUBSCRIPTION).where(_SUBSCRIPTION.c.id == subscription_id).with_for_update())
    return rows[0] if rows else None


def waiting_for(tx: Transaction, card_id: int) -> int:
    """How many charges and refunds to this card are under way or wait."""
    under_way = sa.select(sa.func.count()).where(
        _ATTEMPT.c.card_id == card_id,
        _ATTEMPT.c.state.in_((*IN_FLIGHT, AttemptState.WAITING_APPROVAL)),
        _ATTEMPT.c.operation.not_in((Operation.VAULT_ADD, Operation.VAULT_REMOVE)),
    )
    waiting = sa.select(sa.func.count()).where(
        _REFUND.c.card_id == card_id, _REFUND.c.state.in_(WAITING_REFUNDS)
    )
    return int(tx.rows(sa.select(under_way.scalar_subquery() + waiting.scalar_subquery()))[0][0])


# Attempts and workers -------------------------------------------------------------------------------


def attempt_with(tx: Transaction, key: str) -> Any | None:
    """The attempt with this key, or None."""
    rows = tx.rows(sa.select(_ATTEMPT).where(_ATTEMPT.c.key == key))
    return rows[0] if rows else None


def last_removal(tx: Transaction, card_id: int) -> Any | None:
    """The newest attempt to remove a card at its gateway, or None."""
    rows = tx.rows(
        sa.select(_ATTEMPT)
        .where(_ATTEMPT.c.card_id == card_id, _ATTEMPT.c.operation == Operation.VAULT_REMOVE)
        .order_by(_ATTEMPT.c.id.desc())
        .limit(1)
    )
    return rows[0] if rows else None


def has_worker(tx: Transaction, *, with_intake: bool = False) -> bool:
    """Whether a worker lives; `with_intake`: one that takes typed cards."""
    query = sa.select(_WORKER.c.token).where(_WORKER.c.seen_at > tx.now - WORKER_LEASE).limit(1)
    return bool(tx.rows(query.where(_WORKER.c.has_card_intake.is_(True)) if with_intake else query))


# Links ----------------------------------------------------------------------------------------------


def add_link(tx: Transaction, **values: Any) -> int:
    """Writes a link that is still to be made and returns its key; until then `gateway_ref` holds our own key for it."""
    row = {
        "url": "", "is_open": True, "outcome": "", "created_at": tx.now, "expires_at": None, "next_check_at": tx.now, **values,
    }  # fmt: skip
    return int(tx.rows(LINK.insert().values(**row).returning(LINK.c.id))[0][0])


def claim_link(tx: Transaction, link_id: int = 0) -> Any | None:
    """The next open link whose time has come (or the one named), pushed on so that no other worker looks at it meanwhile."""
    query = sa.select(LINK).where(LINK.c.is_open.is_(True), LINK.c.next_check_at <= tx.now)
    if link_id:
        query = query.where(LINK.c.id == link_id)
    rows = tx.rows(query.order_by(LINK.c.next_check_at, LINK.c.id).limit(1).with_for_update(skip_locked=True))
    if not rows:
        return None
    change_link(tx, rows[0].id, next_check_at=tx.now + _LOOKING)
    return rows[0]


def read_link(tx: Transaction, link_id: int) -> Any | None:
    """A link's row, locked until the transaction ends; None where there is none."""
    rows = tx.rows(sa.select(LINK).where(LINK.c.id == link_id).with_for_update())
    return rows[0] if rows else None


def link_with(tx: Transaction, key: str) -> Any | None:
    """The link that was asked for under this key and is not made yet, or None."""
    rows = tx.rows(sa.select(LINK).where(LINK.c.gateway_ref == key))
    return rows[0] if rows else None


def change_link(tx: Transaction, link_id: int, **values: Any) -> None:
    """Writes single facts of a link."""
    tx.run(LINK.update().where(LINK.c.id == link_id).values(**values))


def customer_at(tx: Transaction, customer_id: int, gateway: str, account: str) -> Sequence[Any]:
    """The names that a customer's live cards have at one account, the newest first: vault, billing."""
    return tx.rows(
        sa.select(CARD.c.vault_ref, CARD.c.billing_ref)
        .where(
            CARD.c.customer_id == customer_id,
            CARD.c.gateway == gateway,
            CARD.c.account == account,
            CARD.c.removed_at.is_(None),
            CARD.c.vault_ref != "",
        )
        .order_by(CARD.c.id.desc())
    )
