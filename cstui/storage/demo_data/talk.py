"""Notes and calls that read as if people at a desk had written them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from cstui.domain.calls import CallDirection
from cstui.domain.ids import Kind
from cstui.domain.notes import NoteSource
from cstui.domain.reasons import STARTERS, ReasonKind
from cstui.storage.demo_data.orders import Plan
from cstui.storage.demo_data.people import Person
from cstui.storage.demo_data.rows import Rows
from cstui.storage.demo_data.shops import Colleague
from cstui.storage.tables.customers import Call, Note

_ABOUT_ORDER = (
    "Customer asked to leave the parcel with the neighbor in 4B if nobody is home.",
    "Wants the invoice again, sent to the address on file. Done.",
    "Rang about delivery time. Told her Thursday, she is fine with that.",
    "Box arrived dented, contents OK. No refund wanted, just letting us know.",
    "One mug chipped. Photo received by e-mail. Offered a replacement, waiting for an answer.",
    "Gift: please do not put prices in the box!",
    "Asked whether the {item} can be swapped. Explained that it has left already.",
    "Kunde bittet um Zustellung an die Packstation – Adresse ist bestätigt.",
    "Nachbar hat Paket angenommen, Kunde hat es inzwischen. Erledigt.",
    "Street name was misspelled, corrected with the customer on the line.\nAlso checked the ZIP.",
    "Carrier says “delivered”, customer says no. Opened a trace with {carrier}.",
    "Second call about the same question – see the note before this one.",
    "Customer very happy with the {item}, asked for a second one next month.",
    "Do not call before 10 am, works night shifts.",
    "Price question: saw the code too late. Gave WELCOME10 for the next order.",
    "Checked stock with Wanda: {item} is back on Tuesday.",
)
_ABOUT_PERSON = (
    "Prefers e-mail over phone.",
    "Spells the last name with one L on the card – that is the same person.",
    "Moved in spring; the old address is still on older orders.",
    "Speaks little English, daughter interprets. Be patient, very kind.",
    "Hard of hearing: speak slowly, confirm in writing.",
    "Asked us to take her off the catalog list. Done, newsletter stays.",
    "Orders for the whole office; ask for reception when delivering.",
    "Was rude to Bob in March. Keep calm, pass on to Sue if it starts again.",
    "Allergic to nuts. Always check the ingredients before offering samples.",
    "Möchte gesiezt werden. Rechnungen bitte immer per Post.",
    "Travels a lot – check that the address is right before anything is shipped.",
    "Has two accounts with us, this one is the one to keep.",
)
_BY_SYSTEM = (
    "Payment declined: insufficient funds.",
    "Confirmation mail bounced: mailbox full.",
    "Address check: street not found, accepted as entered.",
    "Tracking: first scan at the carrier.",
    "Parcel notice sent by e-mail.",
)
_FROM_IMPORT = (
    "Old system: customer since 2016.",
    "Imported note: leave at back door.",
    "Imported note: VIP, handle with care.",
)
_CALL_NOTES: dict[str, tuple[str, ...]] = {
    "support": (
        "Where is my order? Gave the tracking number.",
        "How fine to grind for pour-over. Explained, sent the guide.",
        "Could not find the invoice; sent again.",
        "Frage zur Haltbarkeit beantwortet.",
    ),
    "sale": ("Added filters and a second bag.", "Ordered the gift box for her sister."),
    "full_refund": ("Never arrived, trace closed without result. Full refund agreed with Sue.",),
    "partial_refund": (
        "Chipped mug, keeps it for half the price.",
        "Shipping refunded, arrived four days late.",
    ),
    "cancellation": ("Found the old bags in the cupboard. Cancelled, no offer wanted.",),
    "saved": ("Wanted to cancel; every second month suits her better. Stays.",),
    "downsell": ("Switched from the kilo to 250 g.",),
    "price_reduction": ("10 % off the next three, then the normal price.",),
    "rma": ("Wrong colour. Return number sent by e-mail.",),
    "reship": ("Lost by the carrier, sent again today.",),
    "free_product": ("Sorry for the mix-up: free filters with the next order.",),
    "supervisor": ("Wants to talk to somebody above me. Sue takes over.",),
    "fraud": ("Says he never ordered this. Card was his wife’s. Passed on.",),
    "wrong_number": ("Looking for a shoe shop.",),
    "language": ("Only spoke Portuguese, asked him to write an e-mail.",),
    "disconnected": ("Line broke after a minute, rang back: voicemail.",),
    "callback": (
        "Promised to ring back when the warehouse has counted.",
        "In a meeting, call back after 3 pm.",
    ),
    "no_sale": ("Thinking about it.",),
}
_WEIGHTS = {
    "support": 40,
    "sale": 8,
    "cancellation": 7,
    "saved": 5,
    "callback": 6,
    "rma": 5,
    "partial_refund": 5,
    "disconnected": 4,
}


class Talk:
    """Writes notes and calls."""

    def __init__(self, rows: Rows, dice: random.Random, staff: dict[str, Colleague], until: datetime) -> None:
        self._rows = rows
        self._dice = dice
        self._agents = [staff["ann"], staff["ann"], staff["bob"], staff["bob"], staff["sue"]]
        self._until = until
        self._codes = [code for code, _ in STARTERS[ReasonKind.DISPOSITION]]

    def about_orders(self, plans: Sequence[Plan]) -> None:
        """Notes on about every fourth order: by people, by the system, and a few that came in with a file."""
        for plan in plans:
            turn = self._dice.random()
            if turn < 0.13:
                item = plan.bill.picks[0][0].name if plan.bill else "coffee"
                text = self._dice.choice(_ABOUT_ORDER).format(item=item, carrier=plan.carrier)
                self.note_on_order(plan, text, self._later(plan.at, 90))
            elif turn < 0.22:
                self.note_on_order(
                    plan, self._dice.choice(_BY_SYSTEM), self._later(plan.at, 4), NoteSource.SYSTEM
                )

    def about_people(self, people: Sequence[Person]) -> None:
        """Notes on every fifth customer, calls of every third."""
        for person in people:
            turn = self._dice.random()
            if turn < 0.2:
                self.note_on_person(
                    person, self._dice.choice(_ABOUT_PERSON), self._later(person.since, 20_000)
                )
            elif turn < 0.23:
                self.note_on_person(person, self._dice.choice(_FROM_IMPORT), person.since, NoteSource.IMPORT)

    def calls(self, people: Sequence[Person], latest: dict[int, Plan]) -> None:
        """Calls of every third customer, most of them about his latest order."""
        weights = [_WEIGHTS.get(code, 2) for code in self._codes]
        for person in people:
            if self._dice.random() > 0.34:
                continue
            for _ in range(self._dice.choices((1, 2, 3, 5), (60, 25, 10, 5))[0]):
                code = self._dice.choices(self._codes, weights)[0]
                plan = latest.get(person.id)
                since = plan.at if plan else person.since
                self.call(
                    person,
                    code,
                    self._dice.choice(_CALL_NOTES[code]),
                    self._later(since, 1200),
                    plan if self._dice.random() < 0.7 else None,
                )

    def call(self, person: Person, code: str, text: str, at: datetime, plan: Plan | None = None) -> None:
        """One call with its disposition and words; short ones may have none."""
        agent = self._dice.choice(self._agents)
        outward = code in ("callback", "disconnected") and self._dice.random() < 0.4
        self._rows.add(
            Call, store_id=plan.shop.id if plan else person.shops[0].id, customer_id=person.id, order_id=plan.id if plan else None,
            staff_id=agent.id, staff_name=agent.shown, direction=CallDirection.OUT if outward else CallDirection.IN, disposition=code,
            note=text if self._dice.random() < 0.9 else "", phone=person.phone.e164, started_at=at,
            ended_at=min(at + timedelta(seconds=self._dice.randint(25, 1100)), self._until),
        )  # fmt: skip

    def note_on_order(
        self, plan: Plan, text: str, at: datetime, source: NoteSource = NoteSource.MANUAL
    ) -> None:
        """One note on an order."""
        self._note(Kind.ORDER, plan.id, plan.person, plan.shop.id, text, at, source)

    def note_on_person(
        self, person: Person, text: str, at: datetime, source: NoteSource = NoteSource.MANUAL
    ) -> None:
        """One note on a customer; it belongs to his first store."""
        self._note(Kind.CUSTOMER, person.id, person, person.shops[0].id, text, at, source)

    def _note(
        self, kind: Kind, key: int, person: Person, store_id: int, text: str, at: datetime, source: NoteSource
    ) -> None:
        agent = self._dice.choice(self._agents)
        manual = source is NoteSource.MANUAL
        self._rows.add(
            Note, store_id=store_id, customer_id=person.id, subject_kind=kind, subject_id=key, author_id=agent.id if manual else None,
            author_name=agent.shown if manual else source.value, body=text, source=source, created_at=at,
        )  # fmt: skip

    def _later(self, at: datetime, hours: int) -> datetime:
        """An instant at most so many hours later, before the demo's day."""
        span = min(hours * 3600, max(int((self._until - at).total_seconds()) - 120, 1))
        return at + timedelta(seconds=self._dice.randint(0, span))
