"""Transactions, payment attempts and refunds with their allocations."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.payments import (
    IN_FLIGHT,
    AttemptState,
    RefundState,
    TransactionKind,
    TransactionOrigin,
    TransactionStatus,
)
from cstui.storage.tables.base import Base, Key, key, minor, one_of, ref, when, words

_IN_FLIGHT = sa.text("state IN (" + ", ".join(f"'{state.value}'" for state in IN_FLIGHT) + ")")


class AllocationKind(StrEnum):
    """What a part of a refund is for."""

    LINE = "line"
    TAX = "tax"
    SHIPPING = "shipping"
    GOODWILL = "goodwill"
    FEE = "fee"


class Transaction(Base, table=True):
    """What a gateway (or a file) says has happened to money; `amount` is never negative, the kind says which way."""

    __tablename__ = "payment_transaction"
    __table_args__ = (
        sa.Index("ix_payment_transaction_order_id", "order_id"),
        sa.Index("ix_payment_transaction_customer_id", "customer_id", "occurred_at"),
        sa.Index(
            "ux_payment_transaction_reference",
            "gateway",
            "account",
            "gateway_ref",
            "kind",
            unique=True,
            sqlite_where=sa.text("gateway_ref <> '' AND origin = 'desk'"),
            postgresql_where=sa.text("gateway_ref <> '' AND origin = 'desk'"),
        ),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    order_id: int = ref("orders.id")
    customer_id: int = ref("customer.id")
    kind: TransactionKind = one_of(TransactionKind, "kind")
    status: TransactionStatus = one_of(TransactionStatus, "status")
    origin: TransactionOrigin = one_of(TransactionOrigin, "origin", default=TransactionOrigin.DESK)
    amount: int = minor()
    currency: str = words()
    gateway: str = words()
    account: str = words()
    gateway_ref: str = words()
    parent_id: int | None = ref("payment_transaction.id", nullable=True)
    attempt_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    card_id: int | None = ref("card.id", nullable=True)
    card_brand: str = words()
    card_last4: str = words()
    response_code: str = words()
    response_text: str = words()
    is_test: bool = False
    occurred_at: datetime = when()
    settled_at: datetime | None = when(nullable=True)
    created_at: datetime = when()


class Refund(Base, table=True):
    """Money owed back for an order: decided here, executed by attempts."""

    __tablename__ = "refund"
    __table_args__ = (
        sa.Index("ix_refund_order_id", "order_id"),
        sa.CheckConstraint("amount > 0", name="amount"),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    order_id: int = ref("orders.id")
    transaction_id: int | None = ref("payment_transaction.id", nullable=True)
    state: RefundState = one_of(RefundState, "state", default=RefundState.REQUESTED)
    amount: int = minor()
    currency: str = words()
    reason_code: str = words()
    note: str = words()
    failures: int = 0
    next_try_at: datetime | None = when(nullable=True)
    requested_by_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    requested_by: str = words()
    requested_at: datetime = when()
    decided_by: str = words()
    decided_at: datetime | None = when(nullable=True)
    done_at: datetime | None = when(nullable=True)


class RefundAllocation(Base, table=True):
    """What a refund is made of: lines, tax, shipping, goodwill, less a fee."""

    __tablename__ = "refund_allocation"
    __table_args__ = (sa.Index("ix_refund_allocation_refund_id", "refund_id"),)
    id: int | None = key()
    refund_id: int = ref("refund.id")
    kind: AllocationKind = one_of(AllocationKind, "kind")
    order_line_id: int | None = ref("order_line.id", nullable=True)
    quantity: int = 0
    amount: int = minor()


class PaymentAttempt(Base, table=True):
    """A money operation, committed before the first byte is sent; never deleted.

    `key` is what the gateway sees. One attempt at most is in flight per `guard_key`, by the partial unique index.
    """

    __tablename__ = "payment_attempt"
    __table_args__ = (
        sa.Index(
            "ux_payment_attempt_in_flight",
            "guard_key",
            unique=True,
            sqlite_where=_IN_FLIGHT,
            postgresql_where=_IN_FLIGHT,
        ),
        sa.Index("ix_payment_attempt_order_id", "order_id"),
        sa.Index("ix_payment_attempt_state", "state", "execute_after"),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )
    id: int | None = key()
    key: str = Field(sa_type=sa.Text, unique=True, nullable=False)
    guard_key: str = words()
    store_id: int = ref("store.id")
    order_id: int | None = ref("orders.id", nullable=True)
    customer_id: int | None = ref("customer.id", nullable=True)
    refund_id: int | None = ref("refund.id", nullable=True)
    transaction_id: int | None = ref("payment_transaction.id", nullable=True)
    subscription_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    cycle: int | None = None
    card_id: int | None = ref("card.id", nullable=True)
    kind: TransactionKind = one_of(TransactionKind, "kind")
    state: AttemptState = one_of(AttemptState, "state")
    amount: int = minor()
    currency: str = words()
    gateway: str = words()
    account: str = words()
    gateway_ref: str = words()
    response_code: str = words()
    response_text: str = words()
    order_version: int | None = None
    tries: int = 0
    requested_by_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    requested_by: str = words()
    terminal: str = words()
    created_at: datetime = when()
    execute_after: datetime | None = when(nullable=True)
    sent_at: datetime | None = when(nullable=True)
    done_at: datetime | None = when(nullable=True)
    worker: str = words()
