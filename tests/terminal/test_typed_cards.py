"""A card that is typed on a real terminal: shown where the cursor stands, copied nowhere, and gone from the screen with the desk."""

from __future__ import annotations

import signal

from cstui.storage.tables.base import table_of
from cstui.storage.tables.people import GatewayAccount
from tests.terminal.conftest import Open, Shop

NUMBER, CODE = "378282246310005", "9347"


def test_a_desk_that_is_ended_over_an_open_card_leaves_nothing_of_it_on_the_terminal(
    open_desk: Open, shop: Shop
) -> None:
    with shop.db.write() as tx:
        tx.run(
            table_of(GatewayAccount).insert().values(
                store_id=None, gateway="sandbox", name="main", is_test=True, is_main=True, is_open=True, cut_off="20:00", zone="UTC",
                url="", secret="", options="{}", created_at=tx.now,
            )
        )  # fmt: skip
    desk = open_desk()
    desk.shows("F1 Help", "Ann")
    desk.press("Zelda\r")
    desk.shows("Cards on file")
    desk.press("C")
    desk.shows("type a card")
    desk.press("t")
    desk.shows("Security code")
    desk.press(NUMBER)
    desk.shows("3782 822463 10005")
    desk.press("\x01\x03\t1230\t")
    desk.shows("•••• •••••• •0005", "12/30")
    desk.press(CODE + "\x01\x03\x18")
    desk.shows("••••")
    assert b"\x1b]52" not in desk.raw and CODE.encode() not in desk.raw
    desk.signal(signal.SIGTERM)
    assert desk.ended() == 128 + signal.SIGTERM
    afterwards = desk.raw[desk.raw.rfind(b"\x1b[?1049l") :]
    assert b"3782" not in afterwards and b"0005" not in afterwards and b"Traceback" not in desk.raw
