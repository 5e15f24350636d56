"""What comes in from files and what goes out by mail."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from cstui.domain.ids import Kind
from cstui.domain.mails import MailState
from cstui.storage.tables.base import Base, Key, key, one_of, ref, when, words


class ImportRecord(Base, table=True):
    """What a file last said of a record (JSON): tells on the next import what changed there and what changed here."""

    __tablename__ = "import_record"
    __table_args__ = (sa.Index("ix_import_record_record", "record_kind", "record_id"),)
    source: str = Field(sa_type=sa.Text, primary_key=True)
    store_id: int = Field(sa_type=Key, primary_key=True, foreign_key="store.id")
    external_id: str = Field(sa_type=sa.Text, primary_key=True)
    record_kind: Kind = one_of(Kind, "record_kind")
    record_id: int = Field(sa_type=Key, nullable=False)
    values: str = words("{}")
    imported_at: datetime = when()


class Outbox(Base, table=True):
    """A mail to be sent; `dedupe_key` keeps one cause from mailing twice.

    Subject and bodies are written when it is queued, from the data as of the event: sending it again later says the same.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_state", "state", "next_try_at"),
        sa.Index("ix_outbox_subject", "subject_kind", "subject_id", "created_at"),
        sa.Index("ix_outbox_customer_id", "customer_id", "created_at"),
        sa.Index("ix_outbox_order_id", "order_id", "created_at"),
        sa.Index(
            "ux_outbox_dedupe_key",
            "dedupe_key",
            unique=True,
            sqlite_where=sa.text("dedupe_key <> ''"),
            postgresql_where=sa.text("dedupe_key <> ''"),
        ),
    )
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    kind: str = words()
    to_address: str = words()
    subject_kind: Kind = one_of(Kind, "subject_kind")
    subject_id: int = Field(sa_type=Key, nullable=False)
    customer_id: int | None = ref("customer.id", nullable=True)
    order_id: int | None = ref("orders.id", nullable=True)
    payload: str = words("{}")
    subject: str = words()
    body_text: str = words()
    body_html: str = words()
    message_id: str = words()
    resend_of_id: int | None = Field(default=None, sa_type=Key, nullable=True)
    requested_by: str = words()
    state: MailState = one_of(MailState, "state", default=MailState.QUEUED)
    tries: int = 0
    last_error: str = words()
    dedupe_key: str = words()
    worker: str = words()
    created_at: datetime = when()
    next_try_at: datetime | None = when(nullable=True)
    sent_at: datetime | None = when(nullable=True)


class MailTemplate(Base, table=True):
    """A store's own words for a kind of mail, or (store_id empty) the organisation's; without one the words that come with cstui."""

    __tablename__ = "mail_template"
    __table_args__ = (
        sa.Index(
            "ux_mail_template_organisation",
            "kind",
            unique=True,
            sqlite_where=sa.text("store_id IS NULL"),
            postgresql_where=sa.text("store_id IS NULL"),
        ),
        sa.Index(
            "ux_mail_template_store",
            "kind",
            "store_id",
            unique=True,
            sqlite_where=sa.text("store_id IS NOT NULL"),
            postgresql_where=sa.text("store_id IS NOT NULL"),
        ),
    )
    id: int | None = key()
    store_id: int | None = ref("store.id", nullable=True)
    kind: str = words()
    subject: str = words()
    body_text: str = words()
    body_html: str = words()
    changed_by: str = words()
    changed_at: datetime = when()


class MailSuppression(Base, table=True):
    """An address that gets no mail: none at all (`all`: bounced, complained), or no marketing."""

    __tablename__ = "mail_suppression"
    address_folded: str = Field(sa_type=sa.Text, primary_key=True)
    scope: str = Field(sa_type=sa.Text, primary_key=True)
    reason: str = words()
    by_name: str = words()
    since: datetime = when()
