"""Stores and their reason lists."""

from __future__ import annotations

from typing import Any

import pytest

from cstui.domain.actor import system_actor
from cstui.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import Kind
from cstui.domain.permissions import Role
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.domain.stores import COUNTRY_CODES, CURRENCIES, NewStore
from cstui.services.reasons import Reasons
from cstui.services.stores import Stores
from cstui.storage.database import Database
from cstui.storage.queries.audit import events_of
from cstui.storage.tables.people import Reason as ReasonTable
from cstui.storage.tables.people import Store
from tests.factories import add_staff, add_store, count

ROOT = system_actor("test")


def new(**facts: Any) -> NewStore:
    return NewStore(
        **{
            "code": "shop",
            "name": "Shop",
            "currency": "USD",
            "zone": "Europe/Berlin",
            "country": "DE",
            **facts,
        }
    )


@pytest.fixture
def stores(db: Database) -> Stores:
    return Stores(db)


def test_a_store_is_kept_as_given_with_codes_in_their_case(db: Database, stores: Stores) -> None:
    row = stores.add(
        ROOT,
        new(
            name="  The   Shop ", currency="usd", country="de", order_prefix="EU-", notify_emails=("a@b.co",)
        ),
    )
    assert (row.code, row.name, row.currency, row.country, row.order_prefix) == (
        "shop",
        "The Shop",
        "USD",
        "DE",
        "EU-",
    )
    assert stores.by_code(ROOT, "SHOP") == row
    with db.read() as tx:
        event = events_of(tx, Kind.STORE, row.id)[0]
    assert event.action == "store added"
    assert [change.path for change in event.changes] == [
        "code", "name", "currency", "zone", "country", "order_prefix",
    ]  # fmt: skip


def test_every_wrong_field_is_named_at_once(stores: Stores) -> None:
    with pytest.raises(InvalidFields) as refused:
        stores.add(
            ROOT, NewStore("My Shop", "", "DOLLAR", "Europe/Berln", "GER", "x" * 13, "english", ("nobody",))
        )
    assert [problem.field for problem in refused.value.problems] == [
        "code", "name", "currency", "zone", "country", "order prefix", "locale", "notify e-mails",
    ]  # fmt: skip
    assert "Did you mean Europe/Berlin?" in [problem.advice for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "Shop"),
        ("code", "-shop"),
        ("code", "a--b"),
        ("code", "x" * 33),
        ("code", "sh\u00f6p"),
        ("zone", "localtime"),
        ("zone", "../../etc/passwd"),
        ("zone", "europe/berlin"),
        ("zone", ""),
        ("currency", "XXX"),
        ("country", "UK"),
        ("name", "a\x1b[2J"),
        ("order_prefix", "a\x00"),
    ],
)
def test_what_cannot_be_a_store_is_refused(sqlite_db: Database, field: str, value: str) -> None:
    with pytest.raises(InvalidFields):
        Stores(sqlite_db).add(ROOT, new(**{field: value}))
    assert count(sqlite_db, Store) == 0


def test_a_code_is_taken_once(stores: Stores) -> None:
    stores.add(ROOT, new())
    with pytest.raises(Conflict, match="a store “shop” already"):
        stores.add(ROOT, new(name="Another"))


def test_the_first_store_brings_the_reason_lists_and_the_second_no_more(db: Database, stores: Stores) -> None:
    stores.add(ROOT, new())
    written = count(db, ReasonTable)
    assert written == sum(len(entries) for entries in STARTERS.values())
    stores.add(ROOT, new(code="second"))
    assert count(db, ReasonTable) == written
    labels = [reason.label for reason in Reasons(db).of(ReasonKind.DISPOSITION)]
    assert labels[:3] == ["Support call", "Sale", "Full refund"]
    assert set(STARTERS) == set(ReasonKind)


def test_an_unknown_code_is_not_found_with_the_command_that_adds_it(stores: Stores) -> None:
    with pytest.raises(NotFound) as missing:
        stores.by_code(ROOT, "nowhere")
    assert "cstui store add nowhere" in missing.value.advice


