"""Stores: adding and listing them (GEN-01, GEN-02)."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import Conflict
from cstui.domain.ids import Kind
from cstui.domain.permissions import Permission
from cstui.domain.stores import NewStore, StoreRow, checked
from cstui.services.access import require
from cstui.storage.database import Database
from cstui.storage.queries import audit, reasons, stores


class Stores:
    """The shops of the organisation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, actor: Actor, store: NewStore, save_id: str = "") -> StoreRow:
        """Adds a store; the first one brings the starter reason lists with it.

        Errors: `NotPermitted`, `InvalidFields` naming each field, `Conflict` where the code is taken.
        """
        new = checked(store)
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.STORE_MANAGE, None)
            store_id = stores.add(tx, new)
            if store_id is None:
                raise _taken(new.code)
            reasons.seed(tx)
            facts = {"code": new.code, "name": new.name, "currency": new.currency, "zone": new.zone, "country": new.country,
                     "order_prefix": new.order_prefix}  # fmt: skip
            changes = tuple(Change(path, "", value) for path, value in facts.items() if value)
            tx.publish("saved", Kind.STORE, store_id)
            audit.append(
                tx,
                audit.NewEvent(
                    actor, store_id, Kind.STORE, store_id, "store added", changes, save_id=save_id
                ),
            )
            return stores.known(tx, new.code)

    def list(self, actor: Actor) -> tuple[StoreRow, ...]:
        """The stores in which the person holds any role, by code."""
        with self._database.read() as tx:
            return stores.rows(tx, _of(actor))

    def by_code(self, actor: Actor, code: str) -> StoreRow:
        """The store with this code.

        Errors: `NotFound` with the command that adds it, also for a store that the person may not see.
        """
        with self._database.read() as tx:
            found = stores.known(tx, code)
        mine = _of(actor)
        if mine is not None and found.id not in mine:
            raise stores.unknown(code)
        return found


def _taken(code: str) -> Conflict:
    return Conflict(f"There is a store “{code}” already.", "Choose another code.", store=code)


def _of(actor: Actor) -> frozenset[int] | None:
    """The stores in which a person holds any role; None for all."""
    if any(grant.store_id is None for grant in actor.grants):
        return None
    return frozenset(grant.store_id for grant in actor.grants if grant.store_id is not None)
