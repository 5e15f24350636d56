"""Every screen and panel of the desk shows texts that steer terminals, break markup or fill a page: cleanly, and without a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cstui.screens.base import BaseScreen
from cstui.screens.customer import CustomerScreen
from cstui.screens.history import HistoryScreen, OrderThenScreen
from cstui.screens.lists import DraftsScreen, HelpScreen, ListScreen, LocksScreen, MyActionsScreen
from cstui.screens.missed_bills import MissedBillsScreen
from cstui.screens.money_queue import AttemptsScreen, RefundQueueScreen
from cstui.screens.order import OrderScreen
from cstui.screens.search_form import SearchFormScreen
from cstui.screens.sign_in import LockScreen, SignInScreen
from cstui.screens.subscription import SubscriptionScreen
from cstui.storage.transaction import Database
from cstui.widgets.form import Panel
from tests.screen_text import assert_clean_screen
from tests.screens.driving import Driven, driven
from tests.screens.hostile import LONG, SHORT, Shop, fill_shop, poison


class Walk:
    """One walk past everything; each look checks what is on the screen at that moment."""

    def __init__(self, desk: Driven, *, ascii_only: bool = False) -> None:
        self.desk = desk
        self.ascii_only = ascii_only
        self.seen: list[str] = []

    @property
    def screen(self) -> BaseScreen:
        screen = self.desk.app.screen
        assert isinstance(screen, BaseScreen)
        return screen

    async def look(self, name: str) -> None:
        await self.desk.pilot.pause()
        self.seen.append(name)
        assert_clean_screen(self.desk.app)
        text = self.desk.text
        assert "Incident" not in text and "went wrong" not in text, f"{name}:\n{text}"
        assert self.desk.app._exception is None, name
        if self.ascii_only:
            assert text.isascii(), f"{name}: {[sign for sign in text if not sign.isascii()][:20]}"

    async def on(self, kind: type[BaseScreen]) -> None:
        await self.desk.until(lambda: isinstance(self.screen, kind) and not self._reading())

    def _reading(self) -> bool:
        return bool(self.screen.flows) and self.screen.panel is None

    async def panel(self, key: str, name: str) -> None:
        """Opens a panel with its key, looks, leaves it unchanged."""
        await self.desk.press(key)
        await self.desk.until(lambda: self.screen.panel is not None)
        await self.look(f"panel {name}")
        await self.desk.press("f12")
        await self.desk.until(lambda: self.screen.panel is None and not self.screen.flows)

    async def back(self, kind: type[BaseScreen]) -> None:
        await self.desk.press("escape")
        await self.on(kind)

    async def every_row(self, name: str) -> None:
        """Unfolds what can be unfolded, from the top to the end."""
        page = self.screen.page
        assert page is not None
        for at in range(min(len(page._stops), 40)):
            page._go(min(at, len(page._stops) - 1))
            page.unfold()
        page.move_to_end(False)
        await self.look(f"{name}, unfolded, top")
        page.move_to_end(True)
        await self.look(f"{name}, unfolded, end")


async def past_everything(desk: Driven, shop: Shop, *, ascii_only: bool = False) -> list[str]:
    """Search, profile, subscription, order, history, lists, panels, lock screen; returns what was looked at."""
    walk = Walk(desk, ascii_only=ascii_only)
    await finding(walk)
    await profile(walk, shop)
    await subscription(walk, shop)
    await order(walk, shop)
    await lists(walk)
    desk.app.action_desk_lock()
    await desk.until(lambda: isinstance(desk.app.screen, LockScreen) and desk.app.screen.panel is not None)
    await walk.look("lock screen")
    return walk.seen


async def finding(walk: Walk) -> None:
    desk = walk.desk
    await walk.look("search, empty")
    await desk.type("leigh")
    await desk.until(lambda: desk.app.search_screen.results.row is not None)
    await walk.look("search, found")
    desk.app.search_screen.action_search_form()
    await walk.on(SearchFormScreen)
    await desk.until(lambda: walk.screen.panel is not None)
    await walk.look("search form")
    await desk.press("f9")
    await desk.until(lambda: walk.screen.panel is None and not walk.screen.flows)
    await walk.every_row("search form, orders")
    await desk.press("right_square_bracket")
    await desk.until(lambda: walk.screen.panel is not None)
    await desk.press("f9")
    await desk.until(lambda: walk.screen.panel is None and not walk.screen.flows)
    await walk.every_row("search form, customers")
    desk.app.go_back()


async def profile(walk: Walk, shop: Shop) -> None:
    desk = walk.desk
    desk.app.open_customer(shop.customer)
    await walk.on(CustomerScreen)
    await desk.until(lambda: isinstance(walk.screen, CustomerScreen) and walk.screen.view is not None)
    await walk.look("profile")
    await walk.every_row("profile")
    for key, name in (("e", "contact"), ("A", "address"), ("f7", "note"), ("f6", "call"), ("v", "verify"),
                      ("ctrl+o", "jump"), ("slash", "filter"), ("ctrl+p", "palette"), ("f10", "actions"), ("colon", "command")):  # fmt: skip
        await walk.panel(key, name)
    await desk.press("2")
    for key, name in (("R", "refund"), ("V", "void")):
        await desk.press(key)
        await desk.until(lambda: walk.screen.panel is not None or not walk.screen.flows)
        await walk.look(f"profile, {name}")
        await leave_panel(walk)
    await desk.press("f1")
    await walk.on(HelpScreen)
    await walk.look("help")
    await walk.back(CustomerScreen)
    await desk.press("i")
    await walk.on(HistoryScreen)
    await walk.every_row("history of a customer")
    await walk.back(CustomerScreen)


async def subscription(walk: Walk, shop: Shop) -> None:
    desk = walk.desk
    profile_screen = walk.screen
    assert isinstance(profile_screen, CustomerScreen) and profile_screen.view is not None
    desk.app.open_subscription(profile_screen.view.subscriptions[0].id)
    await walk.on(SubscriptionScreen)
    await desk.until(lambda: isinstance(walk.screen, SubscriptionScreen) and walk.screen.view is not None)
    for tab in range(4):
        await walk.every_row(f"subscription, tab {tab + 1}")
        await desk.press("right_square_bracket")
    for key in "ePKXBCWDQLM":
        await desk.press(key)
        await desk.until(lambda: walk.screen.panel is not None or not walk.screen.flows)
        await walk.look(f"subscription, {key}")
        await leave_panel(walk)


async def order(walk: Walk, shop: Shop) -> None:
    desk = walk.desk
    desk.app.open_order(shop.order)
    await walk.on(OrderScreen)
    await desk.until(lambda: isinstance(walk.screen, OrderScreen) and walk.screen.view is not None)
    for tab in range(5):
        await walk.every_row(f"order, tab {tab + 1}")
        await desk.press("right_square_bracket")
    for key, name in (
        ("e", "edit"),
        ("A", "address"),
        ("Q", "lines"),
        ("H", "hold"),
        ("X", "cancel"),
        ("R", "refund"),
        ("V", "void"),
        ("f7", "note"),
    ):
        await desk.press(key)
        await desk.until(lambda: walk.screen.panel is not None or not walk.screen.flows)
        await walk.look(f"order, {name}")
        await leave_panel(walk)
    await desk.press("i")
    await walk.on(HistoryScreen)
    await desk.until(lambda: walk.screen.page is not None and walk.screen.page.row is not None)
    await walk.every_row("history of an order")
    walk.screen.page.move_to_end(False)  # type: ignore[union-attr]
    await desk.press("enter")
    await walk.on(OrderThenScreen)
    await walk.look("order as of then")
    await walk.back(HistoryScreen)
    await walk.back(OrderScreen)


async def leave_panel(walk: Walk) -> None:
    """Out of whatever is asked, without a change."""
    for _ in range(4):
        if walk.screen.panel is None and not walk.screen.flows:
            return
        await walk.desk.press("f12")
        await walk.desk.pilot.pause(0.05)
        if walk.screen.panel is not None and getattr(walk.screen.panel, "is_asking", False):
            await walk.desk.press("d")
    await walk.desk.until(lambda: walk.screen.panel is None and not walk.screen.flows)


async def lists(walk: Walk) -> None:
    app = walk.desk.app
    steps: tuple[tuple[Callable[[], None], type[ListScreen]], ...] = (
        (app.action_desk_locks, LocksScreen),
        (app.action_desk_draft, DraftsScreen),
        (app.action_desk_history, MyActionsScreen),
        (app.action_money_queue, RefundQueueScreen),
        (app.action_money_attempts, AttemptsScreen),
        (app.action_money_missed, MissedBillsScreen),
    )
    for opening, kind in steps:
        before = type(walk.screen)
        opening()
        await walk.on(kind)
        await walk.desk.until(lambda: walk.screen.page is not None and bool(walk.screen.page.sections))
        assert walk.screen.page is not None and walk.screen.page.row is not None, f"{kind.__name__} is empty"
        await walk.every_row(kind.__name__)
        if kind is LocksScreen:
            await walk.panel("U", "unlock")
        if kind is MissedBillsScreen:
            await walk.panel("enter", "what can be done about a missed cycle")
        if kind is RefundQueueScreen:
            walk.screen.page.move_to_end(False)
            await walk.panel("enter", "what can be done")
            for letter in ("a", "l"):
                await walk.desk.press("enter")
                await walk.desk.until(lambda: walk.screen.panel is not None)
                await walk.panel(letter, f"refund queue, {letter}")
        await walk.back(before)


@pytest.fixture
def shop(sqlite_db: Database) -> Shop:
    return fill_shop(sqlite_db)


async def test_no_screen_shows_a_control_byte_or_breaks(
    sqlite_db: Database, shop: Shop, tmp_path: Path
) -> None:
    poison(sqlite_db, SHORT)
    async with driven(sqlite_db.url.text, shop.actor, (140, 45), log_directory=tmp_path) as desk:
        seen = await past_everything(desk, shop)
    assert len(seen) > 40
    assert not list(tmp_path.glob("incident-*"))


async def test_in_ascii_and_without_colours_nothing_else_is_painted(
    sqlite_db: Database, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    poison(sqlite_db, LONG + SHORT, 40)
    async with driven(
        sqlite_db.url.text, shop.actor, (80, 24), log_directory=tmp_path, ascii_only=True
    ) as desk:
        await past_everything(desk, shop, ascii_only=True)
        colours = {
            style.color.name
            for strip in desk.app.screen._compositor.render_strips(desk.app.size)
            for _, style, _ in strip
            if style is not None and style.color is not None and not _is_grey(style.color)
        }
    assert not colours
    assert not list(tmp_path.glob("incident-*"))


def _is_grey(colour: object) -> bool:
    triplet = getattr(colour, "triplet", None)
    return triplet is None or triplet.red == triplet.green == triplet.blue


async def test_the_sign_in_screen_is_clean_whatever_was_said_before(
    sqlite_db: Database, tmp_path: Path
) -> None:
    async with driven(
        sqlite_db.url.text, fill_shop(sqlite_db).actor, (80, 24), log_directory=tmp_path
    ) as desk:
        for value in SHORT:
            screen = SignInScreen(desk.app.keymap, said=value)
            desk.app.push_screen(screen)
            await desk.until(lambda: len(desk.app.screen.query(Panel)) == 1)
            assert_clean_screen(desk.app)
            desk.app.pop_screen()
            await desk.pilot.pause()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(0, len(SHORT) + len(LONG), 12))
@pytest.mark.parametrize("size", [(60, 16), (80, 24), (140, 45)])
async def test_every_value_in_every_text(
    sqlite_db: Database, shop: Shop, tmp_path: Path, size: tuple[int, int], turn: int
) -> None:
    poison(sqlite_db, SHORT + LONG, turn)
    async with driven(sqlite_db.url.text, shop.actor, size, log_directory=tmp_path) as desk:
        await past_everything(desk, shop)
    assert not list(tmp_path.glob("incident-*"))
