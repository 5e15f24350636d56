"""What a refund is made of: lines, tax, shipping, goodwill and the fee kept back, to the last minor unit.

The rules, and why:

* What has not been given back yet of a line, its tax, shipping and shipping's tax is open; nothing is given back twice.
* One piece of a line is worth its share of what was paid for the line. The odd cents go with the first pieces, so whatever way the pieces are
  split over refunds, the last one ends at exactly what was paid.
* The whole of what remains may be more than what is open (the order was edited since, a fee was kept): the rest is goodwill. It may be less
  (goodwill was given before): then everything open gets its share.
* Tax that belongs to no line (`line_id` None) is the tax of shipping.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cstui.domain.money import shared_out
from cstui.domain.payments import AllocationKind
from cstui.domain.refunds import Allocation, RefundBasis, RefundLine

_LINE, _TAX, _SHIPPING = AllocationKind.LINE, AllocationKind.TAX, AllocationKind.SHIPPING
_GOODWILL, _FEE = AllocationKind.GOODWILL, AllocationKind.FEE


def given(allocations: Iterable[Allocation]) -> int:
    """What allocations come to, fees subtracted."""
    return sum(-part.amount if part.kind is _FEE else part.amount for part in allocations)


def of_everything(basis: RefundBasis, amount: int) -> tuple[Allocation, ...]:
    """Allocates `amount` to all that is open, the rest to goodwill; where it is less than what is open, by largest remainder.

    Pieces count as given back where the whole of what remains of the order goes, or the whole of what is open.
    """
    parts = _open(basis)
    explained = given(parts)
    if amount >= explained:
        rest = amount - explained
        return (*parts, Allocation(_GOODWILL, rest)) if rest else parts
    return _scaled(parts, amount, keep_pieces=amount == basis.remaining)


def of_percent(basis: RefundBasis, remaining: int, percent: int) -> tuple[Allocation, ...]:
    """Allocates a percentage of what remains (rounded half up) to the parts that the whole would be made of."""
    whole = of_everything(basis, remaining)
    amount = (remaining * percent + 50) // 100
    return whole if amount == remaining else _scaled(whole, amount, keep_pieces=False)


def of_lines(
    basis: RefundBasis, pieces: Sequence[tuple[int, int]], with_shipping: bool
) -> tuple[tuple[Allocation, ...], str]:
    """Allocates chosen pieces of lines with their tax, and what is left of shipping; the second value says why that cannot be."""
    wanted: dict[int, int] = {}
    lines = {line.line_id: line for line in basis.lines}
    for line_id, count in pieces:
        line = lines.get(line_id)
        if line is None:
            return (), "A chosen line is not part of this order any more. Reload the order."
        if count < 1:
            return (), f"Choose at least one piece of {line.name}."
        wanted[line_id] = wanted.get(line_id, 0) + count
    for line_id, count in wanted.items():
        why_not = _why_not_pieces(lines[line_id], count)
        if why_not:
            return (), why_not
    if not wanted and not with_shipping:
        return (), "Choose at least one line."
    parts: list[Allocation] = []
    for line in basis.lines:
        count = wanted.get(line.line_id, 0)
        if count:
            parts += _of_pieces(line, count)
    return (*parts, *(_open_shipping(basis) if with_shipping else ())), ""


def of_goodwill(amount: int) -> tuple[Allocation, ...]:
    """A free amount, independent of lines and of any return (REF-10)."""
    return (Allocation(_GOODWILL, amount),)


def restocking_fee(basis: RefundBasis, allocations: Iterable[Allocation]) -> int:
    """What the store keeps of the goods that come back: a percentage of them (rounded half up) or an amount, never more than they are worth."""
    goods = sum(part.amount for part in allocations if part.kind is _LINE)
    fee = (goods * basis.fee_percent + 50) // 100 if basis.fee_percent else basis.fee_minor
    return max(0, min(fee, goods))


def with_fee(allocations: tuple[Allocation, ...], fee: int) -> tuple[Allocation, ...]:
    """The allocations with a fee that is kept back."""
    return (*allocations, Allocation(_FEE, fee)) if fee else allocations


def split(allocations: Sequence[Allocation], amounts: Sequence[int]) -> list[tuple[Allocation, ...]]:
    """Splits allocations over parts in order: each part's allocations, fees subtracted, come to its amount.

    A fee is kept from the last part, which is the one that a charge is only partly refunded by. A line's pieces go with the money: the last
    piece counts where its last cent does. The amounts must add up to what the allocations come to.
    """
    fees = tuple(part for part in allocations if part.kind is _FEE)
    rest = [part for part in allocations if part.kind is not _FEE]
    parts: list[tuple[Allocation, ...]] = []
    for number, amount in enumerate(amounts, start=1):
        if number == len(amounts):
            parts.append((*rest, *fees))
            break
        taken, rest = _taken(rest, amount)
        parts.append(taken)
    return parts


def lowered(allocations: Sequence[Allocation], from_amount: int, to_amount: int) -> tuple[Allocation, ...]:
    """The allocations of a refund of which a person approved less: all shrink by largest remainder, a fee in proportion.

    `from_amount` is what they come to, `to_amount` what they come to then (1 to `from_amount`, minor units). Pieces stay counted as given
    back: less money for them was a decision. Errors: `ValueError` for any other amounts.
    """
    if not 1 <= to_amount <= from_amount or given(allocations) != from_amount:
        raise ValueError(f"{to_amount} is no smaller share of {from_amount}")
    fees = [part.amount for part in allocations if part.kind is _FEE]
    gross = [part.amount for part in allocations if part.kind is not _FEE]
    fee = (2 * sum(fees) * to_amount + from_amount) // (2 * from_amount)
    kept = iter(shared_out(fee, fees))
    shares = iter(shared_out(to_amount + fee, gross))
    shrunk = [replace(part, amount=next(kept if part.kind is _FEE else shares)) for part in allocations]
    return tuple(part for part in shrunk if part.amount or part.quantity)


def _open(basis: RefundBasis) -> tuple[Allocation, ...]:
    parts: list[Allocation] = []
    for line in basis.lines:
        amount = max(0, line.paid - line.refunded)
        tax = max(0, line.tax - line.refunded_tax)
        parts += _line_parts(line, amount, tax, line.open_quantity)
    return (*parts, *_open_shipping(basis))


def _open_shipping(basis: RefundBasis) -> tuple[Allocation, ...]:
    shipping = Allocation(_SHIPPING, max(0, basis.shipping - basis.refunded_shipping))
    tax = Allocation(_TAX, max(0, basis.shipping_tax - basis.refunded_shipping_tax))
    return tuple(part for part in (shipping, tax) if part.amount)


def _of_pieces(line: RefundLine, count: int) -> list[Allocation]:
    amount = _share_of_pieces(line, count, line.paid, line.refunded)
    return _line_parts(line, amount, _share_of_pieces(line, count, line.tax, line.refunded_tax), count)


def _share_of_pieces(line: RefundLine, count: int, paid: int, refunded: int) -> int:
    """The pieces' share of what is open, never more than what was paid for them.

    The second bound matters where less than its price went back for an earlier piece: its neighbours are not worth more for that.
    """
    of_open = _first(count, line.open_quantity, max(0, paid - refunded))
    before = line.refunded_quantity
    of_paid = _first(before + count, line.quantity, paid) - _first(before, line.quantity, paid)
    return max(0, min(of_open, of_paid))


def _first(count: int, pieces: int, amount: int) -> int:
    """What the first of several pieces come to, the odd cents with the first ones."""
    each, odd = divmod(amount, pieces)
    return each * count + min(count, odd)


def _line_parts(line: RefundLine, amount: int, tax: int, quantity: int) -> list[Allocation]:
    # A piece that was free counts as given back too.
    parts = [Allocation(_LINE, amount, line.line_id, quantity)] if amount or quantity else []
    return [*parts, Allocation(_TAX, tax, line.line_id)] if tax else parts


def _why_not_pieces(line: RefundLine, count: int) -> str:
    if count <= line.open_quantity:
        return ""
    if line.open_quantity == 0:
        return f"{line.name} has been given back already."
    if line.open_quantity == line.quantity:
        return f"The order has only {line.quantity} × {line.name}."
    return f"Only {line.open_quantity} of {line.quantity} × {line.name} can still be given back."


def _scaled(parts: tuple[Allocation, ...], amount: int, keep_pieces: bool) -> tuple[Allocation, ...]:
    shares = shared_out(amount, [part.amount for part in parts])
    changed = [
        replace(part, amount=share, quantity=part.quantity if keep_pieces else 0)
        for part, share in zip(parts, shares, strict=True)
    ]
    return tuple(part for part in changed if part.amount or part.quantity)


def _taken(parts: Sequence[Allocation], amount: int) -> tuple[tuple[Allocation, ...], list[Allocation]]:
    """The first allocations up to an amount, and the rest."""
    taken: list[Allocation] = []
    rest: list[Allocation] = []
    for part in parts:
        if part.amount <= amount and not rest:
            taken.append(part)
            amount -= part.amount
        elif amount and not rest:
            pieces = part.quantity * amount // part.amount
            taken.append(replace(part, amount=amount, quantity=pieces))
            rest.append(replace(part, amount=part.amount - amount, quantity=part.quantity - pieces))
            amount = 0
        else:
            rest.append(part)
    return tuple(taken), rest
