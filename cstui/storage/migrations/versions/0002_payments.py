"""Payments: attempts with everything that an answer says, refunds with their ways, workers, the sandbox's books, mails."""

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies this version."""
    attempts = _first_attempts()
    _without_rows()
    op.create_table(
        "mail_suppression",
        sa.Column("address_folded", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_folded", "scope", name=op.f("pk_mail_suppression")),
    )
    op.create_table(
        "sandbox_card",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("vault", sa.Text(), nullable=False),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expiry_month", sa.Integer(), nullable=False),
        sa.Column("expiry_year", sa.Integer(), nullable=False),
        sa.Column("behaviour", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_card")),
        sa.UniqueConstraint(
            "account", "vault", "billing", name=op.f("uq_sandbox_card_account_vault_billing")
        ),
    )
    op.create_table(
        "sandbox_fault",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_fault")),
    )
    op.create_table(
        "sandbox_transaction",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("ask_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("parent_ref", sa.Text(), nullable=False),
        sa.Column("vault", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("visible_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("settles_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("changes_to", sa.Text(), nullable=False),
        sa.Column("changes_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_sandbox_transaction_amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_transaction")),
        sa.UniqueConstraint("account", "ref", name=op.f("uq_sandbox_transaction_account_ref")),
    )
    with op.batch_alter_table("sandbox_transaction", schema=None) as batch_op:
        batch_op.create_index("ix_sandbox_transaction_ask_key", ["account", "ask_key"], unique=False)
        batch_op.create_index("ix_sandbox_transaction_parent_ref", ["account", "parent_ref"], unique=False)

    op.create_table(
        "worker",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_inside", sa.Boolean(), nullable=False),
        sa.Column("has_card_intake", sa.Boolean(), nullable=False),
        sa.Column("started_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_worker")),
    )
    op.create_table(
        "card_link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("gateway_ref", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("next_check_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_card_link_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_card_link_store_id_store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_link")),
    )
    for column in ("parent_id", "attempt_id"):
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_payment_transaction_{column}", "payment_transaction", [column], sqlite_where=known, postgresql_where=known
        )  # fmt: skip
    with op.batch_alter_table("card_link", schema=None) as batch_op:
        batch_op.create_index("ix_card_link_customer_id", ["customer_id"], unique=False)

    op.create_table(
        "mail_template",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_mail_template_store_id_store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_template")),
    )
    with op.batch_alter_table("mail_template", schema=None) as batch_op:
        batch_op.create_index(
            "ux_mail_template_organisation",
            ["kind"],
            unique=True,
            sqlite_where=sa.text("store_id IS NULL"),
            postgresql_where=sa.text("store_id IS NULL"),
        )
        batch_op.create_index(
            "ux_mail_template_store",
            ["kind", "store_id"],
            unique=True,
            sqlite_where=sa.text("store_id IS NOT NULL"),
            postgresql_where=sa.text("store_id IS NOT NULL"),
        )

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("to_address", sa.Text(), nullable=False),
        sa.Column(
            "subject_kind",
            sa.Enum(
                "customer",
                "order",
                "subscription",
                "transaction",
                "shipment",
                "attempt",
                "refund",
                "note",
                "call",
                "card",
                "line",
                "hold",
                "address",
                "staff",
                "store",
                "event",
                "setting",
                name="subject_kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("resend_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "failed",
                "suppressed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("next_try_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("sent_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_outbox_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id_orders")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_outbox_store_id_store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_customer_id", ["customer_id", "created_at"], unique=False)
        batch_op.create_index("ix_outbox_order_id", ["order_id", "created_at"], unique=False)
        batch_op.create_index("ix_outbox_state", ["state", "next_try_at"], unique=False)
        batch_op.create_index("ix_outbox_subject", ["subject_kind", "subject_id", "created_at"], unique=False)
        batch_op.create_index(
            "ux_outbox_dedupe_key",
            ["dedupe_key"],
            unique=True,
            sqlite_where=sa.text("dedupe_key <> ''"),
            postgresql_where=sa.text("dedupe_key <> ''"),
        )

    op.create_table(
        "refund",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "needs_approval",
                "approved",
                "denied",
                "armed",
                "executing",
                "done_void",
                "done_refund",
                "pending_at_gateway",
                "failed_retrying",
                "needs_decision",
                "unknown",
                "exhausted",
                "withdrawn",
                "manual",
                "external",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "method",
            sa.Enum(
                "original",
                "other_card",
                "manual",
                "external",
                name="method",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("card_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("payee_address", sa.Text(), nullable=False),
        sa.Column("cancel_order", sa.Boolean(), nullable=False),
        sa.Column("stop_subscriptions", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failure", sa.Text(), nullable=False),
        sa.Column("next_try_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("notified_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("done_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refund_amount")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_refund_failures")),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_refund_card_id_card")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_refund_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refund_order_id_orders")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_refund_store_id_store")),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["payment_transaction.id"],
            name=op.f("fk_refund_transaction_id_payment_transaction"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
    )
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.create_index("ix_refund_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_refund_customer_id", ["customer_id"], unique=False)
        batch_op.create_index("ix_refund_state", ["state", "next_try_at"], unique=False)
        batch_op.create_index("ix_refund_requested_by_id", ["requested_by_id", "decided_at"], unique=False)

    op.create_table(
        "payment_attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("guard_key", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("refund_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subscription_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=True),
        sa.Column("card_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "operation",
            sa.Enum(
                "verify",
                "authorise",
                "capture",
                "sale",
                "void",
                "refund",
                "credit",
                "vault_add",
                "vault_remove",
                name="operation",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "waiting_approval",
                "armed",
                "sending",
                "pending",
                "succeeded",
                "declined_soft",
                "declined_hard",
                "rejected",
                "not_sent",
                "unknown",
                "withdrawn",
                "reversed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "why",
            sa.Enum(
                "",
                "settled",
                "not_settled",
                "declined",
                "never",
                "card_data",
                "exceeds_balance",
                "already_done",
                "disputed",
                "no_such_record",
                "duplicate",
                "low_funds",
                "busy",
                "not_sent",
                "account",
                "mismatch",
                "partial",
                "no_answer",
                "other",
                name="why",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("gateway_ref", sa.Text(), nullable=False),
        sa.Column("request_ref", sa.Text(), nullable=False),
        sa.Column("response_code", sa.Text(), nullable=False),
        sa.Column("response_text", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("order_version", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("execute_after", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("sent_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("answered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("next_check_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("done_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("settled_by", sa.Text(), nullable=False),
        sa.Column("settled_why", sa.Text(), nullable=False),
        sa.CheckConstraint("guard_key <> ''", name=op.f("ck_payment_attempt_guard_key")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_payment_attempt_amount")),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_payment_attempt_card_id_card")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_payment_attempt_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_attempt_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_payment_attempt_refund_id_refund")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_payment_attempt_store_id_store")),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["payment_transaction.id"],
            name=op.f("fk_payment_attempt_transaction_id_payment_transaction"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempt")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_attempt_key")),
    )
    with op.batch_alter_table("payment_attempt", schema=None) as batch_op:
        batch_op.create_index("ix_payment_attempt_check", ["state", "next_check_at"], unique=False)
        batch_op.create_index("ix_payment_attempt_customer_id", ["customer_id"], unique=False)
        batch_op.create_index("ix_payment_attempt_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_payment_attempt_refund_id", ["refund_id"], unique=False)
        batch_op.create_index(
            "ix_payment_attempt_requested_by_id", ["requested_by_id", "created_at"], unique=False
        )
        batch_op.create_index("ix_payment_attempt_state", ["state", "execute_after"], unique=False)
        batch_op.create_index("ix_payment_attempt_transaction_id", ["transaction_id"], unique=False)
        batch_op.create_index(
            "ux_payment_attempt_in_flight",
            ["guard_key"],
            unique=True,
            sqlite_where=sa.text("state IN ('armed', 'sending', 'unknown')"),
            postgresql_where=sa.text("state IN ('armed', 'sending', 'unknown')"),
        )

    op.create_table(
        "refund_allocation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("refund_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "line",
                "tax",
                "shipping",
                "goodwill",
                "fee",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("order_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refund_allocation_amount")),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_refund_allocation_refund_id_refund")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_allocation")),
    )
    with op.batch_alter_table("refund_allocation", schema=None) as batch_op:
        batch_op.create_index("ix_refund_allocation_order_line_id", ["order_line_id"], unique=False)
        batch_op.create_index("ix_refund_allocation_refund_id", ["refund_id"], unique=False)

    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_ref", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("gateway_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("url", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("secret", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("options", sa.Text(), nullable=False, server_default="{}"))

    _put_back(attempts)
    if op.get_bind().dialect.name == "sqlite":
        _guard_balance_on_sqlite()
    else:
        _guard_balance_on_postgresql()


def downgrade() -> None:
    """There is no way back that keeps what was paid: the backup made before the upgrade is the way back."""
    raise RuntimeError("Restore the backup that was made before the upgrade.")


def _first_attempts() -> list[dict[str, object]]:
    """The attempts of the first version (its demo had some), as rows of this one."""
    rows = op.get_bind().execute(sa.text("SELECT * FROM payment_attempt ORDER BY id")).mappings()
    texts = ("chain", "why", "request_ref", "reason", "settled_by", "settled_why")
    more = {**dict.fromkeys(texts, ""), "http_status": 0, "is_test": True, "payload": "{}", "checks": 0}
    return [
        {("operation" if name == "kind" else name): value for name, value in row.items()} | more
        for row in rows
    ]


def _put_back(attempts: list[dict[str, object]]) -> None:
    for row in attempts:
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        op.get_bind().execute(sa.text(f"INSERT INTO payment_attempt ({names}) VALUES ({places})"), row)
    if attempts and op.get_bind().dialect.name != "sqlite":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('payment_attempt', 'id'), (SELECT max(id) FROM payment_attempt))"
        )


def _without_rows() -> None:
    """Takes away tables of the first version, to be made anew below; only the attempts ever had rows."""
    for table in ("refund_allocation", "payment_attempt", "refund", "outbox"):
        held = None
        if table != "payment_attempt":
            held = op.get_bind().execute(sa.text(f"SELECT 1 FROM {table} LIMIT 1")).first()
        if held is not None:
            raise RuntimeError(
                f"The table {table} holds rows that no version of cstui wrote; look at them first."
            )
        op.drop_table(table)


#: What an attempt takes of its charge while it is under way, and for good once it has succeeded.
_TAKES = "('armed', 'sending', 'pending', 'succeeded', 'unknown')"
_GIVES_BACK = "('void', 'refund', 'credit')"
#: What went back, or was taken back by a bank, without an attempt of the desk.
_GONE = (
    "(SELECT coalesce(sum(t.amount), 0) FROM payment_transaction t WHERE t.parent_id = {charge} AND t.attempt_id IS NULL"
    " AND t.kind IN ('refund', 'void', 'chargeback') AND t.status IN ('succeeded', 'pending', 'unknown'){but})"
)
_TAKEN = (
    "(SELECT coalesce(sum(a.amount), 0) FROM payment_attempt a WHERE a.transaction_id = {charge}"
    f" AND a.operation IN {_GIVES_BACK} AND a.state IN {_TAKES}{{but}})"
)
_BROUGHT = "(SELECT amount FROM payment_transaction WHERE id = {charge})"
#: The words that the program looks for in the database's refusal.
REFUSAL = "more than the charge brought"


def _guard_balance_on_sqlite() -> None:
    attempt = f"NEW.transaction_id IS NOT NULL AND NEW.operation IN {_GIVES_BACK} AND NEW.state IN {_TAKES}"
    too_much = "SELECT RAISE(ABORT, '" + REFUSAL + "') WHERE NEW.amount + {taken} + {gone} > {brought};"
    of_attempt = too_much.format(
        taken=_TAKEN.format(charge="NEW.transaction_id", but=" AND a.id IS NOT NEW.id"),
        gone=_GONE.format(charge="NEW.transaction_id", but=""),
        brought=_BROUGHT.format(charge="NEW.transaction_id"),
    )
    op.execute(
        f"CREATE TRIGGER payment_attempt_balance_new BEFORE INSERT ON payment_attempt WHEN {attempt} BEGIN {of_attempt} END"
    )
    op.execute(
        "CREATE TRIGGER payment_attempt_balance_again BEFORE UPDATE OF state, amount, transaction_id ON payment_attempt"
        f" WHEN {attempt} AND (OLD.state NOT IN {_TAKES} OR NEW.amount > OLD.amount) BEGIN {of_attempt} END"
    )
    of_row = too_much.format(
        taken=_TAKEN.format(charge="NEW.parent_id", but=""),
        gone=_GONE.format(charge="NEW.parent_id", but=""),
        brought=_BROUGHT.format(charge="NEW.parent_id"),
    )
    op.execute(
        "CREATE TRIGGER payment_transaction_balance BEFORE INSERT ON payment_transaction WHEN NEW.parent_id IS NOT NULL"
        f" AND NEW.attempt_id IS NULL AND NEW.kind = 'refund' AND NEW.origin = 'desk' AND NEW.status = 'succeeded' BEGIN {of_row} END"
    )


def _guard_balance_on_postgresql() -> None:
    function = """
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM payment_transaction WHERE id = NEW.{charge} FOR UPDATE;
            IF NEW.amount + {taken} + {gone} > {brought} THEN
                RAISE EXCEPTION '{refusal}' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """
    op.execute(
        function.format(
            name="payment_attempt_balance", charge="transaction_id", refusal=REFUSAL,
            taken=_TAKEN.format(charge="NEW.transaction_id", but=" AND a.id IS DISTINCT FROM NEW.id"),
            gone=_GONE.format(charge="NEW.transaction_id", but=""), brought=_BROUGHT.format(charge="NEW.transaction_id"),
        )
    )  # fmt: skip
    attempt = f"NEW.transaction_id IS NOT NULL AND NEW.operation IN {_GIVES_BACK} AND NEW.state IN {_TAKES}"
    op.execute(
        "CREATE TRIGGER payment_attempt_balance_new BEFORE INSERT ON payment_attempt FOR EACH ROW"
        f" WHEN ({attempt}) EXECUTE FUNCTION payment_attempt_balance()"
    )
    op.execute(
        "CREATE TRIGGER payment_attempt_balance_again BEFORE UPDATE OF state, amount, transaction_id ON payment_attempt FOR EACH ROW"
        f" WHEN ({attempt} AND (OLD.state NOT IN {_TAKES} OR NEW.amount > OLD.amount)) EXECUTE FUNCTION payment_attempt_balance()"
    )
    op.execute(
        function.format(
            name="payment_transaction_balance", charge="parent_id", refusal=REFUSAL,
            taken=_TAKEN.format(charge="NEW.parent_id", but=""),
            gone=_GONE.format(charge="NEW.parent_id", but=""), brought=_BROUGHT.format(charge="NEW.parent_id"),
        )
    )  # fmt: skip
    op.execute(
        "CREATE TRIGGER payment_transaction_balance BEFORE INSERT ON payment_transaction FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL"
        " AND NEW.attempt_id IS NULL AND NEW.kind = 'refund' AND NEW.origin = 'desk' AND NEW.status = 'succeeded')"
        " EXECUTE FUNCTION payment_transaction_balance()"
    )
