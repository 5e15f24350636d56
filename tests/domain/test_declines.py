"""Declines in plain words: what was said, what to do, and whether it may be tried again."""

from __future__ import annotations

import pytest

from cstui.domain.declines import _KNOWN, DeclineClass, explained
from cstui.domain.gateways import Why
from cstui.domain.payments import AttemptState

SOFT, HARD = AttemptState.DECLINED_SOFT, AttemptState.DECLINED_HARD


@pytest.mark.parametrize(
    ("code", "state", "again"),
    [
        *((code, HARD, "H") for code in ("204", "221", "222", "250", "251", "252", "253", "261", "262")),
        *((code, SOFT, "S") for code in ("200", "201", "202", "203", "240", "260", "264")),
        *((code, SOFT, "D") for code in ("220", "223", "224", "225", "226", "263", "441", "461")),
        ("430", SOFT, "A"),
        *((code, AttemptState.REJECTED, "C") for code in ("410", "411", "440", "460")),
        *((code, SOFT, "T") for code in ("400", "420", "421")),
        *(
            (code, HARD, "H")
            for code in ("04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3")
        ),
    ],
)
def test_each_code_has_the_class_of_the_card_networks(code: str, state: AttemptState, again: str) -> None:
    found = explained(code, "text", Why.OTHER, state)
    assert found is not None and found.again == again and found.words and found.advice and found.again_words


def test_an_unknown_code_is_judged_by_what_the_adapter_made_of_it() -> None:
    found = explained("xyz", "Do not honour", Why.OTHER, SOFT)
    assert found is not None and (found.words, found.again) == ("Do not honour", DeclineClass.SOFT)
    found = explained("", "", Why.NEVER, HARD)
    assert found is not None and (found.again, found.advice) == (DeclineClass.HARD, "Ask for another card.")


def test_a_hard_refusal_is_never_softened_by_its_code() -> None:
    found = explained("51", "Insufficient funds", Why.NEVER, HARD)
    assert found is not None and found.again is DeclineClass.HARD and found.advice == "Ask for another card."


@pytest.mark.parametrize("state", [AttemptState.UNKNOWN, AttemptState.NOT_SENT])
def test_what_may_have_happened_is_never_a_decline(state: AttemptState) -> None:
    found = explained("51", "", Why.NO_ANSWER, state)
    assert (
        found is not None
        and found.again is DeclineClass.TECHNICAL
        and found.words == "The gateway has not answered"
    )


@pytest.mark.parametrize("state", [AttemptState.SUCCEEDED, AttemptState.ARMED, AttemptState.WITHDRAWN])
def test_what_was_not_refused_is_not_explained(state: AttemptState) -> None:
    assert explained("", "", Why.NONE, state) is None


def test_the_banks_own_orders_stop_every_card() -> None:
    stops = {
        code for code in _KNOWN if (f := explained(code, "", Why.NEVER, HARD)) is not None and f.stops_all
    }
    assert {"R0", "R1", "R3", "261", "262"} <= stops and "41" not in stops
