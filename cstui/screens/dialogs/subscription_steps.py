"""Panels of a subscription's steps: what would be billed when stands above the line that `y` stores (SUB-02 … SUB-06, SUB-16 … SUB-21)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from textual import events

from cstui.domain.clean import clean
from cstui.domain.customers import CardOnFile
from cstui.domain.errors import InvalidInput
from cstui.domain.orders import ProductRow
from cstui.domain.subscription_changes import (
    BillPreview,
    Pause,
    Reactivate,
    Resume,
    Skip,
    Step,
    SubscriptionChange,
    Trial,
    TrialMove,
)
from cstui.domain.subscriptions import SubscriptionStatus, SubscriptionView
from cstui.format import READER, Reader, day_words, money_words
from cstui.screens.dialogs.money_panel import MoneyPanel
from cstui.screens.subscription_rows import again_words, preview_lines, product_words
from cstui.widgets.page_model import Cell, Row, Section

#: Letters of cards and products; f, n, s and y have other meanings in these panels.
LETTERS = "abcdeghijklm"
_S = SubscriptionStatus
Look = Callable[[Step], None]


def read_day(text: str, today: date, field: str = "date") -> date:
    """A day as it is typed: `2026-12-31`, or `+14` for so many days from today. Errors: `InvalidInput`."""
    typed = text.strip()
    if typed[:1] == "+" and typed[1:].isascii() and typed[1:].isdigit() and len(typed) < 5:
        return today + timedelta(days=int(typed[1:]))
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise InvalidInput(
            field, typed, f"“{typed[:30]}” is not a date.", "Write it as 2026-12-31, or +14 for days."
        ) from None


def lines_of(lines: Sequence[str], width: int, tone: str = "") -> list[Row]:
    """Sentences as rows that fit."""
    return [
        Row(("line", at, part), (Cell(words, tone),))
        for at, line in enumerate(lines)
        for part, words in enumerate(textwrap.wrap(clean(line), max(20, width)) or [""])
    ]


class StepPanel(MoneyPanel):
    """A step that `y` stores once what it leads to is shown. Where no money moves a `y` that was typed ahead counts, too.

    `look` is called with the step whenever it is another one; `show_preview()` takes what comes of it, `refused` why it is not possible.
    """

    def __init__(self, title: str, view: SubscriptionView, look: Look, reader: Reader = READER) -> None:
        super().__init__(title)
        self.view = view
        self.reader = reader
        self._look = look
        self._asked: Step | None = None
        self._preview: BillPreview | None = None
        self._refused = ""

    # What a subclass says ---------------------------------------------------------------------------

    def step(self) -> Step | None:
        """What `y` would store; None while something has to be chosen first."""
        return None

    def what(self) -> str:
        """What `y` does: `pauses Tea`."""
        return ""

    def missing(self) -> str:
        """What has to be chosen first."""
        return ""

    def facts(self) -> Sequence[str]:
        """What stands above the preview."""
        return ()

    @property
    def moves_money(self) -> bool:
        """Whether a charge is sent with it, so that only a read line counts."""
        return False

    @property
    def name(self) -> str:
        """What the sentences call the subscription."""
        return product_words(self.view)

    @property
    def today(self) -> date:
        """The day in the store's zone."""
        assert self.view.today is not None, "a view that is read knows its day"
        return self.view.today

    # Showing ----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """The first look."""
        self.look_again()
        super().on_mount()

    def look_again(self) -> None:
        """Asks what the present step would lead to, where it is another one."""
        step = self.step()
        if step is not None and step != self._asked:
            self._asked, self._preview, self._refused = step, None, ""
            self._look(step)

    def show_preview(self, step: Step, preview: BillPreview | None, refused: str = "") -> None:
        """What a step leads to; what came too late for another one is dropped."""
        if self.is_mounted and step == self.step():
            self._asked, self._preview, self._refused = step, preview, refused
            self.repaint(typed=True)

    def show_view(self, view: SubscriptionView) -> None:
        """The subscription is another one now: looked at again."""
        self.view, self._asked = view, None
        self.look_again()
        self.repaint()

    def repaint(self, *, typed: bool = False) -> None:
        """Looks again where the step has changed, then paints."""
        if self.is_mounted:
            self.look_again()
        super().repaint(typed=typed)

    def sections(self, width: int) -> Sequence[Section]:
        """What is chosen, then what would be billed when."""
        rows = lines_of(self.facts(), width)
        if self._preview is not None:
            first, *rest = preview_lines(self._preview, self.reader)
            rows += lines_of([f"Then: {first}"] if self.step() else [first], width, "strong")
            rows += lines_of(rest, width, "muted")
        return (Section("step", "", tuple(rows), selectable=False),)

    def to_confirm(self) -> tuple[str, bool]:
        """What `y` stores, or why it does not."""
        if self.step() is None:
            return f"{self.missing()}   Esc leaves", False
        if self._refused:
            return f"Not now: {self._refused}   Esc leaves", False
        if self._preview is None:
            return "Being reckoned: what would be billed …   Esc leaves", False
        return f"y {self.what()}   Esc leaves it as it is", True

    def _take_yes(self, event: events.Key) -> None:
        if self.to_confirm()[1] and not self.moves_money:
            self.settle({"do": "yes"})
        else:
            super()._take_yes(event)

    def save(self) -> None:
        """F9 stores, where no money moves; else it points at the line."""
        if self.is_typing or self.moves_money or not self.to_confirm()[1]:
            super().save()
        else:
            self.settle({"do": "yes"})


