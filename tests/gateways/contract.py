"""What every gateway adapter keeps, whatever stands behind it: one list of sentences, run against each adapter's own bench.

An adapter's test module derives from `GatewayContract` (as `class Test…Contract`) and gives a fixture `bench`. What a gateway cannot do by
its `Capabilities`, it has to refuse; what a bench cannot act out (`Bench.faults`) is skipped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cstui.domain.cards import TypedCard
from cstui.domain.gateways import (
    Answer,
    Ask,
    CardRef,
    Operation,
    Seen,
    Settlement,
    Verdict,
    Why,
)
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.services.gateways.base import Gateway, GatewayAway

#: Taken and executed; the caller never hears of it.
LOST_ANSWERS = ("hang_after", "drop_after", "half_body")
#: No usable answer, and nothing was executed.
LOST_CALLS = ("hang_before", "status_500", "status_502", "html_200")


class Bench(ABC):
    """An adapter with its gateway behind it, and what a test may do to both.

    A fault meets the next operation that is sent, with every re-send that the adapter makes of it by itself.
    """

    #: What `fault` can act out: names of `tests.fakes.gateway_server.LINE_FAULTS`.
    faults: frozenset[str] = frozenset()
    currency = "USD"
    #: Whether the gateway says of a refund what it is a refund of.
    tells_refunds = True

    @property
    @abstractmethod
    def gateway(self) -> Gateway:
        """The adapter."""

    @abstractmethod
    def card(self) -> CardRef:
        """A card in the vault that pays."""

    @abstractmethod
    def declining_card(self) -> tuple[CardRef, int]:
        """A card and an amount (minor units) that the issuer declines."""

    @abstractmethod
    def new_card(self) -> tuple[Ask, TypedCard | None]:
        """What `keep_card` takes to vault a card that the gateway does not know yet, for a customer of its own."""

    @abstractmethod
    def fault(self, name: str) -> None:
        """The next operation meets this fault."""

    @abstractmethod
    def reads_down(self) -> None:
        """Nothing that is asked gets a usable answer, until `mend()`."""

    @abstractmethod
    def mend(self) -> None:
        """No fault is left."""

    @abstractmethod
    def land(self) -> None:
        """What a slow gateway still had to do is done now."""

    @abstractmethod
    def settle(self) -> None:
        """Everything captured is settled."""

    @abstractmethod
    def charges(self, ask: Ask) -> int:
        """How often the gateway took money (or reserved it) for this ask, by its own books."""

    @abstractmethod
    def given_back(self, ref: str) -> int:
        """Minor units that went back of this charge, by the gateway's own books; a void counts whole."""

    @abstractmethod
    def kept(self, ask: Ask) -> int:
        """How many cards the vault holds for the customer of a `new_card`."""

    # The same for every bench.

    def ask(self, operation: Operation, minor: int, **facts: object) -> Ask:
        """A first try with a key of its own."""
        ask = Ask(
            uuid4().hex, operation, Money(minor, self.currency), order="10234", sent_at=datetime.now(UTC)
        )
        return replace(ask, **facts)  # type: ignore[arg-type]  # facts are fields of Ask

    def sale(self, minor: int, operation: Operation = Operation.SALE) -> Ask:
        """A charge on a card that pays."""
        return self.ask(operation, minor, card=self.card())

    def charged(self, minor: int, operation: Operation = Operation.SALE) -> str:
        """The reference of a charge that went through."""
        answer = self.gateway.send(self.sale(minor, operation))
        assert answer.state is AttemptState.SUCCEEDED, answer
        return answer.ref

    def settled(self, minor: int) -> str:
        """The reference of a charge that has settled."""
        ref = self.charged(minor)
        self.settle()
        return ref

    def on(
        self,
        operation: Operation,
        ref: str,
        minor: int,
        kind: TransactionKind = TransactionKind.SALE,
    ) -> Ask:
        """A void, refund or capture of an earlier transaction."""
        return self.ask(operation, minor, target=ref, target_kind=kind)


def act(bench: Bench, fault: str) -> None:
    """Arms a fault, or skips where this gateway cannot meet it."""
    if fault not in bench.faults:
        pytest.skip(f"this gateway cannot meet {fault}")
    bench.fault(fault)


