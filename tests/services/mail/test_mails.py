"""Sending again: what can be sent, in the words of the first time, whom it may reach, how often, and what is written down."""

from __future__ import annotations

import pytest

from cstui.domain.actor import Actor
from cstui.domain.errors import InvalidInput, NotFound, NotPermitted, NotPossibleNow
from cstui.domain.ids import Kind, new_token
from cstui.domain.live import What
from cstui.domain.locking import LockRules
from cstui.domain.mails import MailKind, MailRow, MailState, MailWanted, SuppressionReason, SuppressionScope
from cstui.domain.payments import RefundState, TransactionKind, TransactionStatus
from cstui.domain.permissions import Role
from cstui.domain.verification import NotVerified
from cstui.services.mail import outbox
from cstui.services.mail.delivery import Delivery
from cstui.services.mail.mails import Mails
from cstui.services.pulse import Pulse
from cstui.services.verification import Verifications
from cstui.storage.database import Database
from cstui.storage.queries import audit, mails, settings
from cstui.storage.tables.base import table_of
from cstui.storage.tables.customers import Customer
from cstui.storage.tables.orders import Order
from tests.factories import add_staff, add_store
from tests.services.live import Heard
from tests.services.mail.scene import Scene
from tests.services.mail.test_delivery import Recorder


@pytest.fixture
def scene(sqlite_db: Database) -> Scene:
    return Scene.on(sqlite_db)


def service(scene: Scene) -> Mails:
    return Mails(scene.db, scene.settings, Verifications(scene.db, scene.settings))


def confirmation(scene: Scene) -> MailWanted:
    return MailWanted(MailKind.ORDER_CONFIRMATION, Kind.ORDER, scene.order)


def again(
    scene: Scene, which: int | MailWanted | None = None, actor: Actor | None = None, **how: object
) -> MailRow:
    save_id = str(how.pop("save_id", "")) or new_token()
    return service(scene).resend(actor or scene.ann, which or confirmation(scene), save_id, **how)  # type: ignore[arg-type]


def sent(scene: Scene) -> list[bytes]:
    line = Recorder()
    Delivery(scene.db, scene.settings, line).send_due()
    return line.given


def supervisor(scene: Scene) -> Actor:
    return add_staff(scene.db, "sue", Role.SUPERVISOR)


def test_a_mail_sent_again_says_what_it_said_the_first_time(db: Database) -> None:
    scene = Scene.on(db)
    with db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
    (first,) = sent(scene)
    with db.write() as tx:
        tx.run(table_of(Order).update().values(total=1, number="#9"))
    row = again(scene)
    assert (row.state, row.to, row.requested_by) == (MailState.QUEUED, "ann.lee@example.com", "Ann")
    (second,) = sent(scene)
    one, two = scene.outbox()
    assert (one.subject, one.body_text, one.body_html) == (two.subject, two.body_text, two.body_html)
    assert two.resend_of_id == one.id and one.message_id != two.message_id
    assert f"X-Cstui-Resend-Of: {one.message_id}".encode() in second and b"X-Cstui-Resend-Of" not in first
    assert [m.id for m in service(scene).for_order(scene.ann, scene.order)] == [two.id, one.id]
    with db.read() as tx:
        event = audit.events_of(tx, Kind.ORDER, scene.order)[0]
    assert (event.action, event.actor) == ("mail sent again", "Ann")
    assert event.changes[0].new == "order confirmation to ann.lee@example.com"


def test_an_imported_orders_confirmation_is_written_from_the_order_as_it_is(scene: Scene) -> None:
    row = again(scene)
    assert row.resend_of_id is None and row.subject == "Your order #1001 at Main"


def test_a_repeated_key_press_sends_one_mail(db: Database) -> None:
    scene = Scene.on(db)
    one = again(scene, save_id="s1")
    assert again(scene, save_id="s1") == one and len(scene.outbox()) == 1


def test_a_mail_is_sent_again_three_times_an_hour_at_most(scene: Scene) -> None:
    for _ in range(3):
        again(scene)
        sent(scene)
    with pytest.raises(NotPossibleNow, match="3 times within the hour"):
        again(scene)
    assert again(scene, MailWanted(MailKind.WELCOME, Kind.ORDER, scene.order)).kind is MailKind.WELCOME


def test_a_mail_that_still_waits_is_not_sent_beside_itself(scene: Scene) -> None:
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)
    with pytest.raises(NotPossibleNow, match="not left yet"):
        again(scene)
    assert again(scene, to="ann@home.example").to == "ann@home.example"


def test_what_happened_last_is_offered_first_and_what_cannot_be_sent_says_why(scene: Scene) -> None:
    scene.move(TransactionKind.VOID, amount=3050, refund=scene.refund(RefundState.DONE_VOID))
    scene.refund(RefundState.UNKNOWN, 300)
    scene.refund(RefundState.EXHAUSTED, 400)
    found = service(scene).options(scene.ann, scene.order)
    assert [o.label for o in found][:3] == ["Void of 30.50 USD", "Order confirmation", "Welcome"]
    blocked = {o.label: o.why_not for o in found if o.why_not}
    assert blocked == {
        "Shipment": "This shipment has not left yet.",
        "Refund of 3.00 USD to …4242": "It is not known yet whether this refund went through.",
        "Refund of 4.00 USD to …4242": "This refund has failed.",
    }


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (RefundState.UNKNOWN, TransactionStatus.UNKNOWN, "not known yet"),
        (RefundState.PENDING_AT_GATEWAY, TransactionStatus.PENDING, "not confirmed"),
        (RefundState.FAILED_RETRYING, TransactionStatus.FAILED, "failed"),
        (RefundState.NEEDS_DECISION, TransactionStatus.REVERSED, "came back"),
    ],
)
def test_a_refund_is_told_of_only_once_it_has_succeeded(
    scene: Scene, state: RefundState, status: TransactionStatus, said: str
) -> None:
    refund = scene.refund(state)
    move = scene.move(status=status, refund=refund)
    with pytest.raises(NotPossibleNow, match=said):
        again(scene, MailWanted(MailKind.REFUND, Kind.TRANSACTION, move))
    assert scene.outbox() == []


