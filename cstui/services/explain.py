"""Explaining a charge to the customer on the phone: what it was for, why it was made, and what became of it since (D-18). Nothing is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from cstui.domain.actor import Actor
from cstui.domain.billing_dates import today_in
from cstui.domain.errors import NotFound
from cstui.domain.explain import Explanation, Fit, Wanted, best, explained
from cstui.domain.explain_typed import read_wanted
from cstui.domain.money import Money
from cstui.domain.permissions import Permission
from cstui.services.customer_access import seen_customer
from cstui.services.explain_story import Books
from cstui.storage.database import Database
from cstui.storage.queries import explain as queries
from cstui.storage.queries.subscription_view import steady
from cstui.storage.transaction import Transaction


class Explain:
    """Finds the charge that a caller means, in the stores that the actor sees, and says it in one sentence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def explain(
        self,
        actor: Actor,
        customer_id: int,
        *,
        amount: Money | None = None,
        on: date | None = None,
        last4: str = "",
        reference: str = "",
    ) -> tuple[Explanation, ...]:
        """The charges that fit what the caller reads, best first, five at most; without anything his newest ones.

        A day fits three days around it; an amount fits a charge, the order without its tax or shipping, or the order that was charged in
        parts. Errors: `NotFound`.
        """
        with self._database.read() as tx:
            steady(tx)
            return self._found(tx, actor, customer_id, Wanted(amount, on, last4, reference))

    def typed(self, actor: Actor, customer_id: int, text: str) -> tuple[Explanation, ...]:
        """As `explain`, from one typed line such as `29.00 3 Nov …4242`. Errors: `InvalidInput`, `NotFound`."""
        with self._database.read() as tx:
            steady(tx)
            known = seen_customer(tx, actor, customer_id)
            currency, zone, locale = queries.home(tx, customer_id, known.actor.stores(Permission.ORDER_VIEW))
            month_first = (actor.locale or locale).replace("_", "-") in ("en-US", "")
            wanted = read_wanted(text, currency, today_in(zone, tx.now), month_first=month_first)
            return self._found(tx, actor, customer_id, wanted)

    def currency(self, actor: Actor, customer_id: int) -> str:
        """What an amount is in that names no currency: that of the store where he bought last. Errors: `NotFound`."""
        with self._database.read() as tx:
            known = seen_customer(tx, actor, customer_id)
            return queries.home(tx, customer_id, known.actor.stores(Permission.ORDER_VIEW))[0]

    def of_transaction(self, actor: Actor, customer_id: int, transaction_id: int) -> Explanation:
        """The explanation of one transaction. Errors: `NotFound`."""
        with self._database.read() as tx:
            steady(tx)
            books = self._books(tx, actor, customer_id)
            found = next(
                (one for one in books.movements(transaction_id) if one.transaction_id == transaction_id), None
            )
            if found is None:
                raise NotFound("There is no such transaction here.", "F5 reads the profile again.")
            return explained(found, Fit(0), books.story(found))

    def _found(
        self, tx: Transaction, actor: Actor, customer_id: int, wanted: Wanted
    ) -> tuple[Explanation, ...]:
        books = self._books(tx, actor, customer_id)
        return tuple(
            explained(movement, found, books.story(movement))
            for movement, found in best(wanted, books.movements())
        )

    def _books(self, tx: Transaction, actor: Actor, customer_id: int) -> Books:
        known = seen_customer(tx, actor, customer_id)
        return Books(tx, replace(actor, grants=known.actor.grants), customer_id)
