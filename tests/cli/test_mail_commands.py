"""Mails on the command line: what scripts read, what is refused, and a test that reaches a real server."""

from __future__ import annotations

from pathlib import Path

from cstui.domain.ids import Kind, public_id
from cstui.domain.permissions import Role
from tests.cli.program import OTHER, Shop
from tests.fakes.mail import MailServerFake

ROW = {
    "id", "kind", "state", "to", "subject", "order_id", "order", "created_at", "sent_at", "next_try_at", "tries", "error",
    "requested_by", "resend_of",
}  # fmt: skip


def test_a_mail_is_offered_previewed_sent_again_and_listed(shop: Shop) -> None:
    options = shop.ok("mail", "options", "1001")
    assert set(options[0]) == {"kind", "about", "label", "to", "known", "at", "sent_at", "why_not"}
    assert (options[0]["kind"], options[0]["about"]) == (
        "order_confirmation",
        public_id(Kind.ORDER, shop.order),
    )
    shown = shop.ok("mail", "preview", "order-confirmation", "#1001")
    assert set(shown) == {"kind", "to", "subject", "text", "html", "warning"} and "30.50 USD" in shown["text"]
    row = shop.ok(
        "mail", "resend", "--order", "1001", "--kind", "order_confirmation", "--to", "ann@home.example"
    )
    assert set(row) == ROW and (row["to"], row["state"], row["requested_by"]) == (
        "ann@home.example",
        "queued",
        "adam",
    )
    assert shop.ok("mail", "list", "--order", "1001") == shop.ok("mail", "list", "--state", "queued") == [row]
    assert shop.ok("mail", "list", "--state", "sent") == []
    assert shop.ok("mail", "preview", row["id"])["text"] == shown["text"]
    assert "Your order #1001" in shop("mail", "preview", row["id"]).out
    assert (
        row["id"] in shop("mail", "list").out and "Order confirmation" in shop("mail", "options", "1001").out
    )


def test_what_cannot_be_sent_is_refused_in_words(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    error = shop.refused(1, "mail", "resend", "--order", "1001", "--kind", "shipment")
    assert error["message"] == "This shipment has not left yet."
    assert shop.refused(3, "mail", "preview", "refund", "1001")["code"] == "not_found"
    assert shop.refused(2, "mail", "preview", "poem", "1001")["code"] == "usage"
    assert shop.refused(2, "mail", "resend", "--order", "1001")["code"] == "usage"
    assert shop.refused(2, "mail", "resend", "ord_1")["code"] == "usage"
    assert shop.refused(3, "mail", "preview", "mail_zzz")["code"] == "not_found"


def test_addresses_are_suppressed_and_lifted_by_who_may(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.add_person("ann", Role.AGENT)
    (entry,) = shop.ok("mail", "suppress", "Ann.Lee@example.com", "--reason", "complaint")
    assert (entry["address"], entry["scope"], entry["reason"]) == ("ann.lee@example.com", "all", "complaint")
    assert shop.ok("mail", "suppressions") == [entry] and "complaint" in shop("mail", "suppressions").out
    kind = ("mail", "resend", "--order", "1001", "--kind", "welcome")
    assert "gets no mail" in shop.refused(1, *kind)["message"]
    assert shop.refused(4, *kind, "--override", "--as", "ann", password=OTHER)["code"] == "not_permitted"
    assert shop.ok(*kind, "--override")["state"] == "queued"
    assert shop.ok("mail", "unsuppress", "ann.lee@example.com") == {
        "address": "ann.lee@example.com",
        "lifted": 1,
    }


def test_own_words_are_tried_stored_and_taken_away(sqlite_shop: Shop, tmp_path: Path) -> None:
    shop, text, html = sqlite_shop, tmp_path / "welcome.txt", tmp_path / "welcome.html"
    text.write_text("Subject: Hi {{ name }}\n\nYour order is {{ order.number }}.\n")
    html.write_text("<p>{{ name }}</p>\n")
    shown = shop.ok(
        "mail", "template", "set", "welcome", "--text", str(text), "--html", str(html), "--store", "main"
    )
    assert (shown["subject"], shown["text"]) == ("Hi Ann Lee", "Your order is #1001.\n")
    assert shop.ok("mail", "template", "get", "welcome", "--store", "main")["origin"] == "store"
    assert shop("mail", "template", "get", "welcome", "--store", "main").out == text.read_text()
    assert shop.ok("mail", "template", "set", "welcome", "--reset", "--store", "main")["origin"] == "built-in"
    text.write_text("Subject: Hi\n\n{{ nobody }}\n")
    assert "nobody" in shop.refused(1, "mail", "template", "set", "welcome", "--text", str(text))["message"]
    text.write_text("Hi")
    assert shop.refused(2, "mail", "template", "set", "welcome", "--text", str(text))["code"] == "usage"
    assert shop.refused(2, "mail", "template", "set", "welcome")["code"] == "usage"


def test_a_test_mail_reaches_the_configured_server_or_says_why_not(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    assert "no address to send from" in shop.refused(6, "mail", "test", "me@example.com")["message"]
    with MailServerFake() as server:
        config = Path(shop.environ["XDG_CONFIG_HOME"]) / "cstui" / "config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(
            f'[mail]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\nsender = "shop@example.com"\ntimeout = 5\n'
        )
        assert shop.ok("mail", "test", "me@example.com") == {
            "to": "me@example.com",
            "sender": "shop@example.com",
        }
        assert server.box.taken[0]["Subject"] == "Test of cstui"
    assert "cannot be reached" in shop.refused(6, "mail", "test", "me@example.com")["message"]
