"""Three years of billing with random people and random banks: one charge per cycle, never after an end, on the day and at the price shown.

The wide part plays the rules alone, in zones with and without summer time, over a leap day, with a worker that sleeps for days; the deep
part does the same to the real services and the sandbox.
"""

from __future__ import annotations

import calendar
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cstui.domain.billing import (
    After,
    Do,
    Dunning,
    Todo,
    after_decline,
    after_success,
    days_at,
    gave_up,
    todo,
    with_missed,
)
from cstui.domain.billing_charges import charge_of
from cstui.domain.errors import CstuiError
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState
from cstui.domain.sandbox import Fault
from cstui.domain.subscription_actions import after, completed, planned
from cstui.domain.subscription_changes import (
    Cancel,
    CancelWhen,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    SubscriptionFacts,
    Trial,
    TrialMove,
)
from cstui.domain.subscription_preview import Coming, coming
from cstui.domain.subscriptions import IntervalUnit, PeriodState, SubscriptionStatus
from tests.billing import BillingBench, billing_bench
from tests.conftest import sqlite_url

_S = SubscriptionStatus
#: Hours between two looks of the worker, and how many of them three years have.
_HOURS = 12
_TICKS = 3 * 365 * 24 // _HOURS
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Sao_Paulo",
)
#: What a bank says, and how often.
ANSWERS = ("yes",) * 14 + ("soft",) * 4 + ("hard", "unknown_yes", "unknown_no", "not_sent")


