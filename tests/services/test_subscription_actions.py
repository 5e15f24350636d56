"""What agents do with subscriptions: under the lock, audited, stored once, and stored as the preview said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from cstui.domain.actor import Actor
from cstui.domain.clean import clean
from cstui.domain.errors import (
    CstuiError,
    InvalidInput,
    LockBroken,
    NotFound,
    NotPermitted,
    NotPossibleNow,
    RecordChanged,
    RecordLocked,
)
from cstui.domain.ids import Kind, new_token
from cstui.domain.locking import Grip, Purpose
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, RefundState
from cstui.domain.permissions import Role
from cstui.domain.refunds import Receipt
from cstui.domain.subscription_changes import (
    Cancel,
    CancelWhen,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    Trial,
    TrialMove,
)
from cstui.domain.subscription_rules import POSSIBLE, SubscriptionAction
from cstui.domain.subscriptions import DiscountKind, PeriodState, SubscriptionStatus
from cstui.domain.verification import NotVerified
from cstui.services.audit import Audit
from cstui.services.locks import Locks
from cstui.services.subscriptions import Subscriptions
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit
from cstui.storage.tables.locks import Draft, EditLock
from tests.bad_inputs import BAD_TEXTS
from tests.factories import THEN, add_card, add_customer, add_order, add_staff, add_store, at, count
from tests.money import money_bench
from tests.subscriptions import (
    PERIOD,
    Bench,
    add_period,
    add_product,
    add_row,
    add_subscription,
    bench,
    days,
    today,
)

S = SubscriptionStatus
A = SubscriptionAction


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def do(
    b: Bench, subscription: int, step: Step, *, save_id: str = "", grip: Grip | None = None, **more: Any
) -> Any:
    """A step by the method that an agent's key calls."""
    held, key = grip or b.grip(subscription), save_id or new_token()
    if isinstance(step, Cancel):
        return b.subs.cancel(
            b.ann, subscription, held, reason_code="not_using", when=step.when, on=step.on, keep_billing=step.keep_billing, save_id=key, **more
        )  # fmt: skip
    if isinstance(step, Pause):
        return b.subs.pause(b.ann, subscription, held, step.until, key, on=step.on)
    if isinstance(step, Resume):
        return b.subs.resume(b.ann, subscription, held, key, on=step.on)
    if isinstance(step, Skip):
        return b.subs.skip(b.ann, subscription, held, key)
    if isinstance(step, Trial):
        return b.subs.trial(b.ann, subscription, held, step.move, key, now=step.now)
    if isinstance(step, Reactivate):
        return b.subs.reactivate(b.ann, subscription, held, key, on=step.on)
    return b.subs.save(b.ann, subscription, held, step, key)


def last_event(b: Bench, subscription: int) -> Any:
    with b.db.read() as tx:
        return audit.events_of(tx, Kind.SUBSCRIPTION, subscription)[0]


def sound(b: Bench) -> tuple[str, ...]:
    """What the audit's own proof has to say."""
    return Audit(b.db).verify(add_staff(b.db, "zoe", Role.ADMIN))


# Opening --------------------------------------------------------------------------------------------


def test_it_opens_with_everything_that_its_screen_paints(db: Database) -> None:
    b = bench(db)
    order = add_order(db, b.store, b.customer, "#1001")
    sub = b.add(
        S.PAST_DUE, parent_order_id=order, discount_kind=DiscountKind.PERCENT, discount_value=10, discount=200
    )
    add_period(db, sub, 3, PeriodState.BILLED, order_id=order)
    add_period(db, sub, 4)
    b.attempt(sub, AttemptState.DECLINED_SOFT, response_code="51", response_text="Insufficient funds")
    view = b.open(sub)
    assert (view.store_code, view.store_zone, view.bill_time, view.customer_name) == (
        "main",
        "America/New_York",
        "09:00",
        "Ann Lee",
    )
    assert (view.parent_number, view.card, view.card_warning, view.version) == ("#1001", "Visa …4242", "", 1)
    assert [(p.cycle, p.state) for p in view.periods] == [(4, PeriodState.DUE), (3, PeriodState.BILLED)]
    (tried,) = view.attempts
    assert (tried.said, tried.advice, tried.again, tried.card) == (
        "Not enough money in the account", "Try later, or ask for another card.", "S", "Visa …4242",
    )  # fmt: skip
    assert view.next is not None and view.next.date == view.retry_on == days(2)
    assert (view.next.total, view.row.price.total) == (usd(2260), usd(2260))
    assert view.bills_at is not None and view.today == today()


