"""Gateway accounts: who may change them, what they may hold, and which adapter they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, NotPermitted
from cstui.domain.gateway_accounts import AccountChange, NewGatewayAccount
from cstui.domain.gateways import Account
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.services.gateway_accounts import GatewayAccounts
from cstui.services.gateways.base import GatewayAway, GatewayMisconfigured
from cstui.services.gateways.registry import Gateways
from cstui.services.gateways.sandbox import Sandbox
from cstui.services.secrets import SecretMissing, Secrets, write_private
from cstui.storage.queries import audit
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.transaction import Database
from tests.factories import THEN, add_staff, add_store

KEY = "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture
def adam(sqlite_db: Database) -> Actor:
    return add_staff(sqlite_db, "adam", Role.ADMIN)


def test_an_account_is_added_listed_changed_and_in_the_history(db: Database) -> None:
    store, admin, accounts = add_store(db), add_staff(db, "adam", Role.ADMIN), GatewayAccounts(db)
    new = NewGatewayAccount(
        "nmi", "us", is_test=True, store_id=store, is_main=True, options={"dup_seconds": "0"}
    )
    added = accounts.add(admin, new)
    assert (added.zone, added.cut_off, added.store, added.is_open) == (
        "America/New_York",
        "20:00",
        "main",
        True,
    )
    change = AccountChange(
        is_open=False, cut_off="18:30", options={"dup_seconds": "", "credits": "yes"}, secret="env:NMI_US"
    )
    changed = accounts.change(admin, "nmi", "us", change)
    assert accounts.list(admin) == (changed,)
    assert (changed.cut_off, changed.options, changed.is_open) == ("18:30", {"credits": "yes"}, False)
    with db.read() as tx:
        event, first = audit.events_of(tx, Kind.STORE, store)
    assert (first.action, event.action) == ("gateway account added", "gateway account changed")
    assert [(c.path, c.old, c.new) for c in event.changes] == [
        ("account", "", "nmi us"), ("open", "yes", "no"), ("cut_off", "20:00", "18:30"), ("secret", "", "env:NMI_US"),
        ("options", "dup_seconds=0", "credits=yes"),
    ]  # fmt: skip
    accounts.change(admin, "nmi", "us", AccountChange(cut_off="18:30"))
    with db.read() as tx:
        assert len(audit.events_of(tx, Kind.STORE, store)) == 2, "what changes nothing is no event"
    with pytest.raises(Conflict):
        accounts.add(admin, new)


def test_a_store_has_one_main_account(sqlite_db: Database, adam: Actor) -> None:
    accounts = GatewayAccounts(sqlite_db)
    here, there = add_store(sqlite_db), add_store(sqlite_db, "other")
    for name, store in (("a", here), ("b", here), ("c", there), ("d", None)):
        accounts.add(adam, NewGatewayAccount("sandbox", name, True, store, is_main=True))
    assert [row.name for row in accounts.list(adam) if row.is_main] == ["b", "c", "d"]
    accounts.change(adam, "sandbox", "a", AccountChange(is_main=True))
    assert [row.name for row in accounts.list(adam) if row.is_main] == ["a", "c", "d"]


def test_every_problem_is_named_with_field_value_and_advice(sqlite_db: Database, adam: Actor) -> None:
    new = NewGatewayAccount(
        "stripes", "US!", True, cut_off="8pm", zone="Berlin", url="http://gw.example", secret="hush"
    )
    with pytest.raises(InvalidFields) as refused:
        GatewayAccounts(sqlite_db).add(adam, new)
    assert [p.field for p in refused.value.problems] == [
        "gateway",
        "name",
        "cut-off",
        "zone",
        "url",
        "secret",
    ]
    assert [p.value for p in refused.value.problems][:4] == ["stripes", "US!", "8pm", "Berlin"]
    assert all(p.advice for p in refused.value.problems)
    assert "Did you mean stripe?" in refused.value.problems[0].advice


@pytest.mark.parametrize(
    "facts",
    [
        {"secret": KEY}, {"secret": "keyring:" + KEY.lower()}, {"secret": "env:" + KEY}, {"secret": "6457Thfj624V5r7WUwc5v6a68Zsd6YEm"},
        {"options": {"version": KEY}}, {"options": {"thanks_url": "https://x.example/" + KEY}}, {"url": "https://ann:hunter2@x.example"},
        {"url": "https://x.example/?security_key=1"}, {"options": {KEY: "1"}},
    ],
)  # fmt: skip
def test_a_key_itself_is_never_kept_and_never_repeated(
    sqlite_db: Database, adam: Actor, facts: dict[str, object]
) -> None:
    with pytest.raises(InvalidFields) as refused:
        GatewayAccounts(sqlite_db).add(adam, NewGatewayAccount("stripe", "us", True, **facts))  # type: ignore[arg-type]
    said = f"{refused.value.in_words()} {refused.value.facts} {refused.value.problems!r}"
    assert KEY not in said and "hunter2" not in said and "6457" not in said
    assert GatewayAccounts(sqlite_db).list(adam) == ()


def test_only_who_may_change_settings_there_sees_and_changes_accounts(
    sqlite_db: Database, adam: Actor
) -> None:
    accounts = GatewayAccounts(sqlite_db)
    here, there = add_store(sqlite_db), add_store(sqlite_db, "other")
    eve, ann = add_staff(sqlite_db, "eve", Role.ADMIN, here), add_staff(sqlite_db, "ann")
    for name, store in (("a", here), ("b", there), ("c", None)):
        accounts.add(adam, NewGatewayAccount("sandbox", name, True, store))
    assert [row.name for row in accounts.list(eve)] == ["a", "c"]
    accounts.change(eve, "sandbox", "a", AccountChange(is_open=False))
    for name in ("b", "c"):
        with pytest.raises(NotPermitted):
            accounts.change(eve, "sandbox", name, AccountChange(is_open=False))
        with pytest.raises(NotPermitted):
            accounts.play(eve, name, "decline")
    for use in (
        lambda: accounts.list(ann),
        lambda: accounts.play(ann, "a", "decline"),
        lambda: accounts.books(ann, "a"),
    ):
        with pytest.raises(NotPermitted):
            use()
    with pytest.raises(NotFound):
        accounts.change(adam, "sandbox", "z", AccountChange(is_open=False))


def test_the_sandbox_is_never_live_and_options_are_known_words(sqlite_db: Database, adam: Actor) -> None:
    accounts = GatewayAccounts(sqlite_db)
    for new, field in (
        (NewGatewayAccount("sandbox", "a", is_test=False), "test"),
        (NewGatewayAccount("sandbox", "a", True, options={"settel": "30"}), "option"),
        (NewGatewayAccount("sandbox", "a", True, options={"settle": "soon"}), "option"),
        (NewGatewayAccount("sandbox", "a", True, options={"pause": "-1"}), "option"),
    ):
        with pytest.raises(InvalidFields) as refused:
            accounts.add(adam, new)
        assert [problem.field for problem in refused.value.problems] == [field]
    with pytest.raises(InvalidInput, match="no such fault"):
        accounts.play(adam, "a", "earthquake")


def test_a_closed_gateway_without_an_adapter_can_still_be_opened_and_closed(
    sqlite_db: Database, adam: Actor
) -> None:
    with sqlite_db.write() as tx:
        tx.session.add(
            GatewayAccount(gateway="oldpay", name="old", is_test=True, is_open=False, created_at=THEN)
        )
    accounts, gateways = GatewayAccounts(sqlite_db), Gateways(sqlite_db, Secrets({}))
    with pytest.raises(GatewayMisconfigured, match="is closed"):
        gateways.of("oldpay", "old")
    assert accounts.change(adam, "oldpay", "old", AccountChange(is_open=True)).is_open
    with pytest.raises(GatewayMisconfigured, match="does not speak to oldpay"):
        gateways.of("oldpay", "old")
    assert not gateways.is_open("oldpay", "old") and not gateways.capabilities("oldpay", "old").voids_captured


# The adapters.


def test_an_adapter_is_kept_until_its_account_changes(sqlite_db: Database, adam: Actor) -> None:
    accounts, gateways = GatewayAccounts(sqlite_db), Gateways(sqlite_db, Secrets({}))
    accounts.add(adam, NewGatewayAccount("sandbox", "a", True))
    first = gateways.of("sandbox", "a", checked=True)
    assert (
        isinstance(first, Sandbox)
        and gateways.of("sandbox", "a") is first
        and gateways.of("sandbox", "") is first
    )
    accounts.change(adam, "sandbox", "a", AccountChange(options={"refunds_unsettled": "yes"}))
    second = gateways.of("sandbox", "a", checked=True)
    assert second is not first and second.capabilities.refunds_unsettled
    accounts.change(adam, "sandbox", "a", AccountChange(is_open=False))
    assert gateways.of("sandbox", "a", closed_too=True).account.name == "a"
    for name in ("a", "b"):
        with pytest.raises(GatewayMisconfigured):
            gateways.of("sandbox", name)
    gateways.close()


def test_what_an_account_can_do_is_known_without_its_key(sqlite_db: Database, adam: Actor) -> None:
    accounts, gateways = GatewayAccounts(sqlite_db), Gateways(sqlite_db, Secrets({}))
    accounts.add(adam, NewGatewayAccount("nmi", "us", True, options={"credits": "yes"}))
    assert gateways.capabilities("nmi", "us").credits and gateways.is_open("nmi", "us")
    assert not gateways.capabilities("nmi", "nowhere").typed_cards and not gateways.is_open("nmi", "nowhere")
    with pytest.raises(SecretMissing, match=r"nmi\.us"):
        gateways.of("nmi", "us")


def test_where_a_key_lies_is_told_and_the_key_is_not(sqlite_db: Database, tmp_path: Path) -> None:
    write_private(tmp_path / "key", KEY)
    gateways = Gateways(sqlite_db, Secrets({"CSTUI_SECRET_STRIPE_US": KEY, "PAY": KEY}))
    accounts = [
        Account("stripe", "us", secret=secret)
        for secret in ("", "env:PAY", f"file:{tmp_path}/key", "env:NONE", "keyring:stripe.us")
    ]
    assert [gateways.key_source(account) for account in accounts] == [
        "$CSTUI_SECRET_STRIPE_US", "$PAY", f"file {tmp_path}/key", "", "$CSTUI_SECRET_STRIPE_US",
    ]  # fmt: skip


class SaysItIs(Sandbox):
    """A sandbox that calls itself something else, as a gateway does whose key was mixed up."""

    says: bool | None = None
    asked = 0

    def is_test(self) -> bool | None:
        SaysItIs.asked += 1
        return SaysItIs.says


def test_test_and_live_that_are_mixed_up_are_refused_before_any_money_moves(
    sqlite_db: Database, adam: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cstui.services.gateways.sandbox.Sandbox", SaysItIs)
    gateways = Gateways(sqlite_db, Secrets({}))
    GatewayAccounts(sqlite_db).add(adam, NewGatewayAccount("sandbox", "a", True))
    SaysItIs.says, SaysItIs.asked = None, 0
    with pytest.raises(GatewayAway):
        gateways.of("sandbox", "a", checked=True)
    SaysItIs.says = False
    with pytest.raises(GatewayMisconfigured, match="kept as test but its key is live"):
        gateways.of("sandbox", "a", checked=True)
    assert isinstance(gateways.of("sandbox", "a"), SaysItIs)
    SaysItIs.says = True
    for _ in range(3):
        gateways.of("sandbox", "a", checked=True)
    assert SaysItIs.asked == 3, "asked until it is right, and never again"


def test_several_accounts_at_one_gateway_have_to_be_named(sqlite_db: Database, adam: Actor) -> None:
    for name in ("a", "b"):
        GatewayAccounts(sqlite_db).add(adam, NewGatewayAccount("sandbox", name, True))
    with pytest.raises(GatewayMisconfigured, match="several accounts"):
        Gateways(sqlite_db, Secrets({})).of("sandbox", "")


def test_a_look_at_all_accounts_tells_each_fault_and_goes_on(sqlite_db: Database, adam: Actor) -> None:
    accounts, gateways = GatewayAccounts(sqlite_db), Gateways(sqlite_db, Secrets({}))
    accounts.add(adam, NewGatewayAccount("sandbox", "a", True))
    accounts.add(adam, NewGatewayAccount("stripe", "us", True, secret="env:NONE"))
    fine, missing = accounts.check(adam, gateways)
    assert (fine.key_source, fine.says_test, fine.fault) == ("none needed", True, "")
    assert (missing.key_source, missing.says_test) == ("", None) and "NONE is not set" in missing.fault
    with pytest.raises(NotFound):
        accounts.check(adam, gateways, "stripe", "de")
