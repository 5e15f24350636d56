"""The migrations make exactly the schema that the tables describe."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cstui.domain.errors import SchemaNotCurrent
from cstui.storage import schema
from cstui.storage.transaction import Database


def test_the_migrations_make_what_the_tables_describe(db: Database) -> None:
    assert schema.differences(db) == []


def test_a_fresh_database_is_current(db: Database) -> None:
    schema.check(db)
    assert schema.current(db) == schema.newest()


def test_upgrading_twice_does_nothing_the_second_time(db: Database) -> None:
    schema.upgrade(db)
    schema.check(db)


def test_a_database_that_is_newer_than_the_program_is_refused(db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(SchemaNotCurrent, match="newer than this program"):
        schema.check(db)


def test_the_database_itself_refuses_a_status_that_does_not_exist(db: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), db.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO audit_chain (store_id, day, seq, head, opening) VALUES (1, '2026-01-01', NULL, '', '')"
            )
        )
