"""refund, void, attempts, refunds and worker: what scripts read, and how each outcome ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pexpect
import pytest

from cstui.bootstrap import Desk
from cstui.domain.actor import Actor, Grant
from cstui.domain.ids import Kind, public_id
from cstui.domain.permissions import Role
from cstui.domain.sandbox import Fault
from tests import factories as make
from tests.cli.program import OTHER, ROOT, Shop
from tests.money import ATTEMPT, REFUND, MoneyBench

REFUND_KEYS = {"state", "refund_ids", "attempts", "amount", "order_id", "number", "sends_at"}
ATTEMPT_KEYS = {"id", "order_id", "kind", "amount", "gateway", "state", "created_at", "tries", "text"}
ASK = ("--reason", "damaged", "--yes", "--undo", "0")


class Till(MoneyBench):
    """Orders of the shop that were charged through its sandbox account."""


def till_in(shop: Shop) -> Till:
    shop.ok("gateway", "add", "sandbox", "main", "--store", "main", "--main", "--zone", "America/New_York")
    nobody = Actor(0, "Test", "term", 0, (Grant(Role.ADMIN),))
    return Till(
        shop.database, Desk(shop.database.url.text), shop.store, shop.customer, nobody, nobody, nobody
    )


@pytest.fixture
def till(shop: Shop) -> Iterator[Till]:
    found = till_in(shop)
    yield found
    found.desk.close()


@pytest.fixture
def lite(sqlite_shop: Shop) -> Iterator[Till]:
    found = till_in(sqlite_shop)
    yield found
    found.desk.close()


@pytest.fixture
def worker(till: Till) -> Iterator[None]:
    """A worker beside the commands, as PostgreSQL needs one."""
    running = till.worker()
    running.start()
    yield
    running.stop()


def test_a_refund_is_recorded_sent_and_told(shop: Shop, till: Till, worker: None) -> None:
    order = till.order("#2001")
    done = shop.ok("refund", "2001", *ASK)
    assert set(done) == REFUND_KEYS
    assert (done["state"], done["amount"], done["order_id"], done["number"]) == (
        "done_refund", {"minor": 3050, "currency": "USD"}, public_id(Kind.ORDER, order), "#2001",
    )  # fmt: skip
    assert [key.partition("_")[0] for key in done["refund_ids"]] == ["ref"]
    (attempt,) = done["attempts"]
    assert set(attempt) >= ATTEMPT_KEYS and attempt["id"].startswith("att_")
    assert (attempt["operation"], attempt["state"], attempt["tries"]) == ("refund", "succeeded", 1)
    assert till.back_at_gateway() == till.back_here() == 3050
    said = shop.refused(1, "refund", public_id(Kind.ORDER, order), *ASK)
    assert said["code"] == "not_possible_now" and "30.50 USD has gone back" in said["message"]


def test_a_void_is_of_one_transaction_and_never_turns_into_a_refund(
    shop: Shop, till: Till, worker: None
) -> None:
    fresh = till.charge(make.add_order(till.db, till.store, till.customer, "#2001"), 3050, settled=False)
    done = shop.ok("void", public_id(Kind.TRANSACTION, fresh), "--yes", "--undo", "0")
    assert set(done) == REFUND_KEYS and (done["state"], done["refund_ids"]) == ("succeeded", [])
    assert done["attempts"][0]["operation"] == "void"
    settled = till.charge(make.add_order(till.db, till.store, till.customer, "#2002"), 3050)
    said = shop.refused(1, "void", public_id(Kind.TRANSACTION, settled), "--yes")
    assert "settled" in said["message"] and till.back_at_gateway() == 3050
    shop.refused(2, "void", "ord_1", "--yes")
    shop.refused(3, "void", "txn_zz", "--yes")


def test_lines_percents_and_free_amounts_come_to_the_cent(sqlite_shop: Shop, lite: Till) -> None:
    shop, order = sqlite_shop, lite.order("#2001")
    line = public_id(Kind.LINE, lite.desk.orders.open(lite.ann, order).lines[0].id)
    assert shop.ok("refund", "2001", "--line", f"{line}:1", *ASK)["amount"]["minor"] == 1000
    assert shop.ok("refund", "2001", "--percent", "10", *ASK)["amount"]["minor"] == 205
    assert shop.ok("refund", "2001", "--amount", "1.45", *ASK)["amount"]["minor"] == 145
    assert shop.ok("refund", "2001", "--full", *ASK)["amount"]["minor"] == 1700
    assert lite.back_at_gateway() == lite.back_here() == 3050


def test_what_is_no_clear_order_moves_nothing(sqlite_shop: Shop, lite: Till) -> None:
    shop = sqlite_shop
    lite.order("#2001")
    for words in (
        ("--full", "--percent", "5"), ("--line", "line_1"), ("--line", "ord_1:1"), ("--amount", " "), ("--manual",),
        ("--manual", "--external"), ("--payee", "Ann"), ("--card", "txn_1"), ("--undo", "61"),
    ):  # fmt: skip
        shop.refused(2, "refund", "2001", "--reason", "damaged", "--yes", *words)
    assert shop.refused(2, "refund", "2001", "--reason", "damaged")["advice"] == "Add --yes."
    for words in (("--amount", "31"), ("--percent", "0"), ("--amount", "x"), ("--line", "line_zz:1")):
        shop.refused(1, "refund", "2001", "--reason", "damaged", "--yes", *words)
    shop.refused(1, "refund", "2001", "--reason", "because", "--yes")
    assert lite.rows(REFUND) == [] and shop.ok("locks", "list") == []


def test_a_refusal_for_good_ends_with_1_and_one_that_may_pass_is_queued(
    sqlite_shop: Shop, lite: Till
) -> None:
    shop = sqlite_shop
    lite.order("#2001")
    lite.order("#2002")
    lite.fault(Fault.LOST, "refund")
    answer = shop("refund", "2001", *ASK, "--json")
    assert (
        answer.code == 1
        and answer.error["code"] == "gateway_refused"
        and answer.error["state"] == "needs_decision"
    )
    assert answer.error["attempts"][0]["state"] == "declined_hard"
    lite.fault(Fault.BUSY, "refund")
    queued = shop.ok("refund", "2002", *ASK)
    assert queued["state"] == "failed_retrying"
    waiting = shop.ok("refunds", "list")
    assert [row["state"] for row in waiting] == ["needs_decision", "failed_retrying"]
    assert shop.ok("refunds", "retry", queued["refund_ids"][0])["state"] == "armed"
    made = shop.ok(
        "refunds", "manual", answer.error["refund_ids"][0], "--payee", "Ann Lee", "--address", "Albany"
    )
    assert (made["state"], made["payee"]) == ("manual", "Ann Lee")
    assert shop.ok("worker", "--once")["sent"] == 1
    assert shop.ok("refunds", "list") == [] and lite.back_at_gateway() == 3050


def test_an_outcome_that_nobody_knows_ends_with_7_and_a_supervisor_may_settle_it(
    sqlite_shop: Shop, lite: Till
) -> None:
    shop = sqlite_shop
    lite.order("#2001")
    lite.fault(Fault.TIMEOUT_AFTER, "refund")
    answer = shop("refund", "2001", *ASK, "--wait", "1", "--json")
    assert (
        answer.code == 7 and answer.error["code"] == "gateway_unknown" and answer.error["state"] == "unknown"
    )
    (row,) = shop.ok("attempts", "--state", "unknown")
    assert set(row) >= ATTEMPT_KEYS and row["id"] == answer.error["attempts"][0]["id"]
    assert shop.refused(5, "refund", "2001", *ASK)["code"] == "attempt_in_flight"
    shop.refused(2, "refunds", "settle", row["id"], "--outcome", "maybe", "--evidence", "seen")
    settled = shop.ok("refunds", "settle", row["id"], "--outcome", "succeeded", "--evidence", "Its pages list it",
                      "--reference", "r-1")  # fmt: skip
    assert (settled["state"], settled["settled_by"]) == ("succeeded", "adam")
    assert shop.ok("show", "order", "2001")["payment_status"] == "refunded"


def test_without_a_worker_postgresql_says_so_and_sqlite_sends_itself(shop: Shop, till: Till) -> None:
    till.order("#2001")
    if shop.database.is_sqlite:
        assert shop.ok("refund", "2001", *ASK)["state"] == "done_refund"
        return
    answer = shop("refund", "2001", *ASK, "--wait", "1", "--json")
    assert answer.code == 6 and answer.error["code"] == "no_worker" and answer.error["state"] == "armed"
    attempt = answer.error["attempts"][0]["id"]
    assert shop.ok("refunds", "withdraw", attempt) == {"withdrawn": [attempt]}
    assert till.back_at_gateway() == 0


def test_above_the_limit_it_waits_for_a_supervisor(sqlite_shop: Shop, lite: Till) -> None:
    shop = sqlite_shop
    lite.order("#2001")
    lite.order("#2002")
    shop.ok("settings", "set", "refund.approval_limit", "20")
    shop.add_person("ann", Role.AGENT)
    asked = [shop.ok("refund", number, *ASK, "--as", "ann", password=OTHER) for number in ("2001", "2002")]
    assert {one["state"] for one in asked} == {"needs_approval"}
    first, second = (one["refund_ids"][0] for one in asked)
    assert (
        shop.refused(4, "refunds", "approve", first, "--as", "ann", password=OTHER)["code"] == "not_permitted"
    )
    assert shop.ok("refunds", "approve", first, "--amount", "5")["amount"]["minor"] == 500
    assert shop.ok("refunds", "deny", second, "--reason", "No receipt")["state"] == "denied"
    assert shop.refused(4, "refund", "2002", "--amount", "1", "--reason", "damaged", "--yes", "--as", "ann", password=OTHER)[
        "code"
    ] == "not_permitted"  # fmt: skip


def test_a_cheque_and_what_went_back_elsewhere_are_only_recorded(sqlite_shop: Shop, lite: Till) -> None:
    shop = sqlite_shop
    lite.order("#2001")
    cheque = ("--percent", "50", "--manual", "--payee", "Ann Lee", "--address", "12 Elm Street")
    assert shop.ok("refund", "2001", *cheque, *ASK)["state"] == "manual"
    assert shop.ok("refund", "2001", "--external", *ASK)["state"] == "external"
    assert lite.rows(ATTEMPT) == [] and shop.ok("show", "order", "2001")["totals"]["remaining"]["minor"] == 0


def test_at_a_terminal_it_shows_the_plan_and_asks(sqlite_shop: Shop, lite: Till) -> None:
    lite.order("#2001")
    for answer, code in (("30.00", 1), ("30.50", 0)):
        running = pexpect.spawn(
            sys.executable, ["-m", "cstui", "refund", "2001", "--reason", "damaged", "--undo", "0"], encoding="utf-8", timeout=60,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **sqlite_shop.environ}, cwd=str(sqlite_shop.folder), echo=False,
        )  # fmt: skip
        running.expect("y or 30.50 does it")
        assert "$30.50 refund, Visa …4242" in (running.before or "")
        running.sendline(answer)
        running.expect(pexpect.EOF)
        running.wait()
        assert running.exitstatus == code
    assert lite.back_at_gateway() == 3050


def test_a_worker_needs_no_sign_in_sends_and_ends_in_order(shop: Shop, till: Till) -> None:
    till.order("#2001")
    assert shop("refund", "2001", *ASK, "--wait", "0").code == 6
    shop.ok("logout")
    running = subprocess.Popen(
        [sys.executable, "-m", "cstui", "worker", "--senders", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **shop.environ}, cwd=shop.folder,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not till.back_here() and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=20) == ("", "") and running.returncode == 0
    assert till.back_at_gateway() == till.back_here() == 3050
    with till.db.read() as tx:
        from cstui.storage.queries import workers

        assert workers.alive(tx) == []
    assert shop("worker", "--once").out == "Nothing was due.\n"
