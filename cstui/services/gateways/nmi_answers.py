"""From what came back of a money call at NMI, or did not, to an answer."""

from __future__ import annotations

from cstui.domain.gateways import Answer, Ask, Operation, Why
from cstui.domain.payments import AttemptState
from cstui.services.gateways.nmi_findings import TYPES
from cstui.services.gateways.nmi_replies import (
    APPROVED,
    TransactReply,
    checks_of,
    minor_of,
    read_reply,
    refusal_of,
)
from cstui.services.gateways.transport import NoReply, Reply

#: What carries our key as its order id.
BY_KEY = frozenset(
    (
        Operation.SALE,
        Operation.AUTHORISE,
        Operation.CREDIT,
        Operation.VERIFY,
        Operation.REFUND,
        Operation.VAULT_ADD,
    )
)
_ABOUT_CARDS = (Operation.VERIFY, Operation.VAULT_ADD, Operation.VAULT_REMOVE)
_CHARGES = (Operation.SALE, Operation.AUTHORISE)


def rejected(why: Why, text: str) -> Answer:
    """An answer of the desk's own: this is not sent to NMI at all."""
    return Answer(AttemptState.REJECTED, why, text=text)


def without_answer(ask: Ask, got: NoReply) -> Answer:
    """No reply: not sent where that is certain of every try, else unknown."""
    if got.was_sent or ask.resent:
        return Answer(AttemptState.UNKNOWN, Why.NO_ANSWER, text="NMI did not answer.")
    return Answer(AttemptState.NOT_SENT, Why.NOT_SENT, text="NMI could not be reached.")


def answer_to(ask: Ask, got: Reply | NoReply) -> Answer:
    """The answer to one money call. A reply that cannot be read, or is about something else, leaves the outcome unknown."""
    if isinstance(got, NoReply):
        return without_answer(ask, got)
    if got.status == 429:
        return Answer(
            AttemptState.NOT_SENT, Why.BUSY, code="429", text="NMI takes no more calls now.", http_status=429
        )
    reply = read_reply(got.text) if got.status == 200 else None
    if reply is None:
        text = f"NMI's answer cannot be read (HTTP {got.status})."
        return Answer(AttemptState.UNKNOWN, Why.NO_ANSWER, text=text, http_status=got.status)
    state, why, text = _outcome(ask, reply)
    return Answer(
        state=state,
        why=why,
        ref=reply.transaction,
        code=reply.code,
        text=text,
        http_status=got.status,
        request_ref=reply.refid,
        facts=_facts(reply),
    )


def _outcome(ask: Ask, reply: TransactReply) -> tuple[AttemptState, Why, str]:
    other = _about_something_else(ask, reply)
    if other:
        return (
            AttemptState.UNKNOWN,
            Why.MISMATCH,
            f"NMI answered about another {other}: {reply.text}".rstrip(": "),
        )
    if reply.response != APPROVED:
        return *refusal_of(reply.response, reply.code, reply.text), reply.text
    if reply.code != "100":
        return AttemptState.UNKNOWN, Why.MISMATCH, f"NMI approved it with code {reply.code}: {reply.text}"
    if not reply.transaction and ask.operation not in _ABOUT_CARDS:
        # Approved, and nothing to void or refund it by: its record has the number.
        return AttemptState.UNKNOWN, Why.NO_ANSWER, f"NMI approved it without a number: {reply.text}"
    if reply.authorised:
        return _authorised(ask, reply)
    return AttemptState.SUCCEEDED, Why.NONE, reply.text


def _authorised(ask: Ask, reply: TransactReply) -> tuple[AttemptState, Why, str]:
    """What is approved with an amount of its own: the whole, a part, or something that nobody asked for."""
    minor = minor_of(reply.authorised, ask.amount.currency)
    if ask.operation in _ABOUT_CARDS or minor == ask.amount.minor:
        return AttemptState.SUCCEEDED, Why.NONE, reply.text
    if minor is not None and minor < ask.amount.minor and ask.operation in _CHARGES:
        text = f"Only {reply.authorised} was approved."
        return AttemptState.DECLINED_HARD, Why.PARTIAL, text
    return AttemptState.UNKNOWN, Why.MISMATCH, f"NMI approved another amount: {reply.authorised}"


def _about_something_else(ask: Ask, reply: TransactReply) -> str:
    """What of a reply belongs to another call, empty where nothing does. What NMI does not echo is no contradiction."""
    if ask.operation in BY_KEY and reply.order not in ("", ask.key):
        return "attempt"
    is_removal = ask.operation is Operation.VAULT_REMOVE
    if not is_removal and reply.type not in ("", TYPES.get(ask.operation, "validate")):
        return "operation"
    if ask.operation is Operation.VOID and reply.transaction not in ("", ask.target):
        return "charge"
    if ask.card is not None and reply.vault not in ("", ask.card.vault):
        return "card"
    if ask.operation in _ABOUT_CARDS:
        return ""
    if reply.currency not in ("", ask.amount.currency):
        return "currency"
    if reply.amount and minor_of(reply.amount, ask.amount.currency) != ask.amount.minor:
        return "amount"
    return ""


def _facts(reply: TransactReply) -> dict[str, str]:
    facts = checks_of(reply.avs, reply.cvv)
    if reply.auth_code:
        facts["auth_code"] = reply.auth_code
    return facts
