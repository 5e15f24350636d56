"""The embedded sandbox keeps the contract of every gateway adapter."""

from __future__ import annotations

import pytest

from cstui.storage.transaction import Database
from tests.gateways.contract import GatewayContract
from tests.gateways.sandbox_bench import SandboxBench


class TestSandboxContract(GatewayContract):
    @pytest.fixture
    def bench(self, sqlite_db: Database) -> SandboxBench:
        return SandboxBench(sqlite_db)


class TestSandboxThatRefundsEarlyKeepsTheContractToo(GatewayContract):
    @pytest.fixture
    def bench(self, sqlite_db: Database) -> SandboxBench:
        return SandboxBench(sqlite_db, refunds_unsettled="yes")
