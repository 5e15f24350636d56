"""cstui subscription: what scripts read, what each action leaves, and how a charge ends."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cstui.domain.ids import Kind, new_token, public_id, read_public_id
from cstui.domain.permissions import Role
from cstui.domain.sandbox import SandboxCardRow
from cstui.domain.subscriptions import IntervalUnit, SubscriptionStatus
from cstui.storage.queries import sandbox as books
from tests import factories as make
from tests.cli.program import OTHER, Shop
from tests.cli.test_money_commands import Till, till_in
from tests.services.test_retention import add_product
from tests.subscriptions import days, today

CONTRACT = {
    "id", "customer_id", "product", "status", "next_bill_date", "cycle", "price", "interval", "card", "trial", "history",
}  # fmt: skip
PREVIEW = {"date", "total", "cycle", "status", "card", "parts", "following", "ends_on", "warnings", "words"}


class Desk:
    """Subscriptions of a shop whose cards lie in the sandbox's vault."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.till: Till = till_in(shop)
        self.bills = days(9)

    def card(self, behaviour: str = "", **more: Any) -> int:
        vault = f"vault-{new_token()[:8]}"
        with self.shop.database.write() as tx:
            books.keep(tx, SandboxCardRow("main", vault, "", "Visa", "4242", 12, 2099, behaviour))
        return make.add_card(
            self.shop.database, self.shop.customer, account="main", vault_ref=vault, expiry_year=2099, **more
        )  # fmt: skip

    def subscription(self, **more: Any) -> str:
        facts = {"next_bill_date": self.bills, "anchor_day": self.bills.day, "card_id": self.card(), **more}
        return public_id(
            Kind.SUBSCRIPTION, make.add_subscription(self.shop.database, self.shop.store, self.shop.customer, **facts)
        )  # fmt: skip

    def do(self, action: str, ref: str, *words: str) -> Any:
        return self.shop.ok("subscription", action, ref, *words)


@pytest.fixture
def desk(shop: Shop) -> Any:
    found = Desk(shop)
    yield found
    found.till.desk.close()


@pytest.fixture
def lite(sqlite_shop: Shop) -> Any:
    found = Desk(sqlite_shop)
    yield found
    found.till.desk.close()


def test_a_subscription_is_shown_with_what_is_billed_next(lite: Desk) -> None:
    ref = lite.subscription()
    shown = lite.shop.ok("show", "subscription", ref)
    assert set(shown) >= CONTRACT and set(shown["next"]) == PREVIEW
    assert shown["next"]["total"] == {"minor": 2650, "currency": "USD"}
    assert (shown["next"]["date"], shown["next"]["cycle"]) == (lite.bills.isoformat(), 3)
    assert [part["name"] for part in shown["next"]["parts"]] == ["goods", "discount", "shipping", "tax"]
    assert len(shown["next"]["following"]) == 3 and "resume" in shown["why_not"]
    assert shown["card"]["id"].startswith("card_") and shown["price"]["regular"] is None
    said = lite.shop("show", "subscription", ref).out
    assert said.startswith("Tea") and "Bills 26.50 USD on" in said


def test_pausing_skipping_and_going_on_answer_with_how_it_stands_then(desk: Desk) -> None:
    ref, until = desk.subscription(), (desk.bills + timedelta(days=10)).isoformat()
    assert set(desk.do("pause", ref, "--until", until, "--dry-run")) == PREVIEW
    assert desk.shop.ok("show", "subscription", ref)["status"] == "active"
    paused = desk.do("pause", ref, "--until", until)
    assert (paused["status"], paused["planned"]["resume_on"], paused["receipt"]) == ("paused", until, None)
    assert desk.do("resume", ref)["next_bill_date"] == desk.bills.isoformat()
    skipped = desk.do("skip", ref)
    assert skipped["cycle"] == 3 and skipped["next_bill_date"] > desk.bills.isoformat()
    assert [period["state"] for period in skipped["history"]] == ["skipped"]
    planned = desk.do("pause", ref, "--on", (desk.bills + timedelta(days=3)).isoformat())
    assert planned["status"] == "active" and planned["planned"]["pause_on"]
    assert desk.do("keep", ref)["planned"]["pause_on"] is None
    assert desk.shop.ok("locks", "list") == []
    assert "Nothing" not in desk.shop("subscription", "skip", ref).out


