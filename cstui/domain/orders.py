"""Orders: states, what the order screen shows, and what an edit may hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cstui.domain.addresses import Address
from cstui.domain.locking import LockState
from cstui.domain.money import Money
from cstui.domain.notes import NoteRow
from cstui.domain.payments import Paid, PaymentStatus, RefundState, TransactionRow
from cstui.domain.shipments import FulfilmentStatus, ShipmentRow


class OrderStatus(StrEnum):
    """Where an order stands; payment and fulfilment are told separately."""

    CREATED = "created"
    ON_HOLD = "on_hold"
    IN_PROGRESS = "in_progress"
    AWAITING_EXCHANGE = "awaiting_exchange"
    PARTIALLY_SHIPPED = "partially_shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


#: Terminal states are terminal.
FINAL_STATUSES = frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.FAILED})


class OrderKind(StrEnum):
    """How the order came about."""

    SALE = "sale"
    RECURRING = "recurring"
    EXCHANGE = "exchange"
    UPSELL = "upsell"


class DiscountTarget(StrEnum):
    """What a discount lowers."""

    LINES = "lines"
    SHIPPING = "shipping"


class HoldState(StrEnum):
    """A hold is open until a person resolves it, or finds it unresolvable (which cancels the order)."""

    OPEN = "open"
    RESOLVED = "resolved"
    UNRESOLVABLE = "unresolvable"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as a list shows it. `lines` are short texts (`2 × Mug, blue`) for the row that expands in place.

    `refund` is the newest refund that is still under way or needs somebody, with how often it failed; None where there is none.
    """

    id: int
    number: str
    store_id: int
    store: str
    customer_id: int
    customer_name: str
    placed_at: datetime
    total: Money
    status: OrderStatus
    payment_status: PaymentStatus
    fulfilment_status: FulfilmentStatus
    lines: tuple[str, ...]
    gateway: str = ""
    holder: str = ""
    refund: RefundState | None = None
    refund_failures: int = 0


@dataclass(frozen=True, slots=True)
class LineView:
    """One order line. Amounts are of the whole line; `total` = quantity × unit price − discount (+ tax unless prices include it)."""

    id: int
    sku: str
    name: str
    option: str
    quantity: int
    unit_price: Money
    discount: Money
    tax: Money
    total: Money
    taxable: bool
    requires_shipping: bool
    personalisation: str
    subscription_id: int | None
    editable: bool


@dataclass(frozen=True, slots=True)
class TaxView:
    """One tax of the order; `base` is None where it is not known what it was reckoned on."""

    id: int
    name: str
    amount: Money
    base: Money | None


@dataclass(frozen=True, slots=True)
class DiscountView:
    """One discount code or text, with what it lowers."""

    code: str
    amount: Money
    target: DiscountTarget


@dataclass(frozen=True, slots=True)
class HoldView:
    """One hold (ORD-16): reason, who placed it, and what became of it."""

    id: int
    reason: str
    note: str
    is_system: bool
    cause: str
    placed_by: str
    placed_at: datetime
    state: HoldState
    resolved_by: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """total = subtotal − line discounts + shipping − shipping discounts (+ tax unless prices include it).

    `subtotal` is the lines' value before discounts; `discount` is all of them.
    """

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    tax_included: bool


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order as one load: everything that the order screen paints (ORD-01)."""

    id: int
    number: str
    store_id: int
    store_code: str
    store_name: str
    store_zone: str
    is_test: bool
    customer_id: int
    customer_name: str
    email: str
    phone: str
    kind: OrderKind
    source: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfilment_status: FulfilmentStatus
    paid: Paid
    placed_at: datetime
    cancelled_at: datetime | None
    cancel_reason: str
    billing: Address
    shipping: Address
    lines: tuple[LineView, ...]
    taxes: tuple[TaxView, ...]
    discounts: tuple[DiscountView, ...]
    totals: Totals
    holds: tuple[HoldView, ...]
    shipments: tuple[ShipmentRow, ...]
    transactions: tuple[TransactionRow, ...]
    notes: tuple[NoteRow, ...]
    tags: str
    payment_method: str
    version: int
    edit_lock: LockState | None
    viewers: tuple[str, ...]
    permitted: frozenset[str]
    lines_editable: bool
    addresses_editable: bool
    why_not_editable: str
    as_of: datetime | None = None

    @property
    def open_holds(self) -> tuple[HoldView, ...]:
        """The holds that still stop the order."""
        return tuple(hold for hold in self.holds if hold.state is HoldState.OPEN)

    @property
    def balance(self) -> Money:
        """What is due: positive is owed by the customer, negative is owed to him.

        Zero for a cancelled order, and for one whose money was given back whole: nobody asks for it again.
        """
        if self.payment_status in (PaymentStatus.REFUNDED, PaymentStatus.VOIDED):
            return Money(0, self.totals.total.currency)
        due = 0 if self.status in (OrderStatus.CANCELLED, OrderStatus.FAILED) else self.totals.total.minor
        return Money(due - max(self.paid.kept, 0), self.totals.total.currency)


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line's new quantity (0 takes it out), or a new line where `line_id` is None (then sku, name and unit price count)."""

    line_id: int | None
    quantity: int
    product_id: int | None = None
    sku: str = ""
    name: str = ""
    unit_price: Money | None = None
    taxable: bool = True
    requires_shipping: bool = True
    option: str = ""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What an edit wants to store. None leaves a part as it is. `taxes` are amounts by tax id for taxes without a known base."""

    billing: Address | None = None
    shipping: Address | None = None
    lines: tuple[LineChange, ...] = ()
    taxes: tuple[tuple[int, Money], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be stored."""
        return self.billing is None and self.shipping is None and not self.lines and not self.taxes


@dataclass(frozen=True, slots=True)
class EditPreview:
    """Totals before and after, shown before saving. `difference` > 0 is due from the customer, < 0 is a refund due.

    `needs_tax` names the taxes (id, name) whose base is unknown: their amount has to be typed. `remarks` are short sentences about what
    the edit does besides, such as a discount that shrinks with the lines.
    """

    before: Totals
    after: Totals
    lines: tuple[LineView, ...]
    difference: Money
    needs_tax: tuple[tuple[int, str], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product as the list for adding a line shows it."""

    id: int
    sku: str
    name: str
    option: str
    unit_price: Money
    taxable: bool
    requires_shipping: bool


@dataclass(frozen=True, slots=True)
class CancelEffects:
    """What cancelling would do, listed before it asks. `blocked` says why it cannot be done now, empty otherwise."""

    shipments: tuple[ShipmentRow, ...]
    stock_lines: tuple[str, ...]
    open_authorisations: tuple[TransactionRow, ...]
    refund_due: Money
    subscriptions: tuple[str, ...]
    blocked: str
    items: tuple[str, ...]