def test_it_opens_with_history_and_mails_for_whom_may_see_them(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    do(b, sub, Skip())
    assert [event.action for event in b.open(sub).events] == ["charge skipped"]
    viewer = add_staff(db, "vic", Role.VIEWER)
    assert b.subs.open(viewer, sub).events == ()


def test_a_subscription_of_another_store_is_not_found_whatever_is_asked(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    bob = add_staff(db, "bob", store=add_store(db, "other"))
    for ask in (
        lambda: b.subs.open(bob, sub),
        lambda: b.subs.open(b.ann, 99999),
        lambda: b.subs.preview(bob, sub, Skip()),
        lambda: b.subs.begin(bob, sub, 1, "t"),
        lambda: b.subs.skip(bob, sub, Grip("t", 1, 1), "s"),
    ):
        with pytest.raises(NotFound):
            ask()


def test_why_not_says_it_for_the_state_and_for_the_person(db: Database) -> None:
    b = bench(db)
    for status in S:
        why = b.open(b.add(status)).why_not
        assert set(why) == {action for action in A if status not in POSSIBLE[action]}
    viewer = b.subs.open(add_staff(db, "vic", Role.VIEWER), b.add())
    assert viewer.why_not[A.CANCEL] == "Your role may not change subscriptions here."
    assert viewer.why_not[A.PRICE] == "Your role may not change prices of subscriptions here."


# The table of actions -------------------------------------------------------------------------------

_STEPS: dict[SubscriptionAction, Step] = {
    A.CANCEL: Cancel(),
    A.PAUSE: Pause(),
    A.RESUME: Resume(),
    A.SKIP: Skip(),
    A.CARD: SubscriptionChange(card_id=0),
    A.PRICE: SubscriptionChange(unit_price=usd(900)),
    A.QUANTITY: SubscriptionChange(quantity=3),
    A.OPTION: SubscriptionChange(option="Green"),
    A.DATE: SubscriptionChange(next_bill_date=days(5)),
    A.TRIAL: Trial(TrialMove.RESTART),
    A.REACTIVATE: Reactivate(),
}


def test_every_cell_of_the_table_is_allowed_or_refused_with_its_reason(db: Database) -> None:
    b = bench(db)
    add_product(db, b.store, option="Green")
    other = add_card(db, b.customer, last4="1111", vault_ref="vault-2")
    for action, step in _STEPS.items():
        if action is A.CARD:
            step = SubscriptionChange(card_id=other)
        for status in S:
            sub = b.add(status)
            before = b.open(sub)
            if status in POSSIBLE[action]:
                planned = b.subs.preview(b.ann, sub, step)
                after = do(b, sub, step)
                assert after.version == 2 and after.edit_lock is None, (action, status)
                assert after.next == planned, (action, status)
                assert last_event(b, sub).changes and last_event(b, sub).version == 2
                continue
            with pytest.raises(NotPossibleNow) as refused:
                do(b, sub, step)
            assert refused.value.message == before.why_not[action]
            assert b.row(sub).version == 1
    assert sound(b) == ()


# Cancelling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "status", "event"),
    [
        (Cancel(CancelWhen.NOW), S.CANCELLED, "subscription cancelled"),
        (Cancel(CancelWhen.AFTER_NEXT), S.ACTIVE, "cancellation planned"),
        (Cancel(CancelWhen.BEFORE_NEXT), S.ACTIVE, "cancellation planned"),
        (Cancel(CancelWhen.ON_DATE, days(40)), S.ACTIVE, "cancellation planned"),
        (Cancel(CancelWhen.ON_DATE, days(40), keep_billing=False), S.ACTIVE, "cancellation planned"),
        (Cancel(CancelWhen.ON_DATE, today()), S.CANCELLED, "subscription cancelled"),
    ],
)
def test_a_cancellation_is_stored_as_its_preview_said(
    db: Database, step: Cancel, status: SubscriptionStatus, event: str
) -> None:
    b = bench(db)
    sub = b.add()
    planned = b.subs.preview(b.ann, sub, step)
    view = do(b, sub, step, note="Moved abroad")
    assert (view.row.status, view.next, view.cancel_reason) == (status, planned, "Not using it: Moved abroad")
    assert view == b.open(sub)
    found = last_event(b, sub)
    assert (found.action, found.reason) == (event, "Not using it: Moved abroad")


def test_cancelling_clears_everything_in_one_transaction(db: Database) -> None:
    b = bench(db)
    sub = b.add(
        S.PAST_DUE, resume_on=days(50), pause_on=days(20), cancel_on=days(60), keep_billing=False, cancel_after_next=True, attempts=2,
        price_cycles_left=2, regular_unit_price=1500, regular_discount_kind=DiscountKind.NONE, regular_discount_value=0,
        regular_shipping=300, regular_tax=240,
    )  # fmt: skip
    add_period(db, sub, 4, tries=2, bill_date=days(-3))
    armed = b.attempt(sub, AttemptState.ARMED, execute_after=datetime.now(UTC) + timedelta(hours=1))
    view = do(b, sub, Cancel())
    row = b.row(sub)
    assert (row.pause_on, row.resume_on, row.retry_on, row.cancel_on, row.next_bill_date) == (None,) * 5
    assert (row.cancel_after_next, row.keep_billing, row.price_cycles_left, row.attempts, row.unit_price) == (
        False,
        True,
        0,
        0,
        1500,
    )
    assert b.state_of(armed) is AttemptState.WITHDRAWN
    assert b.periods(sub) == [(4, PeriodState.FAILED, 2460)]
    assert view.next is not None and view.next.date is None and view.next.following == ()


def test_cancelling_while_a_bill_is_sent_says_so_and_leaves_that_bill_to_its_outcome(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    add_period(db, sub, 4)
    sent = b.attempt(sub, AttemptState.SENDING)
    planned = b.subs.preview(b.ann, sub, Cancel())
    assert planned.warnings[-1].startswith("A charge of 24.60 USD is under way")
    assert do(b, sub, Cancel()).row.status is S.CANCELLED
    assert b.state_of(sent) is AttemptState.SENDING and b.periods(sub) == [(4, PeriodState.DUE, 2460)]


@pytest.mark.parametrize(
    "step", [Skip(), SubscriptionChange(unit_price=usd(1)), SubscriptionChange(next_bill_date=days(3))]
)
def test_a_bill_that_is_under_way_is_not_changed_behind_its_back(sqlite_db: Database, step: Step) -> None:
    b = bench(sqlite_db)
    sub = b.add()
    b.attempt(sub, AttemptState.UNKNOWN)
    with pytest.raises(NotPossibleNow, match="under way"):
        do(b, sub, step)
    assert b.row(sub).version == 1
    assert do(b, sub, Pause()).row.status is S.PAUSED


def test_an_armed_bill_is_taken_back_by_a_change_of_price(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    armed = b.attempt(sub, AttemptState.ARMED, execute_after=datetime.now(UTC) + timedelta(hours=1))
    do(b, sub, SubscriptionChange(shipping=usd(0)))
    assert b.state_of(armed) is AttemptState.WITHDRAWN


def test_a_cancellation_needs_a_reason_of_the_list_and_other_needs_words(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    for code, note, field in (
        ("nonsense", "", "reason"),
        ("other", " ", "note"),
        ("other", "4242 4242 4242 4242", "note"),
    ):
        with pytest.raises(InvalidInput) as refused:
            b.subs.cancel(b.ann, sub, b.grip(sub), reason_code=code, note=note, save_id=new_token())
        assert refused.value.field == field
    assert b.row(sub).status is S.ACTIVE


def test_hostile_words_are_stored_clean_or_refused_by_their_field(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    stored, version = 0, 1
    # What one database stores the other stores as well, but for what only its driver chokes on.
    odd = [
        (name, text)
        for name, text in BAD_TEXTS
        if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text)
    ]
    texts = BAD_TEXTS if db.is_sqlite else [*odd, *BAD_TEXTS[::10]]
    for number, (name, text) in enumerate(texts):
        grip = b.subs.begin(b.ann, sub, version, new_token())
        refused = ""
        try:
            view = b.subs.cancel(
                b.ann, sub, grip, reason_code="not_using", note=text, when=CancelWhen.ON_DATE, on=days(30 + number), save_id=new_token()
            )  # fmt: skip
        except InvalidInput as problem:
            refused = problem.field
        if refused:
            assert refused == "note", name
            continue
        stored, version = stored + 1, view.version
        words = clean(text, multiline=True).strip()
        assert view.cancel_reason == (f"Not using it: {words}" if words else "Not using it"), name
    assert stored > len(texts) // 2 and sound(b) == ()


class Wishes:
    """Notes the reasons that were counted."""

    def __init__(self) -> None:
        self.counted: list[str] = []

    def cancelled(
        self,
        tx: Any,
        actor: Actor,
        store_id: int,
        subscription_id: int,
        customer_id: int,
        reason_code: str,
        *more: Any,
    ) -> None:
        self.counted.append(reason_code)


def test_each_wish_to_cancel_is_counted_once(sqlite_db: Database) -> None:
    wishes = Wishes()
    b = bench(sqlite_db, wishes=wishes)
    sub = b.add()
    grip = b.grip(sub)
    do(b, sub, Cancel(), save_id="s1", grip=grip)
    do(b, sub, Cancel(), save_id="s1", grip=grip)
    assert wishes.counted == ["not_using"]


def test_the_last_charge_goes_back_with_a_receipt_of_its_own_and_only_once(db_url: str) -> None:
    m = money_bench(db_url)
    subs = m.desk.subscriptions
    order = m.order("#1001")
    card = add_card(m.db, m.customer, vault_ref="vault-1", account="main")
    sub = add_subscription(m.db, m.store, m.customer, card_id=card)
    add_period(m.db, sub, 3, PeriodState.BILLED, order_id=order)
    grip = subs.begin(m.ann, sub, 1, new_token())
    for _ in range(2):
        view = subs.cancel(m.ann, sub, grip, reason_code="quality", refund_last=True, save_id="s1")
        assert (view.row.status, view.problem) == (S.CANCELLED, "")
        assert view.receipt is not None and view.receipt.amount == usd(3050)
    refunds, _ = m.refunds.of_order(m.ann, order)
    assert [(r.amount, r.state, r.note) for r in refunds] == [
        (usd(3050), RefundState.ARMED, "The subscription was cancelled")
    ]
    m.desk.close()


def test_what_stands_in_the_way_of_a_refund_never_stops_the_cancellation(db_url: str) -> None:
    m = money_bench(db_url)
    subs = m.desk.subscriptions
    order = m.order("#1001")
    sub = add_subscription(m.db, m.store, m.customer)
    add_period(m.db, sub, 3, PeriodState.BILLED, order_id=order)
    m.refunds.open(m.bob, order, new_token())
    grip = subs.begin(m.ann, sub, 1, new_token())
    view = subs.cancel(m.ann, sub, grip, reason_code="quality", refund_last=True, save_id="s1")
    assert view.row.status is S.CANCELLED and view.receipt is None and "Bob" in view.problem
    never = add_subscription(m.db, m.store, m.customer)
    grip = subs.begin(m.ann, never, 1, new_token())
    view = subs.cancel(m.ann, never, grip, reason_code="quality", refund_last=True, save_id="s2")
    assert view.problem == "Nothing was charged that could be refunded."
    m.desk.close()


def test_a_refund_that_ends_its_subscriptions_clears_what_was_planned_for_them(db_url: str) -> None:
    m = money_bench(db_url)
    order = m.order("#1001")
    sub = add_subscription(
        m.db, m.store, m.customer, parent_order_id=order, cancel_after_next=True, resume_on=days(9)
    )
    add_period(m.db, sub, 4)
    m.ask(m.ann, order, stop_subscriptions=True)
    m.work()
    view = m.desk.subscriptions.open(m.ann, sub)
    assert (view.row.status, view.cancel_reason) == (S.CANCELLED, "Ended with a refund")
    assert (view.cancel_after_next, view.resume_on, view.row.next_bill_date) == (False, None, None)
    assert [p.state for p in view.periods] == [PeriodState.SKIPPED]
    assert [(event.action, event.version) for event in view.events] == [("subscription cancelled", 2)]
    m.desk.close()


# Editing --------------------------------------------------------------------------------------------


def test_an_edit_is_audited_with_old_and_new_values(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    change = SubscriptionChange(
        unit_price=usd(1200), shipping=usd(0), discount_kind=DiscountKind.PERCENT, discount_value=25, quantity=1, next_bill_date=days(31)
    )  # fmt: skip
    planned = b.subs.preview(b.ann, sub, change)
    view = do(b, sub, change)
    assert view.next == planned and view.row.price.total == usd(1200 - 300 + 72)
    found = last_event(b, sub)
    said = {c.path: (c.old, c.new) for c in found.changes}
    assert said["price.unit"] == ("10.00 USD", "12.00 USD") and said["price.shipping"] == (
        "3.00 USD",
        "0.00 USD",
    )
    assert said["price.discount_of"] == ("none", "25 %") and said["quantity"] == ("2", "1")
    assert said["next_bill_date"] == (days(10).isoformat(), days(31).isoformat())
    assert (found.action, found.actor, found.version) == ("subscription edited", "Ann", 2)
    assert sound(b) == ()


def test_the_open_period_follows_date_and_price(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    add_period(db, sub, 4)
    do(b, sub, SubscriptionChange(shipping=usd(0), next_bill_date=days(5)))
    with db.read() as tx:
        row = tx.rows(sa.select(PERIOD))[0]
    assert (row.bill_date, row.amount, row.state) == (days(5), 2160, PeriodState.DUE)


def test_a_price_for_the_next_bill_only_shows_what_comes_back(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    view = do(
        b, sub, SubscriptionChange(discount_kind=DiscountKind.FIXED, discount_value=99999, next_only=True)
    )
    assert view.row.price.total == usd(300) and view.price_cycles_left == 1
    assert view.regular is not None and view.regular.total == usd(2460)
    assert view.next is not None and [total for _, total in view.next.following] == [usd(2460)] * 3


def test_another_option_or_product_takes_its_price_or_leaves_it(db: Database) -> None:
    b = bench(db)
    add_product(db, b.store, "Tea", "Green", 1500)
    coffee = add_product(db, b.store, "Coffee", "", 500)
    sub = b.add()
    view = do(b, sub, SubscriptionChange(option="Green"))
    assert (view.row.product, view.row.option, view.row.price.unit) == ("Tea", "Green", usd(1500))
    view = do(b, sub, SubscriptionChange(product_id=coffee, price_follows=False))
    assert (view.row.product, view.row.option, view.sku, view.row.price.unit) == (
        "Coffee",
        "",
        "COFFEE-",
        usd(1500),
    )
    foreign = add_product(db, add_store(db, "other"), "Coffee")
    gone = add_product(db, b.store, "Soup", is_active=False)
    for change, field in (
        (SubscriptionChange(product_id=foreign), "product"),
        (SubscriptionChange(product_id=gone), "product"),
        (SubscriptionChange(option="‮evil'; --"), "option"),
    ):
        with pytest.raises(InvalidInput) as refused:
            b.subs.preview(b.ann, sub, change)
        assert refused.value.field == field


def test_a_price_needs_its_own_right_and_nothing_is_stored_without_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cstui.domain import permissions

    fewer = permissions.GRANTED[Role.AGENT] - {permissions.Permission.SUBSCRIPTION_PRICE}
    monkeypatch.setitem(permissions.GRANTED, Role.AGENT, fewer)
    b = bench(db)
    sub = b.add()
    grip = b.grip(sub)
    with pytest.raises(NotPermitted, match="change prices of subscriptions"):
        b.subs.save(b.ann, sub, grip, SubscriptionChange(unit_price=usd(1), quantity=3), "s1")
    assert b.row(sub).version == 1
    assert b.subs.save(b.ann, sub, grip, SubscriptionChange(quantity=3), "s2").row.price.quantity == 3


def test_a_viewer_changes_nothing(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    vic = add_staff(db, "vic", Role.VIEWER)
    with pytest.raises(NotPermitted):
        b.subs.begin(vic, sub, 1, "t")
    grip = b.grip(sub)
    with pytest.raises(NotPermitted):
        b.subs.skip(vic, sub, grip, "s1")


def test_nothing_different_only_frees_the_lock(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    view = do(b, sub, SubscriptionChange(unit_price=usd(1000), quantity=2))
    assert (view.version, view.edit_lock, view.events) == (1, None, ())


# Cards ----------------------------------------------------------------------------------------------


class Charger:
    """Stands in for billing where only its being asked matters."""

    def __init__(self, db: Database, refusal: str = "") -> None:
        self.db, self.refusal = db, refusal
        self.asked: list[tuple[Grip, str]] = []

    def force(
        self, actor: Actor, subscription_id: int, grip: Grip, save_id: str, undo_seconds: int | None = None
    ) -> Receipt:
        from cstui.storage.queries import locks

        with self.db.write() as tx:
            if self.refusal:
                raise NotPossibleNow(self.refusal, "Take another card.")
            locks.require_held(tx, Kind.SUBSCRIPTION, subscription_id, grip, actor)
            locks.free(tx, grip.token)
        self.asked.append((grip, save_id))
        return Receipt("Charging 24.60 USD.", AttemptState.ARMED, usd(2460), 0, "")

    def why_not_forced(self, tx: Any, row: Any) -> str:
        return self.refusal


def test_a_new_card_of_a_past_due_one_can_be_charged_at_once_under_the_same_lock(db: Database) -> None:
    b = bench(db)
    charger = Charger(db)
    b.subs = Subscriptions(db, charger=charger)
    new = add_card(db, b.customer, last4="1111", vault_ref="vault-2")
    sub = b.add(S.PAST_DUE, attempts=3)
    armed = b.attempt(sub, AttemptState.ARMED, execute_after=datetime.now(UTC) + timedelta(hours=1))
    view = b.subs.update_card(b.ann, sub, b.grip(sub), new, True, "s1")
    assert (view.card, view.tries, view.edit_lock, view.problem) == ("Visa …1111", 0, None, "")
    assert view.receipt is not None and view.receipt.amount == usd(2460)
    ((grip, save_id),) = charger.asked
    assert (grip.version, save_id) == (2, "s1:charge")
    assert b.state_of(armed) is AttemptState.WITHDRAWN
    found = last_event(b, sub)
    assert ("card", "Visa …4242", "Visa …1111") in [(c.path, c.old, c.new) for c in found.changes]


def test_a_card_whose_charge_was_cut_off_is_charged_by_the_repeat_under_the_lock_that_was_kept(
    db: Database,
) -> None:
    class CutOff(Charger):
        def force(self, *asked: Any) -> Receipt:
            if not self.asked:
                self.asked.append((asked[2], asked[3]))
                raise ConnectionError
            return super().force(*asked)

    b = bench(db)
    b.subs = Subscriptions(db, charger=CutOff(db))
    new = add_card(db, b.customer, last4="1111", vault_ref="vault-2")
    sub = b.add(S.PAST_DUE)
    grip = b.grip(sub)
    with pytest.raises(ConnectionError):
        b.subs.update_card(b.ann, sub, grip, new, True, "s1")
    view = b.subs.update_card(b.ann, sub, grip, new, True, "s1")
    assert view.receipt is not None and (view.version, view.edit_lock, view.problem) == (2, None, "")


def test_a_card_that_may_not_be_charged_is_stored_all_the_same_and_the_lock_is_free(db: Database) -> None:
    b = bench(db)
    b.subs = Subscriptions(db, charger=Charger(db, "This card was reported stolen."))
    new = add_card(db, b.customer, last4="1111", vault_ref="vault-2")
    sub = b.add(S.PAST_DUE)
    assert b.open(sub).why_not[A.BILL] == "This card was reported stolen."
    view = b.subs.update_card(b.ann, sub, b.grip(sub), new, True, "s1")
    assert (view.card_id, view.edit_lock) == (new, None)
    assert view.problem == "This card was reported stolen. Take another card."


def test_only_a_card_of_the_customer_that_can_be_charged_is_taken(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    foreign = add_card(db, add_customer(db, b.store, "Bob"), vault_ref="vault-9")
    removed = add_card(db, b.customer, vault_ref="vault-8", removed_at=THEN)
    expired = add_card(db, b.customer, vault_ref="vault-7", expiry_month=1, expiry_year=2020)
    nowhere = add_card(db, b.customer)
    for card in (foreign, removed, expired, nowhere, 99999):
        with pytest.raises(InvalidInput) as refused:
            b.subs.preview(b.ann, sub, SubscriptionChange(card_id=card))
        assert refused.value.field == "card"
    soon = add_card(db, b.customer, vault_ref="vault-6", expiry_month=today().month, expiry_year=today().year)
    shown = b.subs.preview(b.ann, sub, SubscriptionChange(card_id=soon, next_bill_date=days(40)))
    assert "The card Visa …4242 expires before the next bill." in shown.warnings


def test_a_caller_is_verified_first_where_the_store_asks_for_it(db: Database) -> None:
    class Rules:
        def value(self, key: str, store_id: int | None = None) -> Any:
            return 120 if key == "locking.lease" else True

    b = bench(db, verification=Verifications(db, Rules()))
    sub, new = b.add(), add_card(db, b.customer, vault_ref="vault-2")
    with pytest.raises(NotVerified):
        b.subs.update_card(b.ann, sub, b.grip(sub), new, False, "s1", desk="d")
    with pytest.raises(NotVerified):
        b.subs.cancel(b.ann, sub, b.grip(sub), reason_code="quality", save_id="s2", desk="d")
    assert b.row(sub).version == 1


# Skipping, trials, coming back ----------------------------------------------------------------------


def test_a_skip_closes_its_period_uncharged(db: Database) -> None:
    b = bench(db)
    sub, prepared = b.add(), b.add()
    add_period(db, prepared, 4)
    for one in (sub, prepared):
        view = do(b, one, Skip())
        assert b.periods(one) == [(4, PeriodState.SKIPPED, 0)]
        assert (view.row.cycle, view.row.next_bill_date) == (4, b.subs.open(b.ann, one).next.date)  # type: ignore[union-attr]


def test_a_skipped_trial_is_billed_at_once(db: Database) -> None:
    b = bench(db)
    charger = Charger(db)
    b.subs = Subscriptions(db, charger=charger)
    sub = b.add(S.TRIAL)
    view = do(b, sub, Trial(TrialMove.SKIP), save_id="s1")
    assert (view.row.next_bill_date, view.row.trial_ends_on) == (today(), today())
    assert view.receipt is not None and [save_id for _, save_id in charger.asked] == ["s1:charge"]


def test_what_comes_back_opens_its_period_again(db: Database) -> None:
    b = bench(db)
    sub = b.add(S.PAST_DUE)
    add_period(db, sub, 4, tries=2)
    do(b, sub, Cancel())
    assert b.periods(sub) == [(4, PeriodState.FAILED, 2460)]
    view = do(b, sub, Reactivate(on=days(7)))
    assert (view.row.status, view.row.next_bill_date, view.cancel_reason, view.cancelled_at) == (
        S.ACTIVE,
        days(7),
        "",
        None,
    )
    with db.read() as tx:
        row = tx.rows(sa.select(PERIOD))[0]
    assert (row.state, row.bill_date, row.tries, row.closed_at) == (PeriodState.DUE, days(7), 0, None)
    assert sound(b) == ()


# The lock -------------------------------------------------------------------------------------------


def test_one_holds_the_lock_and_the_other_reads_who(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    b.grip(sub, purpose=Purpose.CANCEL)
    bob = add_staff(db, "bob", terminal="term-2")
    with pytest.raises(RecordLocked) as refused:
        b.subs.begin(bob, sub, 1, "t2")
    assert refused.value.holder == "Ann"
    seen = b.subs.open(bob, sub).edit_lock
    assert seen is not None and (seen.holder, seen.purpose, seen.token) == ("Ann", Purpose.CANCEL, "")
    mine = b.open(sub).edit_lock
    assert mine is not None and mine.token


def test_a_forced_lock_refuses_the_save_and_leaves_the_draft(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    grip = b.grip(sub)
    add_row(
        db, Draft(staff_id=b.ann.staff_id, record_kind=Kind.SUBSCRIPTION, record_id=sub, base_version=1, body="{}", created_at=THEN, updated_at=THEN)
    )  # fmt: skip
    Locks(db).force(add_staff(db, "sue", Role.SUPERVISOR), Kind.SUBSCRIPTION, sub, "Caller waits")
    with pytest.raises(LockBroken):
        do(b, sub, Cancel(), grip=grip)
    do(b, sub, Skip())
    assert count(db, Draft) == 1 and count(db, EditLock) == 0


def test_a_stale_edit_says_who_changed_what(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    grip = b.grip(sub)
    with db.write() as tx:
        from cstui.services import subscription_saving as saving

        held = saving.taken(tx, add_staff_in(tx), sub)
        saving.save(held, SubscriptionChange(quantity=5), "quantity changed")
    with pytest.raises(RecordChanged) as refused:
        do(b, sub, SubscriptionChange(shipping=usd(0)), grip=grip)
    assert (refused.value.by, refused.value.version) == ("worker", 2)
    assert {"quantity", "price.tax"} <= set(refused.value.fields)
    assert b.row(sub).shipping == 300


def add_staff_in(_: Any) -> Actor:
    from cstui.domain.actor import system_actor

    return system_actor("worker", "worker")


def test_a_repeated_save_is_answered_and_stored_once(db: Database) -> None:
    b = bench(db)
    for step in (Skip(), Pause(), SubscriptionChange(quantity=3), Cancel()):
        sub = b.add()
        grip, save_id = b.grip(sub), new_token()
        first = do(b, sub, step, save_id=save_id, grip=grip)
        again = do(b, sub, step, save_id=save_id, grip=grip)
        assert again == first and again.version == 2 and len(again.events) == 1


def test_two_agents_at_once_change_it_one_after_the_other(db: Database) -> None:
    b = bench(db)
    sub = b.add()
    bob = add_staff(db, "bob", terminal="term-2")
    gate, outcomes = Barrier(2), []

    def skip(actor: Actor) -> None:
        gate.wait()
        try:
            grip = b.subs.begin(actor, sub, 1, new_token())
            b.subs.skip(actor, sub, grip, new_token())
            outcomes.append("skipped")
        except (RecordLocked, RecordChanged) as refused:
            outcomes.append(type(refused).__name__)
        except CstuiError as other:
            outcomes.append(repr(other))

    threads = [Thread(target=skip, args=(who,)) for who in (b.ann, at(bob, "term-2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["RecordChanged", "skipped"], ["RecordLocked", "skipped"])
    assert b.row(sub).cycle == 4 and b.periods(sub) == [(4, PeriodState.SKIPPED, 0)]
