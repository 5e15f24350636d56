"""Retention: the merchant's offers for reasons to cancel, the one that fits, accepting it, and how wishes to cancel ended (RETN-01 … RETN-04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import InvalidInput, NotFound, UsageError
from cstui.domain.ids import Kind
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.retention import NewOffer, OfferKind, OfferRow, RetentionCount, checked_offer
from cstui.services.access import not_permitted, require, require_visible
from cstui.storage.database import Database
from cstui.storage.queries import audit, stores
from cstui.storage.queries import retention as queries
from cstui.storage.queries.settings_view import reasons
from cstui.storage.transaction import Transaction


class Retention:
    """Offers to stay. They are the merchant's settings, and the same for agents and for self-service (RETN-02)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Settings.

    def offers(self, actor: Actor, store_id: int | None = None) -> tuple[OfferRow, ...]:
        """The offers in force in a store; without one every active offer of the stores that the person sees.

        A store's own offers for a reason stand in for the organisation's. Errors: `NotPermitted`.
        """
        if not actor.may_somewhere(Permission.SUBSCRIPTION_VIEW) or (
            store_id is not None and not actor.may(Permission.SUBSCRIPTION_VIEW, store_id)
        ):
            raise not_permitted(Permission.SUBSCRIPTION_VIEW)
        with self._database.read() as tx:
            if store_id is not None:
                rows = queries.in_force(tx, store_id)
            else:
                rows = queries.all_offers(tx, actor.stores(Permission.SUBSCRIPTION_VIEW))
        return self._labelled(rows)

    def set_offer(self, actor: Actor, new: NewOffer, save_id: str = "") -> OfferRow:
        """Sets what is offered for a reason; it takes the place of the former offer of that kind for it.

        Errors: `NotPermitted`, `NotFound` (the store), `InvalidFields` naming each field, `InvalidInput` for a reason that is not in the list or a
        product that the store does not sell.
        """
        new = checked_offer(new)
        labels = self._reasons(new.store_id)
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, new.store_id)
            if new.store_id is not None:
                stores.require_known(tx, new.store_id)
            if new.reason_code not in labels:
                raise InvalidInput(
                    "reason",
                    new.reason_code,
                    f"“{new.reason_code[:60]}” is not a reason here.",
                    f"Use one of: {', '.join(labels)}.",
                )
            if new.product_id is not None:
                _require_sold(tx, new.product_id, new.store_id)
            old = queries.retire(tx, actor, new.store_id, new.reason_code, new.kind)
            offer_id = queries.add(tx, actor, new)
            row = queries.offer(tx, offer_id)
            assert row is not None, "it was just stored"
            _report(tx, actor, row, "retention offer set", old.words if old else "", row.words, save_id)
        return replace(row, reason=labels[row.reason_code])

    def remove_offer(
        self, actor: Actor, reason_code: str, kind: OfferKind, store_id: int | None = None, save_id: str = ""
    ) -> OfferRow:
        """Takes an offer away; what was counted with it stays. Errors: `NotPermitted`, `NotFound`."""
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, store_id)
            row = queries.retire(tx, actor, store_id, reason_code, kind)
            if row is None:
                raise NotFound(
                    f"There is no {kind} offer for “{reason_code[:60]}” here.",
                    "“cstui retention offers” shows them.",
                )
            _report(tx, actor, row, "retention offer removed", row.words, "", save_id)
        return replace(row, is_active=False)

    def product_named(self, actor: Actor, store_id: int, sku: str, option: str | None = None) -> int:
        """The id of a product that the store sells, by its stock number and, where several have it, the option.

        Errors: `NotFound`, `UsageError` naming the options.
        """
        require_visible(actor, Permission.SUBSCRIPTION_VIEW, store_id, "such store")
        with self._database.read() as tx:
            found = queries.products_named(tx, store_id, sku)
        if option is not None:
            found = tuple(row for row in found if row.option.casefold() == option.strip().casefold())
        if not found:
            raise NotFound(
                f"This store does not sell “{sku[:60]}”.", "Check the stock number and the option."
            )
        if len(found) > 1:
            names = ", ".join(row.option or row.name for row in found)
            raise UsageError(
                f"{len(found)} products have the stock number {sku[:60]}.", f"Name one: {names}."
            )
        return found[0].id

    # Reports.

    def counts(
        self, actor: Actor, since: datetime, store_id: int | None = None
    ) -> tuple[RetentionCount, ...]:
        """How wishes to cancel ended since an instant, per store and reason, in the stores that the person sees.

        A save counts where the subscription lives, or was billed at least once after it. Errors: `NotPermitted`.
        """
        seen = actor.stores(Permission.SUBSCRIPTION_VIEW)
        if seen is not None and (not seen or (store_id is not None and store_id not in seen)):
            raise not_permitted(Permission.SUBSCRIPTION_VIEW)
        with self._database.read() as tx:
            rows = queries.counts(tx, seen if store_id is None else frozenset({store_id}), since)
            ids = {store.code: store.id for store in stores.rows(tx)}
        labels = {code: self._reasons(ids[code]) for code in {row.store for row in rows}}
        return tuple(replace(row, reason=labels[row.store].get(row.reason, row.reason)) for row in rows)

    # What both need.

    def _reasons(self, store_id: int | None) -> dict[str, str]:
        kind = ReasonKind.SUBSCRIPTION_CANCEL
        return dict(reasons(self._database.reader, kind, store_id)) or dict(STARTERS[kind])

    def _labelled(self, rows: Iterable[OfferRow]) -> tuple[OfferRow, ...]:
        labels: dict[int | None, dict[str, str]] = {}
        found = []
        for row in rows:
            of_store = labels.setdefault(row.store_id, {}) or self._reasons(row.store_id)
            labels[row.store_id] = of_store
            found.append(replace(row, reason=of_store.get(row.reason_code, row.reason_code)))
        return tuple(found)


def _require_sold(tx: Transaction, product_id: int, store_id: int | None) -> None:
    product = queries.product(tx, product_id)
    if product is None or product.store_id != store_id or not product.is_active:
        raise InvalidInput(
            "product", str(product_id), "This store does not sell that product.", "Choose one of its own."
        )


def _report(
    tx: Transaction, actor: Actor, row: OfferRow, action: str, old: str, new: str, save_id: str
) -> None:
    change = Change(f"retention.{row.reason_code}.{row.kind}", old, new)
    tx.publish("saved", Kind.SETTING, row.id)
    audit.append(
        tx,
        audit.NewEvent(
            actor, row.store_id or audit.ORGANISATION, Kind.SETTING, row.id, action, (change,), save_id=save_id
        ),
    )  # fmt: skip
