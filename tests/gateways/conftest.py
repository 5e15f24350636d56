"""The contract's own assertions explain themselves as those of a test module do."""

import pytest

pytest.register_assert_rewrite("tests.gateways.contract")