@dataclass
class World:
    """One subscription, its periods, what was really charged, and the charge that is under way."""

    facts: SubscriptionFacts
    zone: str
    bill_time: str
    dunning: Dunning
    dice: random.Random
    version: int = 1
    charges: list[tuple[int, int, datetime]] = field(default_factory=list)
    periods: dict[int, str] = field(default_factory=dict)
    dates: dict[int, date] = field(default_factory=dict)
    flight: tuple[int, date, int, int, str, int] | None = None
    promised: tuple[int, date, int] | None = None
    ended_at: datetime | None = None
    asleep: int = 0

    def store(self, facts: SubscriptionFacts) -> None:
        if facts != self.facts:
            self.version += 1
        was, self.facts = self.facts, facts
        assert not (facts.status in (_S.CANCELLED, _S.COMPLETE) and facts.next_bill_date), (
            "an end plans no bill"
        )
        if facts.status is _S.CANCELLED:
            assert not (
                facts.cancel_on
                or facts.pause_on
                or facts.resume_on
                or facts.retry_on
                or facts.cancel_after_next
            )
        if facts.cycle > was.cycle:
            for cycle in range(was.cycle + 1, facts.cycle + 1):
                self.periods.setdefault(cycle, "skipped")

    # The worker -------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> None:
        """What the worker does at one look: finds out, sends, plans."""
        if self.asleep:
            self.asleep -= 1
            return
        if self.flight is not None:
            self.find_out(now)
        for _ in range(4):
            today, day = days_at(now, self.zone, self.bill_time)
            assert day <= today <= day + timedelta(days=1)
            step = todo(self.facts, today, day, self.dunning)
            if step.do is Do.NOTHING:
                break
            if step.do is Do.BILL:
                self.plan(step, now)
                break
            if step.do is Do.GIVE_UP:
                self.store(gave_up(self.facts, self.dunning, "declined", now))
            elif step.do is Do.COMPLETE:
                self.store(completed(self.facts))
            else:
                self.store(planned(self.facts, today, now))
                if step.do is Do.CANCEL and self.flight and self.flight[4] == "armed":
                    self.flight = None
        self.promise(now)

    def plan(self, step: Todo, now: datetime) -> None:
        if self.flight is not None:
            return
        assert self.facts.status in (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE), "only a living one is billed"
        today, day = days_at(now, self.zone, self.bill_time)
        before = self.version
        for cycle, _ in step.missed:
            assert self.periods.get(cycle) in (None, "due")
            self.periods[cycle] = "missed"
        self.store(with_missed(self.facts, step))
        assert step.bill_date is not None and step.bill_date <= day and step.cycle == self.facts.cycle + 1
        assert self.periods.get(step.cycle) in (None, "due"), "a cycle is billed once or not at all"
        self.periods[step.cycle] = "due"
        amount = charge_of(self.facts, step.bill_date, self.dunning).total
        if self.facts.status is not _S.PAST_DUE:
            self.on_its_day(step, today)
            if self.promised is not None and self.promised[0] == before:
                assert amount == self.promised[2], "the price is the one that was shown"
                assert step.bill_date == self.promised[1] or step.missed
        self.flight = (step.cycle, step.bill_date, amount, self.version, "armed", 0)

    def on_its_day(self, step: Todo, today: date) -> None:
        """Month ends are anchored; dates of later cycles are later."""
        at = step.bill_date
        assert at is not None
        if self.facts.interval_unit in (IntervalUnit.MONTH, IntervalUnit.YEAR) and self.facts.anchor_day:
            last = calendar.monthrange(at.year, at.month)[1]
            assert at.day == min(self.facts.anchor_day, last)
        earlier = [day for cycle, day in self.dates.items() if cycle < step.cycle]
        assert (
            not earlier
            or at > max(earlier)
            or self.facts.last_bill_date is None
            or at >= self.facts.last_bill_date
        )
        self.dates[step.cycle] = at

    def find_out(self, now: datetime) -> None:
        assert self.flight is not None
        cycle, bill_date, amount, version, state, wait = self.flight
        if state == "armed":
            if version != self.version:
                self.flight = None  # looked at under the lock, right before sending
                return
            assert self.facts.status in (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE)
            state = self.dice.choice(ANSWERS)
            if state in ("yes", "unknown_yes"):
                self.charges.append((cycle, amount, now))
            if state.startswith("unknown"):
                self.flight = (cycle, bill_date, amount, version, state, self.dice.randint(1, 12))
                return
        elif wait:
            self.flight = (cycle, bill_date, amount, version, state, wait - 1)
            return
        self.flight = None
        self.answer(cycle, bill_date, state, now)

    def answer(self, cycle: int, bill_date: date, state: str, now: datetime) -> None:
        today, day = days_at(now, self.zone, self.bill_time)
        if state in ("not_sent", "unknown_no"):
            return
        if state in ("yes", "unknown_yes"):
            followed = after_success(self.facts, cycle, bill_date, today, now)
            self.periods[cycle] = "billed"
            for missed, at in followed.missed:
                assert at < today
                self.periods[missed] = "missed"
            self.store(followed.facts)
            following = followed.facts.next_bill_date
            assert following is None or following > bill_date
        else:
            kind = After.STOP if state == "hard" else After.RETRY
            self.store(after_decline(self.facts, kind, "", day, self.dunning, "declined", now))

    def promise(self, now: datetime) -> None:
        """What every preview shows from now on: the next bill's day and price."""
        today, _ = days_at(now, self.zone, self.bill_time)
        first = next(coming(self.facts, today, now), None)
        self.promised = (
            (self.version, first.facts.next_bill_date or first.day, first.facts.total)
            if isinstance(first, Coming)
            else None
        )

    # People -----------------------------------------------------------------------------------------

    def act(self, step: Step, now: datetime) -> None:
        today, _ = days_at(now, self.zone, self.bill_time)
        try:
            changed = after(self.facts, step, today, now)
        except CstuiError:
            return
        self.store(changed)
        if changed.status is _S.CANCELLED and self.flight and self.flight[4] == "armed":
            self.flight = None

    def check(self) -> None:
        cycles = [cycle for cycle, _, _ in self.charges]
        assert len(cycles) == len(set(cycles)), "one charge per cycle"
        assert set(range(3, self.facts.cycle + 1)) <= set(self.periods), "no cycle is forgotten"
        for cycle, _, _ in self.charges:
            is_open = self.flight is not None and self.flight[0] == cycle
            assert self.periods[cycle] == "billed" or is_open