class _OnDay(StepPanel):
    """A step with a day that may be named: `f` opens its field, an empty one takes it away."""

    day: date | None = None
    day_label = "on a day"

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The day."""
        return (("Enter", "takes the day", ""),) if self.is_asking else (("f", self.day_label, ""),)

    def pressed(self, key: str) -> bool:
        """`f`."""
        if key != "f":
            return False
        self.open_field("on", "Day, such as 2026-12-31 or +14", self.day.isoformat() if self.day else "")
        return True

    def typed(self, name: str, text: str) -> None:
        """The day. Errors: `InvalidInput`."""
        self.day = read_day(text, self.today, "on") if text.strip() else None


class PausePanel(_OnDay):
    """Pausing now or from a day, with a day on which it resumes by itself (SUB-02, SUB-19)."""

    day_label = "from a day"
    until: date | None = None
    keeps = False

    def step(self) -> Step | None:
        """A pause, or a planned one taken back."""
        return SubscriptionChange(drop_pause=True) if self.keeps else Pause(self.until, self.day)

    def what(self) -> str:
        """What `y` does."""
        if self.keeps:
            return f"takes the planned pause of {self.name} back"
        begins = f" from {day_words(self.day)}" if self.day else " now"
        ends = f", resumes {day_words(self.until)}" if self.until else ", until somebody resumes it"
        return f"pauses {self.name}{begins}{ends}"

    def facts(self) -> Sequence[str]:
        """What is planned already."""
        return (f"Planned: pauses on {day_words(self.view.pause_on)}.",) if self.view.pause_on else ()

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The two days."""
        if self.is_asking:
            return super().keys()
        back = (("k", "no pause after all", ""),) if self.view.pause_on else ()
        return (("u", "until a day", ""), *super().keys(), *back)

    def pressed(self, key: str) -> bool:
        """`u`, `f`, `k`."""
        if key == "u":
            self.keeps = False
            self.open_field(
                "until", "Resumes on, such as 2026-12-31 or +14", self.until.isoformat() if self.until else ""
            )
            return True
        if key == "k" and self.view.pause_on:
            self.keeps = not self.keeps
            return True
        self.keeps = False
        return super().pressed(key)

    def typed(self, name: str, text: str) -> None:
        """One of the days. Errors: `InvalidInput`."""
        if name == "until":
            self.until = read_day(text, self.today, "until") if text.strip() else None
        else:
            super().typed(name, text)


class ResumePanel(_OnDay):
    """Billing again, in its old rhythm or from a day on (SUB-03)."""

    def step(self) -> Step | None:
        """Goes on."""
        return Resume(self.day)

    def what(self) -> str:
        """What `y` does."""
        return f"resumes {self.name}" + (f", billed {day_words(self.day)}" if self.day else "")


class ReactivatePanel(_OnDay):
    """Bringing back what was cancelled, has stopped or is past due (SUB-20)."""

    day_label = "billed on a day"

    def step(self) -> Step | None:
        """Alive again."""
        return Reactivate(self.day)

    def what(self) -> str:
        """What `y` does."""
        when = f", billed {day_words(self.day)}" if self.day else ""
        return f"brings {self.name} back{when}"

    def facts(self) -> Sequence[str]:
        """Why it ended."""
        return (f"It ended: {self.view.cancel_reason}",) if self.view.cancel_reason else ()


class SkipPanel(StepPanel):
    """The next charge is left out (SUB-04)."""

    def step(self) -> Step | None:
        """One cycle on."""
        return Skip()

    def what(self) -> str:
        """What `y` does."""
        return f"skips the next charge of {self.name}; nothing is charged for it"


class KeepPanel(StepPanel):
    """A planned end is taken back."""

    def step(self) -> Step | None:
        """Goes on."""
        return SubscriptionChange(drop_cancel=True)

    def what(self) -> str:
        """What `y` does."""
        return f"takes the planned end of {self.name} back"


