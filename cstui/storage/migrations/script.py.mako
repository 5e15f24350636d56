"""${message}."""

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Applies this version."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Takes this version back."""
    ${downgrades if downgrades else "pass"}
