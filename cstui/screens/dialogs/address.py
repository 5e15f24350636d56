"""The address form: addresses in, typed texts out, and from the texts a change of the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cstui.domain.addresses import ADDRESS_LABELS, Address, checked_address, cleaned_address
from cstui.domain.errors import InvalidFields, InvalidInput
from cstui.domain.orders import OrderChange, OrderView
from cstui.widgets.form import Field

#: The order of the form: the street first, then the postcode, since both stand on the caller's letter.
FIELDS = (
    "line1", "postcode", "city", "region", "country", "line2", "first_name", "last_name", "company", "phone",
)  # fmt: skip
_HINTS = {"country": "two letters, such as US", "line2": "flat, building", "region": "such as NY"}


def address_fields(part: str, address: Address, heading: str = "") -> tuple[Field, ...]:
    """The fields of one address, named `shipping.line1` and so on; `part` is `shipping` or `billing`."""
    return tuple(
        Field(
            f"{part}.{name}",
            ADDRESS_LABELS[name],
            getattr(address, name),
            hint=_HINTS.get(name, ""),
            heading=heading if name == FIELDS[0] else "",
        )
        for name in FIELDS
    )


def read_addresses(order: OrderView, values: Mapping[str, str]) -> OrderChange:
    """What the address form changes on an order. Errors: `InvalidFields` naming the fields of the form."""
    problems: list[InvalidInput] = []
    change = OrderChange(
        billing=_read("billing", values, order.billing, problems),
        shipping=_read("shipping", values, order.shipping, problems),
    )
    if problems:
        raise InvalidFields(tuple(problems))
    return change


def _read(
    part: str, values: Mapping[str, str], before: Address, problems: list[InvalidInput]
) -> Address | None:
    """The address that the fields of `part` hold, or None where it is as before or not in the form."""
    typed = {name: values[f"{part}.{name}"] for name in FIELDS if f"{part}.{name}" in values}
    address = cleaned_address(replace(before, **typed))
    if not typed or address == cleaned_address(before):
        return None
    try:
        return checked_address(address)
    except InvalidFields as error:
        problems += [InvalidInput(f"{part}.{p.field}", p.value, p.message, p.advice) for p in error.problems]
        return address