def test_people_see_the_stores_in_which_they_hold_a_role(db: Database, stores: Stores) -> None:
    shop = add_store(db, "shop")
    add_store(db, "other")
    ann = add_staff(db, "ann", Role.AGENT, shop)
    assert [row.code for row in stores.list(ann)] == ["shop"]
    assert [row.code for row in stores.list(ROOT)] == ["other", "shop"]
    with pytest.raises(NotFound) as hidden:
        stores.by_code(ann, "other")
    with pytest.raises(NotFound) as missing:
        stores.by_code(ann, "otherx")
    assert hidden.value.message.replace("other", "") == missing.value.message.replace("otherx", "")


def test_only_an_admin_of_every_store_adds_one(db: Database, stores: Stores) -> None:
    shop = add_store(db, "main")
    for actor in (add_staff(db, "local", Role.ADMIN, shop), add_staff(db, "sue", Role.SUPERVISOR)):
        with pytest.raises(NotPermitted, match="manage stores"):
            stores.add(actor, new())
    assert stores.add(add_staff(db, "adam", Role.ADMIN), new()).code == "shop"


def test_the_known_codes_are_whole() -> None:
    assert {"USD", "EUR", "GBP", "JPY", "KWD", "CHF"} <= CURRENCIES
    assert len(COUNTRY_CODES) == 243
    assert all(len(code) == 3 for code in CURRENCIES) and len(CURRENCIES) > 150


# Reasons ------------------------------------------------------------------------------------------


def test_a_store_replaces_adds_and_retires_entries_of_its_own(db: Database, stores: Stores) -> None:
    shop, other = stores.add(ROOT, new()).id, stores.add(ROOT, new(code="other")).id
    reasons = Reasons(db)
    before = reasons.of(ReasonKind.HOLD)
    reasons.put(ROOT, ReasonKind.HOLD, "stock", "Back-ordered", shop)
    reasons.put(ROOT, ReasonKind.HOLD, "vip", "VIP check", shop)
    reasons.retire(ROOT, ReasonKind.HOLD, "fraud", shop)
    mine = {reason.code: reason.label for reason in reasons.of(ReasonKind.HOLD, shop)}
    assert list(mine) == ["address", "payment", "stock", "customer", "change", "other", "vip"]
    assert mine["stock"] == "Back-ordered"
    assert reasons.of(ReasonKind.HOLD, other) == reasons.of(ReasonKind.HOLD) == before


def test_a_retired_reason_comes_back_when_it_is_set_again(db: Database, stores: Stores) -> None:
    stores.add(ROOT, new())
    reasons = Reasons(db)
    assert "fraud" not in {reason.code for reason in reasons.retire(ROOT, ReasonKind.CANCEL, "fraud")}
    with pytest.raises(NotFound):
        reasons.retire(ROOT, ReasonKind.CANCEL, "fraud")
    assert "Suspicious" in {
        reason.label for reason in reasons.put(ROOT, ReasonKind.CANCEL, "fraud", "Suspicious")
    }


def test_reasons_are_changed_by_permission_and_audited(db: Database, stores: Stores) -> None:
    shop = stores.add(ROOT, new()).id
    reasons = Reasons(db)
    with pytest.raises(NotPermitted):
        reasons.put(add_staff(db, "sue", Role.SUPERVISOR), ReasonKind.HOLD, "x", "X")
    local = add_staff(db, "local", Role.ADMIN, shop)
    with pytest.raises(NotPermitted):
        reasons.put(local, ReasonKind.HOLD, "x", "X")
    assert reasons.put(local, ReasonKind.HOLD, "x", "X", shop)[-1].label == "X"
    for code, label in (("X y", "X"), ("x", ""), ("x", "a\x1b")):
        with pytest.raises(InvalidInput):
            reasons.put(ROOT, ReasonKind.HOLD, code, label)
    with db.read() as tx:
        from cstui.storage.queries.reasons import stored

        entry = stored(tx, ReasonKind.HOLD, "x", shop)
        assert entry is not None
        assert events_of(tx, Kind.SETTING, entry.id)[0].changes[0].path == "hold.x"
