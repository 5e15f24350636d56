"""The soak of refunds at a small size: agents, a gateway that fails one call in five, workers that are killed (benchmarks/soak_refunds.py)."""

from __future__ import annotations

import pytest

from benchmarks import soak_refunds


@pytest.mark.slow
def test_whatever_fails_both_ledgers_agree_and_nothing_is_paid_twice(db_url: str) -> None:
    result = soak_refunds.soak(
        db_url, agents=10, orders=60, workers=2, share=0.25, seed=7, kill_every=(1.5, 3.0)
    )
    assert result.faults == [], result.in_words()
    assert result.asked >= 60 and result.kills > 0 and sum(result.gateway_faults.values()) > 5
