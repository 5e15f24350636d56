"""Calls: direction, disposition of the list, words for the next agent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cstui.domain.calls import CallDirection, Reason
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted
from cstui.domain.ids import new_token
from cstui.domain.permissions import Role
from cstui.services.calls import Calls
from cstui.services.customers import Customers
from cstui.storage.database import Database
from cstui.storage.queries import reasons
from cstui.storage.tables.customers import Call, CustomerStore
from tests.bad_inputs import BAD_TEXTS
from tests.factories import THEN, add_customer, add_order, add_staff, add_store, count


@pytest.fixture
def listed(db: Database) -> Database:
    with db.write() as tx:
        reasons.seed(tx)
    return db


def test_a_logged_call_shows_on_the_profile(listed: Database) -> None:
    store = add_store(listed)
    customer = add_customer(listed, store)
    ann = add_staff(listed)
    with listed.read() as tx:
        began = tx.now - timedelta(seconds=90)
    call = Calls(listed).log(ann, customer, CallDirection.IN, "sale", " Took two mugs ", new_token(), began)
    assert (call.direction, call.disposition, call.note, call.agent) == (CallDirection.IN, "Sale", "Took two mugs", "Ann")  # fmt: skip
    assert call.seconds is not None and 90 <= call.seconds <= 120
    assert Customers(listed).open(ann, customer).calls == (call,)
    assert count(listed, Call, store_id=store, phone="+1 212 555 0101", disposition="sale") == 1


def test_a_call_without_words_or_start_is_logged_too(listed: Database) -> None:
    customer = add_customer(listed, add_store(listed))
    call = Calls(listed).log(add_staff(listed), customer, CallDirection.OUT, "no_sale", "", new_token())
    assert (call.note, call.seconds) == ("", None)


def test_the_dispositions_are_those_of_the_list(listed: Database) -> None:
    assert Reason("sale", "Sale") in Calls(listed).dispositions()
    customer = add_customer(listed, add_store(listed))
    ann = add_staff(listed)
    for code in ("", "nonsense"):
        with pytest.raises(InvalidInput) as caught:
            Calls(listed).log(ann, customer, CallDirection.IN, code, "", new_token())
        assert caught.value.field == "disposition"


def test_a_call_belongs_to_the_orders_store_or_to_the_only_one_or_to_none(listed: Database) -> None:
    one, two = add_store(listed), add_store(listed, "two")
    customer = add_customer(listed, one)
    ann, calls = add_staff(listed), Calls(listed)
    calls.log(ann, customer, CallDirection.IN, "sale", "one", new_token())
    with listed.write() as tx:
        tx.session.add(CustomerStore(customer_id=customer, store_id=two, since=THEN))
    calls.log(ann, customer, CallDirection.IN, "sale", "none", new_token())
    order = add_order(listed, two, customer)
    calls.log(ann, customer, CallDirection.IN, "sale", "two", new_token(), order_id=order)
    for note, store in (("one", one), ("none", None), ("two", two)):
        assert count(listed, Call, note=note, store_id=store) == 1
    stranger = add_customer(listed, one, "Bob", "Ray")
    with pytest.raises(NotFound):
        calls.log(ann, stranger, CallDirection.IN, "sale", "", new_token(), order_id=order)


def test_a_repeated_log_is_stored_once(listed: Database) -> None:
    customer = add_customer(listed, add_store(listed))
    ann, token = add_staff(listed), new_token()
    first = Calls(listed).log(ann, customer, CallDirection.IN, "sale", "Once", token)
    assert Calls(listed).log(ann, customer, CallDirection.IN, "sale", "Once", token) == first
    assert count(listed, Call) == 1


def test_who_may_not_log_is_refused(listed: Database) -> None:
    mine, other = add_store(listed), add_store(listed, "other")
    customer = add_customer(listed, mine)
    viewer, stranger = add_staff(listed, "vic", Role.VIEWER), add_staff(listed, "eve", Role.AGENT, other)
    for actor, error in ((viewer, NotPermitted), (stranger, NotFound)):
        with pytest.raises(error):
            Calls(listed).log(actor, customer, CallDirection.IN, "sale", "", new_token())


def test_no_text_breaks_a_call_and_no_card_number_enters(listed: Database) -> None:
    customer = add_customer(listed, add_store(listed))
    ann = add_staff(listed)
    with pytest.raises(InvalidInput):
        Calls(listed).log(ann, customer, CallDirection.IN, "sale", "4111111111111111", new_token())
    for _, text in BAD_TEXTS:
        for disposition, note in (("sale", text), (text, "")):
            try:
                call = Calls(listed).log(ann, customer, CallDirection.IN, disposition, note, new_token())
            except InvalidInput:
                continue
            assert "\x00" not in call.note and "\x1b" not in call.note
