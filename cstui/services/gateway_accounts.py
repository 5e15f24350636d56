"""Accounts at payment gateways: adding, changing, looking at them, and what the sandbox is made to do in training."""

from __future__ import annotations

from cstui.domain.actor import Actor
from cstui.domain.audit import Change
from cstui.domain.errors import Conflict, CstuiError, InvalidInput, NotFound
from cstui.domain.gateway_accounts import (
    AccountChange,
    CheckedAccount,
    GatewayAccountRow,
    NewGatewayAccount,
    checked,
)
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind
from cstui.domain.permissions import Permission
from cstui.domain.sandbox import BookLine, Fault
from cstui.services.access import not_permitted, require, require_somewhere
from cstui.services.gateways.registry import Gateways
from cstui.storage.database import Database
from cstui.storage.queries import audit, gateway_accounts, sandbox, stores
from cstui.storage.queries.gateway_accounts_view import all_accounts
from cstui.storage.transaction import Transaction

_MOST_TIMES = 100
_LONGEST_SECONDS = 86_400
#: What a fault may be for, beside the operations of money and vault.
_OTHERS = ("look_up", "link")


class GatewayAccounts:
    """The accounts of the organisation and its stores."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, actor: Actor, new: NewGatewayAccount, save_id: str = "") -> GatewayAccountRow:
        """Adds an account; a main one takes the place of the store's former main one.

        Errors: `NotPermitted`, `NotFound` (no such store), `InvalidFields` naming each field, `Conflict` where the name is taken.
        """
        with self._database.write(save_id) as tx:
            require(tx, actor, Permission.SETTINGS_MANAGE, new.store_id)
            store_zone = _zone_of(tx, new.store_id)
            row = checked(
                GatewayAccountRow(
                    0, new.store_id, "", new.gateway, new.name, new.is_test, new.is_main, True, new.cut_off, new.zone or store_zone,
                    new.url, new.secret, dict(new.options),
                )
            )  # fmt: skip
            account_id = gateway_accounts.add(tx, row)
            if account_id is None:
                raise Conflict(
                    f"There is an account “{row.name}” at {row.gateway} already.", "Choose another name.",
                    gateway=row.gateway, account=row.name,
                )  # fmt: skip
            if row.is_main:
                gateway_accounts.leave_main(tx, row.store_id, account_id)
            changes = tuple(Change(path, "", text) for path, text in _facts(row).items() if text)
            self._report(tx, actor, row, "gateway account added", changes, save_id)
            return _known(tx, row.gateway, row.name)

    def list(self, actor: Actor) -> tuple[GatewayAccountRow, ...]:
        """The accounts that the person may change, and those for all stores. Errors: `NotPermitted`, `DatabaseAway`."""
        if not actor.may_somewhere(Permission.SETTINGS_MANAGE):
            raise not_permitted(Permission.SETTINGS_MANAGE)
        rows = all_accounts(self._database.reader)
        return tuple(
            row for row in rows if row.store_id is None or actor.may(Permission.SETTINGS_MANAGE, row.store_id)
        )

    def change(
        self, actor: Actor, gateway: str, name: str, change: AccountChange, save_id: str = ""
    ) -> GatewayAccountRow:
        """Changes an account; whether it is test or live never changes.

        Errors: `NotFound`, `NotPermitted`, `InvalidFields` naming each field.
        """
        with self._database.write(save_id) as tx:
            require_somewhere(tx, actor, Permission.SETTINGS_MANAGE)
            old = _known(tx, gateway, name)
            require(tx, actor, Permission.SETTINGS_MANAGE, old.store_id)
            new = old.changed(change)
            if new == old:
                return old
            # What cstui has no adapter for any more can still be closed.
            new = new if change == AccountChange(is_open=change.is_open) else checked(new)
            gateway_accounts.put(tx, new)
            if new.is_main and not old.is_main:
                gateway_accounts.leave_main(tx, new.store_id, new.id)
            was, now = _facts(old), _facts(new)
            changes = tuple(Change(path, was[path], now[path]) for path in now if was[path] != now[path])
            self._report(tx, actor, new, "gateway account changed", changes, save_id)
            return new

    def check(self, actor: Actor, gateways: Gateways, gateway: str = "", name: str = "") -> tuple[CheckedAccount, ...]:  # fmt: skip
        """Looks at one account or all: where the key is, and whether the gateway says test or live. Moves nothing.

        Errors: `NotPermitted`, `NotFound` where one was named that is not there.
        """
        rows = [
            row
            for row in self.list(actor)
            if row.gateway == (gateway or row.gateway) and row.name == (name or row.name)
        ]
        if not rows and (gateway or name):
            raise _unknown(gateway, name)
        return tuple(looked_at(gateways, row) for row in rows)

    # Training.

    def play(
        self, actor: Actor, account: str, fault: str, *, operation: str = "", times: int = 1, seconds: int = 0, save_id: str = ""
    ) -> None:  # fmt: skip
        """Makes something go wrong in a sandbox account, so many times, for one operation or whichever comes next.

        `seconds`: how long a lag hides what happened. Errors: `NotFound`, `NotPermitted`, `InvalidInput`.
        """
        word = _fault(fault)
        if operation and operation not in (*Operation, *_OTHERS):
            known = ", ".join((*Operation, *_OTHERS))
            raise InvalidInput("operation", operation, "There is no such operation.", f"Use one of {known}.")
        if not 1 <= times <= _MOST_TIMES:
            raise InvalidInput("times", str(times), f"A fault comes 1 to {_MOST_TIMES} times.", "Give a smaller number.")  # fmt: skip
        if not 0 <= seconds <= _LONGEST_SECONDS:
            raise InvalidInput("seconds", str(seconds), "A fault lasts a day at most.", "Give a smaller number.")  # fmt: skip
        lasting = (seconds or 60) if word is Fault.LAG else 0
        with self._database.write(save_id) as tx:
            row = self._sandbox(tx, actor, account)
            sandbox.put_fault(tx, row.name, word, operation, times, lasting)
            changes = (Change("fault", "", f"{word} × {times}{' for ' + operation if operation else ''}"),)
            self._report(tx, actor, row, "sandbox fault set", changes, save_id)

    def books(self, actor: Actor, account: str, limit: int = 50) -> tuple[BookLine, ...]:
        """The newest lines of a sandbox account's books. Errors: `NotFound`, `NotPermitted`."""
        with self._database.read() as tx:
            row = self._sandbox(tx, actor, account, for_change=False)
            return tuple(sandbox.newest(tx, row.name, max(1, min(limit, 1000))))

    @staticmethod
    def _sandbox(
        tx: Transaction, actor: Actor, account: str, *, for_change: bool = True
    ) -> GatewayAccountRow:
        require_somewhere(tx, actor, Permission.SETTINGS_MANAGE)
        row = _known(tx, "sandbox", account, for_change=for_change)
        require(tx, actor, Permission.SETTINGS_MANAGE, row.store_id)
        return row

    @staticmethod
    def _report(tx: Transaction, actor: Actor, row: GatewayAccountRow, action: str, changes: tuple[Change, ...], save_id: str) -> None:  # fmt: skip
        """An event of the account's store; of the organisation where it is for all."""
        store = row.store_id or audit.ORGANISATION
        named = (Change("account", "", f"{row.gateway} {row.name}"),)
        tx.publish("saved", Kind.STORE, store)
        audit.append(
            tx, audit.NewEvent(actor, store, Kind.STORE, store, action, named + changes, save_id=save_id)
        )


