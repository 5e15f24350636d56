"""Driver reads of settings and of the reason lists. Loads no SQLAlchemy."""

from __future__ import annotations

from cstui.domain.reasons import ReasonKind
from cstui.storage.reader import Reader

_SETTINGS = "SELECT key, store_id, value FROM setting LIMIT 20000"
_REASONS = """
SELECT code, label, store_id, is_active FROM reason
WHERE kind = :kind AND (store_id IS NULL OR store_id = :store_id)
ORDER BY position, id
LIMIT 500
"""


def stored_settings(reader: Reader) -> list[tuple[str, int | None, str]]:
    """Every stored (key, store or None, JSON). Errors: `DatabaseAway`."""
    return [(key, store_id, value) for key, store_id, value in reader.rows(_SETTINGS)]


def reasons(reader: Reader, kind: ReasonKind, store_id: int | None) -> list[tuple[str, str]]:
    """Code and label of one list, in order; a store's own entry stands in for the organisation's of the same code."""
    rows = reader.rows(_REASONS, {"kind": kind.value, "store_id": -1 if store_id is None else store_id})
    own = {
        code: (label, bool(is_active)) for code, label, of_store, is_active in rows if of_store is not None
    }
    found: dict[str, str] = {}
    for code, label, _of_store, is_active in rows:
        shown, active = own.get(code, (label, bool(is_active)))
        if active:
            found.setdefault(code, shown)
    return list(found.items())
