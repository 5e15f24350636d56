"""A Stripe on a real socket: payment intents, refunds, cards and links with the states of the real ones, and keys that are done once.

What it promises a caller is what Stripe promises: the first answer under a key comes again for a day (even a 500), another body under it
is refused, a second call while the first still runs is a conflict; lists are never behind, the search index is.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from itertools import count

from tests.fakes.gateway_server import Clock, GatewayServer, Request, Response
from tests.fakes.stripe_books import FOLDERS, StripeBooks
from tests.fakes.stripe_objects import Object, Refused

KEY = "sk_test_fakekeyforthetests"
_DAY = timedelta(hours=24)
#: Calls after which money has moved, or a card is kept or gone; every other write only prepares.
_MOVES = re.compile(r"/v1/(refunds|setup_intents|[a-z_]+/[^/]+/(confirm|capture|cancel|detach))")


class StripeServer(GatewayServer):
    """A Stripe account. `fail_next(only=…)` knows `read`, `prepare` and `move`.

    Faults of its own: `api_error` (a 500 that is kept under the key; detail `before`: nothing was executed), `lock_timeout`, `rate_limit`,
    `in_use`. `page` is the most that a list gives at once.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        raw_cards: bool = False,
        moto: bool = False,
        search_lag: float = 60,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(port=port, clock=clock)
        self.key = key
        self.search_lag = timedelta(seconds=search_lag)
        self.page = 100
        self.books = StripeBooks(
            self.clock, self.lock, is_live="_live_" in key, raw_cards=raw_cards, moto=moto
        )
        self.books.breaches = self.breaches
        self.executing: dict[str, Request] = {}
        self._kept: dict[str, tuple[str, Response, datetime]] = {}
        self._numbers = count(1)

    # Calls.

    def operation_of(self, request: Request) -> str:
        if request.method == "GET":
            return "read"
        return "move" if _MOVES.fullmatch(request.path) else "prepare"

    def busy(self) -> Response:
        return self._answer(
            429, {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many."}}
        )

    def dispatch(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self._answer(
                401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided."}}
            )
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.\w+)?", request.headers.get("stripe-version", "")):
            self.breaches.append(f"{request.path} without a version")
        try:
            if request.method == "GET":
                return self._answer(200, self._read(request))
            return self._write(request)
        except Refused as no:
            return self._answer(no.status, no.body)

    def _effect_later(self, request: Request, seconds: float | None) -> None:
        with self.lock:
            self.executing[request.headers.get("idempotency-key", "")] = request
        super()._effect_later(request, seconds)

    def _answer(self, status: int, body: Object, **headers: str) -> Response:
        said = {
            "Request-Id": f"req_{next(self._numbers)}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        shown = {name: value for name, value in body.items() if not name.startswith("_")}
        return Response(json.dumps(shown), status, "application/json", said)

    def _write(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not key or len(key) > 255:
            self.breaches.append(f"{request.path} without a key")
        if request.fault in ("lock_timeout", "rate_limit"):
            error = {"type": "invalid_request_error", "code": request.fault, "message": "Busy."}
            retry = "true" if request.fault == "lock_timeout" else "false"
            return self._answer(429, {"error": error}, Stripe_Should_Retry=retry)
        running = self.executing.get(key)
        if request.fault == "in_use" or (running is not None and running is not request):
            error = {
                "type": "invalid_request_error",
                "code": "idempotency_key_in_use",
                "message": "Still running.",
            }
            return self._answer(409, {"error": error})
        self.executing.pop(key, None)
        meant = f"{request.path} {sorted(request.pairs)}"
        known = self._kept.get(key)
        if known is not None and self.clock.now() - known[2] < _DAY:
            if known[0] != meant:
                text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
                return self._answer(400, {"error": {"type": "idempotency_error", "message": text}})
            return Response(
                known[1].body,
                known[1].status,
                known[1].content_type,
                {**known[1].headers, "Idempotent-Replayed": "true"},
            )
        answer = self._executed(request)
        self._kept[key] = (meant, answer, self.clock.now())
        return answer

    def _executed(self, request: Request) -> Response:
        try:
            if request.fault == "api_error" and request.detail == "before":
                raise Refused(500, "")
            body = self.books.change(request.path.removeprefix("/v1/"), request.form)
            answer = self._answer(200, self._expanded(body, request))
        except Refused as no:
            if no.is_early:
                raise
            answer = self._answer(no.status, no.body)
        if request.fault == "api_error":
            error = {"type": "api_error", "message": "Something went wrong on Stripe's end."}
            return self._answer(500, {"error": error}, Stripe_Should_Retry="false")
        return answer

    # Reading.

    def _read(self, request: Request) -> Object:
        path = request.path.removeprefix("/v1/")
        if path == "balance":
            return {"object": "balance", "livemode": self.books.is_live, "available": [], "pending": []}
        if path == "payment_intents/search":
            return self._search(request.form.get("query", ""))
        if path in FOLDERS:
            return self._list(path, request)
        folder, _, ref = path.rpartition("/")
        found = self.books.get(folder, ref)
        if (
            folder == "checkout/sessions"
            and found["status"] == "open"
            and found["expires_at"] <= self.books.seconds()
        ):
            found["status"] = "expired"
        return self._expanded(found, request)

    def _list(self, folder: str, request: Request) -> Object:
        form = request.form
        if folder == "refunds" and "payment_intent" in form:
            self.books.get("payment_intents", form["payment_intent"], "payment_intent")
        if "customer" in form:
            self.books.get("customers", form["customer"], "customer")
        fields = ("customer", "payment_intent", "charge", "email", "type")
        since, until = int(form.get("created[gte]", "0")), int(form.get("created[lte]", "99999999999"))
        rows = [
            row
            for row in reversed(self.books.stores[folder].values())
            if since <= row["created"] <= until
            and all(row.get(name) == form[name] for name in fields if name in form)
        ]
        after = form.get("starting_after")
        if after:
            rows = rows[[row["id"] for row in rows].index(after) + 1 :]
        most = min(int(form.get("limit", "10")), self.page)
        return {"object": "list", "data": rows[:most], "has_more": len(rows) > most, "url": f"/v1/{folder}"}

    def _search(self, query: str) -> Object:
        asked = re.fullmatch(r"metadata\['(\w+)'\]:'([^']*)'", query)
        if asked is None:
            raise Refused(400, "We were unable to parse your search query.", early=True)
        seen_until = (self.clock.now() - self.search_lag).timestamp()
        rows = [
            row
            for row in self.books.stores["payment_intents"].values()
            if row["metadata"].get(asked[1]) == asked[2] and row["created"] <= seen_until
        ]
        return {"object": "search_result", "data": rows, "has_more": False}

    def _expanded(self, found: Object, request: Request) -> Object:
        whole = dict(found)
        for name, value in request.pairs:
            if name.startswith("expand["):
                self._expand(whole, value.split("."))
        return whole

    def _expand(self, holder: Object, steps: list[str]) -> None:
        folder = {
            "latest_charge": "charges",
            "payment_method": "payment_methods",
            "setup_intent": "setup_intents",
        }[steps[0]]
        if isinstance(holder.get(steps[0]), str):
            holder[steps[0]] = dict(self.books.stores[folder][holder[steps[0]]])
        if len(steps) > 1 and holder.get(steps[0]):
            self._expand(holder[steps[0]], steps[1:])
