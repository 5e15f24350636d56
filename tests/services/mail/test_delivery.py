"""Handing over to a real mail server: each mail once, whatever server, network and other workers do."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cstui.domain.ids import Kind
from cstui.domain.mails import MailKind, MailServer, MailState, SuppressionReason, next_try
from cstui.services.mail import outbox
from cstui.services.mail.delivery import Delivery
from cstui.services.mail.outbox import NewMail
from cstui.services.mail.smtp import Handover, Outcome, SmtpTransport
from cstui.services.secrets import Secrets
from cstui.storage.database import Database
from cstui.storage.queries import mails
from cstui.storage.tables.base import table_of
from cstui.storage.tables.exchange import Outbox
from tests.factories import THEN
from tests.fakes.mail import MailServerFake
from tests.services.mail.scene import Scene

_OUTBOX = table_of(Outbox)


@pytest.fixture
def server() -> Iterator[MailServerFake]:
    with MailServerFake() as running:
        yield running


def transport(server: MailServerFake, **more: Any) -> SmtpTransport:
    facts = {"security": "none", "sender": "shop@northgate.example", "timeout": 5, **more}
    return SmtpTransport(
        MailServer("127.0.0.1", server.port, **facts), Secrets({"CSTUI_SECRET_MAIL": "seven quiet herons"})
    )


def delivery(scene: Scene, line: Any) -> Delivery:
    return Delivery(scene.db, scene.settings, line)


def confirm(scene: Scene) -> None:
    with scene.db.write() as tx:
        outbox.queue_order_confirmation(tx, scene.order)


def make_due(scene: Scene) -> None:
    """The clock goes on until everything that waits is due."""
    with scene.db.write() as tx:
        tx.run(_OUTBOX.update().where(_OUTBOX.c.next_try_at.is_not(None)).values(next_try_at=THEN))


def test_a_mail_arrives_whole_and_is_sent_once(db: Database, server: MailServerFake) -> None:
    scene = Scene.on(db)
    confirm(scene)
    sending = delivery(scene, transport(server))
    assert (sending.send_due(), sending.send_due()) == (1, 0)
    (arrived,) = server.box.taken
    assert arrived["From"] == "Main <shop@northgate.example>" and arrived["To"] == "ann.lee@example.com"
    assert arrived["Subject"] == "Your order #1001 at Main" and arrived["In-Reply-To"] is None
    text, html = arrived.get_body(("plain",)), arrived.get_body(("html",))
    assert text is not None and html is not None and "Total: 30.50 USD" in text.get_content()
    mail = scene.mail()
    assert (mail.state, mail.tries, mail.worker, mail.message_id) == (
        MailState.SENT,
        1,
        "",
        arrived["Message-ID"],
    )
    assert mail.message_id.endswith("@northgate.example>") and mail.sent_at is not None


def test_a_store_sends_from_its_own_address(sqlite_db: Database, server: MailServerFake) -> None:
    scene = Scene.on(sqlite_db)
    with scene.db.write() as tx:
        from cstui.storage.queries import settings

        settings.put(tx, "mail.sender", scene.store, '"hello@main.example"', "Adam")
    confirm(scene)
    assert delivery(scene, transport(server)).send_due() == 1
    assert server.box.envelopes == [("hello@main.example", ("ann.lee@example.com",))]


def test_a_greylisted_mail_is_tried_again_later(sqlite_db: Database, server: MailServerFake) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    server.box.at_recipient.append("451 4.7.1 Greylisted, come back")
    sending = delivery(scene, transport(server))
    assert sending.send_due() == 0
    mail = scene.mail()
    assert (mail.state, mail.tries) == (MailState.QUEUED, 1) and "Greylisted" in mail.last_error
    with scene.db.read() as tx:
        assert timedelta(seconds=50) < mail.next_try_at - tx.now < timedelta(seconds=70)
    assert sending.send_due() == 0
    make_due(scene)
    assert sending.send_due() == 1 and scene.mail().last_error == ""


def test_an_unknown_mailbox_stops_the_mail_and_every_later_one(db: Database, server: MailServerFake) -> None:
    scene = Scene.on(db)
    confirm(scene)
    server.box.at_recipient.append("550 5.1.1 No such user here")
    delivery(scene, transport(server)).send_due()
    assert scene.mail().state is MailState.FAILED and "No such user" in scene.mail().last_error
    with db.write() as tx:
        (found,) = mails.suppressions_of(tx, "Ann.Lee@example.com")
        outbox.queue_welcome(tx, scene.order)
    assert found.reason is SuppressionReason.HARD_BOUNCE
    assert scene.outbox()[1].state is MailState.SUPPRESSED


@pytest.mark.parametrize("answer", ["550 5.7.1 Blocked by policy", "554 5.6.0 Content refused"])
def test_a_refusal_that_says_nothing_of_the_mailbox_suppresses_nobody(
    sqlite_db: Database, server: MailServerFake, answer: str
) -> None:  # fmt: skip
    scene = Scene.on(sqlite_db)
    confirm(scene)
    (server.box.at_recipient if answer.startswith("550") else server.box.at_text).append(answer)
    delivery(scene, transport(server)).send_due()
    assert scene.mail().state is MailState.FAILED
    with scene.db.read() as tx:
        assert mails.suppressions(tx) == ()


def test_one_refused_mail_does_not_stop_the_next(sqlite_db: Database, server: MailServerFake) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    with scene.db.write() as tx:
        outbox.queue_welcome(tx, scene.order)
    server.box.at_text.append("554 5.6.0 Content refused")
    assert delivery(scene, transport(server)).send_due() == 1
    assert [m.state for m in scene.outbox()] == [MailState.FAILED, MailState.SENT]


def test_a_connection_that_breaks_after_the_text_sends_again_under_the_same_id(
    sqlite_db: Database, server: MailServerFake
) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    server.box.broken = 1
    sending = delivery(scene, transport(server))
    assert sending.send_due() == 0 and scene.mail().state is MailState.QUEUED
    make_due(scene)
    assert sending.send_due() == 1
    first, second = server.box.taken
    assert first["Message-ID"] == second["Message-ID"] and first["Date"] == second["Date"]


def test_a_server_that_is_down_leaves_everything_queued(sqlite_db: Database) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    with scene.db.write() as tx:
        outbox.queue_welcome(tx, scene.order)
    with MailServerFake() as gone:
        line = transport(gone)
    assert delivery(scene, line).send_due() == 0
    first, second = scene.outbox()
    assert (first.state, first.tries) == (MailState.QUEUED, 1) and "cannot be reached" in first.last_error
    assert (second.state, second.tries) == (MailState.QUEUED, 0)


def test_without_a_sender_or_a_server_mails_wait_and_say_why(
    sqlite_db: Database, server: MailServerFake
) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    delivery(scene, transport(server, sender="")).send_due()
    assert "no address to send from" in scene.mail().last_error
    make_due(scene)
    delivery(scene, SmtpTransport(MailServer(sender="a@b.example"), Secrets({}))).send_due()
    assert (
        "No mail server is configured" in scene.mail().last_error and scene.mail().state is MailState.QUEUED
    )


class Recorder:
    """A line that remembers what it was given and lets somebody act in the middle of it."""

    sender = "shop@northgate.example"

    def __init__(self, meanwhile: Any = None) -> None:
        self.given: list[bytes] = []
        self.meanwhile = meanwhile

    def send(self, message: bytes, sender: str, to: str) -> Outcome:
        self.given.append(message)
        if self.meanwhile:
            self.meanwhile()
        return Outcome(Handover.SENT)

    def close(self) -> None:
        """Nothing to end."""


def test_two_workers_never_send_one_mail_twice(db: Database) -> None:
    scene = Scene.on(db)
    confirm(scene)
    other = Recorder()
    mine = Recorder(lambda: delivery(scene, other).send_due())
    assert delivery(scene, mine).send_due() == 1 and other.given == []


def test_a_dead_workers_mail_goes_out_after_its_lease_and_the_dead_one_changes_nothing(db: Database) -> None:
    scene = Scene.on(db)
    confirm(scene)
    other = Recorder()

    def frozen() -> None:
        make_due(scene)
        assert delivery(scene, other).send_due() == 1

    mine = Recorder(frozen)
    delivery(scene, mine).send_due()
    ids = [
        line
        for text in (mine.given[0], other.given[0])
        for line in text.splitlines()
        if line.startswith(b"Message-ID")
    ]
    assert ids[0] == ids[1]
    assert (scene.mail().state, scene.mail().tries) == (MailState.SENT, 2)


def test_tries_are_spread_over_three_days_and_then_given_up() -> None:
    now, waits = THEN, []
    for tries in range(1, 40):
        following = next_try(tries, THEN, now)
        if following is None:
            break
        waits.append(following - now)
        now = following
    assert waits[:4] == [timedelta(minutes=m) for m in (1, 5, 15, 60)]
    assert timedelta(days=3) <= now - THEN < timedelta(days=4)


def test_what_a_customer_is_called_forges_no_header(sqlite_db: Database, server: MailServerFake) -> None:
    scene = Scene.on(sqlite_db, number="#1\r\nBcc: all@example.com\x1b[2J")
    with scene.db.write() as tx:
        facts = {
            "store": "Main\r\nBcc: x@example.com",
            "greeting": "Hello,",
            "name": "x",
            "contact": {"new_address": ""},
        }
        outbox.queue(
            tx, NewMail(MailKind.EMAIL_CHANGED, "änn@bücher.example", Kind.CUSTOMER, scene.customer, facts)
        )
    confirm(scene)
    delivery(scene, transport(server)).send_due()
    assert len(server.box.taken) == 2
    for arrived in server.box.taken:
        assert arrived["Bcc"] is None and b"\x1b" not in arrived.as_bytes()
    assert server.box.envelopes[0] == ("shop@northgate.example", ("änn@xn--bcher-kva.example",))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


def test_starttls_trusts_only_a_certificate_that_it_knows(sqlite_db: Database, certificate: Path) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    with MailServerFake(certificate) as server:
        config = MailServer("127.0.0.1", server.port, sender="shop@northgate.example", timeout=5)
        assert delivery(scene, SmtpTransport(config, Secrets({}))).send_due() == 0
        assert "cannot be reached" in scene.mail().last_error and server.box.taken == []
        make_due(scene)
        trust = ssl.create_default_context(cafile=str(certificate))
        assert delivery(scene, SmtpTransport(config, Secrets({}), trust)).send_due() == 1


def test_without_starttls_nothing_is_sent_in_clear(sqlite_db: Database, server: MailServerFake) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    delivery(scene, transport(server, security="starttls")).send_due()
    assert "does not offer starttls" in scene.mail().last_error and server.box.taken == []


def test_a_wrong_password_waits_and_stands_in_no_text(
    sqlite_db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene.on(sqlite_db)
    confirm(scene)
    with MailServerFake(with_sign_in=True) as server:
        line = SmtpTransport(
            MailServer("127.0.0.1", server.port, "none", "desk", "mail", "shop@northgate.example", 5),
            Secrets({"CSTUI_SECRET_MAIL": "nine patient otters"}),
        )
        delivery(scene, line).send_due()
        assert "refused the sign-in" in scene.mail().last_error
        make_due(scene)
        assert delivery(scene, transport(server, user="desk", secret="mail")).send_due() == 1
    assert server.box.signed_in[-1] == "desk:seven quiet herons"
    assert "otters" not in caplog.text + scene.mail().last_error
