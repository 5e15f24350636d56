"""The embedded sandbox as the contract's bench, and what its own tests do to its books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import Account, Ask, CardRef, Operation
from cstui.domain.sandbox import SandboxCardRow
from cstui.services.gateways.base import Gateway
from cstui.services.gateways.sandbox import Sandbox
from cstui.storage.queries import sandbox as books
from cstui.storage.tables.base import table_of
from cstui.storage.tables.sandbox import SandboxCard, SandboxFault, SandboxTransaction
from cstui.storage.transaction import Database
from tests.gateways.contract import Bench

LINE = table_of(SandboxTransaction)
#: How the contract's faults are called here; several together act one of them out.
_FAULTS: dict[str, tuple[tuple[str, int], ...]] = {
    "hang_before": (("timeout_before", 0),), "hang_after": (("timeout_after", 0),), "drop_after": (("timeout_after", 0),),
    "slow_effect": (("timeout_after", 0), ("lag", 600)), "refuse": (("not_sent", 0),), "busy_429": (("busy", 0),),
}  # fmt: skip


class SandboxBench(Bench):
    """One account of the sandbox in a database of its own."""

    faults = frozenset(_FAULTS)

    def __init__(self, database: Database, name: str = "main", **options: str) -> None:
        self.database = database
        self.name = name
        self._sandbox = Sandbox(Account("sandbox", name, is_test=True, options=options), database)
        self._cards = 0
        self.keep("pays", "")
        self.keep("declines", "decline")

    @property
    def gateway(self) -> Gateway:
        return self._sandbox

    def keep(self, vault: str, behaviour: str, **facts: Any) -> CardRef:
        """A card in the vault that behaves like this."""
        row = SandboxCardRow(self.name, vault, "", "Visa", "4242", 12, 2099, behaviour)
        with self.database.write() as tx:
            books.keep(tx, replace(row, **facts))
        return CardRef(vault)

    def card(self) -> CardRef:
        return CardRef("pays")

    def declining_card(self) -> tuple[CardRef, int]:
        return CardRef("declines"), 12_50

    def new_card(self) -> tuple[Ask, TypedCard | None]:
        self._cards += 1
        ask = self.ask(Operation.VAULT_ADD, 0, customer=f"customer-{self._cards}")
        return ask, TypedCard("4111111111111111", 12, 2099, "123")

    def fault(self, name: str) -> None:
        for fault, seconds in _FAULTS[name]:
            self.play(fault, seconds=seconds)

    def play(self, fault: str, operation: str = "", times: int = 1, seconds: int = 0) -> None:
        """One fault under its own name."""
        with self.database.write() as tx:
            books.put_fault(tx, self.name, fault, operation, times, seconds)

    def reads_down(self) -> None:
        self.play("down", times=100)

    def mend(self) -> None:
        with self.database.write() as tx:
            tx.run(table_of(SandboxFault).delete())

    def land(self) -> None:
        self._move(visible_at=LINE.c.created_at)

    def settle(self) -> None:
        with self.database.read() as tx:
            now = tx.now
        self._move(settles_at=now - timedelta(seconds=1))

    def pass_by(self) -> None:
        """Whatever changes later has changed."""
        self._move(changes_at=LINE.c.created_at)

    def _move(self, **values: Any) -> None:
        with self.database.write() as tx:
            for column, value in values.items():
                tx.run(LINE.update().where(LINE.c[column].is_not(None)).values(**{column: value}))

    def charges(self, ask: Ask) -> int:
        return self._sum(sa.func.count(), LINE.c.ask_key == ask.key, LINE.c.state.in_(["captured", "authorised", "voided"]))  # fmt: skip

    def given_back(self, ref: str) -> int:
        return self._sum(
            sa.func.coalesce(sa.func.sum(LINE.c.amount), 0),
            LINE.c.parent_ref == ref, LINE.c.kind.in_(["refund", "void"]), LINE.c.state.in_(["done", "pending"]),
        )  # fmt: skip

    def kept(self, ask: Ask) -> int:
        card = table_of(SandboxCard)
        with self.database.read() as tx:
            where = (card.c.account == self.name, card.c.vault == ask.customer)
            return int(tx.rows(sa.select(sa.func.count()).select_from(card).where(*where))[0][0])

    def _sum(self, what: Any, *where: Any) -> int:
        with self.database.read() as tx:
            rows = tx.rows(sa.select(what).select_from(LINE).where(LINE.c.account == self.name, *where))
        return int(rows[0][0])
