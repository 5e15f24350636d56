"""The form of quantities and lines: a quantity for each line, one line to add, and taxes that must be typed."""

from __future__ import annotations

from collections.abc import Mapping

from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.money import Money, minor_from_typed
from cstui.domain.order_totals import UNLISTED_TAX, unlisted_tax
from cstui.domain.orders import EditPreview, LineChange, OrderChange, OrderView, ProductRow
from cstui.format import Reader, money_words
from cstui.widgets.form import Field

#: What a person types to add a line.
PRODUCT, PRICE, QUANTITY = "new.product", "new.price", "new.quantity"
_LONGEST_QUANTITY = 6


def line_fields(order: OrderView, reader: Reader) -> tuple[Field, ...]:
    """A quantity for each line that may still change, the line to add, and the taxes whose amount nobody can reckon."""
    fields = [
        Field(
            f"lines.{line.id}.quantity",
            f"{line.name}, {line.option}" if line.option else line.name,
            str(line.quantity),
            hint=f"0 takes it out; each {money_words(line.unit_price, reader)}",
        )
        for line in order.lines
        if line.editable
    ]
    fields += [
        Field(PRODUCT, "Product", hint="SKU or a part of the name", heading="Add a line"),
        Field(PRICE, "Price each", hint="only for what is not in the product list"),
        Field(QUANTITY, "Quantity", "1"),
    ]
    for place, (tax_id, name, amount) in enumerate(_open_taxes(order)):
        fields.append(
            Field(
                f"taxes.{tax_id}.amount",
                name,
                hint=f"{money_words(amount, reader)} now; type it anew when lines change",
                heading="Taxes that cannot be reckoned" if place == 0 else "",
            )
        )
    return tuple(fields)


def fixed_lines(order: OrderView) -> tuple[str, ...]:
    """What is said above the form of the lines that can no longer change."""
    names = [line.name for line in order.lines if not line.editable]
    return (f"Released already, not to be changed: {', '.join(names)}.",) if names else ()


def read_lines(order: OrderView, values: Mapping[str, str], added: LineChange | None) -> OrderChange:
    """What the form changes. Errors: `InvalidFields` naming each quantity or amount that cannot be read."""
    problems: list[InvalidInput] = []
    changes: list[LineChange] = []
    for line in order.lines:
        path = f"lines.{line.id}.quantity"
        if path not in values:
            continue
        try:
            quantity = read_quantity(values[path], path)
        except InvalidInput as problem:
            problems.append(problem)
            continue
        if quantity != line.quantity:
            changes.append(LineChange(line.id, quantity))
    if added is not None:
        changes.append(added)
    taxes: list[tuple[int, Money]] = []
    currency = order.totals.total.currency
    for tax_id, _, _ in _open_taxes(order):
        path = f"taxes.{tax_id}.amount"
        typed = values.get(path, "").strip()
        if typed:
            try:
                taxes.append((tax_id, Money(minor_from_typed(typed, currency, path), currency)))
            except InvalidInput as problem:
                problems.append(problem)
    if problems:
        raise InvalidFields(tuple(problems))
    return OrderChange(lines=tuple(changes), taxes=tuple(taxes))


def read_quantity(text: str, path: str) -> int:
    """A whole number of pieces, 0 or more. Errors: `InvalidInput` naming the field."""
    typed = text.strip()
    if not typed.isascii() or not typed.isdigit() or len(typed) > _LONGEST_QUANTITY:
        raise InvalidInput(
            path, text, f"“{text}” is not a quantity.", "Type a whole number; 0 takes the line out."
        )
    return int(typed)


def read_added(
    values: Mapping[str, str], products: tuple[ProductRow, ...], currency: str, reader: Reader
) -> LineChange | None:
    """The line to add, from the product list or as typed; None where nothing was typed.

    Errors: `InvalidInput` where several products fit, or where it is not in the list and has no price.
    """
    words = values.get(PRODUCT, "").strip()
    if not words:
        return None
    quantity = read_quantity(values.get(QUANTITY, "1"), QUANTITY)
    if quantity == 0:
        raise InvalidInput(QUANTITY, "0", "A line is added with at least one piece.", "Type how many.")
    price = values.get(PRICE, "").strip()
    if price:
        minor = minor_from_typed(price, currency, PRICE)
        return LineChange(None, quantity, name=words, unit_price=Money(minor, currency))
    fitting = [
        row for row in products if words.casefold() in (row.sku.casefold(), product_words(row).casefold())
    ]
    found = fitting if len(fitting) == 1 else list(products)
    if not found:
        raise InvalidInput(
            PRICE, "", f"“{words}” is not in the product list.", "Type its price to add it anyway."
        )
    if len(found) > 1:
        names = "; ".join(f"{row.sku} {product_words(row)}".strip() for row in found[:3])
        raise InvalidInput(
            PRODUCT, words, f"Several products fit “{words}”: {names}.", "Type more, or the SKU."
        )
    row = found[0]
    return LineChange(
        None, quantity, product_id=row.id, sku=row.sku, name=product_words(row), unit_price=row.unit_price,
        taxable=row.taxable, requires_shipping=row.requires_shipping,
    )  # fmt: skip


def product_words(row: ProductRow) -> str:
    """A product with its option."""
    return f"{row.name}, {row.option}" if row.option else row.name


def preview_words(preview: EditPreview, added: LineChange | None, reader: Reader) -> str:
    """Total, tax and difference before saving, in one or two sentences."""
    before, after = preview.before, preview.after
    said = [f"Total {money_words(before.total, reader)} → {money_words(after.total, reader)}"]
    if before.tax != after.tax:
        said.append(f"tax {money_words(before.tax, reader)} → {money_words(after.tax, reader)}")
    minor = preview.difference.minor
    amount = money_words(Money(abs(minor), preview.difference.currency), reader)
    said.append(
        f"{amount} more is due" if minor > 0 else f"{amount} refund due" if minor else "no difference"
    )
    words = " · ".join(said) + "."
    if added is not None and added.unit_price is not None:
        words = f"Adds {added.quantity} × {added.name}, {money_words(added.unit_price, reader)} each. {words}"
    if preview.needs_tax:
        words += f" Type the new amount of: {', '.join(name for _, name in preview.needs_tax)}."
    return " ".join([words, *preview.remarks])


def _open_taxes(order: OrderView) -> list[tuple[int, str, Money]]:
    """Taxes without a known base: id, name, amount now."""
    open_taxes = [(tax.id, tax.name or "Tax", tax.amount) for tax in order.taxes if tax.base is None]
    unlisted = unlisted_tax(order)
    if unlisted:
        open_taxes.append((UNLISTED_TAX, "Tax", Money(unlisted, order.totals.total.currency)))
    return open_taxes
