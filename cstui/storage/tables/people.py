"""Stores, staff, grants, sign-in sessions, settings and reasons."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.permissions import Role
from cstui.domain.reasons import ReasonKind
from cstui.storage.tables.base import Base, key, one_of, ref, when, words


class Store(Base, table=True):
    """A shop of the organisation: currency, zone and country decide how its money, days and phone numbers are read.

    `last_order_number` is the number of the last order that was made here (0: none yet), `renewals_told_until` the last bill date of which
    customers have been told before.
    """

    __tablename__ = "store"
    id: int | None = key()
    code: str = Field(sa_type=sa.Text, unique=True, nullable=False)
    name: str = words()
    currency: str = words()
    zone: str = words()
    country: str = words()
    locale: str = words()
    order_prefix: str = words()
    notify_emails: str = words()
    daily_bill_time: str = words("09:00")
    last_order_number: int = Field(default=0, sa_type=sa.BigInteger, nullable=False)
    renewals_told_until: date | None = None
    is_test: bool = False
    created_at: datetime = when()


class GatewayAccount(Base, table=True):
    """An account at a payment gateway, for one store or (store_id empty) for all; its keys never stand here."""

    __tablename__ = "gateway_account"
    __table_args__ = (sa.UniqueConstraint("gateway", "name"),)
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    gateway: str = words()
    name: str = words()
    is_test: bool = False
    is_main: bool = False
    is_open: bool = True
    cut_off: str = words("20:00")
    zone: str = words("UTC")
    url: str = words()
    secret: str = words()
    options: str = words("{}")
    created_at: datetime = when()


class Staff(Base, table=True):
    """A member of staff. `name_folded` is what sign-in compares; an empty hash can never sign in."""

    __tablename__ = "staff"
    id: int | None = key()
    name: str = words()
    name_folded: str = Field(sa_type=sa.Text, unique=True, nullable=False)
    display_name: str = words()
    password_hash: str = words()
    must_change_password: bool = False
    disabled_at: datetime | None = when(nullable=True)
    failed_count: int = 0
    last_failed_at: datetime | None = when(nullable=True)
    locked_until: datetime | None = when(nullable=True)
    zone: str = words()
    locale: str = words()
    created_at: datetime = when()


class StaffGrant(Base, table=True):
    """A role of a person in one store, or in all (store_id empty)."""

    __tablename__ = "staff_grant"
    __table_args__ = (
        sa.Index(
            "ux_staff_grant_everywhere",
            "staff_id",
            "role",
            unique=True,
            sqlite_where=sa.text("store_id IS NULL"),
            postgresql_where=sa.text("store_id IS NULL"),
        ),
        sa.Index(
            "ux_staff_grant_in_store",
            "staff_id",
            "role",
            "store_id",
            unique=True,
            sqlite_where=sa.text("store_id IS NOT NULL"),
            postgresql_where=sa.text("store_id IS NOT NULL"),
        ),
    )
    id: int | None = key()
    staff_id: int = ref("staff.id")
    role: Role = one_of(Role, "role")
    store_id: int | None = ref("store.id", nullable=True)
    granted_by: str = words()
    granted_at: datetime = when()


class SignInSession(Base, table=True):
    """A kept sign-in; only the hash of its token is stored."""

    __tablename__ = "sign_in_session"
    id: int | None = key()
    staff_id: int = ref("staff.id", index=True)
    token_hash: str = Field(sa_type=sa.Text, unique=True, nullable=False)
    terminal: str = words()
    created_at: datetime = when()
    seen_at: datetime = when()
    expires_at: datetime = when()
    ended_at: datetime | None = when(nullable=True)


class UnknownSignIn(Base, table=True):
    """Wrong passwords under a name that nobody has: it waits and locks like a real one, so that nothing tells them apart."""

    __tablename__ = "unknown_sign_in"
    name_hash: str = Field(sa_type=sa.Text, primary_key=True)
    failed_count: int = 0
    last_failed_at: datetime = when()
    locked_until: datetime | None = when(nullable=True)


class Setting(Base, table=True):
    """What binds the business: one value (JSON) per key, for the organisation or overriding it in one store."""

    __tablename__ = "setting"
    __table_args__ = (
        sa.Index(
            "ux_setting_organisation",
            "key",
            unique=True,
            sqlite_where=sa.text("store_id IS NULL"),
            postgresql_where=sa.text("store_id IS NULL"),
        ),
        sa.Index(
            "ux_setting_store",
            "key",
            "store_id",
            unique=True,
            sqlite_where=sa.text("store_id IS NOT NULL"),
            postgresql_where=sa.text("store_id IS NOT NULL"),
        ),
    )
    id: int | None = key()
    key: str = words()
    store_id: int | None = ref("store.id", nullable=True)
    value: str = words()
    changed_by: str = words()
    changed_at: datetime = when()


class Reason(Base, table=True):
    """An entry of a reason list, of the organisation or of one store."""

    __tablename__ = "reason"
    __table_args__ = (
        sa.Index(
            "ux_reason_organisation",
            "kind",
            "code",
            unique=True,
            sqlite_where=sa.text("store_id IS NULL"),
            postgresql_where=sa.text("store_id IS NULL"),
        ),
        sa.Index(
            "ux_reason_store",
            "kind",
            "code",
            "store_id",
            unique=True,
            sqlite_where=sa.text("store_id IS NOT NULL"),
            postgresql_where=sa.text("store_id IS NOT NULL"),
        ),
    )
    id: int | None = key()
    kind: ReasonKind = one_of(ReasonKind, "kind")
    code: str = words()
    label: str = words()
    store_id: int | None = ref("store.id", nullable=True)
    position: int = 0
    is_active: bool = True