def steps(today: date, dice: random.Random) -> Step:
    """Something that an agent might do on a day."""
    soon = today + timedelta(days=dice.randint(0, 40))
    price = Money(dice.randint(0, 40) * 100, "USD")
    return dice.choice(
        (
            Skip(), Resume(), Pause(), Pause(until=soon + timedelta(days=1)), Pause(on=soon, until=soon + timedelta(days=30)),
            SubscriptionChange(unit_price=price), SubscriptionChange(unit_price=price, next_only=True),
            SubscriptionChange(unit_price=price, for_cycles=3), SubscriptionChange(quantity=dice.randint(1, 4)),
            SubscriptionChange(next_bill_date=soon), SubscriptionChange(card_id=dice.randint(1, 9)),
            SubscriptionChange(interval_unit=dice.choice(tuple(IntervalUnit)), interval_count=dice.randint(1, 3)),
            Cancel(), Cancel(CancelWhen.AFTER_NEXT), Cancel(CancelWhen.BEFORE_NEXT), Cancel(CancelWhen.ON_DATE, soon),
            Cancel(CancelWhen.ON_DATE, soon, keep_billing=False), Reactivate(), Reactivate(), Trial(TrialMove.SKIP),
            Trial(TrialMove.RESTART),
        )
    )  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, datetime]:
    zone = draw(st.sampled_from(ZONES))
    unit = draw(st.sampled_from((IntervalUnit.MONTH, IntervalUnit.MONTH, *IntervalUnit)))
    first = draw(
        st.dates(date(2027, 1, 1), date(2028, 3, 1))
        | st.sampled_from((date(2027, 1, 31), date(2028, 2, 29), date(2027, 10, 31)))
    )
    start = datetime(first.year, first.month, first.day, draw(st.integers(0, 23)), 7, tzinfo=UTC)
    status = draw(st.sampled_from((_S.ACTIVE, _S.ACTIVE, _S.TRIAL)))
    facts = SubscriptionFacts(
        status, "USD", product="Tea", unit_price=draw(st.integers(1, 9999)), quantity=draw(st.integers(1, 3)),
        shipping=draw(st.sampled_from((0, 500))), tax=draw(st.integers(0, 900)), interval_unit=unit,
        interval_count=draw(st.integers(1, 3)), anchor_day=first.day if unit in (IntervalUnit.MONTH, IntervalUnit.YEAR) else None,
        cycle=1 if status is _S.TRIAL else 2, next_bill_date=first, trial_ends_on=first if status is _S.TRIAL else None, trial_days=14,
        final_cycle=draw(st.none() | st.integers(3, 40)), card_id=1,
    )  # fmt: skip
    dunning = Dunning(
        draw(st.sampled_from(((2, 3, 5, 7), (), (1,)))), draw(st.integers(0, 10)), draw(st.booleans()),
        draw(st.sampled_from((0, 0, 10))), draw(st.sampled_from((None, 500))),
    )  # fmt: skip
    bill_time = draw(st.sampled_from(("00:00", "02:30", "09:00", "23:45")))
    return World(facts, zone, bill_time, dunning, random.Random(draw(st.integers(0, 2**32)))), start


def three_years(world: World, now: datetime, actions_per_year: int) -> None:
    chance = actions_per_year / 365 * _HOURS / 24
    for _ in range(_TICKS):
        now += timedelta(hours=_HOURS, minutes=world.dice.randint(-20, 20))
        if world.dice.random() < chance:
            world.act(steps(days_at(now, world.zone, world.bill_time)[0], world.dice), now)
            world.promise(now)
        if world.dice.random() < 0.004:
            world.asleep = world.dice.randint(1, 120)
        charged = len(world.charges)
        dead = world.facts.status in (_S.CANCELLED, _S.COMPLETE)
        world.tick(now)
        assert not (dead and len(world.charges) > charged), "never charged after its end"
        assert len(world.charges) <= charged + 1, "catching up charges once"
    world.check()


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.sampled_from((0, 3, 12, 60)))
def test_three_years_charge_each_cycle_once_on_its_day_at_the_price_shown(
    made: tuple[World, datetime], actions_per_year: int
) -> None:
    three_years(*made, actions_per_year)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.sampled_from((0, 3, 12, 60)))
def test_so_do_many_more(made: tuple[World, datetime], actions_per_year: int) -> None:
    three_years(*made, actions_per_year)


