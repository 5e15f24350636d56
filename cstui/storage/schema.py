"""Making, upgrading and checking the schema with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cstui.domain.errors import SchemaNotCurrent
from cstui.storage.transaction import Database, away_in_words


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config


def newest() -> str:
    """The schema version that this program works with."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(database: Database) -> str:
    """The schema version of the database; empty for a fresh one.

    Errors: `DatabaseAway`.
    """
    with database.read() as transaction:
        return MigrationContext.configure(transaction.session.connection()).get_current_revision() or ""


def upgrade(database: Database) -> None:
    """Brings the schema to the newest version; does nothing where it is current. Killed half way, a second run finishes it."""
    with away_in_words(database.url), database.engine.connect() as connection:
        command.upgrade(_config(connection), "head")


def check(database: Database) -> None:
    """Passes where program and database have the same schema.

    Errors: `SchemaNotCurrent` with what to do.
    """
    found, wanted = current(database), newest()
    if found == wanted:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found and found not in known:
        raise SchemaNotCurrent(
            "The database is newer than this program.", "Please upgrade cstui.", found=found, wanted=wanted
        )
    advice = (
        "Run “cstui db upgrade”; a backup is made first."
        if found
        else "Run “cstui init” or “cstui db upgrade”."
    )
    raise SchemaNotCurrent("The database needs an upgrade first.", advice, found=found, wanted=wanted)


def draft_migration(database: Database, message: str) -> None:
    """Writes a migration for what the tables have and the database has not (for engineers)."""
    with database.engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def differences(database: Database) -> list[Any]:
    """What the tables have and the database has not; empty when both agree."""
    from alembic.autogenerate import compare_metadata

    from cstui.storage.tables import Base

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))
