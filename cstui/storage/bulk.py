"""Bulk loading of prepared rows: imports, demo data and the search index, tens of times faster than row objects.

    keys = reserve_keys(tx, ORDERS, len(batch))
    bulk_insert(tx, ORDERS, ((key, …) for key, … in zip(keys, batch)), ("id", "store_id", …))

SQLite: `executemany` inside the caller's transaction. PostgreSQL: COPY. Filling an empty database goes faster still inside
`without_indexes`, which builds the indexes once at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from itertools import islice, repeat
from typing import Any

import sqlalchemy as sa
from pydantic_core import PydanticUndefined
from sqlmodel.sql.sqltypes import UTCDateTime

from cstui.storage.tables.base import Base
from cstui.storage.transaction import Database, Transaction

#: Rows handed to SQLite's driver at a time: enough to be fast, few enough to stay small in memory.
CHUNK = 10_000
_RESERVED = "cstui_reserved_keys"
#: KiB of pages that a loading SQLite connection may keep.
_MANY_PAGES = 32_768
_RUNS_LONG = "cstui_runs_long"
_PLAIN_NAME = re.compile(r"\w+")


def reserve_keys(transaction: Transaction, table: sa.Table, count: int) -> Sequence[int]:
    """That many fresh primary keys, ascending, that nobody else will get; gaps between calls are harmless.

    SQLite: the keys hold inside this transaction only. The table has one integer key, called `id`.
    """
    if count <= 0:
        return range(0)
    if transaction.is_sqlite:
        taken: dict[str, int] = transaction.session.info.setdefault(_RESERVED, {})
        highest = transaction.rows(sa.select(sa.func.max(table.c.id)))[0][0] or 0
        first = max(highest, taken.get(table.name, 0)) + 1
        taken[table.name] = first + count - 1
        return range(first, first + count)
    found = transaction.rows(
        sa.text(
            "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, CAST(:count AS bigint))"
        ),
        {"name": table.name, "count": count},
    )
    keys = [int(row[0]) for row in found]
    return range(keys[0], keys[-1] + 1) if keys[-1] - keys[0] + 1 == count else keys


def bulk_insert(
    transaction: Transaction, table: sa.Table, rows: Iterable[Sequence[Any]], columns: Sequence[str]
) -> int:
    """Stores rows of values in the order of `columns`; returns how many. The rows may come from a generator.

    Values are those that the column types take (aware datetimes, enum members, bools). Columns that are left out get the model's default.
    Errors: `LookupError` for a value that its enum does not know; the driver's errors for a broken constraint.
    """
    constants = _defaults(table, set(columns))
    names = (*columns, *constants)
    # The caller's pending row objects come first: a bulk row may point at them.
    transaction.session.flush()
    # While PostgreSQL copies, its connection answers nothing else; a generator may well ask for the time of its rows.
    _ = transaction.now
    turns = _turns(transaction, table, names)
    given = len(columns)
    fixed = [turn(value) for turn, value in zip(turns[given:], constants.values(), strict=True)]
    prepared = _prepared(rows, [None if turn is _unturned else turn for turn in turns[:given]], fixed)
    if transaction.is_sqlite:
        return _sqlite_insert(transaction, table, names, prepared)
    return _copy(transaction, table, names, prepared)


def insert_missing(transaction: Transaction, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Stores rows of all of the table's columns; one that is there already (by a key) is left as it is.

    For tables of plain numbers and texts: values go to the driver as they are.
    """
    if not rows:
        return
    connection = transaction.session.connection()
    into = f"INSERT INTO {table.name} ({', '.join(_quoted(column.name) for column in table.columns)})"
    if transaction.is_sqlite:
        marks = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(f"{into} VALUES ({marks}) ON CONFLICT DO NOTHING", list(rows))
        return
    # One statement with an array a column, instead of one statement a row.
    kinds = (column.type.compile(connection.dialect).partition(" COLLATE")[0] for column in table.columns)
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    values = tuple(list(column) for column in zip(*rows, strict=True))
    connection.exec_driver_sql(f"{into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING", values)


def _defaults(table: sa.Table, given: set[str]) -> dict[str, Any]:
    """Constant values of NOT NULL columns that the caller leaves out, from the model."""
    left_out = [c.name for c in table.columns if c.name not in given and not c.nullable]
    if not left_out:
        return {}
    fields: dict[str, Any] = next(
        (m.class_.model_fields for m in Base._sa_registry.mappers if m.local_table is table),
        {},
    )
    return {
        name: fields[name].default
        for name in left_out
        if name in fields and fields[name].default not in (None, PydanticUndefined)
    }


def _turns(transaction: Transaction, table: sa.Table, names: Sequence[str]) -> list[Callable[[Any], Any]]:
    """For each column what makes its values those that the driver takes; `_unturned` where they are that already."""
    dialect = transaction.session.connection().dialect
    turns: list[Callable[[Any], Any]] = []
    for name in names:
        kind = table.c[name].type
        turn = kind.dialect_impl(dialect).bind_processor(dialect)
        turns.append(_unturned if turn is None else _quick_turn(kind, turn, transaction.is_sqlite))
    return turns