def test_cancelling_wants_a_yes_and_counts_what_was_declined(lite: Desk) -> None:
    shop, ref = lite.shop, lite.subscription()
    shop.ok("retention", "set", "too_expensive", "percent", "--percent", "20", "--cycles", "3")
    found = lite.do("offer", ref, "--reason", "too_expensive")["offer"]
    assert found["words"] == "20 % off for 3 bills" and found["saves"]["minor"] > 0
    assert lite.do("offer", ref, "--reason", "quality") == {"offer": None}
    cancel = ("subscription", "cancel", ref, "--reason", "too_expensive")
    assert shop.refused(2, *cancel)["advice"] == "Add --yes."
    shop.refused(1, "subscription", "cancel", ref, "--reason", "bored", "--yes")
    assert shop.ok(*cancel, "--dry-run")["words"] == "Nothing is billed any more."
    ended = shop.ok(*cancel, "--yes", "--declined")
    assert (ended["status"], ended["next_bill_date"], ended["cancel_reason"]) == (
        "cancelled", None, "Too expensive",
    )  # fmt: skip
    assert shop.ok("retention", "report")["reasons"] == [
        {"store": "main", "reason": "Too expensive", "saved": 0, "declined": 1, "cancelled": 0}
    ]
    error = shop.refused(1, *cancel, "--yes")
    assert error["code"] == "not_possible_now" and "cancelled" in error["message"]
    again = lite.do("reactivate", ref, "--on", lite.bills.isoformat())
    assert (again["status"], again["next_bill_date"]) == ("active", lite.bills.isoformat())


def test_an_end_is_planned_and_taken_back(lite: Desk) -> None:
    ref, shop = lite.subscription(), lite.shop
    cancel = ("subscription", "cancel", ref, "--reason", "quality", "--yes")
    on = (lite.bills + timedelta(days=3)).isoformat()
    planned = shop.ok(*cancel, "--on", on, "--stop-billing")
    assert planned["status"] == "active" and planned["planned"]["cancel_on"] == on
    assert planned["next"]["date"] is None and planned["next"]["ends_on"] == on
    assert shop.ok(*cancel, "--when", "after-next")["planned"]["cancel_after_next"] is True
    assert lite.do("keep", ref)["planned"] == {
        "pause_on": None, "resume_on": None, "cancel_on": None, "keep_billing": True, "cancel_after_next": False,
    }  # fmt: skip
    shop.refused(1, "subscription", "keep", ref)
    for words in (
        ("--when", "soon"),
        ("--when", "on-date"),
        ("--when", "after-next", "--on", on),
        ("--on", "5 May"),
    ):
        shop.refused(2, *cancel, *words)


def test_an_accepted_offer_is_stored_as_it_was_read(lite: Desk) -> None:
    shop, ref = lite.shop, lite.subscription()
    shop.ok("retention", "set", "too_expensive", "percent", "--percent", "20", "--cycles", "3")
    read = lite.do("offer", ref, "--reason", "too_expensive")["offer"]
    kept = lite.do("offer", ref, "--reason", "too_expensive", "--accept")
    assert kept["next"]["total"] == read["next_total"] and kept["price"]["cycles_left"] == 3
    shop.refused(1, "subscription", "offer", ref, "--reason", "too_expensive", "--accept")
    assert shop.ok("retention", "report")["reasons"][0]["saved"] == 1


