"""Cards on a profile: C adds one, X removes the focused one, and what a new card should pay is asked at once (CARD-01 … CARD-08, D-17)."""

from __future__ import annotations

import os

from cstui.domain.attempts import AttemptInFlight, GatewayUnknown
from cstui.domain.card_desk import CardDesk, CardKept, CardRemoval
from cstui.domain.customers import CardOnFile
from cstui.domain.errors import CstuiError, InvalidFields
from cstui.domain.ids import Kind, new_token
from cstui.domain.permissions import Permission
from cstui.domain.verification import NotVerified
from cstui.flow import call, flow
from cstui.screens.customer_editing import CustomerEditing
from cstui.screens.dialogs.card import CardPanel, FollowPanel
from cstui.widgets.choices import ChoicesPanel, Offer
from cstui.widgets.form import ConfirmPanel

_ACTIONS = ("customer.card",)
#: Where Textual would write what is typed, key by key.
_DEBUG = ("TEXTUAL_LOG", "TEXTUAL_DEBUG")
_DEBUGGING = (
    "Textual's debug log is on: every key would be written to it. Start cstui without it to type cards."
)


class CustomerCards(CustomerEditing):
    """The keys C and X on a profile."""

    _said_late = ""

    def why_not(self, action: str) -> str:
        """Cards need the profile, and the right to manage them in one of its stores."""
        if action in _ACTIONS:
            if self.view is None:
                return "The profile is still being opened."
            if Permission.CARD_MANAGE not in self.view.permitted:
                return "Your role does not allow it for this customer."
        return super().why_not(action)

    def card_under_cursor(self) -> CardOnFile | None:
        """The card whose row has the cursor, in whichever column."""
        row = self.page.row if self.page is not None else None
        key = row.key if row is not None else None
        if self.view is None or not (isinstance(key, tuple) and key[0] is Kind.CARD):
            return None
        return next((card for card in self.view.cards if card.id == key[1]), None)

    def end_card(self) -> None:
        """Closes an open card form at once; nothing of what was typed stays."""
        if self.is_mounted:
            for panel in self.query(CardPanel):
                panel.forget()
                panel.settle(None)

    def on_screen_suspend(self) -> None:
        """Something came in front (the lock, another record): whoever looks now need not be who typed."""
        self.end_card()

    # C ----------------------------------------------------------------------------------------------

    @flow("customer.card")
    async def action_customer_card(self) -> None:
        """`C`: type a card, send a link for one, or make the focused one the default."""
        view = self.view
        if view is None:
            return
        focused = self.card_under_cursor()
        try:
            desk: CardDesk = await call(
                self.desk.cards.begin_add, self.actor, view.id, self._card_store(), self.desk.token
            )
        except NotVerified as error:
            self._ask_to_verify(error)
            return
        answer = await self.ask(ChoicesPanel(f"Card of {self.record_name}", self._offers(desk, focused)))
        picked = answer["picked"] if answer is not None else ""
        if picked == "t":
            await self._type_card(desk)
        elif picked == "l":
            await self._send_link(desk)
        elif picked == "d" and focused is not None:
            await self._make_default(focused)

    def _card_store(self) -> int:
        """The store whose account keeps a new card: the newest order's where it is visible, else the first. Cards are shared by all."""
        assert self.view is not None
        visible = [store.id for store in self.view.stores if self.actor.may(Permission.CARD_MANAGE, store.id)]
        newest = self.view.orders[0].store_id if self.view.orders else 0
        return newest if newest in visible or not visible else visible[0]

    def _offers(self, desk: CardDesk, focused: CardOnFile | None) -> list[Offer]:
        test = "TEST, " if desk.is_test else ""
        offers = [
            Offer("t", f"type a card   {test}kept at {desk.gateway} ({desk.account})", desk.typed.why_not or _debugging(self)),
            Offer("l", f"send a card link to {desk.email}" if desk.email else "send a card link", desk.link.why_not),
        ]  # fmt: skip
        if focused is not None:
            why_not = "It is the default already." if focused.is_default else ""
            offers.append(Offer("d", f"make {_name(focused)} the default", why_not))
        return offers

    async def _type_card(self, desk: CardDesk) -> None:
        kept: CardKept | None = None
        late = False

        def closed_itself() -> None:
            nonlocal late
            late = True

        panel = CardPanel(desk, self.now().date(), closed_itself)
        async with self.opened(panel):
            while await panel.answer() is not None:
                try:
                    card = panel.take()
                except InvalidFields as error:
                    panel.show_problems(error.problems)
                    continue
                panel.show_problems(())
                panel.say_below(f"Being kept at {desk.gateway} …")
                try:
                    kept = await call(
                        self.desk.cards.add_typed, self.actor, desk.customer_id, desk.store_id, card, default=panel.is_default,
                        save_id=new_token(), desk=self.desk.token,
                    )  # fmt: skip
                except GatewayUnknown as unknown:
                    self.tell(unknown.in_words(), "warn")
                    break
                except CstuiError as refused:
                    panel.again()
                    panel.say_below(f"{refused.title}: {refused.in_words()}", "bad")
                    continue
                finally:
                    card.wipe()
                break
        if late:
            self.tell_reason("The card form was closed after two minutes. Nothing of it was kept.")
        if kept is not None:
            self.tell(
                f"On file: {kept.name}{', the default' if kept.is_default else ''}. Nothing was charged."
            )
            await self._follow_through(kept.card_id, kept.name)

    async def _send_link(self, desk: CardDesk) -> None:
        sent = await call(
            self.desk.cards.send_link, self.actor, desk.customer_id, desk.store_id, new_token(), self.desk.token
        )  # fmt: skip
        how = "The link is mailed" if sent.is_open else "A worker makes the link and mails it"
        self.tell(f"{how} to {sent.to}. The card appears here when the customer has typed it.")

    async def _make_default(self, card: CardOnFile) -> None:
        name = await call(self.desk.cards.make_default, self.actor, card.id, new_token(), self.desk.token)
        self.tell(f"Default: {name}.")
        await self._follow_through(card.id, name)

    async def _follow_through(self, card_id: int, name: str) -> None:
        """Shows the list with the card, and asks what it should pay (D-17, C-23)."""
        view = self.view
        if view is None:
            return
        self.note_added()
        found = await call(self.desk.cards.follow_through, self.actor, view.id, card_id)
        if not found:
            return
        answer = await self.ask(FollowPanel(name, found, self.desk_app.reader))
        if answer is None:
            return
        chosen = tuple(int(key) for key in answer["ticked"].split(","))
        applied = await call(self.desk.cards.apply, self.actor, card_id, chosen, new_token(), self.desk.token)
        left = f" Left as they are: {'; '.join(applied.left)}." if applied.left else ""
        done = f"{name} pays {', '.join(applied.done)} from the next charge on." if applied.done else ""
        self.tell(f"{done}{left}".strip(), "warn" if applied.left else "good")
        self.note_added()

    # X ----------------------------------------------------------------------------------------------

    def action_customer_cancel(self) -> None:
        """`X`: what it ends depends on the row: a card is removed."""
        row = self.page.row if self.page is not None else None
        key = row.key if row is not None else None
        kind = key[0] if isinstance(key, tuple) else None
        if kind is Kind.CARD:
            self._remove_card()
        elif kind in (Kind.ORDER, Kind.SHIPMENT, Kind.TRANSACTION):
            self.tell_reason("Open the order to cancel it.")
        else:
            self.tell_reason("Go to an order, a shipment or a card first.")

    @flow("customer.card")
    async def _remove_card(self) -> None:
        """Removes the focused card at its gateway, then here (CARD-03)."""
        card = self.card_under_cursor()
        if card is None:
            return
        plan: CardRemoval = await call(self.desk.cards.removal, self.actor, card.id)
        if plan.blocked:
            self.tell_reason(plan.blocked)
            return
        sure = ConfirmPanel(
            f"Remove {plan.name}", self._removal_words(card, plan), f"y removes {plan.name}   Esc keeps it"
        )
        if await self.ask(sure) is None:
            return
        try:
            removing = await call(self.desk.cards.remove, self.actor, card.id, new_token(), self.desk.token)
        except NotVerified as error:
            self._ask_to_verify(error)
            return
        except AttemptInFlight as busy:
            self.tell(busy.in_words(), "warn")
            return
        waits = " No worker is running: it waits for one." if removing.waits_for_worker else ""
        said = f"Removed: {removing.name}." if removing.is_done else f"Being removed: {removing.name}.{waits}"
        self.tell(said, "warn" if waits else "good")
        self.note_added()

    @staticmethod
    def _removal_words(card: CardOnFile, plan: CardRemoval) -> list[str]:
        words = [
            f"{plan.name} is removed at {card.gateway} and then here. It cannot be put back, only added again."
        ]
        if plan.is_last:
            words.append("It is the only card on file.")
        elif plan.is_default:
            words.append("It is the default; no other card takes its place.")
        return words

    def _ask_to_verify(self, error: NotVerified) -> None:
        self.tell_error(error)
        self.action_customer_verify()


def _name(card: CardOnFile) -> str:
    return f"{card.brand or 'Card'} …{card.last4}"


def _debugging(screen: CustomerCards) -> str:
    """Why a card must not be typed at this desk: something would write each key down."""
    features = screen.app.features
    is_on = any(os.environ.get(name) for name in _DEBUG) or "devtools" in features or "debug" in features
    return _DEBUGGING if is_on or getattr(screen.app, "devtools", None) is not None else ""
