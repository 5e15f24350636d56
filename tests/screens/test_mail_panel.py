"""M: the right mail of the focused row, previewed, sent with `y` and told truly, without leaving the screen (MAIL-01 … MAIL-03)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from textual.screen import Screen

from cstui.domain.ids import Kind
from cstui.domain.mails import SuppressionReason
from cstui.domain.payments import TransactionStatus
from cstui.domain.permissions import Role
from cstui.screens.customer import CustomerScreen
from cstui.screens.dialogs.mail import MailPanel
from cstui.services.mail import outbox
from cstui.services.mail.delivery import Delivery
from cstui.services.mail.mails import Mails
from cstui.services.mail.smtp import Handover, Outcome
from cstui.storage.queries import settings
from cstui.storage.tables.base import table_of
from cstui.storage.tables.payments import Transaction as Payment
from cstui.storage.transaction import Database
from tests.factories import THEN, add_staff
from tests.screens.driving import Driven, driven
from tests.services.mail.scene import Scene
from tests.services.mail.test_delivery import Recorder

NARROW = (80, 24)


@dataclass
class Post(Scene):
    """A scene whose mails can be handed over, or refused."""

    def deliver(self, said: str = "") -> None:
        class Line(Recorder):
            def send(self, message: bytes, sender: str, to: str) -> Outcome:
                super().send(message, sender, to)
                return Outcome(Handover.REFUSED, said) if said else Outcome(Handover.SENT)

        Delivery(self.db, self.settings, Line()).send_due()


@pytest.fixture
def post(sqlite_db: Database) -> Post:
    scene = Scene.on(sqlite_db)
    return Post(scene.db, scene.store, scene.customer, scene.order, scene.ann, scene.settings)


async def profile(desk: Driven, post: Post, section: str = "") -> CustomerScreen:
    desk.app.open_customer(post.customer)
    await desk.shows("Orders (1)", "Ann Lee")
    screen = desk.app.screen
    assert isinstance(screen, CustomerScreen)
    await desk.until(lambda: not screen.flows)
    if section:
        await desk.press(section)
    return screen


def shown(screen: Screen[None]) -> MailPanel:
    return screen.query_one(MailPanel)


async def test_the_confirmation_of_the_focused_order_goes_again_with_two_keys_and_no_other_screen(
    post: Post,
) -> None:
    with post.db.write() as tx:
        outbox.queue_order_confirmation(tx, post.order)
    post.deliver()
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        screen = await profile(desk, post)
        presses = ("M", "y")
        await desk.type("".join(presses))
        await desk.shows("Order confirmation of #1001 queued again to ann.lee@example.com")
        assert len(presses) == 2 and desk.app.screen is screen and screen.panel is None
        post.deliver()
        await desk.shows("Order confirmation of #1001 sent again to ann.lee@example.com")
    first, again = post.outbox()
    assert (again.resend_of_id, again.body_text, again.requested_by) == (first.id, first.body_text, "Ann")


async def test_enter_sends_nothing_and_the_line_says_what_y_would_send(post: Post) -> None:
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        screen = await profile(desk, post)
        await desk.press("M")
        await desk.shows(
            "y sends the mail “Order confirmation” to ann.lee@example.com", "Subject", "Your order #1001"
        )
        await desk.press("enter")
        await desk.shows("Enter does nothing here")
        await desk.press("escape")
        await desk.until(lambda: screen.panel is None)
    assert post.outbox() == []


async def test_a_refund_has_its_own_mail_and_one_that_failed_says_why_not(post: Post) -> None:
    done = post.move(refund=post.refund())
    failed = post.move(status=TransactionStatus.FAILED, amount=300)
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        screen = await profile(desk, post, "6")
        screen.main.go_to_row((Kind.TRANSACTION, failed))
        await desk.press("M")
        await desk.shows("This refund has failed.")
        screen.main.go_to_row((Kind.TRANSACTION, done))
        await desk.press("M", "y")
        await desk.shows("Refund mail of #1001 queued to ann.lee@example.com")
    assert [(row.kind, row.subject_id) for row in post.outbox()] == [("refund", done)]


async def test_a_shipment_that_left_has_its_mail_and_a_letter_chooses_another(post: Post) -> None:
    parcel = post.ship("UPS", "1Z999")
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        screen = await profile(desk, post, "7")
        assert screen.main.row is not None and screen.main.row.key == (Kind.SHIPMENT, parcel)
        await desk.press("M")
        await desk.shows("y sends the mail “Shipment UPS 1Z999”", "1Z999")
        panel = shown(screen)
        await desk.press("b")
        await desk.shows("y sends the mail “Welcome”")
        await desk.until(lambda: panel.query_one("Page").sections[-1].rows != ())  # type: ignore[attr-defined]
        await desk.press("y")
        await desk.shows("Welcome mail of #1001 queued")


async def test_a_shipment_in_the_house_has_nothing_to_tell(post: Post) -> None:
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        await profile(desk, post, "7")
        await desk.press("M")
        await desk.shows("This shipment has not left yet.")
        assert not desk.app.screen.query(MailPanel)


async def test_a_suppressed_address_is_told_and_only_a_supervisor_goes_on(post: Post) -> None:
    mails = Mails(post.db, post.settings)
    mails.suppress(post.ann, "ann.lee@example.com", SuppressionReason.HARD_BOUNCE)
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        screen = await profile(desk, post)
        await desk.press("M", "y")
        await desk.shows("gets no mail: its mail server refused it")
        await desk.press("s")
        await desk.shows("Your role does not allow it; ask a supervisor.")
        assert screen.panel is not None and post.outbox() == []
    sue = add_staff(post.db, "sue", Role.SUPERVISOR)
    async with driven(post.db.url.text, sue, NARROW) as desk:
        await profile(desk, post)
        await desk.press("M", "s")
        await desk.shows("although the")
        await desk.press("y")
        await desk.shows("Order confirmation of #1001 queued to ann.lee@example.com")
    assert post.mail().state == "queued"


async def test_another_address_is_typed_checked_and_needs_a_verified_caller(post: Post) -> None:
    with post.db.write() as tx:
        settings.put(tx, "verify.required", None, "true", "Adam")
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        await profile(desk, post)
        await desk.press("M", "o")
        await desk.type("ann at home")
        await desk.press("enter")
        await desk.shows("not an e-mail address")
        await desk.press("ctrl+u")
        await desk.type("ann@home.example")
        await desk.press("enter")
        await desk.shows("to ann@home.example   Esc leaves")
        await desk.press("y")
        await desk.shows("The caller gave")
        await desk.press("a", "s")
        await desk.shows_no("The caller gave")
        await desk.press("y")
        await desk.shows("queued to ann@home.example")
    assert post.mail().to_address == "ann@home.example"


async def test_a_mail_that_the_server_refuses_is_told_as_failed(post: Post) -> None:
    async with driven(post.db.url.text, post.ann, NARROW) as desk:
        await profile(desk, post)
        await desk.press("M", "y")
        await desk.shows("queued to ann.lee@example.com")
        post.deliver("550 no such user")
        await desk.shows("Order confirmation of #1001 not sent: 550 no such user")


async def test_the_orders_mails_stand_beside_its_notes_and_one_is_sent_again_from_there(post: Post) -> None:
    with post.db.write() as tx:
        outbox.queue_order_confirmation(tx, post.order)
    post.deliver()
    async with driven(post.db.url.text, post.ann, (140, 45)) as desk:
        await desk.open_order(post.order)
        await desk.press("8")
        await desk.shows("Mails (1)", "✓ sent")
        await desk.press("down", "M")
        await desk.shows("y sends the mail")
        await desk.press("y")
        await desk.shows("Order confirmation of #1001 queued again", "Mails (2)")


async def test_the_actions_of_a_refund_name_its_mail_and_say_why_not(post: Post) -> None:
    failed = post.move(status=TransactionStatus.FAILED, amount=300)
    async with driven(post.db.url.text, post.ann, (140, 45)) as desk:
        screen = await profile(desk, post, "6")
        screen.main.go_to_row((Kind.TRANSACTION, failed))
        await desk.press("m")
        await desk.type("resend")
        await desk.shows("Resend refund mail", "Not now: This refund has failed.")


async def test_a_transaction_unfolds_to_where_it_was_made_and_by_which_attempt(post: Post) -> None:
    done = post.move(refund=post.refund())
    async with driven(post.db.url.text, post.ann, (140, 45)) as desk:
        screen = await profile(desk, post, "6")
        screen.main.go_to_row((Kind.TRANSACTION, done))
        await desk.press("space")
        await desk.shows("sandbox, reference rf_77", "Attempt", "att_1", "came with a file")
        await desk.open_order(post.order)
        await desk.press("6", "enter")
        await desk.shows("sandbox, reference rf_77", "att_1")


async def test_the_actions_of_a_charge_are_two_choices_each_with_its_reason(post: Post) -> None:
    with post.db.write() as tx:
        tx.run(table_of(Payment).update().values(settled_at=THEN))
    async with driven(post.db.url.text, post.ann, (140, 45)) as desk:
        await profile(desk, post, "6")
        await desk.press("V")
        await desk.shows("This charge has settled; R refunds it.")
        await desk.press("m")
        await desk.type("charge")
        await desk.shows("Refund this charge", "Void this charge", "Not now: This charge has settled")
