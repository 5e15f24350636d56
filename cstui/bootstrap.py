"""The only module that knows every layer: builds the services of a desk, each part at its first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cstui.domain.ids import new_token
from cstui.storage.database import Database

if TYPE_CHECKING:
    from cstui.domain.card_intake import IntakePlace
    from cstui.domain.live import LiveEvent
    from cstui.domain.mails import MailServer
    from cstui.services.audit import Audit
    from cstui.services.billing import Billing
    from cstui.services.calls import Calls
    from cstui.services.cards import Cards
    from cstui.services.customers import Customers
    from cstui.services.demo import Demo
    from cstui.services.disputes import Disputes
    from cstui.services.drafts import Drafts
    from cstui.services.explain import Explain
    from cstui.services.gateway_accounts import GatewayAccounts
    from cstui.services.gateways.registry import Gateways
    from cstui.services.imports.shopify import Imports
    from cstui.services.locks import Locks
    from cstui.services.mail.delivery import Delivery
    from cstui.services.mail.mails import Mails
    from cstui.services.mail.wording import MailTemplates
    from cstui.services.notes import Notes
    from cstui.services.orders import Orders
    from cstui.services.presence import Presence
    from cstui.services.pulse import Pulse
    from cstui.services.reasons import Reasons
    from cstui.services.refund_decisions import RefundDecisions
    from cstui.services.refunds import Refunds
    from cstui.services.retention import Retention
    from cstui.services.schema import Schema
    from cstui.services.search import Search
    from cstui.services.secrets import Secrets
    from cstui.services.settings import Settings
    from cstui.services.shipments import Shipments
    from cstui.services.sign_in import SignIn
    from cstui.services.staff import Staff
    from cstui.services.stop_everything import Stopping
    from cstui.services.stores import Stores
    from cstui.services.subscriptions import Subscriptions
    from cstui.services.verification import Verifications
    from cstui.services.worker import Worker
    from cstui.storage.reader import Reader


class Desk:
    """The services of one desk on one database.

    Finding and a kept sign-in need only the driver; whatever loads SQLAlchemy is imported when it is first asked for, behind the
    first paint (`warm`).
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self.database = Database(url, durable=durable)
        #: Names this running desk: presence and verification hang on it.
        self.token = new_token()
        #: Where this desk hands typed cards to a worker; None where nowhere.
        self.card_intake: IntakePlace | None = None

    @cached_property
    def schema(self) -> Schema:
        """The database itself: making, upgrading, backing up."""
        from cstui.services.schema import Schema

        return Schema(self.database)

    @cached_property
    def settings(self) -> Settings:
        """What binds the business."""
        from cstui.services.settings import Settings

        return Settings(self.database)

    @cached_property
    def search_reader(self) -> Reader:
        """The connection of the search thread."""
        from cstui.storage.reader import Reader

        return Reader(self.database.url)

    @cached_property
    def search(self) -> Search:
        """Finding, with a connection of its own that newer keys may interrupt."""
        from cstui.services.search import Search

        return Search(self.search_reader, self.settings)

    @cached_property
    def sign_in(self) -> SignIn:
        """Signing in, keeping it, locking the desk."""
        from cstui.services.sign_in import SignIn

        return SignIn(self.database, self.settings)

    @cached_property
    def staff(self) -> Staff:
        """The people and their grants."""
        from cstui.services.staff import Staff

        return Staff(self.database)

    @cached_property
    def stores(self) -> Stores:
        """The stores."""
        from cstui.services.stores import Stores

        return Stores(self.database)

    @cached_property
    def reasons(self) -> Reasons:
        """The reason lists."""
        from cstui.services.reasons import Reasons

        return Reasons(self.database)

    @cached_property
    def verification(self) -> Verifications:
        """What callers were verified by."""
        from cstui.services.verification import Verifications

        return Verifications(self.database, self.settings)

    @cached_property
    def customers(self) -> Customers:
        """Profiles."""
        from cstui.services.customers import Customers

        return Customers(self.database, self.settings, self.verification)

    @cached_property
    def notes(self) -> Notes:
        """Notes."""
        from cstui.services.notes import Notes

        return Notes(self.database)

    @cached_property
    def calls(self) -> Calls:
        """Calls."""
        from cstui.services.calls import Calls

        return Calls(self.database)

    @cached_property
    def orders(self) -> Orders:
        """Orders."""
        from cstui.services.orders import Orders

        return Orders(self.database, self.settings, self.verification)

    @cached_property
    def secrets(self) -> Secrets:
        """Keys and passwords of this machine."""
        from cstui.services.secrets import Secrets

        return Secrets()

    @cached_property
    def gateways(self) -> Gateways:
        """The gateways' adapters; a key is read when one is first needed."""
        from cstui.services.gateways.registry import Gateways

        return Gateways(self.database, self.secrets)

    @cached_property
    def gateway_accounts(self) -> GatewayAccounts:
        """The accounts at gateways: adding, changing, looking at them."""
        from cstui.services.gateway_accounts import GatewayAccounts

        return GatewayAccounts(self.database)

    @cached_property
    def refunds(self) -> Refunds:
        """Refunding and voiding."""
        from cstui.services.refunds import Refunds

        return Refunds(self.database, self.settings, self.verification)

    @cached_property
    def decisions(self) -> RefundDecisions:
        """What supervisors and the queue decide about refunds and attempts."""
        from cstui.services.refund_decisions import RefundDecisions

        return RefundDecisions(self.database, self.settings)

    @cached_property
    def cards(self) -> Cards:
        """Cards on file: adding, using, removing."""
        from cstui.services.card_intake import CardIntakeClient
        from cstui.services.cards import Cards

        intake = CardIntakeClient(self.card_intake) if self.card_intake is not None else None
        return Cards(self.database, self.settings, self.gateways, self.verification, intake)

    @cached_property
    def disputes(self) -> Disputes:
        """Disputes of customers' banks."""
        from cstui.services.disputes import Disputes

        return Disputes(self.database)

    def make_worker(
        self,
        *,
        name: str,
        is_inside: bool,
        senders: int = 4,
        mail: MailServer | None = None,
        intake: IntakePlace | None = None,
    ) -> Worker:
        """A worker with a database connection of its own, not started yet. Without a mail server mails wait; `intake`: where it takes
        typed cards.
        """
        from cstui.services.billing import Billing
        from cstui.services.card_intake import CardIntake
        from cstui.services.card_links import CardLinks
        from cstui.services.disputes import DisputePolling
        from cstui.services.gateways.registry import Gateways
        from cstui.services.settings import Settings
        from cstui.services.worker import Worker

        # A connection for each sender, and for billing, the keeper, the sign of life and the door for typed cards.
        database = Database(self.database.url, connections=senders + 4)
        settings = Settings(database)
        post = self.mail_delivery(mail, database, settings) if mail is not None and mail.host else None
        gateways = Gateways(database, self.secrets)

        def door(token: str) -> CardIntake:
            assert intake is not None
            return CardIntake(intake, database, settings, gateways, token)

        return Worker(
            database, settings, gateways, post, CardLinks(database, gateways), Billing(database, settings),
            DisputePolling(database, gateways), name=name, is_inside=is_inside, senders=senders,
            intake=door if intake is not None else None,
        )  # fmt: skip

    @cached_property
    def shipments(self) -> Shipments:
        """Shipping again, and cancelling what has not left."""
        from cstui.services.shipments import Shipments

        return Shipments(self.database, self.settings)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """Subscriptions."""
        from cstui.services.mail.subscription_mails import SubscriptionMails
        from cstui.services.subscriptions import Subscriptions

        return Subscriptions(
            self.database, self.settings, self.verification, self.refunds, self.billing, SubscriptionMails(), self.retention
        )  # fmt: skip

    @cached_property
    def billing(self) -> Billing:
        """Charging subscriptions: what is due, by hand, and what was missed."""
        from cstui.services.billing import Billing

        return Billing(self.database, self.settings, self.verification)

    @cached_property
    def retention(self) -> Retention:
        """What is offered to somebody who wants to cancel."""
        from cstui.services.retention import Retention

        return Retention(self.database, lambda actor, key: self.subscriptions.open(actor, key))

    @cached_property
    def explain(self) -> Explain:
        """What a charge was for, and why it was made."""
        from cstui.services.explain import Explain

        return Explain(self.database)

    @cached_property
    def stopping(self) -> Stopping:
        """Stopping everything of a customer."""
        from cstui.services.stop_everything import Stopping

        return Stopping(self.database, self.settings, self.refunds, self.verification, self.retention)

    @cached_property
    def locks(self) -> Locks:
        """Edit locks."""
        from cstui.services.locks import Locks

        return Locks(self.database, self.settings)

    @cached_property
    def drafts(self) -> Drafts:
        """Typed but unsaved text."""
        from cstui.services.drafts import Drafts

        return Drafts(self.database)

    @cached_property
    def presence(self) -> Presence:
        """Who looks at what."""
        from cstui.services.presence import Presence

        return Presence(self.database)

    @cached_property
    def mails(self) -> Mails:
        """What was mailed, and mailing it again."""
        from cstui.services.mail.mails import Mails

        return Mails(self.database, self.settings, self.verification)

    @cached_property
    def mail_templates(self) -> MailTemplates:
        """The words of mails."""
        from cstui.services.mail.wording import MailTemplates

        return MailTemplates(self.database)

    def mail_delivery(
        self, server: MailServer, database: Database | None = None, settings: Settings | None = None
    ) -> Delivery:
        """Hands mails over to that server, or into the folder that its host names."""
        from cstui.services.mail.delivery import Delivery
        from cstui.services.mail.folder import SCHEME, FolderTransport
        from cstui.services.mail.smtp import SmtpTransport, Transport

        transport: Transport = SmtpTransport(server, self.secrets)
        if server.host.startswith(SCHEME):
            transport = FolderTransport(Path(server.host.removeprefix(SCHEME)), server.sender)
        return Delivery(database or self.database, settings or self.settings, transport)

    @cached_property
    def audit(self) -> Audit:
        """What happened, and the proof that nobody changed it since."""
        from cstui.services.audit import Audit

        return Audit(self.database)

    @cached_property
    def imports(self) -> Imports:
        """Data that comes in."""
        from cstui.services.imports.shopify import Imports

        return Imports(self.database)

    @cached_property
    def demo(self) -> Demo:
        """The demo's data."""
        from cstui.services.demo import Demo

        return Demo(self.database)

    @cached_property
    def pulse(self) -> Pulse:
        """The desk's heartbeat and its ear to what others do."""
        from cstui.services.pulse import Pulse

        return Pulse(self.database.url, self.token, self.settings.lock_rules())

    def start_pulse(self, callback: Callable[[LiveEvent], None]) -> None:
        """Starts listening; the callback runs in the pulse's own thread."""
        self.pulse.start(callback)

    def warm(self) -> None:
        """Loads what the first customer and order will need; called behind the first paint."""
        for part in ("customers", "orders", "locks", "notes", "drafts", "presence", "refunds"):
            getattr(self, part)

    def close(self) -> None:
        """Frees what this desk holds and closes every connection."""
        if "pulse" in self.__dict__:
            self.pulse.stop()
        if "search_reader" in self.__dict__:
            self.search_reader.close()
        self.database.close()
