"""Drafts: what a person typed and has not saved, kept in the database and offered back."""

from __future__ import annotations

import re
from datetime import timedelta

from cstui.domain.actor import Actor
from cstui.domain.clean import find_card_number
from cstui.domain.errors import InvalidInput, NotFound
from cstui.domain.ids import Kind
from cstui.domain.locking import Draft
from cstui.domain.permissions import Permission
from cstui.storage.database import Database
from cstui.storage.queries import drafts as rows

#: Longest draft that is kept, in characters over all its fields.
LONGEST_DRAFT = 200_000
_DIGIT = re.compile(r"\d(?=(?:\D*\d){4})")
_VIEW = {Kind.CUSTOMER: Permission.CUSTOMER_VIEW, Kind.SUBSCRIPTION: Permission.SUBSCRIPTION_VIEW}


class Drafts:
    """One draft per person and record. Nobody else's is ever read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        actor: Actor,
        kind: Kind,
        record_id: int,
        base_version: int,
        body: dict[str, str],
        why: str = "",
    ) -> None:
        """Keeps the typed text (field path to text) over what was kept before.

        `base_version` is the version that the person began from; `why` says what kept it from being saved. A field that holds a card
        number is kept with its digits masked. Errors: `NotFound`, `InvalidInput` where it is too long.
        """
        if sum(len(path) + len(text) for path, text in body.items()) > LONGEST_DRAFT:
            raise InvalidInput(
                "draft", "", "This is too much text to keep as a draft.", "Shorten it, or save it."
            )
        safe = {path: without_card_numbers(text) for path, text in body.items()}
        with self._database.write() as tx:
            visible = actor.stores(_VIEW.get(kind, Permission.ORDER_VIEW))
            stores = rows.stores_of(tx, kind, record_id)
            if not stores or (visible is not None and not stores & visible):
                raise NotFound(f"There is no such {kind}.", "Check the number.")
            rows.keep(tx, actor.staff_id, kind, record_id, base_version, safe, why)

    def of(self, actor: Actor, kind: Kind, record_id: int) -> Draft | None:
        """The actor's draft of a record, or None."""
        with self._database.read() as tx:
            return rows.of(tx, actor.staff_id, kind, record_id)

    def mine(self, actor: Actor) -> tuple[Draft, ...]:
        """The actor's drafts, the newest first, 50 at most."""
        with self._database.read() as tx:
            return rows.mine(tx, actor.staff_id)

    def drop(self, actor: Actor, kind: Kind, record_id: int) -> None:
        """Forgets the actor's draft of a record; nothing to do is fine."""
        with self._database.write() as tx:
            rows.drop(tx, actor.staff_id, kind, record_id)

    def sweep(self, days: int = 7) -> int:
        """Forgets drafts that nobody has touched for so many days; how many there were."""
        with self._database.write() as tx:
            return rows.drop_older(tx, tx.now - timedelta(days=days))


def without_card_numbers(text: str) -> str:
    """The text as it is, or with every digit but the last four of the text masked where it holds a card number."""
    return text if find_card_number(text) is None else _DIGIT.sub("*", text)
