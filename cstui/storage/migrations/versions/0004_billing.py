"""Billing: the next order number of a store, who was told of a renewal, and ways to find what is planned for a day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Index, table, columns, and of which rows.
_INDEXES = (
    ("ix_subscription_pause", "subscription", ["store_id", "pause_on"], "pause_on IS NOT NULL"),
    ("ix_subscription_resume", "subscription", ["store_id", "resume_on"], "resume_on IS NOT NULL"),
    ("ix_subscription_cancel", "subscription", ["store_id", "cancel_on"], "cancel_on IS NOT NULL"),
    ("ix_subscription_card_id", "subscription", ["card_id"], "card_id IS NOT NULL"),
    ("ix_subscription_period_missed", "subscription_period", ["subscription_id"], "is_missed AND state = 'due'"),
    ("ix_payment_attempt_subscription_id", "payment_attempt", ["subscription_id", "cycle"], "subscription_id IS NOT NULL"),
    ("ix_payment_attempt_card_id", "payment_attempt", ["card_id", "created_at"], "card_id IS NOT NULL"),
)  # fmt: skip


def upgrade() -> None:
    """Applies this version."""
    op.execute("ALTER TABLE store ADD COLUMN last_order_number BIGINT NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE store ADD COLUMN renewals_told_until DATE")
    for name, table, columns, rows in _INDEXES:
        op.create_index(
            name,
            table,
            columns,
            unique=False,
            sqlite_where=sa.text(rows),
            postgresql_where=sa.text(rows),
        )


def downgrade() -> None:
    """There is no way back that keeps what was billed: the backup made before the upgrade is the way back."""
    raise RuntimeError("Restore the backup that was made before the upgrade.")
