"""The fake NMI's query.php: its reports as XML, as late and as odd as the real ones can be."""

from __future__ import annotations

from datetime import datetime, timedelta
from html.entities import codepoint2name
from typing import TYPE_CHECKING

from tests.fakes.gateway_server import Request, Response
from tests.fakes.nmi_books import Act, Card, Transaction, brand_name

if TYPE_CHECKING:
    from tests.fakes.nmi import FakeNmi


def report(nmi: FakeNmi, request: Request) -> Response:
    """One report. Faults of its own: `truncated`, `doctype`, `other_rows`, `twice`."""
    form, fault = request.form, request.fault
    if form.get("security_key") != nmi.key:
        return _xml("<error_response>Invalid Security Key</error_response>")
    kind = form.get("report_type", "transaction")
    if kind == "test_mode_status":
        return _xml(_test_mode(nmi))
    if kind == "customer_vault":
        asked = [form.get("customer_vault_id", "")]
        inner = "".join(
            _vault(nmi, vault, form) for vault in (nmi.vaults if fault == "other_rows" else asked)
        )
        return _xml(f"<customer_vault>{inner}</customer_vault>" if inner else "")
    rows = [] if kind != "transaction" else _rows(nmi, form)
    if fault == "other_rows":
        rows = [_shown(nmi, one) for one in nmi.transactions.values()]
    body = "".join(row for row in rows if row)
    if fault == "twice":
        body += body.replace("<transaction_id>", "<transaction_id>9")
    response = _xml(body)
    if fault == "truncated":
        return Response(response.body[: len(response.body) * 2 // 3], content_type="text/xml")
    if fault == "doctype":
        evil = '<!DOCTYPE nm_response [<!ENTITY a "aaaa">]>'
        return Response(response.body.replace("<nm_response>", f"{evil}<nm_response>"))
    return response


def _xml(inner: str) -> Response:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Response(f"{head}<nm_response>{inner}</nm_response>\n", content_type="text/xml; charset=UTF-8")


def _test_mode(nmi: FakeNmi) -> str:
    if nmi.test_mode_shape == "test_mode_enabled":
        return f"<test_mode_enabled>{str(nmi.is_test).lower()}</test_mode_enabled>"
    return f"<test_mode_status>{'enabled' if nmi.is_test else 'disabled'}</test_mode_status>"


def _rows(nmi: FakeNmi, form: dict[str, str]) -> list[str]:
    found = [one for one in nmi.transactions.values() if _fits(nmi, one, form)]
    found.sort(key=lambda one: int(one.ref), reverse=form.get("result_order") == "reverse")
    if "result_limit" in form:
        size, page = int(form["result_limit"]), int(form.get("page_number", "0"))
        found = found[size * page : size * (page + 1)]
    return [_shown(nmi, one) for one in found]


def _fits(nmi: FakeNmi, one: Transaction, form: dict[str, str]) -> bool:
    state = _state(nmi, one)
    if state is None:
        return False
    changed, condition, count = state
    asked = {
        name: form[name].split(",") for name in ("transaction_id", "condition", "action_type") if name in form
    }
    done = {act.kind for act in one.acts[:count]}
    return (
        form.get("order_id", one.order) == one.order
        and form.get("customer_vault_id", one.vault) == one.vault
        and one.ref in asked.get("transaction_id", [one.ref])
        and condition in asked.get("condition", [condition])
        and bool(done & set(asked.get("action_type", done)))
        and form.get("start_date", "0") <= _date(changed) <= form.get("end_date", "9")
    )


def _state(nmi: FakeNmi, one: Transaction) -> tuple[datetime, str, int] | None:
    """What the index shows of it by now."""
    until = nmi.clock.now() - timedelta(seconds=nmi.index_lag)
    return next((state for state in reversed(one.shown) if state[0] <= until), None)


def _shown(nmi: FakeNmi, one: Transaction) -> str:
    state = _state(nmi, one)
    if state is None:
        return ""
    _, condition, count = state
    first, _, last = one.holder.rpartition(" ")
    fields = {
        "transaction_id": one.ref,
        "transaction_type": "cc",
        "condition": condition,
        "order_id": one.order,
        "authorization_code": "123456" if condition != "failed" else "",
        "first_name": first,
        "last_name": last,
        "customer_vault_id": one.vault,
        "cc_number": _masked(one.number),
        "cc_exp": one.expiry,
        "avs_response": one.avs,
        "csc_response": one.cvv,
        "currency": one.currency,
    }
    acts = "".join(_action(act) for act in one.acts[:count])
    return f"<transaction>{_elements(fields)}{acts}</transaction>"


def _action(act: Act) -> str:
    fields = {
        "amount": f"{act.amount // 100}.{act.amount % 100:02d}",
        "action_type": act.kind,
        "date": _date(act.at),
        "success": "1" if act.success else "0",
        "source": act.source,
        "response_text": act.text,
        "batch_id": act.batch,
        "response_code": act.code,
    }
    return f"<action>{_elements(fields)}</action>"


def _vault(nmi: FakeNmi, vault: str, form: dict[str, str]) -> str:
    held = nmi.vaults.get(vault)
    if not held:
        return ""
    if form.get("ver") == "2":
        inner = "".join(f'<billing id="{name}">{_card(card)}</billing>' for name, card in held.items())
    else:
        inner = _card(min(held.values(), key=lambda card: card.priority))
    return f'<customer id="{vault}">{inner}<customer_vault_id>{vault}</customer_vault_id></customer>'


def _card(card: Card) -> str:
    first, _, last = card.holder.rpartition(" ")
    return _elements(
        {
            "first_name": first,
            "last_name": last,
            "cc_number": _masked(card.number),
            "cc_exp": card.expiry,
            "cc_type": brand_name(card.number),
            "priority": str(card.priority),
        }
    )


def _masked(number: str) -> str:
    return f"{number[:1]}{'x' * (len(number) - 5)}{number[-4:]}"


def _elements(fields: dict[str, str]) -> str:
    return "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in fields.items())


def _escaped(text: str) -> str:
    """Letters beyond ASCII come as entities of HTML that no document type declares."""
    return "".join(f"&{codepoint2name[ord(c)]};" if ord(c) in codepoint2name else c for c in text)


def _date(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S")
