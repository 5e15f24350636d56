"""Gateway accounts and the sandbox on the command line."""

from __future__ import annotations

from cstui.domain.permissions import Role
from cstui.services.gateways.registry import Gateways
from cstui.services.secrets import Secrets
from tests.cli.program import OTHER, Shop
from tests.gateways.sandbox_bench import SandboxBench

KEYS = {"gateway", "name", "store", "test", "main", "open", "cut_off", "zone", "url", "options", "secret"}


def test_an_account_is_added_changed_closed_opened_and_listed(shop: Shop) -> None:
    words = (
        "gateway",
        "add",
        "nmi",
        "us",
        "--store",
        "main",
        "--live",
        "--main",
        "--cut-off",
        "18:00",
        "--option",
        "credits=yes",
    )
    added = shop.ok(*words, "--secret", "env:NMI_US")
    assert set(added) == KEYS and (added["zone"], added["test"], added["main"]) == (
        "America/New_York",
        False,
        True,
    )
    changed = shop.ok(
        "gateway",
        "change",
        "nmi",
        "us",
        "--option",
        "credits=",
        "--option",
        "processor_id=b",
        "--zone",
        "UTC",
        "--not-main",
    )
    assert (changed["options"], changed["zone"], changed["main"], changed["cut_off"]) == (
        {"processor_id": "b"},
        "UTC",
        False,
        "18:00",
    )
    assert shop.ok("gateway", "close", "nmi", "us")["open"] is False
    assert shop.ok("gateway", "open", "nmi", "us")["open"] is True
    assert shop.ok("gateway", "list") == [changed]
    assert "nmi      us    main   live" in shop("gateway", "list").out
    shop.refused(5, *words)


def test_test_or_live_has_to_be_said_and_a_key_is_never_taken(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    assert "--live" in shop.refused(2, "gateway", "add", "stripe", "us")["advice"]
    assert shop.ok("gateway", "add", "sandbox", "practice")["test"] is True
    key = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    for words in (("--secret", key), ("--option", f"version={key}"), ("--option", key)):
        answer = shop("gateway", "add", "stripe", "us", "--live", *words)
        assert answer.code in (1, 2) and key not in answer.out + answer.err
    error = shop.refused(
        1, "gateway", "add", "stripes", "US", "--test", "--cut-off", "8pm", "--zone", "Berlin"
    )
    assert error["fields"] == ["gateway", "name", "cut-off", "zone"]
    shop.refused(3, "gateway", "add", "sandbox", "x", "--store", "nowhere")
    shop.refused(3, "gateway", "close", "nmi", "us")


def test_a_check_says_where_the_key_is_and_ends_with_1_where_something_is_wrong(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.ok("gateway", "add", "sandbox", "practice")
    (row,) = shop.ok("gateway", "check")
    assert (row["key_source"], row["says_test"], row["fault"]) == ("none needed", True, None)
    shop.ok("gateway", "add", "stripe", "us", "--test", "--secret", "env:PAY")
    answer = shop("gateway", "check", "stripe", "us", "--json")
    assert answer.code == 1 and [(one["key_source"], one["says_test"]) for one in answer.json] == [
        (None, None)
    ]
    shop.set("PAY", "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc")
    told = shop("gateway", "check", "stripe")
    assert "$PAY" in told.out and "4eC39" not in told.out + told.err
    shop.refused(3, "gateway", "check", "nmi")


def test_the_sandbox_is_made_to_fail_and_shows_its_books(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.ok("gateway", "add", "sandbox", "practice", "--option", "settle=0")
    assert shop.ok("sandbox", "fault", "practice", "decline", "--operation", "sale", "--times", "2") == {
        "account": "practice", "fault": "decline", "times": 2, "operation": "sale",
    }  # fmt: skip
    bench = SandboxBench(shop.database, "practice")
    gateway = Gateways(shop.database, Secrets({})).of("sandbox", "practice")
    states = [gateway.send(bench.sale(12_00)).state for _ in range(3)]
    assert states == ["declined_soft", "declined_soft", "succeeded"]
    books = shop.ok("sandbox", "books", "practice", "--limit", "2")
    assert [(line["kind"], line["state"], line["amount"]["minor"]) for line in books] == [
        ("sale", "captured", 1200),
        ("sale", "declined", 1200),
    ]
    assert "captured" in shop("sandbox", "books", "practice").out
    for words in (
        ("earthquake",),
        ("decline", "--times", "0"),
        ("decline", "--operation", "dance"),
        ("lag", "--seconds", "-1"),
    ):
        shop.refused(1, "sandbox", "fault", "practice", *words)
    shop.refused(3, "sandbox", "books", "none")


def test_agents_neither_see_accounts_nor_make_the_sandbox_fail(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.ok("gateway", "add", "sandbox", "practice")
    shop.add_person("ann", Role.AGENT)
    for words in (("gateway", "list"), ("gateway", "check"), ("gateway", "close", "sandbox", "practice"),
                  ("sandbox", "fault", "practice", "decline"), ("sandbox", "books", "practice")):  # fmt: skip
        assert shop.refused(4, *words, "--as", "ann", password=OTHER)["code"] == "not_permitted"
