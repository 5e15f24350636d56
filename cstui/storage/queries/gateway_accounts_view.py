"""Driver reads of gateway accounts. Loads no SQLAlchemy."""

from __future__ import annotations

import json
from typing import Any

from cstui.domain.gateway_accounts import GatewayAccountRow
from cstui.storage.reader import Reader, Row

_ROWS = """
SELECT a.id, a.store_id, COALESCE(s.code, ''), a.gateway, a.name, a.is_test, a.is_main, a.is_open, a.cut_off, a.zone, a.url, a.secret,
       a.options
FROM gateway_account a LEFT JOIN store s ON s.id = a.store_id
"""
_ALL = _ROWS + "ORDER BY a.gateway, a.name LIMIT 1000"
_AT = _ROWS + "WHERE a.gateway = :gateway ORDER BY a.name LIMIT 1000"


def all_accounts(reader: Reader) -> tuple[GatewayAccountRow, ...]:
    """Every account, by gateway and name. Errors: `DatabaseAway`."""
    return tuple(_row(row) for row in reader.rows(_ALL))


def accounts_at(reader: Reader, gateway: str) -> tuple[GatewayAccountRow, ...]:
    """The accounts at one gateway, by name. Errors: `DatabaseAway`."""
    return tuple(_row(row) for row in reader.rows(_AT, {"gateway": gateway}))


def options_of(text: str) -> dict[str, str]:
    """The options as stored; what cannot be read counts as none."""
    try:
        read: Any = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}


def _row(row: Row) -> GatewayAccountRow:
    key, store_id, store, gateway, name, is_test, is_main, is_open, cut_off, zone, url, secret, options = row
    return GatewayAccountRow(
        key, store_id, store, gateway, name, bool(is_test), bool(is_main), bool(is_open), cut_off, zone, url, secret,
        options_of(options),
    )  # fmt: skip
