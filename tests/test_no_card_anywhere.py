"""A typed card leaves no trace: not in any row or file of the database, not in the log or a crash report, not on the terminal (I12)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from cstui.crash import redacted, write_incident
from cstui.domain.attempts import GatewayUnknown
from cstui.domain.card_intake import IntakePlace
from cstui.domain.cards import TypedCard
from cstui.domain.ids import new_token
from cstui.domain.sandbox import Fault
from cstui.log import close_log, open_log
from cstui.screens.dialogs.card import CardPanel
from cstui.services.gateways.sandbox import Sandbox
from cstui.storage.tables.base import Base
from tests import factories as make
from tests.money import MoneyBench, money_bench
from tests.screens.driving import Driven
from tests.screens.test_card_panel import at_profile, form
from tests.services.test_card_intake import desk_at, worker_at
from tests.services.test_cards import on_file

NUMBER, CODE, EXPIRY = "378282246310005", "9347", "1230"
GROUPS = ("3782", "822463", "10005")
_WRITTEN = {NUMBER, *(sign.join(GROUPS) for sign in " -._+")}
NEEDLES = sorted(_WRITTEN | {quote(text) for text in _WRITTEN} | {quote_plus(text) for text in _WRITTEN})
#: Four digits stand in many a time and id: the code counts where it stands alone.
_CODE = re.compile(rf"(?<![0-9A-Za-z.]){CODE}(?![0-9A-Za-z])")


def traces(text: str) -> list[str]:
    """What of the card stands in a text."""
    return [needle for needle in NEEDLES if needle in text] + _CODE.findall(text)


@pytest.fixture
def bench(db_url: str) -> Iterator[MoneyBench]:
    made = money_bench(db_url)
    make.add_order(made.db, made.store, made.customer)
    yield made
    made.desk.close()


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    open_log(tmp_path / "logs", "DEBUG")
    yield tmp_path / "logs"
    close_log()


def assert_no_trace(bench: MoneyBench, logs: Path, printed: str) -> None:
    """Looks through everything that outlives the desk."""
    with bench.db.read() as tx:
        for table in Base.metadata.sorted_tables:
            for row in tx.rows(sa.select(table)):
                assert not traces(" ".join(map(str, row))), f"in table {table.name}"
    path = bench.db.url.path
    if path is not None:
        for file in path.parent.glob(path.name + "*"):
            assert not traces(file.read_bytes().decode("latin-1")), f"in {file.name}"
    written = [file for file in logs.rglob("*") if file.is_file()]
    for file in written:
        assert not traces(file.read_text(errors="replace")), f"in {file.name}"
    assert not traces(printed)
    assert written, "nothing was logged, so nothing was proven"


async def typed_in(desk: Driven) -> CardPanel:
    """Types the card into the form, code and all."""
    panel = await form(desk)
    await desk.type(NUMBER)
    await desk.press("enter")
    await desk.type(EXPIRY)
    await desk.press("enter")
    await desk.type(CODE)
    await desk.until(lambda: panel.field("code").value == CODE)
    return panel


async def test_a_card_that_was_kept_stands_nowhere(bench: MoneyBench, logs: Path, capfd: Any) -> None:
    async with at_profile(bench, log_directory=logs) as desk:
        await typed_in(desk)
        logging.getLogger("cstui.test").debug("the form is open")
        await desk.press("ctrl+a", "ctrl+c")
        await desk.app.run_action("app.screenshot")
        await desk.press("f9")
        await desk.shows("On file: Amex …0005")
        assert not traces(desk.app.clipboard) and not traces(desk.text)
    assert on_file(bench)[0].last4 == "0005"
    assert_no_trace(bench, logs, "".join(capfd.readouterr()))


async def test_an_adapter_that_fails_with_the_card_in_its_hands_gives_nothing_away(
    bench: MoneyBench, logs: Path, capfd: Any, monkeypatch: Any
) -> None:
    def burst(_self: Sandbox, _ask: Any, card: TypedCard) -> None:
        number, code = card.number, card.code
        raise ValueError(f"ccnumber={number}&cvv={code} {code} {number:>30}")

    monkeypatch.setattr(Sandbox, "keep_card", burst)
    async with at_profile(bench, log_directory=logs) as desk:
        await typed_in(desk)
        await desk.press("f9")
        await desk.shows("is being checked")
    assert_no_trace(bench, logs, "".join(capfd.readouterr()))


async def test_a_service_that_fails_before_it_sends_gives_nothing_away(
    bench: MoneyBench, logs: Path, capfd: Any, monkeypatch: Any
) -> None:
    def burst(_self: Any, _actor: Any, _customer: int, _store: int, card: TypedCard, *_: Any) -> None:
        number, code = card.number, card.code
        raise KeyError(number, code)

    monkeypatch.setattr("cstui.services.cards.Cards._begin", burst)
    async with at_profile(bench, log_directory=logs) as desk:
        await typed_in(desk)
        await desk.press("f9")
        await desk.shows("Something went wrong. Incident")
        assert not traces(desk.text)
    assert_no_trace(bench, logs, "".join(capfd.readouterr()))


async def test_a_form_that_fails_while_it_is_open_gives_nothing_away(
    bench: MoneyBench, logs: Path, capfd: Any, monkeypatch: Any
) -> None:
    def burst(self: CardPanel) -> None:
        number, code = self.field("number").value, self.field("code").value
        raise ValueError(f"{number} {len(code)}")

    monkeypatch.setattr(CardPanel, "save", burst)
    with pytest.raises(ValueError, match="3782"):
        async with at_profile(bench, log_directory=logs) as desk:
            await typed_in(desk)
            await desk.press("f9")
            await desk.pilot.pause(0.2)
    printed = "".join(capfd.readouterr())
    assert "Something went wrong. Incident" in printed
    assert_no_trace(bench, logs, printed)


async def test_what_was_typed_and_given_up_stands_nowhere(bench: MoneyBench, logs: Path, capfd: Any) -> None:
    async with at_profile(bench, log_directory=logs) as desk:
        await typed_in(desk)
        logging.getLogger("cstui.test").info("a card was typed: %s, %s", NUMBER, " ".join(GROUPS))
        await desk.app.records.keep_drafts()
        desk.app.action_desk_lock()
        await desk.shows("The desk is locked")
    assert_no_trace(bench, logs, "".join(capfd.readouterr()))


def test_a_card_that_goes_through_a_worker_stands_nowhere(
    bench: MoneyBench, logs: Path, capfd: Any, quick_folder: Path
) -> None:
    place = IntakePlace(path=str(quick_folder / "cards.sock"))
    worker = worker_at(bench, place)
    worker.start()
    cards = desk_at(bench, place)
    try:
        cards.add_typed(bench.ann, bench.customer, bench.store, a_card(), save_id=new_token())
        bench.fault(Fault.TIMEOUT_BEFORE, "vault_add")
        with pytest.raises(GatewayUnknown):
            cards.add_typed(bench.ann, bench.customer, bench.store, a_card(), save_id=new_token())
    finally:
        worker.stop()
    logging.getLogger("cstui.money").warning("done")
    assert_no_trace(bench, logs, "".join(capfd.readouterr()))


def a_card() -> TypedCard:
    return TypedCard(NUMBER, 12, 2030, CODE, "Ann Lee", "12207")


def test_a_typed_card_shows_itself_as_nothing_and_is_never_written() -> None:
    import copy
    import pickle

    card = a_card()
    assert {str(card), repr(card), f"{card}", f"{[card]}"} == {"<card>", "[<card>]"}
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(card)


def with_check_digit(digits: str) -> str:
    total = sum(
        sum(divmod(int(sign) * 2, 10)) if at % 2 == 0 else int(sign)
        for at, sign in enumerate(reversed(digits))
    )
    return digits + str(-total % 10)


@given(
    st.text("0123456789", min_size=12, max_size=18).map(with_check_digit),
    st.sampled_from(["", " ", "-", "+", "%20", ".", "\u00a0", " - "]),
    st.text(max_size=20),
)
def test_no_text_of_an_error_keeps_a_card_number_however_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, number: str, gap: str, around: str
) -> None:
    written = gap.join(number[at : at + 4] for at in range(0, len(number), 4))
    said = redacted(f"{around} {written} {around}")
    assert written not in said and number not in said
    incident = write_incident(ValueError(f"ccnumber={written}"), tmp_path_factory.getbasetemp() / "incidents")
    assert incident.path is not None
    report = incident.path.read_text(encoding="utf-8")
    incident.path.unlink()
    assert written not in report and number not in report
