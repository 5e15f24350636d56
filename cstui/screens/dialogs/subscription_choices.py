"""Another card, another product: one letter each, and what would be billed then (SUB-06, SUB-10, SUB-17, X-2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cstui.domain.customers import CardOnFile
from cstui.domain.orders import ProductRow
from cstui.domain.subscription_changes import Step, SubscriptionChange
from cstui.domain.subscriptions import SubscriptionStatus, SubscriptionView
from cstui.format import READER, Reader, money_words
from cstui.screens.dialogs.subscription_steps import Look, StepPanel, lines_of
from cstui.widgets.page_model import Cell, Row, Section

#: Letters of cards and products; f, n, s and y have other meanings in these panels.
LETTERS = "abcdeghijklm"
_S = SubscriptionStatus


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
