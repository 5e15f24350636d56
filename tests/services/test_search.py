"""One box finds anything that identifies a customer or an order, on both databases alike."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta

import pytest

from cstui.domain.actor import Actor
from cstui.domain.ids import Kind, public_id
from cstui.domain.permissions import Role
from cstui.domain.search import Matched
from cstui.services.search import Search
from cstui.storage.database import Database
from cstui.storage.queries import search_index
from cstui.storage.reader import Reader
from tests.factories import THEN, add_card, add_customer, add_order, add_staff, add_store


@dataclass
class Shop:
    """A small organisation: two stores, six people."""

    db: Database
    search: Search
    agent: Actor
    main: int
    other: int
    ann: int
    bob: int
    mueller: int
    maria: int
    mehmet: int
    twin: int
    foreign: int
    order: int


@pytest.fixture
def shop(db: Database) -> Shop:
    main = add_store(db, "main", order_prefix="GN")
    other = add_store(db, "other", order_prefix="")
    ann = add_customer(db, main, "Ann", "Lee", email="ann.lee82@gmail.com")
    bob = add_customer(
        db,
        main,
        "Robert",
        "O'Brien",
        email="bobby@obrien-tools.com",
        phone="(030) 901820",
        phone_e164="+4930901820",
    )
    mueller = add_customer(
        db,
        main,
        "Jürgen",
        "Müller",
        email="jm@firma.de",
        phone="",
        phone_e164="",
        company="Müller & Söhne GmbH",
    )
    maria = add_customer(db, main, "María del Carmen", "López", email="", phone="01712345678", phone_e164="")
    mehmet = add_customer(
        db, main, "Johnathan", "Smithson", email="jsmithson@yahoo.com", phone="", phone_e164=""
    )
    twin = add_customer(db, main, "Tom", "Lee", email="tom@lee.org")
    foreign = add_customer(db, other, "Ann", "Leeds", email="ann.leeds@gmail.com", phone="", phone_e164="")
    order = add_order(db, main, ann, "#GN9889", placed_at=THEN + timedelta(days=1))
    add_order(db, main, twin, "#GN1001")
    add_order(db, other, foreign, "1001", billing_postcode="99999", shipping_postcode="99999")
    add_card(db, bob, last4="1881", bin6="411111")
    search_index.rebuild(db)
    agent = add_staff(db, "ann", Role.AGENT, main)
    return Shop(
        db, Search(Reader(db.url)), agent, main, other, ann, bob, mueller, maria, mehmet, twin, foreign, order
    )


def found(shop: Shop, query: str) -> list[tuple[Kind, int]]:
    return [(hit.kind, hit.id) for hit in shop.search.find(shop.agent, query).hits]


WHAT_CALLERS_SAY = [
    ("ann.lee82@gmail.com", "ann", Matched.EMAIL),
    ("  ANN.LEE82@Gmail.com ", "ann", Matched.EMAIL),
    ("ann.lee8", "ann", Matched.EMAIL),
    ("lee82@gm", "ann", Matched.EMAIL),
    ("lee82", "ann", Matched.EMAIL),
    ("@obrien", "bob", Matched.DOMAIN),
    ("obrien-tools", "bob", Matched.DOMAIN),
    ("+49 30 901820", "bob", Matched.PHONE),
    ("0049 (30) 90 18 20", "bob", Matched.PHONE),
    ("030/901820", "bob", Matched.PHONE),
    ("03090", "bob", Matched.PHONE),
    ("901820", "bob", Matched.PHONE_END),
    ("1820", "bob", Matched.PHONE_END),
    ("p: 1820", "bob", Matched.PHONE_END),
    ("01712345678", "maria", Matched.PHONE),
    ("5678", "maria", Matched.PHONE_END),
    ("O'Brien", "bob", Matched.NAME),
    ("obrien rob", "bob", Matched.NAME),
    ("robert obr", "bob", Matched.NAME),
    ("r obrien", "bob", Matched.NAME),
    ("lopez maria", "maria", Matched.NAME),
    ("maria lopez", "maria", Matched.NAME),
    ("carmen", "maria", Matched.NAME),
    ("jurgen", "mueller", Matched.NAME),
    ("mueller", "mueller", Matched.NAME),
    ("MÜLLER jür", "mueller", Matched.NAME),
    ("söhne", "mueller", Matched.COMPANY),
    ("1881", "bob", Matched.CARD),
    ("card 1881", "bob", Matched.CARD),
    ("4111 11** **** 1881", "bob", Matched.CARD),
    ("obrien 1881", "bob", Matched.CARD),
    ("robert 1820", "bob", Matched.PHONE_END),
    ("nathan", "mehmet", Matched.FRAGMENT),
    ("mithso", "mehmet", Matched.FRAGMENT),
    ("jonathan smithson", "mehmet", Matched.NAME_LIKE),
    ("Smihtson", "mehmet", Matched.NAME_LIKE),
    ("ann.lee28@gmail.com", "ann", Matched.TYPO),
    ("an.lee82@gmail.com", "ann", Matched.TYPO),
    ("030901830", "bob", Matched.TYPO),
]


def test_whatever_the_caller_says_leads_to_the_customer(shop: Shop) -> None:
    wrong = {}
    for query, who, matched in WHAT_CALLERS_SAY:
        answer = shop.search.find(shop.agent, query)
        first = answer.hits[0] if answer.hits else None
        if (
            first is None
            or (first.kind, first.id, first.matched) != (Kind.CUSTOMER, getattr(shop, who), matched)
            or answer.more
        ):
            wrong[query] = answer
    assert wrong == {}