def test_a_refund_that_came_in_with_a_file_can_be_told_of(scene: Scene) -> None:
    move = scene.move()
    assert again(scene, MailWanted(MailKind.REFUND, Kind.TRANSACTION, move)).subject.startswith(
        "Refund of 12.00 USD"
    )


def test_a_strange_address_needs_the_right_to_change_customers_and_a_verified_caller(scene: Scene) -> None:
    with scene.db.write() as tx:
        tx.run(table_of(Customer).update().values(email="new@example.com"))
        settings.put(tx, "verify.required", None, "true", "Adam")
    assert service(scene).options(scene.ann, scene.order)[0].known == (
        "ann.lee@example.com",
        "new@example.com",
    )
    assert again(scene, to="new@example.com", desk="d1").to == "new@example.com"
    with pytest.raises(NotVerified):
        again(scene, to="else@example.com", desk="d1")
    vic = add_staff(scene.db, "vic", Role.VIEWER)
    with pytest.raises(NotPermitted):
        again(scene, actor=vic)
    with pytest.raises(InvalidInput):
        again(scene, to="a@b.example, c@d.example")


def test_a_suppressed_address_stops_with_a_warning_and_a_supervisor_goes_on(scene: Scene) -> None:
    ann, sue = scene.ann, supervisor(scene)
    (entry,) = service(scene).suppress(ann, "Ann.Lee@example.com")
    assert (entry.reason, entry.by) == (SuppressionReason.AGENT_REQUEST, "Ann")
    assert "gets no mail" in service(scene).preview(ann, confirmation(scene)).warning
    with pytest.raises(NotPossibleNow, match="gets no mail"):
        again(scene)
    with pytest.raises(NotPermitted, match="suppressed"):
        again(scene, override=True)
    assert again(scene, actor=sue, override=True).state is MailState.QUEUED and len(sent(scene)) == 1
    with pytest.raises(NotPermitted):
        service(scene).unsuppress(ann, "ann.lee@example.com")
    assert service(scene).unsuppress(sue, "ann.lee@example.com") == 1
    assert service(scene).suppressions(ann) == () and again(scene).state is MailState.QUEUED


def test_an_address_that_was_suppressed_meanwhile_gets_nothing(scene: Scene) -> None:
    again(scene)
    with scene.db.write() as tx:
        mails.suppress(tx, "ann.lee@example.com", SuppressionScope.ALL, SuppressionReason.COMPLAINT, "list")
    assert sent(scene) == [] and scene.mail().state is MailState.SUPPRESSED


def test_a_mail_of_another_store_is_not_found(scene: Scene) -> None:
    row = again(scene)
    other = add_staff(scene.db, "olga", store=add_store(scene.db, "other"))
    for ask in (
        lambda: service(scene).for_order(other, scene.order),
        lambda: service(scene).options(other, scene.order),
        lambda: service(scene).preview(other, row.id),
        lambda: again(scene, row.id, other),
    ):
        with pytest.raises(NotFound):
            ask()
    assert service(scene).all(other) == () and [m.id for m in service(scene).all(scene.ann)] == [row.id]
    assert service(scene).all(scene.ann, MailState.FAILED) == ()


def test_links_and_words_to_an_old_address_are_never_sent_again(scene: Scene) -> None:
    with scene.db.write() as tx:
        outbox.queue_email_changed(
            tx, scene.customer, "old@example.com", "new@example.com", store_id=scene.store
        )
    mail = scene.mail()
    assert "n…@e…" in mail.body_text and "new@example.com" not in mail.body_text
    with pytest.raises(NotPossibleNow, match="not sent again"):
        again(scene, mail.id)


def test_a_preview_is_what_arrives(scene: Scene) -> None:
    shown = service(scene).preview(scene.ann, confirmation(scene))
    again(scene)
    mail = scene.mail()
    assert (shown.subject, shown.text, shown.html, shown.to) == (
        mail.subject,
        mail.body_text,
        mail.body_html,
        mail.to_address,
    )
    assert service(scene).preview(scene.ann, mail.id).text == shown.text and shown.warning == ""


def test_a_desk_that_shows_the_order_hears_what_becomes_of_its_mail(db: Database) -> None:
    scene, heard = Scene.on(db), Heard()
    pulse = Pulse(db.url, "desk-1", LockRules(heartbeat=60))
    pulse.start(heard)
    try:
        pulse.watch(Kind.ORDER, scene.order, 1)
        heard.wait_for(What.LOCK)
        again(scene)
        heard.wait_for(What.PAYMENT)
        heard.events.clear()
        sent(scene)
        heard.wait_for(What.PAYMENT)
    finally:
        pulse.stop()