def is_clean(answer: Answer) -> bool:
    """Whether what will be stored and shown of an answer is one printable line each."""
    return all(text.isprintable() for text in (answer.ref, answer.code, answer.text, answer.request_ref))


class GatewayContract:
    """The sentences. A fixture `bench` gives a fresh `Bench` to each."""

    # Charges.

    def test_a_sale_that_is_approved_has_a_reference_and_took_money_once(self, bench: Bench) -> None:
        ask = bench.sale(12_50)
        answer = bench.gateway.send(ask)
        assert (answer.state, answer.why) == (AttemptState.SUCCEEDED, Why.NONE)
        assert answer.ref and is_clean(answer)
        assert bench.charges(ask) == 1
        if bench.gateway.capabilities.knows_settlement:
            assert bench.gateway.settlement(answer.ref) in (Settlement.WAITING, Settlement.SETTLED)

    def test_a_sale_that_is_declined_is_refused_with_the_gateways_words(self, bench: Bench) -> None:
        card, minor = bench.declining_card()
        ask = bench.ask(Operation.SALE, minor, card=card)
        answer = bench.gateway.send(ask)
        assert answer.state in (AttemptState.DECLINED_SOFT, AttemptState.DECLINED_HARD)
        assert answer.why in (Why.DECLINED, Why.NEVER, Why.CARD_DATA)
        assert answer.code and answer.text and is_clean(answer)
        assert bench.charges(ask) == 0

    def test_a_declined_sale_is_found_declined_or_not_at_all_and_never_paid(self, bench: Bench) -> None:
        card, minor = bench.declining_card()
        ask = bench.ask(Operation.SALE, minor, card=card)
        bench.gateway.send(ask)
        finding = bench.gateway.look_up(ask)
        assert finding.seen in (Seen.DECIDED, Seen.ABSENT, Seen.UNDONE)
        assert finding.answer is None or finding.answer.verdict is Verdict.REFUSED

    def test_an_approved_sale_is_found_again_by_its_key(self, bench: Bench) -> None:
        ask = bench.sale(12_50)
        answer = bench.gateway.send(ask)
        finding = bench.gateway.look_up(ask)
        assert finding.seen is Seen.DECIDED and finding.answer is not None
        assert (finding.answer.state, finding.answer.ref) == (answer.state, answer.ref)

    def test_an_authorisation_is_captured_or_let_go(self, bench: Bench) -> None:
        first = bench.charged(20_00, Operation.AUTHORISE)
        second = bench.charged(30_00, Operation.AUTHORISE)
        capture = bench.on(Operation.CAPTURE, first, 20_00, TransactionKind.AUTHORISE)
        void = bench.on(Operation.VOID, second, 30_00, TransactionKind.AUTHORISE)
        assert bench.gateway.send(capture).state is AttemptState.SUCCEEDED
        assert bench.gateway.send(void).state is AttemptState.SUCCEEDED
        for ask in (capture, void):
            finding = bench.gateway.look_up(ask)
            assert finding.seen is Seen.DECIDED and finding.answer is not None
            assert finding.answer.verdict is Verdict.APPROVED
        if bench.gateway.capabilities.knows_settlement:
            assert bench.gateway.settlement(second) is Settlement.VOIDED

    # Voids.

    def test_a_void_before_settlement_lets_the_whole_charge_go_or_says_it_is_too_late(
        self, bench: Bench
    ) -> None:
        ref = bench.charged(50_00)
        answer = bench.gateway.send(bench.on(Operation.VOID, ref, 50_00))
        if bench.gateway.capabilities.voids_captured:
            assert answer.state is AttemptState.SUCCEEDED
            assert bench.given_back(ref) == 50_00
            if bench.gateway.capabilities.knows_settlement:
                assert bench.gateway.settlement(ref) is Settlement.VOIDED
        else:
            assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.SETTLED)
            assert bench.given_back(ref) == 0

    def test_a_void_that_came_too_late_says_settled_and_the_refund_follows_once(self, bench: Bench) -> None:
        ref = bench.settled(50_00)
        void = bench.on(Operation.VOID, ref, 50_00)
        answer = bench.gateway.send(void)
        assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.SETTLED)
        assert bench.given_back(ref) == 0
        assert bench.gateway.send(bench.on(Operation.REFUND, ref, 50_00)).verdict is Verdict.APPROVED
        assert bench.given_back(ref) == 50_00

    def test_a_second_void_gives_nothing_back_twice(self, bench: Bench) -> None:
        ref = bench.charged(50_00, Operation.AUTHORISE)
        kind = TransactionKind.AUTHORISE
        assert bench.gateway.send(bench.on(Operation.VOID, ref, 50_00, kind)).state is AttemptState.SUCCEEDED
        again = bench.gateway.send(bench.on(Operation.VOID, ref, 50_00, kind))
        assert (again.state, again.why) == (AttemptState.REJECTED, Why.ALREADY_DONE)

    # Refunds.

    def test_a_whole_settled_charge_goes_back(self, bench: Bench) -> None:
        ref = bench.settled(100_00)
        ask = bench.on(Operation.REFUND, ref, 100_00)
        answer = bench.gateway.send(ask)
        assert answer.verdict is Verdict.APPROVED
        assert answer.ref and answer.ref != ref
        assert bench.given_back(ref) == 100_00
        finding = bench.gateway.look_up(ask)
        assert finding.seen is Seen.DECIDED and finding.answer is not None
        assert finding.answer.ref == answer.ref

    def test_parts_go_back_to_the_cent_and_not_a_cent_more(self, bench: Bench) -> None:
        ref = bench.settled(100_00)
        for _ in range(2):
            answer = bench.gateway.send(bench.on(Operation.REFUND, ref, 33_34))
            assert answer.verdict is Verdict.APPROVED
        third = bench.gateway.send(bench.on(Operation.REFUND, ref, 33_34))
        assert (third.state, third.why) == (AttemptState.REJECTED, Why.EXCEEDS_BALANCE)
        assert bench.gateway.send(bench.on(Operation.REFUND, ref, 33_32)).verdict is Verdict.APPROVED
        over = bench.gateway.send(bench.on(Operation.REFUND, ref, 1))
        assert over.state is AttemptState.REJECTED
        assert over.why in (Why.EXCEEDS_BALANCE, Why.ALREADY_DONE)
        assert bench.given_back(ref) == 100_00

    def test_a_refund_before_settlement_is_made_or_says_that_it_is_too_early(self, bench: Bench) -> None:
        ref = bench.charged(50_00)
        answer = bench.gateway.send(bench.on(Operation.REFUND, ref, 20_00))
        if bench.gateway.capabilities.refunds_unsettled:
            assert answer.verdict is Verdict.APPROVED
            assert bench.given_back(ref) == 20_00
        else:
            assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.NOT_SETTLED)
            assert bench.given_back(ref) == 0

    def test_what_has_gone_back_of_a_charge_is_told_for_certain_or_not_at_all(self, bench: Bench) -> None:
        ref, other = bench.settled(80_00), bench.charged(20_00)
        assert bench.gateway.given_back(ref, bench.currency) == ()
        answer = bench.gateway.send(bench.on(Operation.REFUND, ref, 30_00))
        told = bench.gateway.given_back(ref, bench.currency)
        refund = (answer.ref, TransactionKind.REFUND, Money(30_00, bench.currency))
        assert [(one.ref, one.kind, one.amount) for one in told] == ([refund] if bench.tells_refunds else [])
        if bench.gateway.capabilities.voids_captured:
            bench.gateway.send(bench.on(Operation.VOID, other, 20_00))
            (void,) = bench.gateway.given_back(other, bench.currency)
            assert (void.kind, void.amount) == (TransactionKind.VOID, Money(20_00, bench.currency))
        bench.reads_down()
        with pytest.raises(GatewayAway):
            bench.gateway.given_back(ref, bench.currency)

    def test_a_refund_of_nothing_gives_nothing_back(self, bench: Bench) -> None:
        ref = bench.settled(50_00)
        assert bench.gateway.send(bench.on(Operation.REFUND, ref, 0)).verdict is Verdict.REFUSED
        assert bench.given_back(ref) == 0

    def test_a_refund_of_an_unknown_charge_is_refused(self, bench: Bench) -> None:
        answer = bench.gateway.send(bench.on(Operation.REFUND, "99999999999", 5_00))
        assert (answer.state, answer.why) == (AttemptState.REJECTED, Why.NO_SUCH_RECORD)

    # No usable answer.

    @pytest.mark.parametrize("fault", LOST_ANSWERS)
    def test_a_refund_whose_answer_was_lost_is_unknown_and_then_found(self, bench: Bench, fault: str) -> None:
        ref = bench.settled(80_00)
        ask = bench.on(Operation.REFUND, ref, 30_00)
        act(bench, fault)
        answer = bench.gateway.send(ask)
        assert (answer.state, answer.why) == (AttemptState.UNKNOWN, Why.NO_ANSWER)
        finding = bench.gateway.look_up(ask)
        assert finding.seen is Seen.DECIDED and finding.answer is not None
        assert finding.answer.verdict is Verdict.APPROVED and finding.answer.ref
        assert bench.given_back(ref) == 30_00

    @pytest.mark.parametrize("fault", LOST_CALLS)
    def test_a_refund_that_was_never_executed_is_unknown_and_then_not_found(
        self, bench: Bench, fault: str
    ) -> None:
        ref = bench.settled(80_00)
        ask = bench.on(Operation.REFUND, ref, 30_00)
        act(bench, fault)
        answer = bench.gateway.send(ask)
        assert (answer.state, answer.why) == (AttemptState.UNKNOWN, Why.NO_ANSWER)
        assert bench.gateway.look_up(ask).seen in (Seen.ABSENT, Seen.UNDONE)
        assert bench.given_back(ref) == 0

    @pytest.mark.parametrize("fault", ("hang_after", "hang_before"))
    def test_a_sale_without_an_answer_took_money_once_or_never(self, bench: Bench, fault: str) -> None:
        ask = bench.sale(41_00)
        act(bench, fault)
        assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
        finding = bench.gateway.look_up(ask)
        took = bench.charges(ask)
        assert took == (1 if fault == "hang_after" else 0)
        if took:
            assert finding.seen is Seen.DECIDED and finding.answer is not None
            assert finding.answer.state is AttemptState.SUCCEEDED
        else:
            assert finding.seen in (Seen.ABSENT, Seen.UNDONE)

    @pytest.mark.parametrize("fault", ("hang_after", "hang_before"))
    def test_a_void_without_an_answer_is_found_done_or_undone(self, bench: Bench, fault: str) -> None:
        ref = bench.charged(41_00, Operation.AUTHORISE)
        ask = bench.on(Operation.VOID, ref, 41_00, TransactionKind.AUTHORISE)
        act(bench, fault)
        assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
        finding = bench.gateway.look_up(ask)
        if fault == "hang_after":
            assert finding.seen is Seen.DECIDED and finding.answer is not None
            assert finding.answer.state is AttemptState.SUCCEEDED
        else:
            assert finding.seen in (Seen.ABSENT, Seen.UNDONE)

    def test_an_effect_that_comes_after_the_time_out_is_found_when_it_is_there(self, bench: Bench) -> None:
        ref = bench.settled(80_00)
        ask = bench.on(Operation.REFUND, ref, 30_00)
        act(bench, "slow_effect")
        assert bench.gateway.send(ask).state is AttemptState.UNKNOWN
        assert bench.gateway.look_up(ask).seen is Seen.ABSENT
        bench.land()
        finding = bench.gateway.look_up(ask)
        assert finding.seen is Seen.DECIDED and finding.answer is not None
        assert finding.answer.verdict is Verdict.APPROVED
        assert bench.given_back(ref) == 30_00

    def test_where_nobody_listens_nothing_was_sent(self, bench: Bench) -> None:
        ref = bench.settled(80_00)
        ask = bench.on(Operation.REFUND, ref, 30_00)
        act(bench, "refuse")
        answer = bench.gateway.send(ask)
        assert (answer.state, answer.why) == (AttemptState.NOT_SENT, Why.NOT_SENT)
        bench.mend()
        assert bench.given_back(ref) == 0
        assert bench.gateway.send(ask).verdict is Verdict.APPROVED
        assert bench.given_back(ref) == 30_00

    def test_a_limiter_executes_nothing(self, bench: Bench) -> None:
        ref = bench.settled(80_00)
        act(bench, "busy_429")
        answer = bench.gateway.send(bench.on(Operation.REFUND, ref, 30_00))
        assert (answer.state, answer.why) == (AttemptState.NOT_SENT, Why.BUSY)
        assert bench.given_back(ref) == 0

    def test_a_look_up_without_an_answer_decides_nothing(self, bench: Bench) -> None:
        ask = bench.sale(12_50)
        ref = bench.gateway.send(ask).ref
        bench.reads_down()
        assert bench.gateway.look_up(ask).seen is Seen.UNREACHABLE
        assert bench.gateway.settlement(ref) is Settlement.UNKNOWN
        with pytest.raises(GatewayAway):
            bench.gateway.kept_cards(bench.card().vault)
        bench.mend()
        assert bench.gateway.look_up(ask).seen is Seen.DECIDED

    def test_looking_up_moves_nothing_however_often(self, bench: Bench) -> None:
        ask = bench.sale(12_50)
        ref = bench.gateway.send(ask).ref
        for _ in range(3):
            bench.gateway.look_up(ask)
        assert bench.charges(ask) == 1
        assert bench.given_back(ref) == 0

    # Cards.

    def test_a_card_is_kept_without_a_charge_and_kept_once(self, bench: Bench) -> None:
        ask, card = bench.new_card()
        first = bench.gateway.keep_card(ask, card)
        assert first.state is AttemptState.SUCCEEDED and first.card is not None
        assert len(first.card.last4) == 4 and first.card.brand and first.card.vault
        again = bench.gateway.keep_card(replace(ask, resent=True), card)
        assert again.state is AttemptState.SUCCEEDED
        assert bench.kept(ask) == 1
        assert bench.charges(ask) == 0
        held = bench.gateway.kept_cards(first.card.vault if not ask.customer else ask.customer)
        assert [(kept.vault, kept.billing, kept.last4) for kept in held] == [
            (first.card.vault, first.card.billing, first.card.last4)
        ]

    def test_a_kept_card_pays(self, bench: Bench) -> None:
        ask, card = bench.new_card()
        kept = bench.gateway.keep_card(ask, card).card
        assert kept is not None
        sale = bench.ask(Operation.SALE, 15_00, card=CardRef(kept.vault, kept.billing), customer=ask.customer)
        assert bench.gateway.send(sale).state is AttemptState.SUCCEEDED
        assert bench.charges(sale) == 1

    @pytest.mark.parametrize("fault", ("hang_after", "drop_after"))
    def test_a_card_whose_answer_was_lost_is_adopted_and_no_second_one_is_kept(
        self, bench: Bench, fault: str
    ) -> None:
        ask, card = bench.new_card()
        act(bench, fault)
        assert bench.gateway.keep_card(ask, card).state is AttemptState.UNKNOWN
        again = bench.gateway.keep_card(replace(ask, resent=True), card)
        assert again.state is AttemptState.SUCCEEDED and again.card is not None
        assert bench.kept(ask) == 1

    def test_a_card_that_is_gone_already_counts_as_removed(self, bench: Bench) -> None:
        if not bench.gateway.capabilities.removes_cards:
            pytest.skip("this gateway removes no cards")
        ask, card = bench.new_card()
        kept = bench.gateway.keep_card(ask, card).card
        assert kept is not None
        for _ in range(2):
            drop = bench.ask(
                Operation.VAULT_REMOVE,
                0,
                card=CardRef(kept.vault, kept.billing),
                customer=ask.customer,
            )
            assert bench.gateway.drop_card(drop).state is AttemptState.SUCCEEDED
            assert bench.kept(ask) == 0

    # Itself.

    def test_its_account_says_whether_it_moves_real_money(self, bench: Bench) -> None:
        assert bench.gateway.is_test() is True

    def test_it_shows_no_key(self, bench: Bench) -> None:
        assert bench.gateway.account.secret_name
        assert "key" not in repr(bench.gateway).lower()
