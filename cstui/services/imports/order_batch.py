"""One batch of orders: new ones are stored with all that hangs on them, known ones are brought up to date."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cstui.domain.ids import Kind, public_id
from cstui.domain.orders import DiscountTarget, OrderKind, OrderStatus
from cstui.domain.payments import TransactionKind, TransactionOrigin, TransactionStatus
from cstui.domain.shipments import ShipmentState
from cstui.services.imports.batch import (
    CUSTOMERS,
    IMPORTED,
    ORDERS,
    Import,
    Origin,
    Outcome,
    as_text,
    identity_email,
    people_met,
)
from cstui.services.imports.matching import Match, People, Person, email_key, phone_key
from cstui.services.imports.new_customers import NewCustomers, note_row, of_address, store_notes
from cstui.services.imports.order_updates import OrderUpdates
from cstui.services.imports.shopify_orders import FileOrder
from cstui.storage.bulk import bulk_insert, reserve_keys
from cstui.storage.queries import import_orders as rows
from cstui.storage.queries import imports as stored
from cstui.storage.queries.audit import NewEvent
from cstui.storage.transaction import Transaction

_ORDER = (
    "id", "store_id", "customer_id", "external_id", "kind", "number", "source", "status", "placed_at", "cancelled_at", "currency",
    "prices_include_tax", "subtotal", "discount", "shipping", "tax", "total", "email", "phone", "payment_method", "tags",
    *(f"billing_{name}" for name in stored.ADDRESS_FIELDS), *(f"shipping_{name}" for name in stored.ADDRESS_FIELDS),
    "created_at", "updated_at", "version",
)  # fmt: skip
_LINE = (
    "id", "order_id", "position", "product_id", "sku", "name", "vendor", "quantity", "unit_price", "discount", "tax",
    "taxable", "requires_shipping",
)  # fmt: skip
_SHIPMENT = ("id", "order_id", "state", "is_digital", "method", "created_at", "shipped_at", "delivered_at")
_PAYMENT = (
    "store_id", "order_id", "customer_id", "kind", "status", "origin", "amount", "currency", "gateway", "gateway_ref",
    "response_text", "occurred_at", "created_at",
)  # fmt: skip
_SUMMARY = "Summary of the orders file"


class OrderBatch:
    """Stores one batch; the orders of a batch have different ids."""

    def __init__(self, run: Import, file: str, tx: Transaction) -> None:
        self._run = run
        self._file = file
        self._tx = tx
        self._outcome = Outcome()
        self._new = NewCustomers(run)
        self._people = People()
        self._by_key: dict[str, Person] = {}

    def store(self, batch: list[FileOrder]) -> Outcome:
        """Adds and changes orders; search terms and audit are left to the caller."""
        tx, out = self._tx, self._outcome
        known = stored.remembered(tx, ORDERS, self._run.store.id, [each.external_id for each in batch])
        fresh = [each for each in batch if each.external_id not in known]
        customers = self._customers(fresh)
        out.products = self._run.products(tx, _products(batch))
        self._insert(fresh, customers)
        OrderUpdates(self._run, self._file, tx, out).apply(
            [(each, known[each.external_id]) for each in batch if each.external_id in known]
        )
        for each in batch:
            for words in each.remarks:
                out.warn(self._origin(each), words)
            before = known.get(each.external_id)
            if before is None or before.imported_at < self._run.started_at:
                out.sums.append((each.currency, each.sums))
                out.lines += each.lines
        return out

    def _origin(self, each: FileOrder) -> Origin:
        return Origin(self._file, each.row, each.line)

    # Who is who -----------------------------------------------------------------------------------

    def _customers(self, fresh: list[FileOrder]) -> list[int]:
        """Each new order's customer, in their order; new customers are made on the way."""
        tx, run = self._tx, self._run
        emails = [identity_email(each.email) for each in fresh]
        phones = [tuple(run.e164(phone, each.country) for phone in each.phones) for each in fresh]
        keys = [_keys(email, its, each.name) for email, its, each in zip(emails, phones, fresh, strict=True)]
        remembered = stored.remembered(tx, CUSTOMERS, run.store.id, {key for its in keys for key in its})
        self._people, by_id = people_met(
            tx, run.store.id, emails, [phone for its in phones for phone in its], [r.record_id for r in remembered.values()]
        )  # fmt: skip
        self._by_key = {
            key: by_id[record.record_id] for key, record in remembered.items() if record.record_id in by_id
        }
        self._new.reserve(tx, len(fresh))
        found = [
            self._customer(each, email, its, its_keys)
            for each, email, its, its_keys in zip(fresh, emails, phones, keys, strict=True)
        ]
        elsewhere = [person.id for person in by_id.values() if not person.known and person.id in set(found)]
        stored.make_known(tx, run.store.id, elsewhere)
        self._new.store(tx, self._outcome)
        self._outcome.touched_customers.update(set(found) - self._outcome.newcomers.keys())
        return found

    def _customer(self, each: FileOrder, email: str, phones: tuple[str, ...], keys: tuple[str, ...]) -> int:
        match = self._match(each, email, phones, keys)
        if match.person is not None:
            return match.person.id
        values = _customer_values(each)
        phone = phones[0] if phones else ""
        key = self._new.add(values, email, phone, tuple(key for key in keys if key not in self._by_key))
        person = Person(key, email, phone, each.name, True)
        self._people.add(person)
        for its in keys:
            self._by_key.setdefault(its, person)
        self._outcome.made_customers += 1
        if match.alike is not None:
            other = f"{match.alike.name} ({public_id(Kind.CUSTOMER, match.alike.id)})".strip()
            self._outcome.warn(self._origin(each), f"A new customer was made; same phone as {other}.")
        return key

    def _match(self, each: FileOrder, email: str, phones: tuple[str, ...], keys: tuple[str, ...]) -> Match:
        """By e-mail as it is now or as it was imported; by the import key phone and name; else by phone (see `People.match`)."""
        if email and self._people.of_email(email) is None and email_key(email) in self._by_key:
            return Match(self._by_key[email_key(email)])
        if not email and keys and keys[0] in self._by_key:
            return Match(self._by_key[keys[0]])
        return self._people.match(email, phones, each.name)

    # Storing --------------------------------------------------------------------------------------

    def _insert(self, fresh: list[FileOrder], customers: list[int]) -> None:
        if not fresh:
            return
        tx, run, out = self._tx, self._run, self._outcome
        keys = reserve_keys(tx, stored.ORDER, len(fresh))
        together = list(zip(keys, customers, fresh, strict=True))
        bulk_insert(tx, stored.ORDER, (self._order_row(*each) for each in together), _ORDER)
        self._insert_lines(together)
        bulk_insert(tx, rows.TAX, (
            (key, place, *tax) for key, _, each in together for place, tax in enumerate(each.values["contents"]["taxes"])
        ), ("order_id", "position", "name", "amount", "base"))  # fmt: skip
        bulk_insert(tx, rows.DISCOUNT, (
            (key, place, code, amount, DiscountTarget(target))
            for key, _, each in together for place, (code, amount, target) in enumerate(each.values["contents"]["discounts"])
        ), ("order_id", "position", "code", "amount", "target"))  # fmt: skip
        bulk_insert(tx, stored.PAYMENT, (
            (run.store.id, key, customer, TransactionKind(kind), TransactionStatus.SUCCEEDED, TransactionOrigin.IMPORT_SUMMARY,
             amount, each.currency, "external", reference, _SUMMARY, datetime.fromisoformat(when), run.batch_at)
            for key, customer, each in together for kind, amount, when, reference in each.values["payments"]
        ), _PAYMENT)  # fmt: skip
        store_notes(tx, [
            note_row(run.store.id, customer, Kind.ORDER, key, each.values[name], each.placed_at)
            for key, customer, each in together for name in ("note", "attributes") if each.values[name]
        ])  # fmt: skip
        stored.remember(
            tx, ORDERS, run.store.id, Kind.ORDER, [(each.external_id, key, as_text(each.values)) for key, _, each in together]
        )  # fmt: skip
        out.created += len(fresh)
        self._remember_terms(together)
        out.events += [
            NewEvent(run.actor, run.store.id, Kind.ORDER, key, IMPORTED, version=1, customer_id=customer)
            for key, customer, _ in together
        ]

    def _remember_terms(self, together: list[tuple[int, int, FileOrder]]) -> None:
        """What the search index needs to know of new orders, and of the customers who are new with them."""
        out, store_id = self._outcome, self._run.store.id
        for key, customer, each in together:
            values = each.values
            out.new_orders.append((key, store_id, values["number"], each.placed_at))
            out.new_payments += [
                (store_id, key, reference, datetime.fromisoformat(when))
                for _, _, when, reference in values["payments"] if reference
            ]  # fmt: skip
            newcomer = out.newcomers.get(customer)
            if newcomer is not None:
                addresses = (*of_address(values["billing"]), *of_address(values["shipping"]))
                newcomer.orders.append((each.placed_at, (values["email"], values["phone"], *addresses)))

    def _order_row(self, key: int, customer: int, each: FileOrder) -> tuple[Any, ...]:
        v, c = each.values, each.values["contents"]
        cancelled = datetime.fromisoformat(v["cancelled_at"]) if v["cancelled_at"] else None
        now = self._run.batch_at
        return (
            key, self._run.store.id, customer, each.external_id, OrderKind.SALE, v["number"], v["source"], OrderStatus(v["status"]),
            each.placed_at, cancelled, c["currency"], c["prices_include_tax"], c["subtotal"], c["discount"], c["shipping"], c["tax"],
            c["total"], v["email"], v["phone"], v["payment_method"], v["tags"], *v["billing"], *v["shipping"], now, now, 1,
        )  # fmt: skip

    def _insert_lines(self, together: list[tuple[int, int, FileOrder]]) -> None:
        tx, products = self._tx, self._outcome.products
        line_keys = iter(
            reserve_keys(tx, rows.LINE, sum(len(e.values["contents"]["lines"]) for _, _, e in together))
        )
        shipment_keys = iter(reserve_keys(tx, rows.SHIPMENT, len(together)))
        lines: list[tuple[Any, ...]] = []
        shipments: list[tuple[Any, ...]] = []
        shipped: list[tuple[int, int, int]] = []
        for key, _, each in together:
            its: list[int] = []
            for place, (sku, name, vendor, *amounts) in enumerate(each.values["contents"]["lines"]):
                its.append(next(line_keys))
                lines.append((its[-1], key, place, products[sku, name], sku, name, vendor, *amounts))
            parcel, shipment_key = each.values["shipment"], next(shipment_keys)
            sent = datetime.fromisoformat(parcel["sent_at"]) if parcel["sent_at"] else None
            digital = parcel["is_digital"]
            shipments.append(
                (shipment_key, key, ShipmentState(parcel["state"]), digital, parcel["method"], each.placed_at,
                 None if digital else sent, sent if digital else None)
            )  # fmt: skip
            shipped += [(shipment_key, its[place], quantity) for place, quantity in parcel["lines"]]
        bulk_insert(tx, rows.LINE, lines, _LINE)
        bulk_insert(tx, rows.SHIPMENT, shipments, _SHIPMENT)
        bulk_insert(tx, rows.SHIPMENT_LINE, shipped, ("shipment_id", "order_line_id", "quantity"))


