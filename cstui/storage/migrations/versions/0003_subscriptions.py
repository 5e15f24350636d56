"""Subscriptions: prices for some cycles, endings that are planned, the merchant's offers and how wishes to cancel ended."""

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies this version."""
    op.create_table(
        "retention_offer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "percent",
                "pause",
                "downgrade",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("cycles", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_retention_offer_product_id_product")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_retention_offer_store_id_store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_offer")),
    )
    with op.batch_alter_table("retention_offer", schema=None) as batch_op:
        batch_op.create_index("ix_retention_offer_reason_code", ["reason_code"], unique=False)

    op.create_table(
        "retention_outcome",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscription_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "saved",
                "declined",
                "cancelled",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_retention_outcome_customer_id_customer")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["retention_offer.id"], name=op.f("fk_retention_outcome_offer_id_retention_offer")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_retention_outcome_store_id_store")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_retention_outcome_subscription_id_subscription"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_outcome")),
    )
    with op.batch_alter_table("retention_outcome", schema=None) as batch_op:
        batch_op.create_index("ix_retention_outcome_store_id", ["store_id", "at"], unique=False)
        batch_op.create_index("ix_retention_outcome_subscription_id", ["subscription_id"], unique=False)

    # Plain statements: SQLite would otherwise build the table anew and drop the old one under the rows that point at it.
    for column in (
        "price_cycles_left INTEGER NOT NULL DEFAULT 0",
        "regular_unit_price BIGINT",
        "regular_discount_kind VARCHAR(24) CONSTRAINT ck_subscription_regular_discount_kind"
        " CHECK (regular_discount_kind IN ('none', 'percent', 'fixed'))",
        "regular_discount_value BIGINT",
        "regular_shipping BIGINT",
        "regular_tax BIGINT",
        "trial_days INTEGER NOT NULL DEFAULT 0",
        "cancel_after_next BOOLEAN NOT NULL DEFAULT FALSE",
    ):
        op.execute(f"ALTER TABLE subscription ADD COLUMN {column}")
    op.execute("ALTER TABLE subscription DROP COLUMN price_next_only")
    op.create_index(
        "ix_subscription_retry",
        "subscription",
        ["store_id", "retry_on"],
        unique=False,
        sqlite_where=sa.text("retry_on IS NOT NULL"),
        postgresql_where=sa.text("retry_on IS NOT NULL"),
    )
    op.execute("ALTER TABLE subscription_period ADD COLUMN is_missed BOOLEAN NOT NULL DEFAULT FALSE")
    op.execute("ALTER TABLE subscription_period ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")


def downgrade() -> None:
    """There is no way back that keeps what was billed: the backup made before the upgrade is the way back."""
    raise RuntimeError("Restore the backup that was made before the upgrade.")
