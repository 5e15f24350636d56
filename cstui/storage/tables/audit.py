"""The audit: chained events and their field changes."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.ids import Kind
from cstui.storage.tables.base import Base, Key, key, one_of, ref, when, words


class AuditChain(Base, table=True):
    """The head of one store's chain of one day (store 0: the organisation); locked while an event is appended."""

    __tablename__ = "audit_chain"
    store_id: int = Field(sa_type=Key, primary_key=True)
    day: date = Field(primary_key=True)
    seq: int = 0
    head: str = words()
    opening: str = words()


class AuditEvent(Base, table=True):
    """One use case that changed something. `save_id` tells after a lost connection whether it was stored."""

    __tablename__ = "audit_event"
    __table_args__ = (
        sa.Index("ux_audit_event_chain", "store_id", "day", "seq", unique=True),
        sa.Index(
            "ux_audit_event_save_id",
            "save_id",
            unique=True,
            sqlite_where=sa.text("save_id <> ''"),
            postgresql_where=sa.text("save_id <> ''"),
        ),
        sa.Index("ix_audit_event_record", "record_kind", "record_id", "id"),
        sa.Index("ix_audit_event_customer_id", "customer_id", "id"),
        sa.Index("ix_audit_event_actor_id", "actor_id", "id"),
    )
    id: int | None = key()
    store_id: int = Field(sa_type=Key, nullable=False)
    day: date
    seq: int
    record_kind: Kind = one_of(Kind, "record_kind")
    record_id: int = Field(sa_type=Key, nullable=False)
    customer_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    version: int | None = None
    fence: int | None = Field(default=None, sa_type=sa.BigInteger, nullable=True)
    actor_id: int = Field(sa_type=Key, nullable=False)
    actor_name: str = words()
    terminal: str = words()
    at: datetime = when()
    action: str = words()
    reason: str = words()
    save_id: str = words()
    prev_hash: str = words()
    hash: str = words()


class AuditChange(Base, table=True):
    """One field's old and new value. The chain covers the salted hashes, so a value can be erased (set to NULL)."""

    __tablename__ = "audit_change"
    __table_args__ = (sa.Index("ix_audit_change_event_id", "event_id", "position"),)
    id: int | None = key()
    event_id: int = ref("audit_event.id")
    position: int = 0
    path: str = words()
    old: str | None = Field(default=None, sa_type=sa.Text, nullable=True)
    new: str | None = Field(default=None, sa_type=sa.Text, nullable=True)
    salt: str = words()
    old_hash: str = words()
    new_hash: str = words()
