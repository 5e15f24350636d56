"""Edit locks, what became of them, knocks, drafts and presence."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.ids import Kind
from cstui.domain.locking import LockEventKind, Purpose
from cstui.storage.tables.base import Base, Key, key, one_of, when, words


def _record_kind(name: str) -> sa.Column[str]:
    return sa.Column(
        sa.Enum(
            Kind,
            native_enum=False,
            length=24,
            values_callable=lambda m: [x.value for x in m],
            validate_strings=True,
            create_constraint=True,
            name=name,
        ),
        primary_key=True,
    )


class EditLock(Base, table=True):
    """One row per locked order or subscription. `heartbeat_at` follows the process, `active_at` the holder's last key."""

    __tablename__ = "edit_lock"
    __table_args__ = (
        sa.Index("ix_edit_lock_token", "token", unique=True),
        sa.Index("ix_edit_lock_holder_id", "holder_id"),
    )
    record_kind: Kind = Field(sa_column=_record_kind("record_kind"))
    record_id: int = Field(sa_type=Key, primary_key=True)
    store_id: int = Field(sa_type=Key, nullable=False)
    token: str = words()
    fence: int = Field(sa_type=sa.BigInteger, nullable=False)
    holder_id: int = Field(sa_type=Key, nullable=False)
    holder_name: str = words()
    terminal: str = words()
    acquired_at: datetime = when()
    heartbeat_at: datetime = when()
    active_at: datetime = when()
    lease_until: datetime = when()
    purpose: Purpose = one_of(Purpose, "purpose", default=Purpose.EDIT)
    breakable: bool = True


class LockEvent(Base, table=True):
    """What happened to a lock that a token once held: tells its last holder who took it, when and why."""

    __tablename__ = "lock_event"
    __table_args__ = (
        sa.Index("ix_lock_event_token", "token"),
        sa.Index("ix_lock_event_record", "record_kind", "record_id", "id"),
    )
    id: int | None = key()
    record_kind: Kind = one_of(Kind, "record_kind")
    record_id: int = Field(sa_type=Key, nullable=False)
    token: str = words()
    fence: int = Field(sa_type=sa.BigInteger, nullable=False)
    kind: LockEventKind = one_of(LockEventKind, "kind")
    holder_id: int = Field(sa_type=Key, nullable=False)
    holder_name: str = words()
    by_id: int = Field(default=0, sa_type=Key, nullable=False)
    by_name: str = words()
    reason: str = words()
    at: datetime = when()


class LockKnock(Base, table=True):
    """A waiting person asks the holder; answered by handing over or by 'not now'."""

    __tablename__ = "lock_knock"
    __table_args__ = (sa.Index("ix_lock_knock_record", "record_kind", "record_id"),)
    id: int | None = key()
    record_kind: Kind = one_of(Kind, "record_kind")
    record_id: int = Field(sa_type=Key, nullable=False)
    lock_token: str = words()
    staff_id: int = Field(sa_type=Key, nullable=False)
    staff_name: str = words()
    terminal: str = words()
    waiting_token: str = words()
    at: datetime = when()
    answer: str = words()
    answered_at: datetime | None = when(nullable=True)


class Draft(Base, table=True):
    """Typed but unsaved text of one person on one record; JSON of field path to text."""

    __tablename__ = "draft"
    __table_args__ = (
        sa.UniqueConstraint("staff_id", "record_kind", "record_id"),
        sa.Index("ix_draft_record", "record_kind", "record_id"),
    )
    id: int | None = key()
    staff_id: int = Field(sa_type=Key, foreign_key="staff.id", nullable=False)
    record_kind: Kind = one_of(Kind, "record_kind")
    record_id: int = Field(sa_type=Key, nullable=False)
    base_version: int
    body: str = words("{}")
    why: str = words()
    created_at: datetime = when()
    updated_at: datetime = when()


class Presence(Base, table=True):
    """Which desk looks at which record; rows older than the lease do not count."""

    __tablename__ = "presence"
    __table_args__ = (sa.Index("ix_presence_record", "record_kind", "record_id"),)
    desk: str = Field(sa_type=sa.Text, primary_key=True)
    record_kind: Kind = Field(sa_column=_record_kind("record_kind"))
    record_id: int = Field(sa_type=Key, primary_key=True)
    staff_id: int = Field(sa_type=Key, nullable=False)
    staff_name: str = words()
    terminal: str = words()
    since: datetime = when()
    seen_at: datetime = when()
