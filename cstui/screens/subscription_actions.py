"""What every action on a subscription shares: what it acts on, the lock, and how it is stored and said (SUB-01 … SUB-20)."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cstui.domain.actor import Actor
from cstui.domain.errors import (
    CstuiError,
    HeldElsewhere,
    InvalidFields,
    InvalidInput,
    LockBroken,
    RecordChanged,
    RecordLocked,
)
from cstui.domain.ids import new_token
from cstui.domain.live import LiveEvent, What
from cstui.domain.locking import Grip, Purpose
from cstui.domain.permissions import Permission
from cstui.domain.refunds import Receipt
from cstui.domain.subscription_rules import SubscriptionAction, why_not
from cstui.domain.subscriptions import SubscriptionStatus, SubscriptionView
from cstui.domain.verification import NotVerified
from cstui.flow import call, quietly
from cstui.saving import NotSaved, saving
from cstui.screens.dialogs.stale import take_over_panel
from cstui.screens.history_rows import path_words
from cstui.screens.money_actions import release_lock
from cstui.screens.record_actions import RecordActions
from cstui.screens.subscription_rows import product_words

_A = SubscriptionAction
#: Which action of the rules a key stands for.
ACTION_OF = {
    "subscription.edit": _A.PRICE,
    "subscription.skip": _A.SKIP,
    "subscription.cancel": _A.CANCEL,
    "subscription.bill": _A.BILL,
    "subscription.card": _A.CARD,
    "subscription.swap": _A.OPTION,
    "subscription.date": _A.DATE,
    "subscription.quantity": _A.QUANTITY,
    "subscription.trial": _A.TRIAL,
    "subscription.reactivate": _A.REACTIVATE,
}
#: States in which `P` brings it back.
_GONE = (SubscriptionStatus.CANCELLED, SubscriptionStatus.RECYCLE_FAILED)
_NOT_HERE = "Go to a subscription first: 3 subscriptions."


@dataclass(frozen=True, slots=True)
class SubscriptionSpot:
    """What a key about subscriptions acts on. `why_not` None: only its status is known, as a list shows it."""

    id: int
    store_id: int
    status: SubscriptionStatus
    name: str
    why_not: Mapping[SubscriptionAction, str] | None = None


@dataclass(frozen=True, slots=True)
class HeldView:
    """A subscription under its lock, as it stood when the lock was granted."""

    view: SubscriptionView
    grip: Grip

    @property
    def id(self) -> int:
        """The subscription's key."""
        return self.view.row.id

    @property
    def name(self) -> str:
        """What the sentences call it."""
        return product_words(self.view)


class Asking(Protocol):
    """A panel that something is stored from."""

    async def answer(self) -> dict[str, str] | None:
        """Waits for the person."""
        ...

    def say_problem(self, words: str) -> None:
        """Says why it was not done."""
        ...


#: Given what is held, the answer and the save id: the call that stores, without arguments.
Store = Callable[[HeldView, dict[str, str], str], Callable[[], Any] | Awaitable[Callable[[], Any]]]


