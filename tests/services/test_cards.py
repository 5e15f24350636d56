"""Cards on file: kept once whatever happens on the way, removed on both sides, and never with their number anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from cstui.domain.actor import Actor
from cstui.domain.attempts import AttemptInFlight, GatewayUnknown
from cstui.domain.card_desk import CardKept, CardRefused
from cstui.domain.cards import TypedCard, typed_card
from cstui.domain.errors import DatabaseAway, NotFound, NotPermitted, NotPossibleNow
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Purpose
from cstui.domain.payments import AttemptState
from cstui.domain.permissions import Role
from cstui.domain.sandbox import Fault
from cstui.services import card_effects
from cstui.storage.queries import attempts
from cstui.storage.queries.cards import CARD, LINK
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from cstui.storage.tables.people import GatewayAccount
from cstui.storage.tables.sandbox import SandboxCard
from cstui.storage.tables.subscriptions import Subscription
from tests import factories as make
from tests.money import ACCOUNT, ATTEMPT, MoneyBench, money_bench

NUMBER, LOST, OTHER = "4111111111111111", "4000000000009987", "5555555555554444"
VAULT = table_of(SandboxCard)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    yield made
    made.desk.close()


def typed(number: str = NUMBER, code: str = "737") -> TypedCard:
    return typed_card(number, "12/30", code, "Ann Lee", "12207", date(2026, 11, 25))


def add(bench: MoneyBench, number: str = NUMBER, *, actor: Actor | None = None, **more: Any) -> CardKept:
    facts: dict[str, Any] = {"save_id": new_token(), **more}
    return bench.desk.cards.add_typed(actor or bench.ann, bench.customer, bench.store, typed(number), **facts)


def in_vault(bench: MoneyBench) -> list[tuple[str, str]]:
    with bench.db.read() as tx:
        return [(row.vault, row.billing) for row in tx.rows(VAULT.select().order_by(VAULT.c.billing))]


def on_file(bench: MoneyBench) -> list[Any]:
    return [row for row in bench.rows(CARD) if row.removed_at is None]


def subscribe(bench: MoneyBench, card_id: int | None, product: str = "Tea box", **more: Any) -> int:
    facts = {
        "store_id": bench.store, "customer_id": bench.customer, "product": product, "status": "active", "currency": "USD",
        "unit_price": 1000, "card_id": card_id, "created_at": make.THEN, "updated_at": make.THEN, "next_bill_date": date(2026, 12, 1), **more,
    }  # fmt: skip
    return make._insert(bench.db, Subscription(**facts))


# Adding ---------------------------------------------------------------------------------------------


def test_a_typed_card_is_kept_under_the_names_that_were_chosen_before_it_was_sent(bench: MoneyBench) -> None:
    kept = add(bench)
    (attempt,) = bench.rows(ATTEMPT)
    (card,) = on_file(bench)
    chosen = card_effects.facts_of(attempt)
    assert (attempt.operation, attempt.state) == (Operation.VAULT_ADD, AttemptState.SUCCEEDED)
    assert in_vault(bench) == [(chosen["vault"], chosen["billing"])] == [(card.vault_ref, card.billing_ref)]
    assert len(card.vault_ref) == len(card.billing_ref) == 32
    assert (card.brand, card.last4, card.bin6, card.expiry_month, card.expiry_year) == (
        "Visa",
        "1111",
        "411111",
        12,
        2030,
    )
    assert kept == CardKept(card.id, "Visa …1111", True) and card.is_test and attempt.card_id == card.id


def test_the_profile_lists_the_new_card_at_once_and_its_history_tells_of_it(bench: MoneyBench) -> None:
    add(bench)
    (shown,) = bench.desk.customers.open(bench.bob, bench.customer).cards
    assert (shown.brand, shown.last4, shown.removable) == ("Visa", "1111", True)
    told = [event.action for event in bench.desk.audit.customer(bench.ann, bench.customer)]
    assert "card added" in told and bench.desk.audit.verify(bench.sue) == ()


def test_number_and_code_are_forgotten_however_it_ends(bench: MoneyBench) -> None:
    good, bad = typed(), typed(LOST)
    bench.desk.cards.add_typed(bench.ann, bench.customer, bench.store, good, save_id=new_token())
    with pytest.raises(CardRefused, match="Lost card"):
        bench.desk.cards.add_typed(bench.ann, bench.customer, bench.store, bad, save_id=new_token())
    assert (good.number, good.code, bad.number, bad.code) == ("", "", "", "")
    assert NUMBER not in str(bench.rows(ATTEMPT)) and len(on_file(bench)) == 1


def test_the_same_save_again_keeps_no_second_card(bench: MoneyBench) -> None:
    save_id = new_token()
    assert add(bench, save_id=save_id) == add(bench, save_id=save_id)
    assert len(bench.rows(ATTEMPT)) == len(in_vault(bench)) == 1


def test_a_second_card_joins_the_same_vault_with_an_entry_of_its_own(bench: MoneyBench) -> None:
    add(bench)
    add(bench, OTHER, default=True)
    (first, second) = on_file(bench)
    assert first.vault_ref == second.vault_ref and first.billing_ref != second.billing_ref
    assert not first.is_default and second.is_default


def test_a_vault_whose_card_has_no_entry_of_its_own_stays_that_cards(bench: MoneyBench) -> None:
    make.add_card(bench.db, bench.customer, account=ACCOUNT, vault_ref="old-vault")
    add(bench)
    assert on_file(bench)[1].vault_ref != "old-vault"


def test_a_kept_card_whose_answer_was_lost_is_found_by_its_name_and_taken_on_file(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "vault_add")
    with pytest.raises(GatewayUnknown, match="being checked"):
        add(bench)
    assert on_file(bench) == [] and len(in_vault(bench)) == 1
    bench.later(seconds=30)
    bench.work()
    assert [(row.vault_ref, row.billing_ref) for row in on_file(bench)] == in_vault(bench)
    assert bench.rows(ATTEMPT)[0].state == AttemptState.SUCCEEDED and bench.work().anything is False


def test_a_desk_that_dies_while_it_sends_leaves_no_orphan_in_the_vault(
    bench: MoneyBench, monkeypatch: Any
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.desk.cards._sending, "_store", die)
    with pytest.raises(KeyboardInterrupt):
        add(bench)
    assert bench.rows(ATTEMPT)[0].state == AttemptState.SENDING
    bench.work()
    assert bench.rows(ATTEMPT)[0].state == AttemptState.SENDING, "its desk may still be at it"
    bench.later(minutes=3)
    bench.work()
    bench.later(minutes=1)
    bench.work()
    assert [(row.vault_ref, row.billing_ref) for row in on_file(bench)] == in_vault(bench) != []


def test_the_same_card_typed_again_goes_under_the_same_names(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_AFTER, "vault_add")
    with pytest.raises(GatewayUnknown):
        add(bench)
    with pytest.raises(AttemptInFlight, match="being checked"):
        add(bench, OTHER)
    add(bench)
    assert len(bench.rows(ATTEMPT)) == len(in_vault(bench)) == len(on_file(bench)) == 1
    assert bench.rows(ATTEMPT)[0].tries == 2


def test_a_card_that_never_arrived_frees_the_vault_after_the_quiet_time(bench: MoneyBench) -> None:
    bench.fault(Fault.TIMEOUT_BEFORE, "vault_add")
    with pytest.raises(GatewayUnknown):
        add(bench)
    for _ in range(3):
        bench.later(minutes=6)
        bench.work()
    assert bench.rows(ATTEMPT)[0].state == AttemptState.NOT_SENT
    add(bench, OTHER)
    assert len(on_file(bench)) == 1


def test_an_answer_that_comes_twice_keeps_one_card(bench: MoneyBench) -> None:
    add(bench)
    (attempt,) = bench.rows(ATTEMPT)
    asked = bench.gateways().of("sandbox", ACCOUNT)
    with bench.db.read() as tx:
        ask = attempts.claimed(tx, attempt.id).ask
    answer = asked.look_up(ask).answer
    assert answer is not None
    with bench.db.write() as tx:
        card_effects.adopt(tx, attempt, answer)
    assert len(on_file(bench)) == 1


def test_what_never_left_says_so_and_may_be_tried_again(bench: MoneyBench) -> None:
    bench.fault(Fault.NOT_SENT, "vault_add")
    with pytest.raises(CardRefused) as refused:
        add(bench)
    assert "Nothing was sent" in refused.value.in_words()
    add(bench)
    assert len(on_file(bench)) == 1


def test_only_who_may_manage_cards_adds_one_and_only_to_a_customer_he_sees(bench: MoneyBench) -> None:
    viewer = make.add_staff(bench.db, "vic", Role.VIEWER)
    with pytest.raises(NotPermitted):
        add(bench, actor=viewer)
    elsewhere = make.add_store(bench.db, "B")
    stranger = make.add_staff(bench.db, "zoe", store=elsewhere)
    with pytest.raises(NotFound):
        add(bench, actor=stranger)
    assert bench.rows(ATTEMPT) == []


def test_the_desk_of_ways_names_the_reason_for_each_that_is_closed(bench: MoneyBench) -> None:
    desk = bench.desk.cards.begin_add(bench.ann, bench.customer, bench.store)
    assert desk.typed.is_possible and desk.link.is_possible and desk.gateway == "sandbox" and desk.is_test
    with bench.db.write() as tx:
        tx.run(table_of(GatewayAccount).update().values(gateway="nmi", name="live", secret="env:NOT_HERE"))
    desk = bench.desk.cards.begin_add(bench.ann, bench.customer, bench.store)
    assert "neither the gateway's key" in desk.typed.why_not and "no page" in desk.link.why_not
    with bench.db.write() as tx:
        tx.run(table_of(GatewayAccount).update().values(gateway="stripe"))
    desk = bench.desk.cards.begin_add(bench.ann, bench.customer, bench.store)
    assert "takes no typed card numbers" in desk.typed.why_not and "No worker" in desk.link.why_not
    with bench.db.write() as tx:
        tx.run(table_of(GatewayAccount).update().values(is_open=False))
    with pytest.raises(NotPossibleNow, match="no open gateway account"):
        bench.desk.cards.begin_add(bench.ann, bench.customer, bench.store)


# Removing -------------------------------------------------------------------------------------------


def test_a_card_is_removed_at_its_gateway_and_then_here(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    removing = bench.desk.cards.remove(bench.ann, card_id, new_token())
    assert not removing.is_done and removing.waits_for_worker and len(on_file(bench)) == 1
    bench.work()
    assert on_file(bench) == [] and in_vault(bench) == []
    assert bench.desk.customers.open(bench.ann, bench.customer).cards == ()
    assert bench.desk.cards.remove(bench.ann, card_id, new_token()).is_done
    assert len(bench.rows(ATTEMPT)) == 2


def test_a_removal_whose_answer_was_lost_is_found_done(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    bench.fault(Fault.TIMEOUT_AFTER, "vault_remove")
    bench.desk.cards.remove(bench.ann, card_id, new_token())
    bench.work()
    assert in_vault(bench) == [] and len(on_file(bench)) == 1
    assert not bench.desk.cards.remove(bench.ann, card_id, new_token()).is_done
    bench.later(seconds=30)
    bench.work()
    assert on_file(bench) == [] and len(bench.rows(ATTEMPT)) == 2


def test_a_removal_that_the_gateway_never_heard_of_can_be_asked_for_again(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    bench.fault(Fault.NOT_SENT, "vault_remove")
    bench.desk.cards.remove(bench.ann, card_id, new_token())
    bench.work()
    assert len(in_vault(bench)) == len(on_file(bench)) == 1
    bench.desk.cards.remove(bench.ann, card_id, new_token())
    bench.work()
    assert in_vault(bench) == on_file(bench) == []


def test_a_card_that_left_the_file_and_not_the_vault_leaves_the_vault_too(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    with bench.db.write() as tx:
        tx.run(CARD.update().values(removed_at=tx.now, is_default=False))
    bench.desk.cards.remove(bench.ann, card_id, new_token())
    bench.work()
    assert in_vault(bench) == [] and bench.desk.cards.remove(bench.ann, card_id, new_token()).is_done


def test_a_card_that_pays_a_subscription_stays_and_says_which(bench: MoneyBench) -> None:
    old, new = add(bench).card_id, add(bench, OTHER).card_id
    box = subscribe(bench, old)
    with pytest.raises(NotPossibleNow, match="pays Tea box"):
        bench.desk.cards.remove(bench.ann, old, new_token())
    assert "Tea box" in bench.desk.cards.removal(bench.ann, old).blocked
    bench.desk.cards.apply(bench.ann, new, (box,), new_token())
    bench.desk.cards.remove(bench.ann, old, new_token())
    bench.work()
    assert [row.id for row in on_file(bench)] == [new]


def test_a_card_without_a_record_of_its_own_is_not_offered_for_removal(bench: MoneyBench) -> None:
    imported = make.add_card(bench.db, bench.customer, account=ACCOUNT)
    twins = [make.add_card(bench.db, bench.customer, account=ACCOUNT, vault_ref="both") for _ in range(2)]
    elsewhere = make.add_card(bench.db, bench.customer, gateway="external", account="shop", vault_ref="x")
    said = [
        bench.desk.cards.removal(bench.ann, one).blocked for one in (imported, twins[0], elsewhere)
    ]  # fmt: skip
    assert ["no record of its own" in said[0], "shares" in said[1], "cannot remove" in said[2]] == [True] * 3
    with pytest.raises(NotPossibleNow):
        bench.desk.cards.remove(bench.ann, imported, new_token())


# Default, following through -------------------------------------------------------------------------


def test_the_default_holds_in_every_store_and_there_is_one(bench: MoneyBench) -> None:
    first, second = add(bench).card_id, add(bench, OTHER).card_id
    assert bench.desk.cards.make_default(bench.bob, second, new_token()) == "Mastercard …4444"
    assert [(row.id, bool(row.is_default)) for row in on_file(bench)] == [(first, False), (second, True)]


def test_a_new_card_is_offered_for_what_other_cards_pay_failed_charges_first(bench: MoneyBench) -> None:
    old, new = add(bench).card_id, add(bench, OTHER).card_id
    live, failed = (
        subscribe(bench, old),
        subscribe(bench, old, "Coffee", status="past_due", next_bill_date=date(2026, 12, 9)),
    )
    subscribe(bench, old, "Gone", status="cancelled")
    subscribe(bench, new, "Mine")
    found = bench.desk.cards.follow_through(bench.ann, bench.customer, new)
    assert [(one.subscription_id, one.is_failed, one.card) for one in found] == [
        (failed, True, "Visa …1111"),
        (live, False, "Visa …1111"),
    ]


def test_what_somebody_else_is_editing_is_named_and_left(bench: MoneyBench) -> None:
    old, new = add(bench).card_id, add(bench, OTHER).card_id
    free, busy = subscribe(bench, old), subscribe(bench, old, "Coffee")
    bench.desk.locks.begin(bench.bob, Kind.SUBSCRIPTION, busy, 1, new_token(), Purpose.EDIT)
    save_id = new_token()
    applied = bench.desk.cards.apply(bench.ann, new, (free, busy), save_id)
    assert applied.done == ("Tea box",) and applied.left == ("Coffee: Bob is editing it",)
    assert bench.desk.cards.apply(bench.ann, new, (free,), save_id).done == ("Tea box",)
    rows = bench.rows(table_of(Subscription))
    assert [(row.card_id, row.version) for row in rows] == [(new, 2), (old, 1)]
    assert bench.desk.audit.verify(bench.sue) == ()


def test_a_declined_charge_marks_its_card(bench: MoneyBench) -> None:
    card_id = add(bench).card_id
    order = make.add_order(bench.db, bench.store, bench.customer)
    with bench.db.write() as tx:
        attempts.add(
            tx,
            {
                "key": new_token(), "guard_key": f"order:{order}:charge", "store_id": bench.store, "order_id": order,
                "customer_id": bench.customer, "card_id": card_id, "operation": Operation.SALE, "state": AttemptState.ARMED,
                "amount": 1000, "currency": "USD", "gateway": "sandbox", "account": ACCOUNT, "execute_after": tx.now,
            },
        )  # fmt: skip
    bench.fault(Fault.DECLINE, "sale")
    bench.work()
    assert bench.desk.customers.open(bench.ann, bench.customer).cards[0].failed_before


# Links ----------------------------------------------------------------------------------------------


def test_a_card_link_is_mailed_once_and_its_card_comes_on_file_once(bench: MoneyBench) -> None:
    save_id = new_token()
    sent = bench.desk.cards.send_link(bench.ann, bench.customer, bench.store, save_id)
    assert sent.is_open and sent.expires_at is not None
    assert bench.desk.cards.send_link(bench.ann, bench.customer, bench.store, save_id).is_open
    (link,) = bench.rows(LINK)
    (mail,) = bench.rows(table_of(Outbox))
    assert mail.kind == "card_link" and link.url in mail.body_text
    assert bench.desk.cards._links.check_links() == 0 and on_file(bench) == []
    look_again(bench, later=120)
    assert bench.desk.cards._links.check_links() == 1
    (card,) = on_file(bench)
    assert (card.last4, card.is_default) == ("4242", True)
    (link,) = bench.rows(LINK)
    assert not link.is_open and link.outcome == "used" and bench.desk.cards._links.check_links() == 0


def test_a_link_that_nobody_used_ends(bench: MoneyBench) -> None:
    bench.fault(Fault.LOST, "link")
    bench.desk.cards.send_link(bench.ann, bench.customer, bench.store, new_token())
    look_again(bench, later=120)
    bench.desk.cards._links.check_links()
    assert [(bool(row.is_open), row.outcome) for row in bench.rows(LINK)] == [(False, "The link has expired")]
    assert on_file(bench) == []


def test_a_link_that_cannot_be_made_yet_is_tried_again_and_then_given_up(bench: MoneyBench) -> None:
    with bench.db.write() as tx:
        tx.run(table_of(GatewayAccount).update().values(is_test=False))
    bench.desk.cards.send_link(bench.ann, bench.customer, bench.store, new_token())
    (link,) = bench.rows(LINK)
    assert link.is_open and link.url == "" and "kept as live" in link.outcome
    assert bench.rows(table_of(Outbox)) == []
    look_again(bench, later=7200)
    bench.desk.cards._links.check_links()
    assert not bench.rows(LINK)[0].is_open


def test_an_outage_of_the_database_in_the_middle_is_not_taken_for_a_refusal(
    bench: MoneyBench, monkeypatch: Any
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise DatabaseAway("The database does not answer.", "")

    monkeypatch.setattr(bench.desk.cards._sending, "_record", away)
    monkeypatch.setattr(bench.desk.cards._sending, "_sleep", lambda _seconds: None)
    with pytest.raises(GatewayUnknown):
        add(bench)
    bench.later(minutes=3)
    bench.work()
    bench.later(minutes=1)
    bench.work()
    assert [(row.vault_ref, row.billing_ref) for row in on_file(bench)] == in_vault(bench) != []


def look_again(bench: MoneyBench, *, later: int) -> None:
    """Lets time pass for links."""
    bench.later(seconds=later)
    with bench.db.write() as tx:
        for row in tx.rows(LINK.select()):
            tx.run(
                LINK.update()
                .where(LINK.c.id == row.id)
                .values(next_check_at=tx.now, created_at=row.created_at - timedelta(seconds=later))
            )
