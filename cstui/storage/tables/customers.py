"""Customers of the organisation, where they are known, their addresses and cards, notes, calls and verifications."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.calls import CallDirection, CallState
from cstui.domain.customers import CustomerStatus
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteSource
from cstui.storage.tables.base import Base, Key, key, one_of, ref, when, words


class Customer(Base, table=True):
    """A person or company that buys; known to the whole organisation. `version` counts profile edits."""

    __tablename__ = "customer"
    __table_args__ = (
        sa.Index("ix_customer_email_folded", "email_folded"),
        sa.Index("ix_customer_phone_e164", "phone_e164"),
    )
    id: int | None = key()
    first_name: str = words()
    last_name: str = words()
    company: str = words()
    email: str = words()
    email_folded: str = words()
    phone: str = words()
    phone_e164: str = words()
    status: CustomerStatus = one_of(CustomerStatus, "status", default=CustomerStatus.ACTIVE)
    language: str = words()
    locale: str = words()
    tags: str = words()
    accepts_email: bool = False
    accepts_sms: bool = False
    tax_exempt: bool = False
    is_anonymous: bool = False
    registered_at: datetime | None = when(nullable=True)
    created_at: datetime = when()
    updated_at: datetime = when()
    version: int = 1


class CustomerStore(Base, table=True):
    """In which stores a customer is known; decides who may find him."""

    __tablename__ = "customer_store"
    __table_args__ = (sa.Index("ix_customer_store_store_id", "store_id", "customer_id"),)
    customer_id: int = Field(sa_type=Key, primary_key=True, foreign_key="customer.id")
    store_id: int = Field(sa_type=Key, primary_key=True, foreign_key="store.id")
    since: datetime = when()


class AddressMixin(Base):
    """The fields of a postal address as columns."""

    first_name: str = words()
    last_name: str = words()
    company: str = words()
    line1: str = words()
    line2: str = words()
    city: str = words()
    region: str = words()
    postcode: str = words()
    country: str = words()
    phone: str = words()


class CustomerAddress(AddressMixin, table=True):
    """An address that the customer keeps; at most one default of each sort."""

    __tablename__ = "customer_address"
    __table_args__ = (
        sa.Index("ix_customer_address_customer_id", "customer_id"),
        sa.Index(
            "ux_customer_address_billing",
            "customer_id",
            unique=True,
            sqlite_where=sa.text("is_default_billing"),
            postgresql_where=sa.text("is_default_billing"),
        ),
        sa.Index(
            "ux_customer_address_shipping",
            "customer_id",
            unique=True,
            sqlite_where=sa.text("is_default_shipping"),
            postgresql_where=sa.text("is_default_shipping"),
        ),
    )
    id: int | None = key()
    customer_id: int = ref("customer.id")
    is_default_billing: bool = False
    is_default_shipping: bool = False
    created_at: datetime = when()


class Card(Base, table=True):
    """A stored payment method: what may be shown of it and the gateway's name for it, never its number."""

    __tablename__ = "card"
    __table_args__ = (
        sa.Index("ix_card_customer_id", "customer_id"),
        sa.CheckConstraint("length(last4) <= 4", name="last4"),
        sa.CheckConstraint("length(bin6) <= 6", name="bin6"),
    )
    id: int | None = key()
    customer_id: int = ref("customer.id")
    brand: str = words()
    last4: str = words()
    bin6: str = words()
    expiry_month: int = 0
    expiry_year: int = 0
    holder_name: str = words()
    gateway: str = words()
    account: str = words()
    vault_ref: str = words()
    billing_ref: str = words()
    first_ref: str = words()
    is_default: bool = False
    is_test: bool = False
    failed_before: bool = False
    created_at: datetime = when()
    removed_at: datetime | None = when(nullable=True)


class Note(Base, table=True):
    """An immutable note; a correction is a second note that names the first."""

    __tablename__ = "note"
    __table_args__ = (
        sa.Index("ix_note_customer_id", "customer_id", "created_at"),
        sa.Index("ix_note_subject", "subject_kind", "subject_id"),
    )
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    customer_id: int | None = ref("customer.id", nullable=True)
    subject_kind: Kind = one_of(Kind, "subject_kind")
    subject_id: int = Field(sa_type=Key, nullable=False)
    author_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    author_name: str = words()
    body: str = words()
    source: NoteSource = one_of(NoteSource, "source", default=NoteSource.MANUAL)
    corrects_id: int | None = ref("note.id", nullable=True)
    created_at: datetime = when()


class Call(Base, table=True):
    """A call with its direction, disposition and words for the next agent."""

    __tablename__ = "call"
    __table_args__ = (
        sa.Index("ix_call_customer_id", "customer_id", "started_at"),
        sa.Index("ix_call_staff_id", "staff_id", "started_at"),
    )
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    customer_id: int | None = ref("customer.id", nullable=True)
    order_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    staff_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    staff_name: str = words()
    direction: CallDirection = one_of(CallDirection, "direction")
    state: CallState = one_of(CallState, "state", default=CallState.CLOSED)
    disposition: str = words()
    note: str = words()
    phone: str = words()
    started_at: datetime = when()
    ended_at: datetime | None = when(nullable=True)


class Verification(Base, table=True):
    """Which tokens a caller gave during one call or visit, who ticked them, until when they count."""

    __tablename__ = "verification"
    __table_args__ = (
        sa.Index("ix_verification_customer_id", "customer_id", "at"),
        sa.Index(
            "ix_verification_desk",
            "desk",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )
    id: int | None = key()
    customer_id: int = ref("customer.id")
    staff_id: int = ref("staff.id")
    staff_name: str = words()
    desk: str = words()
    tokens: str = words()
    override_reason: str = words()
    at: datetime = when()
    ended_at: datetime | None = when(nullable=True)


class RecentCustomer(Base, table=True):
    """Whom a member of staff opened last (SRCH-13)."""

    __tablename__ = "recent_customer"
    __table_args__ = (sa.Index("ix_recent_customer_staff_id", "staff_id", "opened_at"),)
    staff_id: int = Field(sa_type=Key, primary_key=True, foreign_key="staff.id")
    customer_id: int = Field(sa_type=Key, primary_key=True, foreign_key="customer.id")
    opened_at: datetime = when()
