"""Stripe keeps what every gateway keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.stripe import StripeServer
from tests.gateways.contract import GatewayContract
from tests.gateways.stripe_bench import StripeBench


@pytest.fixture
def bench() -> Iterator[StripeBench]:
    with StripeServer() as fake:
        bench = StripeBench(fake)
        yield bench
        bench.gateway.close()
        fake.assert_well_behaved()


class TestStripeContract(GatewayContract):
    """The shared sentences, with Stripe behind them."""
