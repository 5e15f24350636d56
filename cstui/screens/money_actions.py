"""R and V on every record with money: the lock, the panel, the request, and what is said when something stands in the way (REF-05, D-07)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cstui.domain.actor import Actor
from cstui.domain.attempts import AmountMoved, AttemptInFlight, MoreThanRemains
from cstui.domain.customers import Verification
from cstui.domain.errors import CstuiError, HeldElsewhere, LockBroken, NotPossibleNow, RecordLocked
from cstui.domain.gateways import Operation
from cstui.domain.ids import Kind, new_token
from cstui.domain.live import LiveEvent, What
from cstui.domain.locking import Grip
from cstui.domain.payments import IN_FLIGHT
from cstui.domain.permissions import Permission
from cstui.domain.refunds import AttemptRow, Receipt, RefundBasis, RefundChoice
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow, quietly
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.dialogs.refund import RefundPanel
from cstui.screens.dialogs.void import VoidPanel
from cstui.screens.record_actions import RecordActions
from cstui.widgets.commit_line import CommitPanel

_MONEY = ("order.refund", "order.void")
_READ_AGAIN = (AmountMoved, AttemptInFlight, MoreThanRemains, NotPossibleNow)
MoneyForm = RefundPanel | VoidPanel
Sending = Callable[[Grip, str], tuple[Callable[..., Receipt], tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class MoneySpot:
    """What a capital about money acts on: an order, or (with `transaction_id`) one of its charges. `store_id` 0 where it is not known."""

    order_id: int
    number: str
    customer: str
    store_id: int = 0
    transaction_id: int = 0


class MoneyActions(RecordActions):
    """The keys R and V. A screen says in `money_spot()` what they act on, and shows in `money_moved()` what became of it."""

    _money_token = ""
    _money_order = 0
    _heard: asyncio.Event | None = None

    @abstractmethod
    def money_spot(self) -> MoneySpot | None:
        """The order or charge under the cursor; None where there is none."""

    def why_no_spot(self) -> str:
        """What to do where the cursor stands on nothing that money moved for."""
        return "Go to an order or a transaction first: 2 orders, 6 transactions."

    def money_moved(self) -> None:
        """The money of what is shown is different now: show it, without touching an open form."""

    @property
    def money_panel(self) -> MoneyForm | None:
        """The open panel of R or V."""
        found = list(self.query(MoneyPanel).results()) if self.is_mounted else []
        return next((panel for panel in reversed(found) if isinstance(panel, RefundPanel | VoidPanel)), None)

    def why_not(self, action: str) -> str:
        """Money needs an order under the cursor, and the right to refund in its store."""
        why = super().why_not(action)
        if why or action not in _MONEY:
            return why
        spot = self.money_spot()
        if spot is None:
            return self.why_no_spot()
        if spot.store_id and not self.actor.may(Permission.REFUND_REQUEST, spot.store_id):
            return "Your role does not allow it in this store."
        return ""

    # The lock ---------------------------------------------------------------------------------------

    def token_for_money(self) -> str:
        """The name of the lock that is going to be asked for."""
        return new_token()

    def money_lock_taken(self, token: str, grip: Grip) -> None:
        """The lock is there."""
        self._money_token = token

    def money_lock_gone(self) -> None:
        """The request freed the lock."""
        token, self._money_token = self._money_token, ""
        if "pulse" in self.desk.__dict__:
            self.desk.pulse.drop(token)

    async def give_money_lock_back(self) -> None:
        """The panel is left: the lock goes back; nothing to do is fine."""
        token, self._money_token = self._money_token, ""
        if token:
            await quietly(release_lock, self.desk, self.actor, token)

    async def _opened_money(self, order_id: int) -> tuple[RefundBasis, Grip] | None:
        """The lock and what to plan on, or None where somebody else has it; then that has been said or asked about."""
        token = self.token_for_money()
        self._money_token = token
        taken = None
        try:
            taken = await self._begin_money(order_id, token)
        finally:
            if taken is None:
                await self.give_money_lock_back()
        if taken is not None:
            self.money_lock_taken(token, taken[1])
        return taken

    async def _begin_money(self, order_id: int, token: str) -> tuple[RefundBasis, Grip] | None:
        try:
            return await call(_open, self.desk, self.actor, order_id, token, False)
        except RecordLocked as error:
            if not (isinstance(error, HeldElsewhere) or error.facts.get("may_take_over")):
                self.tell_reason(f"Locked by {error.holder} on {error.terminal}. {error.advice}")
                return None
            sure = CommitPanel(
                error.title, (error.message, error.advice), "y take it over here   Esc leave it"
            )
            if await self.ask(sure) is None:
                return None
        return await call(_open, self.desk, self.actor, order_id, token, True)

    # R ----------------------------------------------------------------------------------------------

    @flow("order.refund")
    async def action_order_refund(self) -> None:
        """`R`: the refund of the order under the cursor, or of the one charge that the cursor stands on."""
        spot = self.money_spot()
        if spot is None:
            return
        opened = await self._opened_money(spot.order_id)
        if opened is None:
            return
        basis, grip = opened
        choice = RefundChoice()
        if spot.transaction_id in {charge.transaction_id for charge in basis.charges}:
            choice = RefundChoice(transaction_id=spot.transaction_id, only=Operation.REFUND)
        attempt = await self._under_way(basis)
        panel = RefundPanel(
            basis, spot.customer, self.desk_app.reader, self.now, choice=choice, me=self.actor.name, attempt=attempt
        )  # fmt: skip

        def send(grip: Grip, save_id: str) -> tuple[Callable[..., Receipt], tuple[Any, ...], dict[str, Any]]:
            wanted = panel.wanted
            return (
                self.desk.refunds.request,
                (self.actor, spot.order_id, grip, wanted.choice, wanted.reason, wanted.note, save_id),
                {
                    "expected": wanted.plan.total, "cancel_order": wanted.cancel_order,
                    "stop_subscriptions": wanted.stop_subscriptions, "desk": self.desk.token,
                },
            )  # fmt: skip

        await self._ask_money(panel, spot, grip, basis.undo_seconds, send)

    # V ----------------------------------------------------------------------------------------------

    @flow("order.void")
    async def action_order_void(self) -> None:
        """`V`: takes the charge under the cursor back whole, or the one of the order that still can be."""
        spot = self.money_spot()
        if spot is None:
            return
        opened = await self._opened_money(spot.order_id)
        if opened is None:
            return
        basis, grip = opened
        known = {charge.transaction_id for charge in basis.charges}
        panel = VoidPanel(
            basis, spot.customer, self.desk_app.reader, self.now, only=spot.transaction_id if spot.transaction_id in known else 0,
            me=self.actor.name, attempt=await self._under_way(basis),
        )  # fmt: skip

        def send(grip: Grip, save_id: str) -> tuple[Callable[..., Receipt], tuple[Any, ...], dict[str, Any]]:
            charge = panel.charge
            chosen = charge.transaction_id if charge is not None else 0
            return (
                self.desk.refunds.void,
                (self.actor, spot.order_id, grip, chosen, save_id),
                {"reason": panel.reason, "desk": self.desk.token},
            )

        await self._ask_money(panel, spot, grip, basis.undo_seconds, send)

    # Asking -----------------------------------------------------------------------------------------

    async def _ask_money(
        self,
        panel: MoneyForm,
        spot: MoneySpot,
        grip: Grip,
        undo: int,
        send: Sending,
    ) -> None:
        """Asks until it is stored or left; one save id for all tries, so that whatever happens is done once."""
        save_id = new_token()
        self._money_order, self._heard = spot.order_id, asyncio.Event()
        try:
            async with self.opened(panel):
                while (values := await panel.answer()) is not None:
                    if values["do"] == "takeback":
                        self.desk_app.action_money_takeback()
                        continue
                    use_case, args, facts = send(grip, save_id)

                    def again() -> Receipt:
                        return use_case(*args, **facts)  # noqa: B023 - it is read again before the next round

                    try:
                        receipt = await saving(
                            self, save_id, use_case, *args, reread=again, back=self._heard, **facts
                        )
                    except NotVerified as error:
                        panel.say_problem(error.in_words())
                        self.action_customer_verify()
                    except LockBroken as error:
                        grip = await self._locked_again(panel, spot, error) or grip
                    except _READ_AGAIN as error:
                        await self._renew_money()
                        panel.say_problem(error.in_words())
                    except NotSaved as error:
                        panel.say_problem(f"{error.message} y tries again.")
                    except CstuiError as error:
                        panel.say_problem(error.in_words())
                    else:
                        self.money_lock_gone()
                        self.desk_app.money_asked(self, receipt, undo)
                        self.money_moved()
                        return
        finally:
            self._money_order = 0
            await self.give_money_lock_back()

    async def _locked_again(self, panel: MoneyForm, spot: MoneySpot, error: LockBroken) -> Grip | None:
        """Somebody took the lock away while the panel was open: takes it again where that is free, with what holds now."""
        token = new_token()
        try:
            basis, grip = await call(_open, self.desk, self.actor, spot.order_id, token, False)
        except CstuiError as refused:
            panel.say_problem(f"{error.message} {refused.in_words()}")
            return None
        self.money_lock_taken(token, grip)
        panel.show_basis(basis, await self._under_way(basis))
        panel.say_problem(f"{error.message} The order is locked for you again: look at it once more.")
        return grip

    async def _under_way(self, basis: RefundBasis) -> AttemptRow | None:
        """What is being done with the order's money right now, where somebody is at it."""
        if not any(charge.in_flight for charge in basis.charges):
            return None
        found = await quietly(self.desk.refunds.of_order, self.actor, basis.order_id)
        return next((row for row in found[1] if row.state in IN_FLIGHT), None) if found else None

    # What comes in ----------------------------------------------------------------------------------

    def on_live(self, event: LiveEvent) -> None:
        """The money of what is shown moved: here, at another desk, or at the gateway."""
        super().on_live(event)
        if self._heard is not None and event.what is not What.AWAY:
            self._heard.set()  # the database answers: whether a request was stored can be asked at once
        if event.what is What.PAYMENT and (event.kind, event.id) == (self.record_kind, self.record_id):
            self.money_moved()
            self.run_worker(self._renew_money(), description="renew money", exit_on_error=False)
        elif event.what is What.LOST and event.facts.get("token") == self._money_token and self.money_panel:
            self.money_panel.say_problem(
                f"{event.facts.get('by') or 'Somebody'} removed your lock. y asks for it again."
            )

    async def _renew_money(self) -> None:
        """What an open panel plans on is read again; what was chosen stays."""
        panel, order_id = self.money_panel, self._money_order
        if panel is None or not order_id:
            return
        basis = await quietly(self.desk.refunds.basis, self.actor, order_id)
        if basis is not None and panel.is_attached and order_id == self._money_order:
            panel.show_basis(basis, await self._under_way(basis))

    def verified_now(self, verified: Verification) -> None:
        """The caller is verified: what was in the way of an open panel is gone."""
        super().verified_now(verified)
        if verified.is_enough and (panel := self.money_panel) is not None:
            panel.say_problem("")

    def tick(self) -> None:
        """Cut-offs come nearer in an open panel."""
        tick = getattr(super(), "tick", None)
        if tick is not None:
            tick()
        if (panel := self.money_panel) is not None:
            panel.tick()

    # Leaving ----------------------------------------------------------------------------------------

    def closed(self) -> None:
        """Another record comes onto this screen: an open panel about money is left, its lock goes back."""
        if (panel := self.money_panel) is not None:
            panel.settle(None)
        super().closed()

    async def let_go(self) -> None:
        """The desk leaves this record."""
        await self.give_money_lock_back()
        await super().let_go()


def _open(desk: Any, actor: Actor, order_id: int, token: str, take_over: bool) -> tuple[RefundBasis, Grip]:
    """In a thread: the grant with what to plan on, and the pulse's promise to renew it."""
    opened: tuple[RefundBasis, Grip] = desk.refunds.open(actor, order_id, token, take_over)
    if "pulse" in desk.__dict__:
        desk.pulse.hold(token)
    return opened


def release_lock(desk: Any, actor: Actor, token: str) -> None:
    """In a thread, where a screen that is being taken down no longer knows its app."""
    if "pulse" in desk.__dict__:
        desk.pulse.drop(token)
    desk.locks.release(actor, token)


def is_charge(kind: str) -> bool:
    """Whether a transaction of this kind brought or reserved money, so that R and V act on it alone (REF-06)."""
    return kind in ("sale", "capture", "authorise")


def order_key(key: object) -> tuple[Kind, int] | None:
    """Kind and id of a row that stands for a record; None for other rows."""
    return (
        (key[0], int(key[1]))
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], Kind)
        else None
    )
