"""Retention: the merchant's offers for reasons to cancel, the one that fits, accepting it, and how wishes to cancel ended (RETN-01 … RETN-04)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.billing_dates import today_in
from cstui.domain.errors import InvalidInput, NotFound, NotPossibleNow, UsageError
from cstui.domain.ids import Kind
from cstui.domain.locking import Grip, LockRules
from cstui.domain.permissions import Permission
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.retention import (
    NewOffer,
    OfferKind,
    OfferPreview,
    OfferRow,
    RetentionCount,
    RetentionResult,
    checked_offer,
)
from cstui.domain.retention_plan import Standing, accepted, fitting, preview
from cstui.domain.subscriptions import SubscriptionView
from cstui.services import subscription_saving as saving
from cstui.services.access import not_permitted, require, require_visible
from cstui.services.subscription_saving import HeldSubscription, Told
from cstui.storage.database import Database
from cstui.storage.queries import audit, stores, subscriptions
from cstui.storage.queries import retention as queries
from cstui.storage.queries.order_view import Looker
from cstui.storage.queries.settings_view import reasons
from cstui.storage.transaction import Transaction


class Retention:
    """Offers to stay. They are the merchant's settings, and the same for agents and for self-service (RETN-02)."""

    def __init__(
        self,
        database: Database,
        opened: Callable[[Actor, int], SubscriptionView] | None = None,
        told: Told | None = None,
    ) -> None:
        self._database = database
        self._opened = opened
        self._told = told

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
            found = tuple(row for row in found if row[2].casefold() == option.strip().casefold())
        if not found:
            raise NotFound(
                f"This store does not sell “{sku[:60]}”.", "Check the stock number and the option."
            )
        if len(found) > 1:
            names = ", ".join(of_option or name for _, name, of_option in found)
            raise UsageError(
                f"{len(found)} products have the stock number {sku[:60]}.", f"Name one: {names}."
            )
        return found[0][0]

    # The call.

    def offers_for(self, actor: Actor, subscription_id: int) -> Mapping[str, OfferPreview]:
        """The one offer that fits each reason, by the reason's code: read once, before anybody is asked why (RETN-04). Errors: `NotFound`."""
        with self._database.read() as tx:
            row = saving.seen(tx, actor, subscription_id)
            rows = self._labelled(queries.in_force(tx, row.store_id))
            standing = standing_of(tx, row, rows)
        found = {
            code: fitting(standing, [offer for offer in rows if offer.reason_code == code])
            for code in dict.fromkeys(offer.reason_code for offer in rows)
        }
        return {code: offer for code, offer in found.items() if offer is not None}

    def offer_for(self, actor: Actor, subscription_id: int, reason_code: str) -> OfferPreview | None:
        """The one offer that fits a reason, with what it saves; None where none does. Errors: `NotFound`."""
        return self.offers_for(actor, subscription_id).get(reason_code)

    def accept(
        self, actor: Actor, subscription_id: int, grip: Grip, offer_id: int, reason_code: str, save_id: str
    ) -> SubscriptionView:
        """Does what was offered, under the subscription's lock, and counts the save (RETN-03). A planned end is taken back.

        The offer is the merchant's own: the right to change prices is not asked for. Errors: `NotPossibleNow` where it is not made any more or
        does not fit any more, `LockBroken`, `RecordChanged`, `NotFound`, `NotPermitted`.
        """
        with self._database.write(save_id) as tx:
            row = saving.seen(tx, actor, subscription_id)
            require(tx, actor, Permission.SUBSCRIPTION_UPDATE, row.store_id)
            held = saving.held(tx, actor, subscription_id, grip, save_id, self._told)
            if held is not None:
                self._accept(held, offer_id, reason_code)
            if self._opened is None:
                return saving.view_of(tx, Looker(actor, LockRules().lease), subscription_id)
        return self._opened(actor, subscription_id)

    def _accept(self, held: HeldSubscription, offer_id: int, reason_code: str) -> None:
        tx, row = held.tx, held.row
        made = {offer.id: offer for offer in queries.in_force(tx, row.store_id, reason_code)}
        offer = made.get(offer_id)
        if offer is None:
            raise NotPossibleNow("This offer is not made any more.", "Ask for the reason again.")
        standing = standing_of(tx, row, (offer,))
        to = accepted(standing, offer) if preview(standing, offer) is not None else None
        if to is None:
            raise NotPossibleNow(
                "This offer does not fit this subscription any more.", "Ask for the reason again."
            )
        label = self._reasons(row.store_id).get(reason_code, reason_code)
        # Counted first: the history's event comes last, because it locks the head of its chain.
        queries.record(tx, held.actor, row, reason_code, RetentionResult.SAVED, offer.id)
        is_harmless = offer.kind is OfferKind.PAUSE
        saving.write(held, to, "offer accepted", f"{label}: {offer.words}", is_harmless=is_harmless)

    def cancelled(
        self,
        tx: Transaction,
        actor: Actor,
        store_id: int,
        subscription_id: int,
        customer_id: int,
        reason_code: str,
        declined_offer_id: int | None = None,
    ) -> None:
        """Counts a cancellation that is being stored in this transaction: with the offer that was declined, where one was made.

        An offer that is not one of the store's for that reason is not counted as declined.
        """
        made = queries.offer(tx, declined_offer_id) if declined_offer_id is not None else None
        was_made = made is not None and made.reason_code == reason_code and made.store_id in (None, store_id)
        outcome = RetentionResult.DECLINED if was_made else RetentionResult.CANCELLED
        of = queries.Of(store_id, subscription_id, customer_id)
        queries.record(tx, actor, of, reason_code, outcome, declined_offer_id if was_made else None)

    # Reports.

    def counts(
        self, actor: Actor, since: datetime, store_id: int | None = None
    ) -> tuple[RetentionCount, ...]:
        """How wishes to cancel ended since an instant, per store and reason, in the stores that the person sees.

        A save counts where the subscription lives, or was billed at least once after it; a cancellation where it holds, once. Errors: `NotPermitted`.
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
    if store_id is None or subscriptions.product(tx, store_id, product_id=product_id) is None:
        raise InvalidInput(
            "product", str(product_id), "This store does not sell that product.", "Choose one of its own."
        )


def standing_of(tx: Transaction, row: Any, offers: Iterable[OfferRow]) -> Standing:
    """What a subscription's row brings to the question which of these offers fits."""
    products = {
        offer.product_id: found
        for offer in offers
        if offer.product_id is not None
        and (found := subscriptions.product(tx, row.store_id, product_id=offer.product_id)) is not None
    }
    facts = subscriptions.facts_of(row)
    return Standing(facts, today_in(row.zone, tx.now), tx.now, queries.last_save(tx, row.id), products)


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
