"""Transactions, payment attempts and refunds with their allocations."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.gateways import Operation, Why
from cstui.domain.payments import (
    IN_FLIGHT,
    AllocationKind,
    AttemptState,
    RefundMethod,
    RefundState,
    TransactionKind,
    TransactionOrigin,
    TransactionStatus,
)
from cstui.storage.tables.base import Base, Key, key, minor, one_of, ref, when, words

_IN_FLIGHT = sa.text("state IN (" + ", ".join(f"'{state.value}'" for state in IN_FLIGHT) + ")")
#: What most transactions lack: who asks for the few that have it must not read them all.
_KNOWN = {name: sa.text(f"{name} IS NOT NULL") for name in ("parent_id", "attempt_id")}


class Transaction(Base, table=True):
    """What a gateway (or a file) says has happened to money; `amount` is never negative, the kind says which way."""

    __tablename__ = "payment_transaction"
    __table_args__ = (
        sa.Index("ix_payment_transaction_order_id", "order_id"),
        sa.Index("ix_payment_transaction_customer_id", "customer_id", "occurred_at"),
        *(
            sa.Index(f"ix_payment_transaction_{name}", name, sqlite_where=known, postgresql_where=known)
            for name, known in _KNOWN.items()
        ),
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
    """Money owed back for one charge of an order: decided here, executed by attempts (E.5).

    Several refunds that were asked for together share `batch`. `next_try_at` is when the queue tries again; `failures` counts definite ones.
    """

    __tablename__ = "refund"
    __table_args__ = (
        sa.Index("ix_refund_order_id", "order_id"),
        sa.Index("ix_refund_customer_id", "customer_id"),
        sa.Index("ix_refund_state", "state", "next_try_at"),
        sa.Index("ix_refund_requested_by_id", "requested_by_id", "decided_at"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("failures >= 0", name="failures"),
    )
    id: int | None = key()
    store_id: int = ref("store.id")
    order_id: int = ref("orders.id")
    customer_id: int = ref("customer.id")
    transaction_id: int | None = ref("payment_transaction.id", nullable=True)
    batch: str = words()
    state: RefundState = one_of(RefundState, "state", default=RefundState.REQUESTED)
    method: RefundMethod = one_of(RefundMethod, "method", default=RefundMethod.ORIGINAL)
    amount: int = minor()
    currency: str = words()
    reason_code: str = words()
    note: str = words()
    card_id: int | None = ref("card.id", nullable=True)
    payee: str = words()
    payee_address: str = words()
    cancel_order: bool = False
    stop_subscriptions: bool = False
    failures: int = 0
    last_failure: str = words()
    next_try_at: datetime | None = when(nullable=True)
    notified_at: datetime | None = when(nullable=True)
    requested_by_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    requested_by: str = words()
    requested_at: datetime = when()
    decided_by: str = words()
    decided_at: datetime | None = when(nullable=True)
    done_at: datetime | None = when(nullable=True)
    updated_at: datetime = when()


class RefundAllocation(Base, table=True):
    """What a refund is made of: lines, tax, shipping, goodwill, less a fee. Amounts are never negative; the kind says the sign."""

    __tablename__ = "refund_allocation"
    __table_args__ = (
        sa.Index("ix_refund_allocation_refund_id", "refund_id"),
        sa.Index("ix_refund_allocation_order_line_id", "order_line_id"),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )
    id: int | None = key()
    refund_id: int = ref("refund.id")
    kind: AllocationKind = one_of(AllocationKind, "kind")
    order_line_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    quantity: int = 0
    amount: int = minor()


class PaymentAttempt(Base, table=True):
    """A money operation, committed before the first byte is sent; never deleted.

    `key` is what the gateway sees. One attempt at most is in flight per `guard_key`, by the partial unique index; what refunds and voids of one
    charge take together is never more than it brought, by a trigger. `chain` joins a void and the refund that follows its refusal.
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
        sa.Index("ix_payment_attempt_customer_id", "customer_id"),
        sa.Index("ix_payment_attempt_refund_id", "refund_id"),
        sa.Index("ix_payment_attempt_transaction_id", "transaction_id"),
        sa.Index("ix_payment_attempt_state", "state", "execute_after"),
        sa.Index("ix_payment_attempt_check", "state", "next_check_at"),
        sa.Index("ix_payment_attempt_requested_by_id", "requested_by_id", "created_at"),
        sa.Index(
            "ix_payment_attempt_subscription_id",
            "subscription_id",
            "cycle",
            sqlite_where=sa.text("subscription_id IS NOT NULL"),
            postgresql_where=sa.text("subscription_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_payment_attempt_card_id",
            "card_id",
            "created_at",
            sqlite_where=sa.text("card_id IS NOT NULL"),
            postgresql_where=sa.text("card_id IS NOT NULL"),
        ),
        sa.CheckConstraint("amount >= 0", name="amount"),
        sa.CheckConstraint("guard_key <> ''", name="guard_key"),
    )
    id: int | None = key()
    key: str = Field(sa_type=sa.Text, unique=True, nullable=False)
    guard_key: str = words()
    chain: str = words()
    store_id: int = ref("store.id")
    order_id: int | None = ref("orders.id", nullable=True)
    customer_id: int | None = ref("customer.id", nullable=True)
    refund_id: int | None = ref("refund.id", nullable=True)
    transaction_id: int | None = ref("payment_transaction.id", nullable=True)
    subscription_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    cycle: int | None = None
    card_id: int | None = ref("card.id", nullable=True)
    operation: Operation = one_of(Operation, "operation")
    state: AttemptState = one_of(AttemptState, "state")
    why: Why = one_of(Why, "why", default=Why.NONE)
    amount: int = minor()
    currency: str = words()
    gateway: str = words()
    account: str = words()
    gateway_ref: str = words()
    request_ref: str = words()
    response_code: str = words()
    response_text: str = words()
    http_status: int = 0
    is_test: bool = False
    order_version: int | None = None
    reason: str = words()
    payload: str = words("{}")
    tries: int = 0
    checks: int = 0
    requested_by_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    requested_by: str = words()
    terminal: str = words()
    created_at: datetime = when()
    execute_after: datetime | None = when(nullable=True)
    sent_at: datetime | None = when(nullable=True)
    answered_at: datetime | None = when(nullable=True)
    next_check_at: datetime | None = when(nullable=True)
    done_at: datetime | None = when(nullable=True)
    worker: str = words()
    settled_by: str = words()
    settled_why: str = words()


class Worker(Base, table=True):
    """A process that sends attempts, or a desk that does it itself: alive while `seen_at` is fresh by the database's clock."""

    __tablename__ = "worker"
    token: str = Field(sa_type=sa.Text, primary_key=True)
    name: str = words()
    is_inside: bool = False
    has_card_intake: bool = False
    started_at: datetime = when()
    seen_at: datetime = when()


class CardLinkRow(Base, table=True):
    """A page of a gateway's where the customer types his card himself; looked at until it is used or has expired."""

    __tablename__ = "card_link"
    __table_args__ = (sa.Index("ix_card_link_customer_id", "customer_id"),)
    id: int | None = key()
    customer_id: int = ref("customer.id")
    store_id: int = ref("store.id")
    gateway: str = words()
    account: str = words()
    gateway_ref: str = words()
    url: str = words()
    is_open: bool = True
    outcome: str = words()
    requested_by: str = words()
    created_at: datetime = when()
    expires_at: datetime | None = when(nullable=True)
    next_check_at: datetime | None = when(nullable=True)
