"""Reason lists: read by panels with a letter each, changed by permission, audited. Reading is light."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.calls import Reason
from cstui.domain.errors import DatabaseAway, NotFound
from cstui.domain.ids import Kind
from cstui.domain.permissions import Permission
from cstui.domain.reasons import ReasonKind, checked_reason
from cstui.storage.database import Database
from cstui.storage.queries.settings_view import reasons
from cstui.storage.reader import Interrupted


class Reasons:
    """Why something was done, as codes and labels; a store may replace, add or retire entries of the organisation's list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, kind: ReasonKind, store_id: int | None = None) -> tuple[Reason, ...]:
        """The list as a panel shows it, in its order. Errors: `DatabaseAway`."""
        for _ in range(5):
            try:
                return tuple(Reason(*entry) for entry in reasons(self._database.reader, kind, store_id))
            except Interrupted:
                continue
        raise DatabaseAway("The reasons could not be read.", "Try again in a moment.")

    def put(
        self,
        actor: Actor,
        kind: ReasonKind,
        code: str,
        label: str,
        store_id: int | None = None,
        save_id: str = "",
    ) -> tuple[Reason, ...]:
        """Adds an entry, or gives one with that code another label; for the organisation or for one store.

        Errors: `NotPermitted`, `InvalidInput`, `NotFound` (the store).
        """
        code, label = checked_reason(code, label)
        self._change(actor, kind, code, store_id, label, save_id)
        return self.of(kind, store_id)

    def retire(
        self, actor: Actor, kind: ReasonKind, code: str, store_id: int | None = None, save_id: str = ""
    ) -> tuple[Reason, ...]:
        """Takes an entry out of the list; what was recorded with it keeps it. Errors: `NotPermitted`, `NotFound`."""
        self._change(actor, kind, code, store_id, None, save_id)
        return self.of(kind, store_id)

    def _change(
        self, actor: Actor, kind: ReasonKind, code: str, store_id: int | None, label: str | None, save_id: str
    ) -> None:
        from cstui.services.access import require
        from cstui.storage.queries import audit, stores
        from cstui.storage.queries import reasons as queries

        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            if store_id is not None:
                stores.require_known(tx, store_id)
            mine = queries.stored(tx, kind, code, store_id)
            general = mine or queries.stored(tx, kind, code, None)
            if label is None and (general is None or not general.is_active):
                raise NotFound(f"There is no reason “{code}” in this list.", "Check the code.")
            position = general.position if general else queries.last_position(tx, kind) + 1
            new_label = label if label is not None else general.label if general else code
            record = queries.put(
                tx, kind, code, store_id, label=new_label, position=position, is_active=label is not None
            )
            old = general.label if general is not None and general.is_active else ""
            change = Change(f"{kind.value}.{code}", old, label or "")
            action = "reason retired" if label is None else "reason set"
            tx.publish("saved", Kind.SETTING, record)
            audit.append(
                tx,
                audit.NewEvent(
                    actor, store_id or audit.ORGANISATION, Kind.SETTING, record, action, (change,), save_id=save_id
                ),
            )  # fmt: skip
