"""The embedded sandbox gateway's own books: what it would know if it were another company's machine.

Nothing of the desk reads these tables but the sandbox gateway itself, in transactions of its own.
"""

from datetime import datetime

import sqlalchemy as sa

from cstui.storage.tables.base import Base, key, minor, when, words


class SandboxTransaction(Base, table=True):
    """One transaction in the sandbox's books. `parent_ref` names what a capture, void or refund is about; `state` is the sandbox's own word."""

    __tablename__ = "sandbox_transaction"
    __table_args__ = (
        sa.UniqueConstraint("account", "ref"),
        sa.Index("ix_sandbox_transaction_ask_key", "account", "ask_key"),
        sa.Index("ix_sandbox_transaction_parent_ref", "account", "parent_ref"),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )
    id: int | None = key()
    account: str = words()
    ref: str = words()
    ask_key: str = words()
    kind: str = words()
    state: str = words()
    amount: int = minor()
    currency: str = words()
    parent_ref: str = words()
    vault: str = words()
    text: str = words()
    visible_at: datetime = when()
    created_at: datetime = when()
    settles_at: datetime | None = when(nullable=True)
    changes_to: str = words()
    changes_at: datetime | None = when(nullable=True)


class SandboxCard(Base, table=True):
    """One card in the sandbox's vault: what may be shown, and how it behaves."""

    __tablename__ = "sandbox_card"
    __table_args__ = (sa.UniqueConstraint("account", "vault", "billing"),)
    id: int | None = key()
    account: str = words()
    vault: str = words()
    billing: str = words()
    brand: str = words()
    last4: str = words()
    expiry_month: int = 0
    expiry_year: int = 0
    behaviour: str = words()
    created_at: datetime = when()


class SandboxFault(Base, table=True):
    """A fault that the sandbox plays next, so many times: for training and for tests."""

    __tablename__ = "sandbox_fault"
    id: int | None = key()
    account: str = words()
    operation: str = words()
    fault: str = words()
    times: int = 1
    created_at: datetime = when()