def test_price_quantity_product_date_and_interval_are_edited(lite: Desk) -> None:
    shop, ref = lite.shop, lite.subscription(tax=0)
    add_product(shop.database, shop.store, "Tea", 1200, option="Small")
    once = lite.do("price", ref, "--unit", "15", "--discount", "10%", "--next-only")
    assert (once["price"]["total"]["minor"], once["price"]["regular"]["total"]["minor"]) == (1850, 2500)
    back = lite.do("price", ref, "--unit", "18.50", "--shipping", "0", "--discount", "none")
    assert back["price"]["unit"]["minor"] == 1850
    pieces = lite.do("quantity", ref, "3", "--unit", "10")
    assert (pieces["price"]["quantity"], pieces["price"]["total"]["minor"]) == (3, 3000)
    small = lite.do("option", ref, "Small", "--keep-price")
    assert (small["product"], small["price"]["unit"]["minor"]) == ("Tea Small", 1000)
    assert lite.do("option", ref, "--product", "sku-tea")["price"]["unit"]["minor"] == 1200
    later = (lite.bills + timedelta(days=2)).isoformat()
    moved = lite.do("date", ref, later, "--every", "2", "--unit", "week")
    assert (moved["next_bill_date"], moved["interval"]) == (later, {"unit": "week", "count": 2})
    for words in (
        ("price", ref), ("price", ref, "--unit", "1", "--next-only", "--bills", "2"), ("date", ref), ("option", ref),
        ("date", ref, "--unit", "moon"), ("price", ref, "--discount", "ten%"), ("date", ref, "tomorrow"), ("card", ref, "txn_1"),
    ):  # fmt: skip
        shop.refused(2, "subscription", *words)
    for words in (
        ("price", ref, "--unit", "-1"), ("quantity", ref, "0"), ("date", ref, "2020-01-01"), ("price", ref, "--discount", "101%"),
        ("option", ref, "Huge"),
    ):  # fmt: skip
        shop.refused(1, "subscription", *words)


def test_a_trial_is_restarted_and_stopped(lite: Desk) -> None:
    ends = lite.bills
    ref = lite.subscription(
        status=SubscriptionStatus.TRIAL, cycle=1, trial_ends_on=ends, last_bill_date=ends - timedelta(days=14)
    )  # fmt: skip
    again = lite.do("trial", ref, "restart")
    assert date.fromisoformat(again["trial"]["ends_on"]) > ends
    assert lite.shop.refused(2, "subscription", "trial", ref, "stop")["advice"] == "Add --yes."
    stopped = lite.do("trial", ref, "stop", "--yes")
    assert stopped["status"] == "trial" and stopped["next"]["date"] is None
    assert lite.do("trial", ref, "stop", "--now", "--yes")["status"] == "cancelled"
    lite.shop.refused(2, "subscription", "trial", ref, "extend")


def test_a_bill_is_charged_once_and_its_outcome_told(lite: Desk) -> None:
    ref, shop = lite.subscription(), lite.shop
    assert shop.refused(2, "subscription", "bill", ref)["advice"] == "Add --yes."
    done = lite.do("bill", ref, "--yes", "--undo", "0")
    assert (done["receipt"]["state"], done["receipt"]["amount"]["minor"], done["cycle"]) == (
        "succeeded",
        2650,
        3,
    )
    assert done["next_bill_date"] > lite.bills.isoformat()
    (period,) = done["history"]
    assert (period["state"], period["amount"]["minor"]) == ("billed", 2650)
    assert period["order_id"].startswith("ord_") and period["tries"][0]["state"] == "succeeded"
    recorded = shop("subscription", "bill", ref, "--yes", "--undo", "60", "--wait", "0", "--json")
    assert (recorded.code, recorded.error["code"], recorded.error["state"]) == (6, "no_worker", "armed")
    assert "about to be sent" in shop.refused(1, "subscription", "bill", ref, "--yes")["message"]


