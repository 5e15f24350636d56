"""NMI keeps what every gateway adapter keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateways.contract import GatewayContract
from tests.gateways.nmi_bench import NmiBench, nmi_bench


class TestNmiContract(GatewayContract):
    @pytest.fixture
    def bench(self) -> Iterator[NmiBench]:
        with nmi_bench() as bench:
            yield bench
