"""Own words for mails: tried before they are stored, and never a way into the program or into another mail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cstui.domain.errors import InvalidInput, NotPermitted
from cstui.domain.ids import Kind
from cstui.domain.mails import MailKind, MailWords
from cstui.domain.money import Money
from cstui.domain.payments import AttemptState, TransactionKind
from cstui.domain.permissions import Role
from cstui.services.mail import outbox
from cstui.services.mail.rendering import rendered
from cstui.services.mail.samples import sample
from cstui.services.mail.wording import MailTemplates
from cstui.storage.database import Database
from cstui.storage.queries import audit
from tests.bad_inputs import BAD_TEXTS
from tests.factories import add_staff, add_store, add_subscription
from tests.services.mail.scene import Scene

WELCOME = MailKind.WELCOME


def words(text: str, subject: str = "Hi", html: str = "") -> MailWords:
    return MailWords(WELCOME, subject, text, html)


def test_own_words_of_a_store_go_before_the_organisations_and_those_before_the_built_in(db: Database) -> None:
    scene = Scene.on(db)
    adam, other = add_staff(db, "adam", Role.ADMIN), add_store(db, "other")
    templates = MailTemplates(db)
    assert templates.get(adam, WELCOME, scene.store).origin == "built-in"
    shown = templates.set(adam, words("Dear {{ name }}, order {{ order.number }}"))
    assert (shown.subject, shown.text) == ("Hi", "Dear Ann Lee, order #1001\n")
    templates.set(adam, words("Store"), scene.store, "s1")
    templates.set(adam, words("Store two"), scene.store)
    assert templates.get(adam, WELCOME, scene.store).text == "Store two\n"
    assert templates.get(adam, WELCOME, other).origin == "organisation"
    with db.write() as tx:
        outbox.queue_welcome(tx, scene.order)
        (event, *_) = audit.events_of(tx, Kind.SETTING, 2)
    assert scene.mail().body_text == "Store two\n" and scene.mail().body_html == ""
    assert [c.path for c in event.changes] == ["mail_template.welcome.text"]
    assert templates.reset(adam, WELCOME, scene.store).origin == "organisation"
    assert templates.reset(adam, WELCOME).origin == "built-in"


def test_words_that_do_not_render_are_not_stored(sqlite_db: Database) -> None:
    adam = add_staff(sqlite_db, "adam", Role.ADMIN)
    templates = MailTemplates(sqlite_db)
    for text, said in (
        ("{% if %}", "line 1"),
        ("{{ order.nmber }}", "nmber"),
        (" ", "comes out empty"),
        ("x" * 20_001, "longer"),
    ):
        with pytest.raises(InvalidInput, match=said):
            templates.set(adam, words(text))
    assert templates.get(adam, WELCOME).origin == "built-in"
    with pytest.raises(NotPermitted):
        templates.set(add_staff(sqlite_db, "sue", Role.SUPERVISOR), words("x"))


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}", "{{ name.format('x') }}", "{{ order.lines.append('x') }}", "{{ name * 999999999 }}",
        "{{ 10 ** 10 ** 10 }}", "{{ '%999999999d' % 1 }}", "{% for i in range(9) %}x{% endfor %}", "{% include 'welcome.txt' %}",
        "{{ lipsum() }}", "{{ self.__init__ }}", "{% import 'os' as os %}", "{{ name|attr('upper') }}", "{{ cycler.__init__ }}",
        "{{ name|center(999999999) }}", "{{ order.items() }}", "{{ namespace() }}",
    ],
)  # fmt: skip
def test_a_template_reaches_nothing_but_its_facts(text: str) -> None:
    with pytest.raises(InvalidInput):
        rendered(words(text), sample(WELCOME))


def test_what_customers_are_called_is_text_and_nothing_else() -> None:
    for _, bad in BAD_TEXTS:
        facts = {**sample(WELCOME), "name": bad[:200], "greeting": f"Hello {bad[:200]},"}
        made = rendered(words("{{ greeting }}", "For {{ name }}!", "<p>{{ name }}</p>"), facts)
        assert "\n" not in made.subject and not any(sign < " " for sign in made.subject)
        assert not any((sign < " " and sign != "\n") or sign == "\x7f" for sign in made.text + made.html)
        assert "<script" not in made.html
    hostile = {**sample(WELCOME), "name": "{{ 7*7 }} [/b] <script>alert(1)</script>"}
    made = rendered(words("{{ name }}", "{{ name }}", "<p>{{ name }}</p>"), hostile)
    assert made.text.startswith("{{ 7*7 }} [/b]") and "&lt;script&gt;" in made.html


def shape(value: Any) -> Any:
    """The keys of facts, down to the first entry of each list."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


def test_the_made_up_facts_have_the_shape_of_real_ones(sqlite_db: Database) -> None:
    scene = Scene.on(sqlite_db, tax=100)
    refund = scene.refund()
    scene.attempt(refund, AttemptState.DECLINED_HARD, "Card closed")
    move, void = scene.move(refund=refund), scene.move(TransactionKind.VOID)
    shipment = scene.ship("UPS", "1Z")
    subscription = add_subscription(scene.db, scene.store, scene.customer)
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
        outbox.queue_welcome(tx, scene.order)
        outbox.queue_shipment_mail(tx, shipment)
        outbox.queue_refund_mail(tx, refund, move)
        outbox.queue_void_mail(tx, void)
        outbox.queue_refund_failed_notice(tx, refund)
        outbox.queue_refund_reversed_notice(tx, refund)
        outbox.queue_dispute_notice(tx, move)
        outbox.queue_card_link(tx, scene.customer, scene.store, "https://a.example", None)
        outbox.queue_password_notice(tx, scene.customer, scene.store)
        outbox.queue_email_changed(tx, scene.customer, "a@b.example", "c@d.example")
        outbox.queue_everything_stopped(
            tx, scene.customer, scene.store, ["Tea"], ["#1001"], [(Money(100, "USD"), "#1002")], "1"
        )
        for kind in MailKind:
            if kind.value.startswith(("renew", "subscription_")):
                outbox.queue_subscription_mail(tx, subscription, kind)
    seen = {MailKind(row.kind): json.loads(row.payload)["facts"] for row in scene.outbox()}
    assert set(seen) == set(MailKind)
    for kind, facts in seen.items():
        assert shape(facts) == shape(sample(kind)), kind
