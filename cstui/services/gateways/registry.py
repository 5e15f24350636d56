"""The adapters of a desk or a worker, each made from its account when it is first needed."""

from __future__ import annotations

import threading

from cstui.domain.gateway_accounts import GatewayAccountRow
from cstui.domain.gateway_rules import KINDS, capabilities_of
from cstui.domain.gateways import Account, Capabilities
from cstui.services.gateways.base import Gateway, GatewayAway, GatewayMisconfigured
from cstui.services.secrets import SecretMissing, Secrets
from cstui.storage.database import Database
from cstui.storage.queries.gateway_accounts_view import accounts_at, all_accounts


class Gateways:
    """Adapters by gateway and account. An account that is changed in the database gets a new adapter at the next question."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets
        self._made: dict[tuple[str, str], tuple[Account, Gateway]] = {}
        self._checked: dict[tuple[str, str], Account] = {}
        self._making = threading.Lock()

    def row(self, gateway: str, account: str) -> GatewayAccountRow:
        """The account as it is kept. An empty name means the only account at this gateway.

        Errors: `GatewayMisconfigured` where there is none, or several and none was named; `DatabaseAway`.
        """
        rows = accounts_at(self._database.reader, gateway)
        fitting = [row for row in rows if row.name == account] if account else list(rows)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise GatewayMisconfigured(
                f"There are several accounts at {gateway}.", "Name the one that is meant.", gateway=gateway
            )
        named = f"account “{account}” at {gateway}" if account else f"account at {gateway}"
        raise GatewayMisconfigured(
            f"There is no {named}.", "“cstui gateway list” shows them; “cstui gateway add” adds one.",
            gateway=gateway, account=account,
        )  # fmt: skip

    def rows(self) -> tuple[GatewayAccountRow, ...]:
        """Every account as it is kept, by gateway and name. Errors: `DatabaseAway`."""
        return all_accounts(self._database.reader)

    def account(self, gateway: str, account: str) -> Account:
        """What an adapter is built from. Errors: as `row`."""
        return self.row(gateway, account).account

    def is_open(self, gateway: str, account: str) -> bool:
        """Whether money may move there: the account is known, open, and of a kind that has an adapter. Errors: `DatabaseAway`."""
        try:
            row = self.row(gateway, account)
        except GatewayMisconfigured:
            return False
        return row.is_open and gateway in KINDS

    def capabilities(self, gateway: str, account: str) -> Capabilities:
        """What this account can do, known without its key; an account that nobody added can do nothing. Errors: `DatabaseAway`."""
        try:
            return capabilities_of(self.account(gateway, account))
        except GatewayMisconfigured:
            return capabilities_of(Account("", account))

    def of(self, gateway: str, account: str, *, checked: bool = False, closed_too: bool = False) -> Gateway:
        """The adapter of an account.

        `checked`, before any money moves: asks the gateway once whether the account is what its row says, test or live, and remembers it.
        `closed_too`, for looking at what was sent before the account was closed.
        Errors: `GatewayMisconfigured` (unknown, closed, no adapter, test and live mixed up), `SecretMissing`, `GatewayAway` (the check got
        no answer), `DatabaseAway`.
        """
        row = self.row(gateway, account)
        if not row.is_open and not closed_too:
            raise GatewayMisconfigured(
                f"The account {row.name} at {gateway} is closed.",
                f"Use another one, or run “cstui gateway open {gateway} {row.name}”.",
                gateway=gateway, account=row.name,
            )  # fmt: skip
        with self._making:
            adapter = self._adapter(row.account)
            if checked:
                self._check(row.account, adapter)
        return adapter

    def key_source(self, account: Account) -> str:
        """Where the key of an account comes from, in words; empty where nowhere. Shows and keeps no key."""
        if account.gateway == "sandbox":
            return "none needed"
        scheme, mark, rest = account.secret_name.partition(":")
        if not mark or scheme == "keyring":
            name = rest if mark else account.secret_name
            return self._secrets.source(name)
        try:
            self._secrets.read(account.secret_name)
        except SecretMissing:
            return ""
        return f"${rest}" if scheme == "env" else f"file {rest}"

    def close(self) -> None:
        """Closes every adapter."""
        with self._making:
            made, self._made = self._made, {}
            self._checked = {}
        for _, adapter in made.values():
            adapter.close()

    def _adapter(self, account: Account) -> Gateway:
        place = (account.gateway, account.name)
        made = self._made.get(place)
        if made is not None and made[0] == account:
            return made[1]
        adapter = self._built(account)
        self._made[place] = (account, adapter)
        if made is not None:
            made[1].close()
        return adapter

    def _built(self, account: Account) -> Gateway:
        if account.gateway == "sandbox":
            from cstui.services.gateways.sandbox import Sandbox

            return Sandbox(account, self._database)
        if account.gateway == "nmi":
            from cstui.services.gateways.nmi import Nmi

            return Nmi(account, self._key(account))
        if account.gateway == "stripe":
            from cstui.services.gateways.stripe import Stripe

            return Stripe(account, self._key(account))
        raise GatewayMisconfigured(
            f"cstui does not speak to {account.gateway}.",
            "Do it in the gateway's own pages, and record it here.",
            gateway=account.gateway, account=account.name,
        )  # fmt: skip

    def _key(self, account: Account) -> str:
        name = account.secret_name
        return self._secrets.read(name) if ":" in name else self._secrets.of(name)

    def _check(self, account: Account, adapter: Gateway) -> None:
        place = (account.gateway, account.name)
        if self._checked.get(place) == account:
            return
        says = adapter.is_test()
        if says is None:
            raise GatewayAway(
                f"{account.gateway} does not say whether {account.name} is a test account.",
                "Nothing was sent; try again in a moment.",
            )
        if says is not account.is_test:
            kept, found = ("test", "live") if account.is_test else ("live", "test")
            raise GatewayMisconfigured(
                f"The account {account.name} is kept as {kept} but its key is {found}.",
                f"Nothing was sent. Give it a {kept} key, or add an account of its own for the {found} one.",
                gateway=account.gateway, account=account.name,
            )  # fmt: skip
        self._checked[place] = account