def looked_at(gateways: Gateways, row: GatewayAccountRow) -> CheckedAccount:
    """What a look at one account finds; asks the gateway where the key is there and the account open."""
    source, says, fault = "", None, ""
    try:
        source = gateways.key_source(row.account)
        if row.is_open:
            says = gateways.of(row.gateway, row.name).is_test()
            if says is None:
                fault = "The gateway does not answer."
            elif says is not row.is_test:
                fault = f"Kept as {'test' if row.is_test else 'live'}, but the key is {'test' if says else 'live'}."
    except CstuiError as error:
        fault = error.message
    return CheckedAccount(row, source, says, fault)


def _facts(row: GatewayAccountRow) -> dict[str, str]:
    """An account as the history shows it. A reference to a key is no key, and may be shown."""
    return {
        "test": _yes(row.is_test), "main": _yes(row.is_main), "open": _yes(row.is_open), "cut_off": row.cut_off, "zone": row.zone,
        "url": row.url, "secret": row.secret, "options": ", ".join(f"{key}={row.options[key]}" for key in sorted(row.options)),
    }  # fmt: skip


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _zone_of(tx: Transaction, store_id: int | None) -> str:
    """The zone of a store; UTC where the account is for all. Errors: `NotFound`."""
    if store_id is None:
        return "UTC"
    stores.require_known(tx, store_id)
    return next(row.zone for row in stores.rows(tx, [store_id]))


def _fault(word: str) -> Fault:
    try:
        return Fault(word)
    except ValueError:
        raise InvalidInput(
            "fault", word, "The sandbox knows no such fault.", f"Use one of {', '.join(Fault)}."
        ) from None


def _known(tx: Transaction, gateway: str, name: str, *, for_change: bool = True) -> GatewayAccountRow:
    found = gateway_accounts.known(tx, gateway, name, for_change=for_change)
    if found is None:
        raise _unknown(gateway, name)
    return found


def _unknown(gateway: str, name: str) -> NotFound:
    shown = f"“{name}” at {gateway}" if gateway and name else f"“{gateway or name}”"
    return NotFound(
        f"There is no gateway account {shown}.", "“cstui gateway list” shows them.", gateway=gateway, account=name
    )  # fmt: skip