def _keys(email: str, phones: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The import keys of an order's customer: the e-mail, else phone and name."""
    if email:
        return (email_key(email),)
    key = phone_key(next((phone for phone in phones if phone), ""), name)
    return (key,) if key and not key.endswith("|") else ()


def _customer_values(each: FileOrder) -> dict[str, Any]:
    """What an order says of its customer, in the shape of a customers file."""
    order = each.values
    address = order["billing"] if any(order["billing"]) else order["shipping"]
    return {
        "id": "", "first_name": address[0], "last_name": address[1], "company": address[2], "email": each.email,
        "phone": each.phones[0] if each.phones else "", "tags": "", "accepts_email": each.accepts_email, "accepts_sms": False,
        "tax_exempt": False, "address": list(address) if any(address[3:9]) else [], "note": "", "spent": None, "orders": None,
    }  # fmt: skip


def _products(batch: list[FileOrder]) -> dict[tuple[str, str], tuple[str, int, bool, bool]]:
    """The products that the batch's lines name: vendor, unit price, ships, taxable; the first line of each counts."""
    found: dict[tuple[str, str], tuple[str, int, bool, bool]] = {}
    for each in batch:
        for sku, name, vendor, _, price, _, _, taxable, ships in each.values["contents"]["lines"]:
            found.setdefault((sku, name), (vendor, price, ships, taxable))
    return found