def test_a_declined_bill_ends_with_1_in_plain_words_and_another_card_is_charged_at_once(lite: Desk) -> None:
    ref, shop = lite.subscription(card_id=lite.card("decline"), next_bill_date=today()), lite.shop
    answer = shop("subscription", "bill", ref, "--yes", "--undo", "0", "--json")
    assert (answer.code, answer.error["code"], answer.error["state"]) == (
        1,
        "gateway_refused",
        "declined_soft",
    )
    assert answer.error["status"] == "past_due" and answer.error["attempts"][0]["operation"] == "sale"
    good = public_id(Kind.CARD, lite.card(bin6="411111", last4="1111"))
    assert shop.refused(2, "subscription", "card", ref, good, "--charge-now")["advice"] == "Add --yes."
    paid = lite.do("card", ref, good, "--charge-now", "--yes")
    assert (paid["status"], paid["card"]["id"], paid["history"][0]["state"]) == ("active", good, "billed")
    other = public_id(Kind.CARD, lite.card())
    assert lite.do("card", ref, other)["card"]["id"] == other
    shop.refused(1, "subscription", "card", ref, "card_zzz")


def test_a_refund_that_was_wanted_and_is_not_possible_ends_with_1_though_it_is_cancelled(lite: Desk) -> None:
    ref, shop = lite.subscription(), lite.shop
    answer = shop("subscription", "cancel", ref, "--reason", "quality", "--refund-last", "--yes", "--json")
    assert answer.code == 1 and answer.json["status"] == "cancelled" and answer.json["problem"]
    billed = lite.subscription()
    lite.do("bill", billed, "--yes", "--undo", "0")
    ended = lite.do("cancel", billed, "--reason", "quality", "--refund-last", "--yes")
    assert ended["receipt"]["amount"]["minor"] == 2650 and ended["receipt"]["refund_ids"]


def test_who_may_not_and_what_is_not_there_is_refused(lite: Desk) -> None:
    ref, shop = lite.subscription(), lite.shop
    shop.refused(3, "subscription", "skip", "sub_zzz")
    shop.refused(2, "subscription", "skip", "ord_1")
    shop.add_person("vic", Role.VIEWER)
    shop.refused(4, "subscription", "skip", ref, "--as", "vic", password=OTHER)
    view = lite.till.desk.subscriptions.open(lite.till.ann, _key(ref))
    bob = make.add_staff(shop.database, "bob", terminal="term-2")
    lite.till.desk.subscriptions.begin(bob, view.row.id, view.version, new_token())
    assert shop.refused(5, "subscription", "skip", ref)["code"] == "locked"


def _key(ref: str) -> int:
    read = read_public_id(ref)
    assert read is not None
    return read[1]


def test_missed_cycles_are_listed_and_decided_on_once(lite: Desk) -> None:
    shop = lite.shop
    ref = lite.subscription(
        next_bill_date=days(-25), interval_unit=IntervalUnit.WEEK, anchor_day=None, final_cycle=10
    )
    lite.till.work()
    listed = shop.ok("subscription", "missed")
    assert [(bill["subscription_id"], bill["cycle"]) for bill in listed] == [(ref, 3), (ref, 4), (ref, 5)]
    assert set(listed[0]) == {
        "subscription_id", "customer_id", "customer", "product", "status", "cycle", "bill_date", "amount",
    }  # fmt: skip
    assert shop.refused(2, "subscription", "decide", ref, "3", "bill")["advice"] == "Add --yes."
    shop.refused(2, "subscription", "decide", ref, "3", "forget", "--yes")
    shop.add_person("agnes", Role.AGENT)
    shop.refused(4, "subscription", "decide", ref, "3", "bill", "--yes", "--as", "agnes", password=OTHER)
    billed = lite.do("decide", ref, "3", "bill", "--yes")
    assert (billed["receipt"]["state"], billed["receipt"]["amount"]["minor"]) == ("succeeded", 2650)
    assert "waits for no decision" in shop.refused(1, "subscription", "decide", ref, "3", "skip", "--yes")["message"]  # fmt: skip
    assert lite.do("decide", ref, "4", "skip", "--yes")["final_cycle"] == 10
    assert lite.do("decide", ref, "5", "move", "--yes")["final_cycle"] == 11
    assert shop("subscription", "missed").out.strip() == "No cycle went by uncharged."
