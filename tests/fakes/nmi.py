"""A faithful NMI on a loopback socket: transact.php with the Customer Vault, query.php with its index, settlement when a test says so.

`python -m tests.fakes.nmi --port 8099` runs it by itself; `POST /control` (`do=settle|fault|recover|ledger`) steers it then.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import threading
from datetime import UTC, datetime

from cstui.domain.clean import passes_luhn
from tests.fakes.gateway_server import Clock, GatewayServer, Request, Response
from tests.fakes.nmi_books import Act, Card, Refused, Transaction, approved, encoded, hundredths, written
from tests.fakes.nmi_reports import report
from tests.fakes.nmi_vault import keep, may_keep, remove

KEY = "6457Thfj624V5r7WUwc5v6a68Zsd6YEm"
#: The token that NMI's own pages give for testing.
TEST_TOKEN = "00000000-000000-000000-000000000000"
#: Everything that is not a report, as `fail_next(only=…)` names it.
MONEY = (
    "sale auth capture void refund credit validate add_customer add_billing delete_customer delete_billing"
)
_ON_CARD = ("sale", "auth", "credit", "validate")
_VAULT = ("add_customer", "add_billing", "delete_customer", "delete_billing")


class Clocked(Clock):
    """The real time, where nobody moves it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FakeNmi(GatewayServer):
    """One merchant account.

    `strict`: a refund needs a settled charge, as in production. `duplicate_seconds` is the window of the duplicate check; with
    `order_is_compared` (as most accounts) another order id makes another transaction. `index_lag` seconds pass until reports show a change.
    """

    def __init__(self, *, port: int = 0, clock: Clock | None = None, key: str = KEY) -> None:
        super().__init__(port=port, clock=clock)
        self.key = key
        self.strict = True
        self.is_test = True
        self.test_mode_shape = "test_mode_enabled"
        self.duplicate_seconds = 1200
        self.order_is_compared = True
        self.refuses_zero_window = False
        self.has_vault = True
        self.index_lag = 0.0
        self.keeps_refund_orders = True
        self.marks_refunds_on_charge = False
        self.vaults: dict[str, dict[str, Card]] = {}
        self.transactions: dict[str, Transaction] = {}
        self._asked: dict[str, tuple[str, ...]] = {}
        self._numbers = itertools.count(3_000_000_001)
        self._batches = itertools.count(101)

    @property
    def api(self) -> str:
        """What an account's URL holds."""
        return f"{self.url}/api/"

    # The books, for tests.

    def put_card(
        self, vault: str, billing: str = "1", number: str = "4111111111111111", declines: str = ""
    ) -> None:
        """A card that is in the vault already."""
        with self.lock:
            held = self.vaults.setdefault(vault, {})
            held[billing] = Card(number, "1229", "Ana Núñez", priority=len(held) + 1, declines=declines)

    def settle(self) -> None:
        """Everything that waits is settled, in one batch."""
        with self.lock:
            now, batch = self.clock.now(), str(next(self._batches))
            for one in self.transactions.values():
                if one.condition == "pendingsettlement":
                    one.become(
                        "complete", Act("settle", one.amount, now, True, batch=batch, source="internal")
                    )

    def successes(self, order: str, *kinds: str) -> int:
        """How often something succeeded under this order id."""
        with self.lock:
            return sum(
                1
                for one in self.transactions.values()
                if one.order == order
                and (not kinds or one.kind in kinds)
                and any(act.success for act in one.acts[:1])
            )

    def given_back(self, ref: str) -> int:
        """Hundredths that went back of a charge; a void counts whole."""
        with self.lock:
            one = self.transactions[ref]
            return one.amount if one.condition == "canceled" else self._refunded(ref)

    def ledger(self) -> dict[str, dict[str, int | str]]:
        """Every charge by its order id: what it took and what went back, in hundredths."""
        with self.lock:
            return {
                one.order: {
                    "ref": one.ref,
                    "taken": one.amount,
                    "given_back": self.given_back(one.ref),
                    "condition": one.condition,
                }
                for one in self.transactions.values()
                if one.kind in ("sale", "auth") and one.condition != "failed"
            }

    def _refunded(self, ref: str) -> int:
        return sum(
            one.amount
            for one in self.transactions.values()
            if one.kind == "refund" and one.parent == ref and one.condition not in ("failed", "canceled")
        )

    # HTTP.

    def operation_of(self, request: Request) -> str:
        if request.path.endswith("/query.php"):
            return "query"
        return request.form.get("customer_vault") or request.form.get("type") or "control"

    def dispatch(self, request: Request) -> Response:
        if request.path == "/control":
            return self._control(request)
        if request.method != "POST" or "security_key=" not in request.body:
            self.breaches.append(f"{request.method} {request.path}: not in the body of a POST")
        if request.path == "/api/query.php":
            return report(self, request)
        if request.path != "/api/transact.php":
            return Response("<html><body>Not Found</body></html>", 404)
        self._watch(request.form)
        return self._transact(request)

    def _control(self, request: Request) -> Response:
        form = request.form
        if form.get("do") == "settle":
            self.settle()
        elif form.get("do") == "fault":
            self.fail_next(
                form["fault"],
                int(form.get("times", "1")),
                form.get("only", ""),
                detail=form.get("detail", ""),
                seconds=float(form["seconds"]) if "seconds" in form else None,
            )
        elif form.get("do") == "recover":
            self.recover()
        facts = {"ledger": self.ledger(), "breaches": self.breaches}
        return Response(json.dumps(facts), content_type="application/json")

    def _watch(self, form: dict[str, str]) -> None:
        """What an honest caller never does."""
        kind = form.get("type", "")
        if form.get("cvv") and form.get("customer_vault_id") and not form.get("customer_vault"):
            self.breaches.append(f"{kind}: a security code with a stored card")
        if form.get("amount") and not re.fullmatch(r"\d{1,8}\.\d\d", form["amount"]):
            self.breaches.append(f"{kind}: an amount written {form['amount']}")
        order = form.get("orderid", "")
        if kind in (*_ON_CARD, "refund") and not order:
            self.breaches.append(f"{kind}: no order id to find it by")
        if order:
            same = ("type", "amount", "currency", "transactionid", "customer_vault_id", "billing_id")
            asked = tuple(form.get(name, "") for name in same)
            if self._asked.setdefault(order, asked) != asked:
                self.breaches.append(f"{kind}: order id {order} used for two attempts")

    def _transact(self, request: Request) -> Response:
        form, fault = request.form, request.fault
        try:
            if form.get("security_key") != self.key:
                raise Refused("Authentication Failed")
            if fault == "busy_301":
                raise Refused("Rate limit exceeded", "301")
            if fault == "code":
                response = "2" if request.detail.startswith("2") else "3"
                raise Refused(f"CODE {request.detail}", request.detail, response)
            if fault == "text":
                raise Refused(request.detail)
            facts = self._execute(form, partial=request.detail if fault == "partial" else "")
        except Refused as refused:
            facts = {
                "response": refused.response,
                "responsetext": self._refusal_text(refused),
                "transactionid": refused.transaction,
                "orderid": form.get("orderid", "") if refused.response == "2" else "",
                "response_code": refused.code,
            }
        if fault == "wrong_order":
            facts["orderid"] = "somebodyelses"
        if fault == "echo":  # any field, as `currency=EUR`
            name, _, value = request.detail.partition("=")
            facts[name] = value
        return Response(encoded({"type": form.get("type", ""), **facts}))

    def _refusal_text(self, refused: Refused) -> str:
        number = next(self._numbers)
        return f"{refused.text} REFID:{number}" if refused.response == "3" else refused.text

    def _execute(self, form: dict[str, str], partial: str) -> dict[str, str]:
        vault, kind = form.get("customer_vault", ""), form.get("type", "")
        if kind and kind not in (*_ON_CARD, "capture", "void", "refund"):
            raise Refused("Invalid Transaction Type")
        if vault and vault not in _VAULT:
            raise Refused("Invalid Customer Vault Action")
        if not kind and not vault:
            raise Refused("Missing Transaction Type")
        if vault and not self.has_vault:
            raise Refused("Your account is not set up to use the Customer Vault.")
        if vault.startswith("delete"):
            return remove(self.vaults, form, vault)
        if kind in ("capture", "void", "refund"):
            return getattr(self, f"_{kind}")(form)  # type: ignore[no-any-return]
        return self._on_card(form, kind, vault, partial)

    # On a card.

    def _on_card(self, form: dict[str, str], kind: str, vault: str, partial: str) -> dict[str, str]:
        amount = 0 if kind in ("validate", "") else hundredths(form.get("amount", ""))
        card = self._instrument(form, vault)
        if vault:
            may_keep(self.vaults, form, vault)
        if kind == "":
            return keep(self.vaults, form, vault, card, next(self._numbers))
        one = self._new(kind, form, amount, card)
        self._ask_issuer(one, form, card, amount)
        self._refuse_duplicate(form, one)
        if partial:
            one.amount = hundredths(partial)
        waits = {"sale": "pendingsettlement", "auth": "pending", "credit": "pendingsettlement"}
        self.transactions[one.ref] = one
        one.become(waits.get(kind, "complete"), Act(kind, one.amount, self.clock.now(), True))
        facts = {
            "response": "1",
            "responsetext": "SUCCESS",
            "authcode": "123456",
            "transactionid": one.ref,
            "avsresponse": one.avs,
            "cvvresponse": one.cvv,
            "orderid": one.order,
            "response_code": "100",
        }
        if partial:
            facts["amount_authorized"] = written(one.amount)
        if vault:
            facts["customer_vault_id"] = keep(self.vaults, form, vault, card, next(self._numbers))[
                "customer_vault_id"
            ]
        return facts

    def _instrument(self, form: dict[str, str], vault: str) -> Card:
        number = form.get("ccnumber", "")
        if form.get("payment_token"):
            if form["payment_token"] != TEST_TOKEN:
                raise Refused("Payment Token does not exist")
            return Card("4111111111111111", "1029")
        if number:
            if not (number.isdigit() and 12 <= len(number) <= 19 and passes_luhn(number)):
                raise Refused("Invalid Credit Card Number")
            if not re.fullmatch(r"(0[1-9]|1[0-2])\d\d", form.get("ccexp", "")):
                raise Refused("Invalid Expiration Date")
            return Card(number, form["ccexp"], f"{form.get('first_name', '')} {form.get('last_name', '')}")
        if vault or not form.get("customer_vault_id"):
            raise Refused("Required Field cc_number is Missing or Empty")
        held = self.vaults.get(form["customer_vault_id"])
        if not held:
            raise Refused("Invalid Customer Vault Id")
        billing = form.get("billing_id") or min(held, key=lambda name: held[name].priority)
        if billing not in held:
            raise Refused("Invalid Billing Id")
        return held[billing]

    def _new(self, kind: str, form: dict[str, str], amount: int, card: Card) -> Transaction:
        one = Transaction(
            ref=str(next(self._numbers)),
            kind=kind,
            order=form.get("orderid", ""),
            amount=amount,
            currency=form.get("currency", "USD"),
            condition="",
            number=card.number,
            expiry=card.expiry,
            holder=card.holder,
            vault=form.get("customer_vault_id", "") if not form.get("customer_vault") else "",
        )
        if form.get("cvv"):
            one.cvv = "M" if form["cvv"] in ("999", "9997") else "N"
        if form.get("zip") or form.get("address1"):
            street, town = form.get("address1") == "888", form.get("zip") == "77777"
            one.avs = "Y" if street and town else "A" if street else "Z" if town else "N"
        return one

    def _ask_issuer(self, one: Transaction, form: dict[str, str], card: Card, amount: int) -> None:
        code = "200" if amount < 100 and one.kind != "validate" else card.declines
        if not code:
            return
        self.transactions[one.ref] = one
        one.become("failed", Act(one.kind, amount, self.clock.now(), False, code, "DECLINE"))
        raise Refused("DECLINE", code, "2", one.ref)

    def _refuse_duplicate(self, form: dict[str, str], one: Transaction) -> None:
        seconds = int(form.get("dup_seconds") or self.duplicate_seconds)
        if form.get("dup_seconds") == "0" and self.refuses_zero_window:
            raise Refused("Disabling Duplicate Check is not allowed for this processor")
        for before in self.transactions.values():
            if (
                (before.kind, before.number, before.amount) == (one.kind, one.number, one.amount)
                and before.condition != "failed"
                and (before.order == one.order or not self.order_is_compared)
                and (self.clock.now() - before.acts[0].at).total_seconds() < seconds
            ):
                raise Refused("Duplicate transaction")

    # On a transaction.

    def _target(self, form: dict[str, str]) -> Transaction:
        one = self.transactions.get(form.get("transactionid", ""))
        if one is None:
            raise Refused("Invalid Transaction ID specified")
        return one

    def _capture(self, form: dict[str, str]) -> dict[str, str]:
        one, amount = self._target(form), hundredths(form.get("amount", ""))
        if one.kind != "auth" or one.condition != "pending":
            raise Refused("A capture requires that the existing transaction be an AUTH")
        if amount > one.amount:
            raise Refused("The specified amount exceeds the authorization amount")
        one.amount = amount
        one.become("pendingsettlement", Act("capture", amount, self.clock.now(), True))
        return approved("SUCCESS", one.ref, one.order)

    def _void(self, form: dict[str, str]) -> dict[str, str]:
        one = self._target(form)
        if one.condition not in ("pending", "pendingsettlement") or self._refunded(one.ref):
            raise Refused("Only transactions pending settlement can be voided", transaction=one.ref)
        one.become("canceled", Act("void", one.amount, self.clock.now(), True))
        return approved("Transaction Void Successful", one.ref, one.order)

    def _refund(self, form: dict[str, str]) -> dict[str, str]:
        one = self._target(form)
        left = one.amount - self._refunded(one.ref)
        # Nothing and no amount both mean everything that is left: as in production, a trap.
        amount = hundredths(form.get("amount", "0.00")) or left
        waits = () if self.strict else ("pendingsettlement",)
        if one.kind == "refund" or one.condition not in ("complete", *waits):
            raise Refused("The transaction is not in a state in which it can be refunded")
        if amount > left or not left:
            raise Refused("Refund amount may not exceed the transaction balance")
        now = self.clock.now()
        back = Transaction(
            ref=str(next(self._numbers)),
            kind="refund",
            order=form.get("orderid", "") if self.keeps_refund_orders else "",
            amount=amount,
            currency=one.currency,
            condition="",
            number=one.number,
            expiry=one.expiry,
            holder=one.holder,
            vault=one.vault,
            parent=one.ref,
        )
        self.transactions[back.ref] = back
        back.become("pendingsettlement", Act("refund", amount, now, True))
        if self.marks_refunds_on_charge:
            one.become(one.condition, Act("refund", amount, now, True))
        else:
            one.touched(now)
        return approved("SUCCESS", back.ref, form.get("orderid", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake NMI on the loopback interface.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--settle-every", type=float, default=0, metavar="SECONDS")
    chosen = parser.parse_args()
    with FakeNmi(port=chosen.port, clock=Clocked(), key=chosen.key) as server:
        print(server.api, flush=True)
        pause = threading.Event()
        while not pause.wait(chosen.settle_every or 3600):
            server.settle()


if __name__ == "__main__":
    main()
