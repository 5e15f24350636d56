"""Collects rows table by table, with keys allotted from 1, so that rows can point at each other before any is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from pydantic_core import PydanticUndefined
from sqlmodel import SQLModel

from cstui.storage.tables.base import table_of


class Rows:
    """Rows by table. A column that is not named takes the table's default; one without a default must be named."""

    def __init__(self) -> None:
        self._rows: dict[type[SQLModel], list[dict[str, Any]]] = {}
        self._kept: dict[type[SQLModel], tuple[list[dict[str, Any]], dict[str, Any]]] = {}

    def add(self, model: type[SQLModel], **values: Any) -> int:
        """Adds a row and returns its key (0 for a table without a key of its own).

        Errors: `KeyError` for a column that the table has not.
        """
        kept = self._kept.get(model)
        if kept is None:
            kept = self._kept[model] = (self._rows.setdefault(model, []), _defaults_of(model))
        rows, defaults = kept
        row = {**defaults, **values}
        if len(row) != len(defaults):
            raise KeyError(f"{model.__name__} has no {sorted(set(row) - set(defaults))}")
        if "id" in row:
            row["id"] = key = len(rows) + 1
        else:
            key = 0
        rows.append(row)
        return key

    def change(self, model: type[SQLModel], key: int, **values: Any) -> None:
        """Changes columns of a row that was added before."""
        self._rows[model][key - 1].update(values)

    def row(self, model: type[SQLModel], key: int) -> dict[str, Any]:
        """A row as it stands."""
        return self._rows[model][key - 1]

    def of(self, model: type[SQLModel]) -> list[dict[str, Any]]:
        """All rows of a table, in the order of their keys."""
        return self._rows.get(model, [])

    def tables(self) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
        """Every table that has rows, referenced ones first."""
        by_table = {table_of(model): rows for model, rows in self._rows.items()}
        metadata = next(iter(by_table)).metadata
        for table in metadata.sorted_tables:
            if table in by_table:
                yield table, by_table[table]


def _defaults_of(model: type[SQLModel]) -> dict[str, Any]:
    return {
        name: None if field.default is PydanticUndefined else field.default
        for name, field in model.model_fields.items()
    }