class TrialPanel(StepPanel):
    """A trial begins anew, is skipped and billed at once, or stops (SUB-09, SUB-16)."""

    move: TrialMove | None = None
    now = False

    def step(self) -> Step | None:
        """What was chosen."""
        return Trial(self.move, self.now) if self.move is not None else None

    def missing(self) -> str:
        """A choice."""
        return "r, k or s chooses what becomes of the trial."

    def what(self) -> str:
        """What `y` does."""
        if self.move is TrialMove.RESTART:
            return f"restarts the trial of {self.name} from its first day"
        if self.move is TrialMove.SKIP:
            amount = money_words(self._preview.total, self.reader) if self._preview else ""
            return f"ends the trial of {self.name} and charges {amount} to {self.view.card or 'the card'} now"
        return f"stops {self.name} {'now' if self.now else 'at the end of its trial'}, uncharged"

    def facts(self) -> Sequence[str]:
        """Until when it goes."""
        ends = self.view.row.trial_ends_on
        return (f"In its trial until {day_words(ends)}.",) if ends else ()

    @property
    def moves_money(self) -> bool:
        """Skipping bills cycle 2 at once."""
        return self.move is TrialMove.SKIP

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """The three moves."""
        return (
            ("r", "restart", ""),
            ("k", "skip, bill now", ""),
            ("s", "stop at its end", ""),
            ("n", "stop now", ""),
        )

    def pressed(self, key: str) -> bool:
        """One of them."""
        moves = {"r": TrialMove.RESTART, "k": TrialMove.SKIP, "s": TrialMove.STOP, "n": TrialMove.STOP}
        if key not in moves:
            return False
        self.move, self.now = moves[key], key == "n"
        return True


