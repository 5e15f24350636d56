"""Which customers, orders and subscriptions are open: each keeps its own screen, so that going away and coming back loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from cstui.domain.ids import Kind

if TYPE_CHECKING:
    from cstui.app import CstuiApp
    from cstui.screens.record import RecordScreen

#: How many of each kind stay open at once.
MOST_OPEN = 5


class OpenRecords:
    """Screens by record. A spare of each kind stands ready, since making a screen takes longer than filling one.

    Beyond `MOST_OPEN` the one that was open longest without unsaved text is filled anew.
    """

    def __init__(self, app: CstuiApp) -> None:
        self._app = app
        self._open: dict[tuple[Kind, int], RecordScreen] = {}
        self._spares: dict[Kind, RecordScreen] = {}
        self._made = 0

    # Opening ----------------------------------------------------------------------------------------

    def open_customer(self, customer_id: int) -> None:
        """Shows a profile straight over the search."""
        if self._app.is_shut:
            return
        screen = self._screen_of(Kind.CUSTOMER, customer_id)
        self._pop_to(self._app.search_screen)
        self._show(screen)
        screen.open(customer_id)

    def open_order(self, order_id: int, *, refund: bool = False) -> None:
        """Shows an order over what is in front; the order that was in front makes room. `refund`: with its refund, once it is read."""
        if self._app.is_shut:
            return
        screen = self._over_what_is_in_front(Kind.ORDER, order_id)
        if refund:
            screen.refund_when_read()
        screen.open(order_id)

    def open_subscription(self, subscription_id: int) -> None:
        """Shows a subscription over what is in front; the subscription that was in front makes room."""
        if not self._app.is_shut:
            self._over_what_is_in_front(Kind.SUBSCRIPTION, subscription_id).open(subscription_id)

    def _over_what_is_in_front(self, kind: Kind, record_id: int) -> RecordScreen:
        screen = self._screen_of(kind, record_id)
        if screen in self._app.screen_stack:
            self._pop_to(screen)
            return screen
        while getattr(self._app.screen, "record_kind", None) is kind or not hasattr(
            self._app.screen, "flows"
        ):
            if self._app.screen is self._app.search_screen:
                break
            self._app.pop_screen()
        self._show(screen)
        return screen

    def next_customer(self) -> None:
        """Goes round the open customers, or says that there is no other."""
        open_ids = [key for key in self._open if key[0] is Kind.CUSTOMER]
        front = next(
            (s for s in reversed(self._app.screen_stack) if getattr(s, "record_kind", None) is Kind.CUSTOMER),
            None,
        )
        at = next((i for i, key in enumerate(open_ids) if self._open[key] is front), -1)
        if not open_ids or (len(open_ids) == 1 and front is not None):
            tell = getattr(self._app.screen, "tell_reason", None)
            if tell is not None:
                tell("No other customer is open.")
            return
        self.open_customer(open_ids[(at + 1) % len(open_ids)][1])

    def go_to_search(self) -> None:
        """Back to the search; what is open stays open behind it."""
        if self._app.is_shut:
            return
        self._pop_to(self._app.search_screen)

    def _show(self, screen: RecordScreen) -> None:
        if self._app.screen is not screen:
            self._app.push_screen(screen)

    def _pop_to(self, screen: Screen[Any]) -> None:
        if screen not in self._app.screen_stack:
            return
        while self._app.screen is not screen:
            self._app.pop_screen()

    # Screens ----------------------------------------------------------------------------------------

    async def prepare_spares(self) -> None:
        """Makes one screen of each kind ready behind the scenes."""
        for kind in (Kind.CUSTOMER, Kind.ORDER):
            if kind not in self._spares:
                self._spares[kind] = self._made_screen(kind)

    def _screen_of(self, kind: Kind, record_id: int) -> RecordScreen:
        key = (kind, record_id)
        screen = self._open.pop(key, None)
        if screen is None:
            screen = self._spares.pop(kind, None) or self._freed(kind) or self._made_screen(kind)
            self._app.call_later(self.prepare_spares)
        self._open[key] = screen
        return screen

    def _freed(self, kind: Kind) -> RecordScreen | None:
        open_now = [key for key in self._open if key[0] is kind]
        if len(open_now) < MOST_OPEN:
            return None
        for key in open_now:
            if not self._open[key].has_unsaved_text and self._open[key] not in self._app.screen_stack:
                screen = self._open.pop(key)
                screen.closed()
                return screen
        return None

    def _made_screen(self, kind: Kind) -> RecordScreen:
        screen: RecordScreen
        if kind is Kind.CUSTOMER:
            from cstui.screens.customer import CustomerScreen

            screen = CustomerScreen(self._app.keymap)
        elif kind is Kind.SUBSCRIPTION:
            from cstui.screens.subscription import SubscriptionScreen

            screen = SubscriptionScreen(self._app.keymap)
        else:
            from cstui.screens.order import OrderScreen

            screen = OrderScreen(self._app.keymap)
        self._made += 1
        self._app.install_screen(screen, f"{kind}-{self._made}")
        return screen

    # The end ----------------------------------------------------------------------------------------

    def with_unsaved_text(self) -> list[RecordScreen]:
        """Open records whose form holds unsaved text."""
        return [screen for screen in self._open.values() if screen.has_unsaved_text]

    async def asked_to_leave(self) -> bool:
        """Asks before one key back too many ends the desk; nothing would be lost."""
        from cstui.screens.base import BaseScreen
        from cstui.widgets.form import ConfirmPanel

        screen = self._app.screen
        if not isinstance(screen, BaseScreen):
            return True
        words = ("Nothing is unsaved here.",)
        return (
            await screen.ask(ConfirmPanel("Quit the desk", words, "q quit   Esc stay", letters={"q": "quit"}))
            is not None
        )

    async def asked_to_quit(self, unsaved: list[RecordScreen]) -> bool:
        """Asks what becomes of unsaved text: kept as drafts, thrown away, or not to quit (LOCK-08)."""
        from cstui.screens.base import BaseScreen
        from cstui.widgets.form import ConfirmPanel

        screen = self._app.screen
        if not isinstance(screen, BaseScreen):
            return True
        names = ", ".join(record.record_name for record in unsaved)
        answer = await screen.ask(
            ConfirmPanel(
                "Quit with unsaved text",
                (f"Not saved yet: {names}.",),
                "k quit and keep it as a draft    d quit and discard it    Esc stay",
                letters={"k": "keep", "d": "discard"},
            )
        )
        if answer is None:
            return False
        if answer["answer"] == "keep":
            await self.keep_drafts()
        else:
            for record in unsaved:
                await record.discard_draft()
        return True

    async def keep_drafts(self) -> None:
        """Writes what is typed to the database."""
        for screen in self.with_unsaved_text():
            await screen.keep_draft_now()

    async def close_all(self) -> None:
        """Frees every lock that this desk holds and forgets what is open."""
        for screen in list(self._open.values()):
            await screen.let_go()
        self._open.clear()
        if hasattr(self._app, "search_screen"):
            self._pop_to(self._app.search_screen)


def record_screens(app: CstuiApp) -> list[RecordScreen]:
    """The open records' screens, for tests and lists."""
    return list(cast(dict[Any, "RecordScreen"], app.records._open).values())