def _unturned(value: Any) -> Any:
    return value


class _Turned(dict[Any, Any]):
    """What values were turned into; one that is not known yet is turned by `turn`."""

    def __init__(self, turn: Callable[[Any], Any], known: Iterable[Any]) -> None:
        super().__init__((value, turn(value)) for value in known)
        self._turn = turn

    def __missing__(self, value: Any) -> Any:
        return self._turn(value)


def _quick_turn(kind: Any, turn: Callable[[Any], Any], is_sqlite: bool) -> Callable[[Any], Any]:
    """The type's own `turn`, with a short way for its usual values: they are most of the time that loading takes."""
    if isinstance(kind, sa.Enum):
        return _Turned(turn, kind.enum_class or ()).__getitem__
    if is_sqlite and isinstance(kind, sa.Boolean):
        return _Turned(turn, (False, True)).__getitem__
    if is_sqlite and isinstance(kind, UTCDateTime):
        return _instant_turn(turn)
    return turn


def _instant_turn(turn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Instants as SQLite has them; neighbouring rows mostly hold the very same one."""
    last: Any = None
    text: Any = None

    def turned(value: Any) -> Any:
        nonlocal last, text
        if value is None:
            return None
        if value is not last:
            usual = value.tzinfo is UTC
            text = value.replace(tzinfo=None).isoformat(" ", "microseconds") if usual else turn(value)
            last = value
        return text

    return turned


def _prepared(
    rows: Iterable[Sequence[Any]], turns: Sequence[Callable[[Any], Any] | None], fixed: Sequence[Any]
) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows as the driver takes them, in chunks: constants appended, instants and enums turned into what is stored."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        if not fixed and not any(turns):
            yield chunk
            continue
        # Column by column: one call of C code a column instead of a Python loop a row.
        columns: list[Iterable[Any]] = [
            column if turn is None else map(turn, column)
            for column, turn in zip(zip(*chunk, strict=True), turns, strict=True)
        ]
        columns += [repeat(value, len(chunk)) for value in fixed]
        yield list(zip(*columns, strict=True))


def _sqlite_insert(
    transaction: Transaction, table: sa.Table, names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]
) -> int:
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {table.name} ({', '.join(_quoted(n) for n in names)}) VALUES ({marks})"
    cursor: Any = transaction.session.connection().connection.cursor()
    stored = 0
    try:
        for chunk in chunks:
            cursor.executemany(sql, chunk)
            stored += len(chunk)
    finally:
        cursor.close()
    return stored


def _copy(
    transaction: Transaction, table: sa.Table, names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]
) -> int:
    let_run_long(transaction)
    sql = f"COPY {table.name} ({', '.join(_quoted(n) for n in names)}) FROM STDIN"
    cursor: Any = transaction.session.connection().connection.cursor()
    stored = 0
    try:
        with cursor.copy(sql) as copy:
            for chunk in chunks:
                for row in chunk:
                    copy.write_row(row)
                stored += len(chunk)
    finally:
        cursor.close()
    return stored


def let_run_long(transaction: Transaction) -> None:
    """Lifts the time limits of a desk for this transaction: loading and building indexes may take minutes.

    SQLite: the connection may keep more pages at hand from now on, as its trees are written all over.
    """
    if transaction.session.info.get(_RUNS_LONG):
        return
    transaction.session.info[_RUNS_LONG] = True
    if transaction.is_sqlite:
        transaction.session.connection().exec_driver_sql(f"PRAGMA cache_size = -{_MANY_PAGES}")
        return
    for setting in (
        "statement_timeout = 0",
        "idle_in_transaction_session_timeout = 0",
        "maintenance_work_mem = '256MB'",
    ):
        transaction.session.connection().exec_driver_sql(f"SET LOCAL {setting}")


@contextmanager
def without_indexes(database: Database, tables: Iterable[sa.Table]) -> Iterator[None]:
    """Drops the tables' indexes (not primary keys, nor UNIQUE constraints) for the block and builds them again afterwards, also when
    the block raises.

    For filling an empty database only: meanwhile every other desk reads slowly, and uniqueness is checked at the end. A process killed
    inside it leaves indexes missing; `restore_indexes` builds what is missing.
    """
    wanted = list(tables)
    with database.write() as transaction:
        let_run_long(transaction)
        for table in wanted:
            for index in table.indexes:
                transaction.run(sa.schema.DropIndex(index, if_exists=True))
    try:
        yield
    finally:
        restore_indexes(database, wanted)


def restore_indexes(database: Database, tables: Iterable[sa.Table] | None = None) -> None:
    """Builds every index that the schema has and the database has not; then refreshes the planner's figures."""
    for table in Base.metadata.sorted_tables if tables is None else tables:
        with database.write() as transaction:
            let_run_long(transaction)
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                transaction.run(sa.schema.CreateIndex(index, if_not_exists=True))
            transaction.session.connection().exec_driver_sql(f"ANALYZE {_quoted(table.name)}")


def _quoted(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a column")
    return f'"{name}"'