def test_untouched_and_paid_it_charges_every_cycle_of_three_years(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = SubscriptionFacts(
        _S.ACTIVE, "USD", unit_price=1000, interval_unit=IntervalUnit.MONTH, anchor_day=31, cycle=2, next_bill_date=date(2027, 1, 31)
    )  # fmt: skip
    world = World(facts, "America/New_York", "09:00", Dunning(), random.Random(1))
    monkeypatch.setattr(world.dice, "choice", lambda _options: "yes")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    while now < datetime(2030, 1, 3, tzinfo=UTC):
        now += timedelta(hours=_HOURS)
        world.tick(now)
    days = [world.dates[cycle] for cycle in sorted(world.dates)]
    assert len(world.charges) == 36 == len(days)
    assert [day.day for day in days[:6]] == [31, 28, 31, 30, 31, 30] and days[13] == date(2028, 2, 29)
    assert set(world.periods.values()) == {"billed"}


# The services themselves --------------------------------------------------------------------------


@pytest.fixture
def bench(sqlite_template: Path, quick_folder: Path) -> Any:
    made = billing_bench(sqlite_url(sqlite_template, quick_folder))
    yield made
    made.desk.close()


def test_the_services_do_the_same_for_weeks(bench: BillingBench) -> None:
    dice = random.Random(7)
    keys = [
        bench.subscription(
            due=dice.randint(0, 9), interval_unit=IntervalUnit.WEEK, anchor_day=None, parent_order_id=None
        )
        for _ in range(4)
    ]
    for _ in range(12):
        key = dice.choice(keys)
        _somebody_acts(bench, key, dice)
        if dice.random() < 0.35:
            fault = dice.choice(
                (Fault.DECLINE, Fault.LOST, Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE, Fault.NOT_SENT)
            )
            bench.fault(fault, "sale")
        bench.work()
        bench.sleep(dice.randint(1, 6))
        bench.work()
    for key in keys:
        orders = bench.orders(key)
        assert len({row.cycle for row in orders}) == len(orders)
        paid = [row for row in bench.tries(key) if row.state is AttemptState.SUCCEEDED]
        assert sorted(row.cycle for row in paid) == sorted(row.cycle for row in orders)
        assert all(row.order_id is not None for row in paid)
        billed = [row for row in bench.periods(key) if row.state is PeriodState.BILLED]
        assert sorted(row.cycle for row in billed) == sorted(row.cycle for row in orders)
        row = bench.sub(key)
        known = {period.cycle for period in bench.periods(key)}
        assert set(range(3, row.cycle + 1)) <= known
        assert (
            row.next_bill_date is None
            or row.last_bill_date is None
            or row.next_bill_date >= row.last_bill_date
        )
    open_ones = [row for key in keys for row in bench.tries(key) if row.state is AttemptState.UNKNOWN]
    assert bench.charged() - len(open_ones) <= sum(len(bench.orders(key)) for key in keys) <= bench.charged()
    assert sum(len(bench.orders(key)) for key in keys) > 6


def _somebody_acts(bench: BillingBench, key: int, dice: random.Random) -> None:
    subscriptions = bench.desk.subscriptions
    turn = dice.randint(0, 9)
    if bench.sub(key).status in (_S.RECYCLE_FAILED, _S.CANCELLED):
        bench.change(key, card_id=bench.card(last4=f"{dice.randint(0, 9999):04d}"))
        turn = 4
    token = f"token-{dice.random()}"
    try:
        grip = subscriptions.begin(bench.ann, key, bench.sub(key).version, token)
    except CstuiError:
        return
    try:
        if turn == 0:
            subscriptions.skip(bench.ann, key, grip, token)
        elif turn == 1:
            subscriptions.pause(bench.ann, key, grip, bench.day(9), token)
        elif turn == 2:
            change = SubscriptionChange(unit_price=Money(1000 + dice.randint(0, 9) * 100, "USD"))
            subscriptions.save(bench.ann, key, grip, change, token)
        elif turn == 3:
            bench.desk.billing.force(bench.ann, key, grip, token, undo_seconds=0)
        elif turn == 4:
            subscriptions.reactivate(bench.ann, key, grip, token)
    except CstuiError:
        pass
    finally:
        bench.desk.locks.release(bench.ann, token)


def test_a_wider_price_is_never_below_what_was_allowed() -> None:
    facts = SubscriptionFacts(_S.PAST_DUE, "USD", unit_price=1000, tax=100, attempts=4)
    made = charge_of(replace(facts, attempts=4), date(2027, 1, 1), Dunning(percent_off=30, lowest=700))
    assert made.total >= 700 and charge_of(facts, date(2027, 1, 1), Dunning()).total == 1100
