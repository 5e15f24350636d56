"""What all tables share: naming of constraints, key and time types, enums that the database itself checks."""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: Key type: 64 bits everywhere; on SQLite the plain INTEGER that is the row id itself.
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Base(SQLModel):
    """Root of every table."""

    metadata = sa.MetaData(naming_convention=NAMING)


def key() -> Any:
    """The table's own primary key."""
    return Field(default=None, sa_type=Key, primary_key=True)


def ref(target: str, *, nullable: bool = False, index: bool = False) -> Any:
    """A foreign key to `table.column`."""
    column_type: Any = Key
    if nullable:
        return Field(default=None, sa_type=column_type, foreign_key=target, nullable=True, index=index)
    return Field(sa_type=column_type, foreign_key=target, nullable=False, index=index)


def minor(default: int | None = 0) -> Any:
    """An amount in minor units, 64 bits."""
    if default is None:
        return Field(default=None, sa_type=sa.BigInteger, nullable=True)
    return Field(default=default, sa_type=sa.BigInteger, nullable=False)


def when(*, nullable: bool = False) -> Any:
    """An aware UTC instant."""
    if nullable:
        return Field(default=None, sa_type=UTCDateTime, nullable=True)
    return Field(sa_type=UTCDateTime, nullable=False)


def words(default: str = "") -> Any:
    """Text that is never NULL."""
    return Field(default=default, sa_type=sa.Text, nullable=False)


def one_of(enum: type[StrEnum], name: str, *, default: StrEnum | None = None, nullable: bool = False) -> Any:
    """An enum stored as its value, refused by Python and by a CHECK constraint when it is not one."""
    column_type = sa.Enum(
        enum,
        native_enum=False,
        length=24,
        values_callable=lambda members: [member.value for member in members],
        validate_strings=True,
        create_constraint=True,
        name=name,
    )
    if default is None and not nullable:
        return Field(sa_column=sa.Column(column_type, nullable=False))
    return Field(default=default, sa_column=sa.Column(column_type, nullable=nullable))


def table_of(model: type[SQLModel]) -> sa.Table:
    """The Core table of a model: statements are written over `TABLE.c.column`."""
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    return table