class SubscriptionActions(RecordActions):
    """A screen says in `subscription_spot()` what its keys act on, and shows in `subscription_moved()` what became of it."""

    _subscription_token = ""

    @abstractmethod
    def subscription_spot(self) -> SubscriptionSpot | None:
        """The subscription under the cursor, or on the screen; None where there is none."""

    @abstractmethod
    def subscription_moved(self, view: SubscriptionView | None) -> None:
        """A subscription was stored, or moved elsewhere: show it, without touching an open form."""

    def why_not(self, action: str) -> str:
        """A subscription under the cursor, in a state and with the rights that the action needs."""
        why = super().why_not(action)
        if why or not action.startswith("subscription.") or action == "subscription.open":
            return why
        spot = self.subscription_spot()
        if spot is None:
            return _NOT_HERE
        wanted = self.pausing(spot) if action == "subscription.pause" else ACTION_OF.get(action)
        if wanted is None:
            return ""
        if spot.why_not is not None:
            return spot.why_not.get(wanted, "")
        if said := why_not(wanted, spot.status):
            return said
        right = Permission.SUBSCRIPTION_PRICE if wanted is _A.PRICE else Permission.SUBSCRIPTION_UPDATE
        by_card = wanted is _A.CARD and self.actor.may(Permission.CARD_MANAGE, spot.store_id)
        return (
            ""
            if by_card or self.actor.may(right, spot.store_id)
            else "Your role does not allow it in this store."
        )

    @staticmethod
    def pausing(spot: SubscriptionSpot) -> SubscriptionAction:
        """What `P` does in this state."""
        if spot.status is SubscriptionStatus.PAUSED:
            return _A.RESUME
        return _A.REACTIVATE if spot.status in _GONE else _A.PAUSE

    # The lock ---------------------------------------------------------------------------------------

    async def hold_subscription(self, purpose: Purpose = Purpose.EDIT) -> HeldView | None:
        """The lock with what stands, or None where somebody else has it; then that has been said or asked about."""
        spot = self.subscription_spot()
        if spot is None:
            return None
        token = self._subscription_token = new_token()
        held = None
        try:
            held = await self._granted_view(spot.id, token, purpose)
        finally:
            if held is None:
                await self.give_subscription_back()
        return held

    async def _granted_view(self, key: int, token: str, purpose: Purpose) -> HeldView | None:
        try:
            return await call(_open, self.desk, self.actor, key, token, purpose, False)
        except RecordLocked as error:
            if not (isinstance(error, HeldElsewhere) or error.facts.get("may_take_over")):
                self.tell_reason(f"Locked by {error.holder} on {error.terminal}. {error.advice}")
                return None
            if await self.ask(take_over_panel(error)) is None:
                return None
        return await call(_open, self.desk, self.actor, key, token, purpose, True)

    async def hold_again(self, held: HeldView) -> HeldView:
        """The lock was taken away while a panel was open: takes it anew where it is free, with what holds now."""
        token = self._subscription_token = new_token()
        return await call(_open, self.desk, self.actor, held.id, token, Purpose.EDIT, False)

    async def give_subscription_back(self) -> None:
        """The panel is left: the lock goes back; nothing to do is fine."""
        token, self._subscription_token = self._subscription_token, ""
        if token:
            await quietly(release_lock, self.desk, self.actor, token)

    def subscription_lock_gone(self) -> None:
        """What was stored freed the lock."""
        token, self._subscription_token = self._subscription_token, ""
        if token and "pulse" in self.desk.__dict__:
            self.desk.pulse.drop(token)

    # Storing ----------------------------------------------------------------------------------------

    async def store_until_done(
        self,
        panel: Asking,
        held: HeldView,
        store: Store,
        on_refusal: Callable[[dict[str, str]], Any] | None = None,
    ) -> tuple[Any, dict[str, str]] | None:
        """Asks until it is stored or left; one save id for all tries, so that whatever happens is done once.

        Returns what was stored with the answer that led to it. `on_refusal` gets what was answered when others were faster.
        """
        save_id = new_token()
        while (values := await panel.answer()) is not None:
            try:
                found = store(held, values, save_id)
                use_case: Callable[[], Any] = await found if inspect.isawaitable(found) else found
                stored = await saving(
                    self, save_id, use_case, reread=use_case, back=getattr(self, "database_back", None)
                )
            except NotVerified as error:
                panel.say_problem(error.in_words())
                self.action_customer_verify()
            except NotSaved as error:
                panel.say_problem(f"{error.message} {error.advice}".strip())
            except (LockBroken, RecordChanged) as error:
                if on_refusal is not None:
                    await on_refusal(values)
                held = await self._after_refusal_of(panel, held, error)
            except InvalidFields as error:
                _show_problems(panel, error.problems, error.in_words())
            except InvalidInput as problem:
                _show_problems(panel, (problem,), problem.in_words())
            except CstuiError as error:
                if error.in_words():
                    panel.say_problem(error.in_words())
            else:
                self.subscription_lock_gone()
                return stored, values
        return None

    async def _after_refusal_of(
        self, panel: Asking, held: HeldView, error: LockBroken | RecordChanged
    ) -> HeldView:
        """Others were faster: what was typed stays, what stands now is shown, and the lock is taken anew where that is possible."""
        try:
            if isinstance(error, LockBroken):
                held = await self.hold_again(held)
                said = f"{error.message} It is locked for you again: look at it once more."
            else:
                view: SubscriptionView = await call(self.desk.subscriptions.open, self.actor, held.id)
                held = HeldView(view, replace(held.grip, version=view.version))
                fields = ", ".join(dict.fromkeys(path_words(path) for path in error.fields)) or "it"
                said = (
                    f"{error.by} changed {fields} meanwhile. Nothing was overwritten; look at it once more."
                )
        except CstuiError as refused:
            panel.say_problem(f"{error.message} {refused.in_words()}")
            return held
        show = getattr(panel, "show_view", None)
        clashes = (show(held.view) if show is not None else "") or ""
        self.subscription_moved(held.view)
        getattr(panel, "say_notice", panel.say_problem)(f"{said} {clashes}".strip())
        return held

    def say_stored(self, view: SubscriptionView, words: str) -> None:
        """The receipt that stays: what was stored, what is billed next, and what became of a second step."""
        self.subscription_moved(view)
        if view.receipt is not None:
            self.follow_money(view.receipt, view)
        coming = view.next.words if view.next is not None else ""
        said = f"{words} {coming}".strip()
        if view.problem:
            self.tell(f"{words} But: {view.problem}", "warn")
        elif view.receipt is not None:
            # What is armed counts down beside it, with amount and name.
            is_counted = view.receipt.sends_at is not None
            self.tell(words if is_counted else f"{words} {view.receipt.words}")
        else:
            self.tell(said)

    def follow_money(self, receipt: Receipt, view: SubscriptionView) -> None:
        """Something was armed here: the countdown begins at once."""
        undo = int(self.desk.settings.at_hand("money.undo_seconds"))
        charge_of = None if receipt.refund_ids else (view.row.id, view.row.product)
        self.desk_app.money_asked(self, receipt, undo, charge_of)

    # What comes in ----------------------------------------------------------------------------------

    def on_live(self, event: LiveEvent) -> None:
        """The lock of an open panel was taken away."""
        super().on_live(event)
        token = event.facts.get("token", "")
        if event.what is What.LOST and token and token == self._subscription_token:
            say = getattr(self.panel, "say_problem", None)
            if say is not None:
                say(f"{event.facts.get('by') or 'Somebody'} removed your lock. Going on asks for it again.")

    def closed(self) -> None:
        """Another record comes onto this screen: an open panel is left, its lock goes back."""
        if self._subscription_token and self.panel is not None:
            self.panel.settle(None)
        super().closed()

    async def let_go(self) -> None:
        """The desk leaves this record."""
        await SubscriptionActions.give_subscription_back(self)
        await super().let_go()


def _show_problems(panel: Asking, problems: tuple[InvalidInput, ...], words: str) -> None:
    show = getattr(panel, "show_problems", None)
    if show is not None:
        show(problems)
    else:
        panel.say_problem(words)


def _open(desk: Any, actor: Actor, key: int, token: str, purpose: Purpose, take_over: bool) -> HeldView:
    """In a thread: what stands, its grant, and the pulse's promise to renew it."""
    view = desk.subscriptions.open(actor, key)
    grip = desk.subscriptions.begin(actor, key, view.version, token, purpose, take_over)
    if "pulse" in desk.__dict__:
        desk.pulse.hold(token)
    return HeldView(view, grip)
