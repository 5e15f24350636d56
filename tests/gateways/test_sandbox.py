"""The sandbox beyond the contract: its clock, its cards, its faults, and several workers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cstui.domain.cards import TypedCard
from cstui.domain.gateway_rules import next_cut_off
from cstui.domain.gateways import Account, Answer, CardRef, Operation, Seen, Settlement, Verdict, Why
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.sandbox import TEST_NUMBERS, BookEntry
from cstui.services.gateways.sandbox import Sandbox
from cstui.storage.queries import sandbox as books
from cstui.storage.transaction import Database
from tests.gateways.sandbox_bench import SandboxBench

_S = AttemptState


@pytest.fixture
def bench(sqlite_db: Database) -> SandboxBench:
    return SandboxBench(sqlite_db)


def refund(bench: SandboxBench, ref: str, minor: int) -> Answer:
    return bench.gateway.send(bench.on(Operation.REFUND, ref, minor))


# The clock.


def test_a_charge_settles_at_the_next_cut_off_of_its_account_and_not_before(sqlite_db: Database) -> None:
    account = Account("sandbox", "main", True, zone="Asia/Tokyo", cut_off="18:00")
    bench = SandboxBench(sqlite_db)
    ref = Sandbox(account, sqlite_db).send(bench.sale(12_00)).ref
    with sqlite_db.read() as tx:
        line = books.by_ref(tx, "main", ref)
    assert line is not None and line.settles_at == next_cut_off(line.created_at, "18:00", "Asia/Tokyo")
    assert line.settles_at is not None and not line.is_settled(line.settles_at - timedelta(seconds=1))
    assert line.is_settled(line.settles_at)


def test_seconds_until_settlement_may_be_given_and_slow_settlement_takes_a_day_more(
    sqlite_db: Database,
) -> None:
    bench = SandboxBench(sqlite_db, settle="0")
    first = bench.charged(12_00)
    bench.play("slow_settlement")
    second = bench.charged(12_00)
    assert [bench.gateway.settlement(ref) for ref in (first, second)] == [
        Settlement.SETTLED,
        Settlement.WAITING,
    ]


# Voids and refunds.


def test_a_charge_is_voided_whole_or_not_at_all(bench: SandboxBench) -> None:
    ref = bench.charged(50_00)
    part = bench.gateway.send(bench.on(Operation.VOID, ref, 20_00))
    assert (part.state, part.why) == (_S.REJECTED, Why.MISMATCH)
    assert bench.gateway.settlement(ref) is Settlement.WAITING and bench.given_back(ref) == 0


def test_what_was_refunded_early_can_no_longer_be_voided(sqlite_db: Database) -> None:
    bench = SandboxBench(sqlite_db, refunds_unsettled="yes")
    ref = bench.charged(50_00)
    assert refund(bench, ref, 20_00).state is _S.SUCCEEDED
    assert bench.gateway.send(bench.on(Operation.VOID, ref, 50_00)).why is Why.ALREADY_DONE


def test_a_captured_authorisation_is_refunded_by_either_of_its_references(bench: SandboxBench) -> None:
    first = bench.charged(50_00, Operation.AUTHORISE)
    capture = bench.gateway.send(bench.on(Operation.CAPTURE, first, 40_00, TransactionKind.AUTHORISE))
    assert bench.gateway.send(bench.on(Operation.CAPTURE, first, 10_01, TransactionKind.AUTHORISE)).why is Why.EXCEEDS_BALANCE  # fmt: skip
    bench.settle()
    assert refund(bench, first, 30_00).state is refund(bench, capture.ref, 10_00).state is _S.SUCCEEDED
    assert refund(bench, first, 1).why is Why.ALREADY_DONE
    assert bench.given_back(capture.ref) == 40_00


def test_another_currency_or_a_charge_that_never_was_gets_nothing(bench: SandboxBench) -> None:
    ref = bench.settled(50_00)
    euros = replace(bench.on(Operation.REFUND, ref, 50_00), amount=Money(50_00, "EUR"))
    assert bench.gateway.send(euros).why is Why.MISMATCH
    declined = bench.gateway.send(bench.ask(Operation.SALE, 12_00, card=CardRef("declines")))
    assert refund(bench, declined.ref, 12_00).why is Why.NO_SUCH_RECORD


# One key, one effect.


def test_the_same_key_gets_the_first_answer_whatever_has_happened_since(bench: SandboxBench) -> None:
    ref = bench.charged(50_00)
    early = bench.on(Operation.REFUND, ref, 50_00)
    first = bench.gateway.send(early)
    bench.settle()
    late = bench.on(Operation.REFUND, ref, 50_00)
    second = bench.gateway.send(late)
    assert first.why is Why.NOT_SETTLED and second.state is _S.SUCCEEDED
    assert (bench.gateway.send(early), bench.gateway.send(late)) == (first, second)
    assert bench.given_back(ref) == 50_00


def test_a_key_that_was_used_for_something_else_moves_nothing(bench: SandboxBench) -> None:
    ask = bench.sale(12_00)
    bench.gateway.send(ask)
    other = replace(ask, amount=Money(99_00, "USD"))
    assert bench.gateway.send(other).why is Why.MISMATCH
    assert bench.gateway.look_up(other).seen is Seen.CONFLICT
    assert bench.charges(ask) == 1


def at_once(db: Database, work: list[tuple[str, object]]) -> list[Answer]:
    """Sends everything at one moment, each from a desk of its own."""
    desks = [Database(db.url, durable=False) for _ in work]
    try:
        with ThreadPoolExecutor(len(work)) as pool:

            def send(desk: Database, name: str, ask: object) -> Answer:
                return Sandbox(Account("sandbox", name, True), desk).send(ask)  # type: ignore[arg-type]

            return list(pool.map(send, desks, [name for name, _ in work], [ask for _, ask in work]))
    finally:
        for desk in desks:
            desk.close()


def test_one_key_sent_by_several_workers_at_once_takes_money_once(db: Database) -> None:
    bench = SandboxBench(db)
    ask = bench.sale(12_00)
    answers = at_once(db, [("main", ask)] * 4)
    assert len({answer.ref for answer in answers}) == 1 and answers[0].state is _S.SUCCEEDED
    assert bench.charges(ask) == 1


def test_refunds_of_one_charge_by_several_workers_at_once_stop_at_its_balance(db: Database) -> None:
    bench = SandboxBench(db)
    ref = bench.settled(100_00)
    answers = at_once(db, [("main", bench.on(Operation.REFUND, ref, 40_00)) for _ in range(4)])
    assert [answer.why for answer in answers if answer.verdict is Verdict.REFUSED] == [
        Why.EXCEEDS_BALANCE
    ] * 2
    assert bench.given_back(ref) == 80_00


def test_a_fault_comes_as_often_as_it_was_set_however_many_workers_there_are(db: Database) -> None:
    bench = SandboxBench(db)
    bench.play("decline", times=2)
    answers = at_once(db, [("main", bench.sale(12_00)) for _ in range(4)])
    assert sorted(answer.state for answer in answers) == [_S.DECLINED_SOFT] * 2 + [_S.SUCCEEDED] * 2


# Cards and faults.


@pytest.mark.parametrize(
    ("behaviour", "state", "why"),
    [("", _S.SUCCEEDED, Why.NONE), ("decline", _S.DECLINED_SOFT, Why.DECLINED), ("lost", _S.DECLINED_HARD, Why.NEVER)],
)  # fmt: skip
def test_a_card_answers_as_it_behaves(
    bench: SandboxBench, behaviour: str, state: AttemptState, why: Why
) -> None:
    card = bench.keep("card", behaviour)
    for operation in (Operation.SALE, Operation.AUTHORISE, Operation.VERIFY):
        answer = bench.gateway.send(
            bench.ask(operation, 0 if operation is Operation.VERIFY else 12_00, card=card)
        )
        assert (answer.state, answer.why) == (state, why)


def test_an_expired_card_an_unknown_one_and_a_small_amount_are_refused(bench: SandboxBench) -> None:
    old = bench.keep("old", "", expiry_year=2020)
    refused = (
        (old, 12_00, Why.NEVER), (CardRef("none"), 12_00, Why.NO_SUCH_RECORD), (None, 12_00, Why.CARD_DATA), (bench.card(), 99, Why.DECLINED),
    )  # fmt: skip
    for card, minor, why in refused:
        assert bench.gateway.send(bench.ask(Operation.SALE, minor, card=card)).why is why


@pytest.mark.parametrize("behaviour", ["refund_pending", "refund_fails"])
def test_a_refund_that_is_decided_later_is_told_by_a_look(bench: SandboxBench, behaviour: str) -> None:
    bench.keep("later", behaviour)
    ref = bench.gateway.send(bench.ask(Operation.SALE, 50_00, card=CardRef("later"))).ref
    bench.settle()
    ask = bench.on(Operation.REFUND, ref, 50_00)
    first = bench.gateway.send(ask)
    before = bench.gateway.look_up(ask).answer
    bench.pass_by()
    after = bench.gateway.look_up(ask).answer
    assert before is not None and after is not None and before.state is first.state
    if behaviour == "refund_pending":
        assert (first.state, after.state, after.ref) == (_S.PENDING, _S.SUCCEEDED, first.ref)
        assert refund(bench, ref, 1).why is Why.ALREADY_DONE
    else:
        assert (first.state, after.state, after.why) == (_S.SUCCEEDED, _S.DECLINED_SOFT, Why.DECLINED)
        assert refund(bench, ref, 50_00).verdict is Verdict.APPROVED, "what came back can be refunded again"


def test_test_numbers_are_kept_or_refused_as_the_manual_says_and_none_is_stored(bench: SandboxBench) -> None:
    states = {}
    for number in TEST_NUMBERS:
        ask, _ = bench.new_card()
        states[number] = bench.gateway.keep_card(ask, TypedCard(number, 12, 2099, "123")).state
    assert [number for number, state in states.items() if state is not _S.SUCCEEDED] == ["4000000000000002", "4000000000009987"]  # fmt: skip
    held = bench.database.url.path
    assert held is not None
    stored = held.read_bytes() + held.with_name(held.name + "-wal").read_bytes()
    assert not any(number.encode() in stored for number in TEST_NUMBERS)


def test_a_vault_name_that_another_card_has_is_refused(bench: SandboxBench) -> None:
    ask = bench.ask(Operation.VAULT_ADD, 0, card=CardRef("mine", "1"))
    assert bench.gateway.keep_card(ask, TypedCard("4111111111111111", 12, 2099, "123")).state is _S.SUCCEEDED
    again = replace(ask, key="another")
    assert (
        bench.gateway.keep_card(again, TypedCard("4111111111111111", 12, 2099, "123")).state is _S.SUCCEEDED
    )
    third = bench.gateway.keep_card(replace(ask, key="third"), TypedCard("4000000000007726", 12, 2099, "123"))
    assert (third.state, third.why) == (_S.REJECTED, Why.DUPLICATE)


def test_faults_of_one_operation_leave_the_others_alone(bench: SandboxBench) -> None:
    bench.play("lost", operation="refund")
    bench.play("refund_fails")
    ref = bench.settled(50_00)
    assert refund(bench, ref, 10_00).why is Why.NEVER
    ask = bench.on(Operation.REFUND, ref, 10_00)
    bench.gateway.send(ask)
    bench.pass_by()
    finding = bench.gateway.look_up(ask)
    assert finding.answer is not None and finding.answer.state is _S.DECLINED_SOFT
    assert refund(bench, ref, 10_00).state is _S.SUCCEEDED


def test_a_void_that_never_arrived_is_proven_undone_once_nothing_can_be_on_its_way(
    bench: SandboxBench,
) -> None:
    ref = bench.charged(41_00)
    ask = bench.on(Operation.VOID, ref, 41_00)
    bench.fault("hang_before")
    bench.gateway.send(ask)
    assert bench.gateway.look_up(ask).seen is Seen.ABSENT
    earlier = replace(ask, sent_at=datetime.now(UTC) - timedelta(minutes=2))
    assert bench.gateway.look_up(earlier).seen is Seen.UNDONE
    bench.gateway.send(ask)
    assert bench.gateway.look_up(earlier).seen is Seen.DECIDED


def test_two_accounts_have_books_of_their_own(bench: SandboxBench) -> None:
    ref = bench.settled(50_00)
    other = SandboxBench(bench.database, "other")
    assert refund(other, ref, 50_00).why is Why.NO_SUCH_RECORD
    assert other.gateway.kept_cards("pays") and other.gateway.settlement(ref) is Settlement.UNKNOWN


def test_a_database_that_is_away_is_a_gateway_that_was_not_reached(bench: SandboxBench) -> None:
    away = Sandbox(Account("sandbox", "main", True), Database("sqlite:////nowhere/at/all.db"))
    ask = bench.sale(12_00)
    assert away.send(ask).state is _S.NOT_SENT
    assert away.look_up(ask).seen is Seen.UNREACHABLE


# Links.


def test_a_card_link_is_used_after_a_while_or_expires(bench: SandboxBench) -> None:
    bench.play("decline", operation="sale")
    link = bench.gateway.open_link(bench.ask(Operation.VAULT_ADD, 0, customer="cus_9"))
    bench.play("decline", operation="link")
    unused = bench.gateway.open_link(bench.ask(Operation.VAULT_ADD, 0, customer="cus_8"))
    assert bench.gateway.read_link(link.ref).seen is Seen.ABSENT
    bench.pass_by()
    kept = [
        finding.answer and finding.answer.card
        for finding in (bench.gateway.read_link(link.ref), bench.gateway.read_link(link.ref))
    ]
    (held,) = bench.gateway.kept_cards("cus_9")
    assert [(card.vault, card.billing) for card in kept if card] == [(held.vault, held.billing)] * 2
    assert bench.gateway.read_link(unused.ref).seen is bench.gateway.read_link("sbx_none").seen is Seen.UNDONE


# What happened before the sandbox knew of it.


def test_charges_from_elsewhere_are_taken_into_the_books_once_with_what_went_back(db: Database) -> None:
    bench = SandboxBench(db)
    then = datetime(2026, 11, 2, 10, tzinfo=UTC)

    def entry(ref: str, kind: TransactionKind, minor: int, parent: str = "") -> BookEntry:
        return BookEntry("main", ref, kind, Money(minor, "USD"), then, then + timedelta(hours=9), parent)

    entries = [
        entry("s1", TransactionKind.SALE, 50_00), entry("r1", TransactionKind.REFUND, 20_00, "s1"),
        entry("a1", TransactionKind.AUTHORISE, 30_00), entry("v1", TransactionKind.VOID, 30_00, "a1"),
        entry("s2", TransactionKind.SALE, 10_00), entry("c2", TransactionKind.CHARGEBACK, 10_00, "s2"),
    ]  # fmt: skip
    for taken in (6, 0):
        with db.write() as tx:
            assert books.adopt(tx, entries) == taken
    assert refund(bench, "s1", 30_01).why is Why.EXCEEDS_BALANCE
    assert refund(bench, "s1", 30_00).state is _S.SUCCEEDED
    assert bench.gateway.settlement("a1") is Settlement.VOIDED
    assert refund(bench, "s2", 10_00).why is Why.DISPUTED