class PayPanel(StepPanel):
    """Another card on file, by its letter; a past-due one can be charged with it at once (SUB-06, X-2)."""

    def __init__(
        self,
        title: str,
        view: SubscriptionView,
        look: Look,
        cards: Sequence[CardOnFile],
        reader: Reader = READER,
    ) -> None:
        super().__init__(title, view, look, reader)
        self._cards = tuple(cards)[: len(LETTERS)]
        others = [card for card in self._cards if card.id != view.card_id and not card.expired_by(self.today)]
        self.card: CardOnFile | None = others[0] if len(others) == 1 else None
        self.charges = self._may_charge

    @property
    def _may_charge(self) -> bool:
        return self.view.row.status is _S.PAST_DUE

    @property
    def moves_money(self) -> bool:
        """Where it is charged at once."""
        return self.charges

    def step(self) -> Step | None:
        """The chosen card."""
        return SubscriptionChange(card_id=self.card.id) if self.card is not None else None

    def missing(self) -> str:
        """A card."""
        return (
            "A letter chooses the card." if self._cards else "No card is on file: C on the profile adds one."
        )

    def what(self) -> str:
        """What `y` does."""
        named = _card_words(self.card) if self.card is not None else ""
        if not self.charges:
            return f"bills {self.name} to {named} from now on"
        amount = money_words(self._preview.total, self.reader) if self._preview else ""
        return f"charges {amount} to {named} now, and bills {self.name} to it from now on"

    def sections(self, width: int) -> Sequence[Section]:
        """The cards with their letters."""
        rows = []
        for letter, card in zip(LETTERS, self._cards, strict=False):
            marks = [
                words
                for words, is_so in (
                    ("now", card.id == self.view.card_id),
                    ("default", card.is_default),
                    ("EXPIRED", card.expired_by(self.today)),
                    ("failed before", card.failed_before),
                )
                if is_so
            ]
            expires = f"{card.expiry_month:02d}/{card.expiry_year % 100:02d}" if card.expiry_year else ""
            sign = "●" if card is self.card else "○"
            words = f"{letter} {sign} {_card_words(card)}  {expires}  {' · '.join(marks)}".rstrip()
            rows.append(Row(("card", card.id), (Cell(words, "strong" if card is self.card else ""),)))
        return (Section("cards", "", tuple(rows), selectable=False), *super().sections(width))

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Which card, and whether it is charged at once."""
        last = LETTERS[len(self._cards) - 1] if self._cards else "a"
        why_not = "" if self._may_charge else "Only a past-due one is charged with its new card; B bills."
        now = "do not charge now" if self.charges else "charge now with this card"
        return (("a", f"a-{last} which card", ""), ("n", now, why_not))

    def pressed(self, key: str) -> bool:
        """A letter of a card, or `n`."""
        at = LETTERS.find(key)
        if 0 <= at < len(self._cards):
            self.card = self._cards[at]
        elif key == "n":
            self.charges = not self.charges
        else:
            return False
        return True


def _card_words(card: CardOnFile | None) -> str:
    return f"{card.brand or 'Card'} …{card.last4}" if card is not None else ""


class SwapPanel(StepPanel):
    """Another option, or another product; its price follows or stays (SUB-10, SUB-17)."""

    def __init__(
        self,
        title: str,
        view: SubscriptionView,
        look: Look,
        products: Sequence[ProductRow],
        find: Callable[[str], None],
        reader: Reader = READER,
    ) -> None:
        super().__init__(title, view, look, reader)
        self.product: ProductRow | None = None
        self.follows = True
        self._find = find
        self._products: tuple[ProductRow, ...] = ()
        self._take(products)

    def _take(self, products: Sequence[ProductRow]) -> None:
        others = [row for row in products if row.id != self.view.product_id]
        others.sort(key=lambda row: row.name != self.view.row.product)
        self._products = tuple(others)[: len(LETTERS)]

    def show_products(self, products: Sequence[ProductRow]) -> None:
        """What was looked for."""
        self._take(products)
        self._said = "" if self._products else "No other product of this store fits."
        self.repaint(typed=True)

    def step(self) -> Step | None:
        """The chosen product."""
        if self.product is None:
            return None
        return SubscriptionChange(product_id=self.product.id, price_follows=self.follows)

    def missing(self) -> str:
        """A product."""
        return "A letter chooses the product; s looks for another one."

    def what(self) -> str:
        """What `y` does."""
        new = _product_words(self.product) if self.product is not None else ""
        price = "at its own price" if self.follows else "at the price that stands"
        return f"changes {self.name} to {new}, {price}"

    def sections(self, width: int) -> Sequence[Section]:
        """The products with their letters."""
        rows = []
        for letter, row in zip(LETTERS, self._products, strict=False):
            chosen = row is self.product
            said = f"{letter} {'●' if chosen else '○'} {_product_words(row)}  {money_words(row.unit_price, self.reader)} each"
            rows.append(Row(("product", row.id), (Cell(said, "strong" if chosen else ""),)))
        now = f"Now: {self.name}, {money_words(self.view.row.price.unit, self.reader)} each."
        return (
            Section("products", "", (*lines_of([now], width), *rows), selectable=False),
            *super().sections(width),
        )

    def keys(self) -> Sequence[tuple[str, str, str]]:
        """Which product, and what becomes of the price."""
        if self.is_asking:
            return (("Enter", "looks", ""),)
        last = LETTERS[max(0, len(self._products) - 1)]
        price = "price stays" if self.follows else "price follows"
        return (("a", f"a-{last} which product", ""), ("f", price, ""), ("s", "search", ""))

    def pressed(self, key: str) -> bool:
        """A letter of a product, `f`, or `s`."""
        at = LETTERS.find(key)
        if 0 <= at < len(self._products):
            self.product = self._products[at]
        elif key == "f":
            self.follows = not self.follows
        elif key == "s":
            self.open_field("product", "Words of the product's name or its SKU")
        else:
            return False
        return True

    def typed(self, name: str, text: str) -> None:
        """Words to look for."""
        self._find(text)


def _product_words(row: ProductRow | None) -> str:
    if row is None:
        return ""
    return f"{row.name}, {row.option}" if row.option else row.name


class BillPanel(MoneyPanel):
    """Charging the next cycle now: amount, card, the last answer with its class, and the line that only a read `y` commits (SUB-05, SUB-21)."""

    def __init__(self, view: SubscriptionView, reader: Reader = READER) -> None:
        super().__init__(f"Bill {product_words(view)} now – {view.customer_name}")
        self.view = view
        self.reader = reader

    def show_view(self, view: SubscriptionView) -> None:
        """It moved meanwhile."""
        self.view = view
        self.repaint()

    def sections(self, width: int) -> Sequence[Section]:
        """The bill, the card, and how the last try ended."""
        view, coming = self.view, self.view.next
        said = [
            f"Cycle {coming.cycle if coming else view.row.cycle + 1} is charged now instead of on its date."
        ]
        if coming is not None:
            said += preview_lines(coming, self.reader)
        rows = lines_of(said, width)
        expires = f", expires {view.card_expires:%m/%y}" if view.card_expires else ""
        rows += lines_of([f"Card: {view.card or 'none'}{expires}"], width)
        last = view.attempts[0] if view.attempts else None
        if last is not None and last.said:
            again = again_words(last.again)
            words = f"Last try {last.at:%d %b %Y}: {last.said}{f' ({again})' if again else ''}. {last.advice}"
            rows += lines_of([words.strip()], width, "warn" if last.again is not None else "muted")
        return (Section("bill", "", tuple(rows), selectable=False),)

    def to_confirm(self) -> tuple[str, bool]:
        """The charge, named in full."""
        coming = self.view.next
        total = coming.total if coming is not None else self.view.row.price.total
        amount = money_words(total, self.reader)
        return (
            f"y charges {amount} to {self.view.card or 'the card'} for {product_words(self.view)} now   Esc leaves",
            True,
        )
