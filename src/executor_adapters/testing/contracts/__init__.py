"""What every adapter must do, as pytest classes: one for each port, held by the fakes and the real adapters.

To hold an adapter of your own to its port, subclass the contract and give it what it asks for:

    from executor_adapters.testing.contracts import ClockContract

    class TestMyClock(ClockContract):
        @pytest.fixture
        def clock(self):
            return MyClock()

Each sentence of a port's docstring has a test here. Needs pytest, which nothing else in the package imports.
"""

import pytest

pytest.register_assert_rewrite(
    "executor_adapters.testing.contracts.archive",
    "executor_adapters.testing.contracts.checkpoint",
    "executor_adapters.testing.contracts.clock",
    "executor_adapters.testing.contracts.control_plane",
    "executor_adapters.testing.contracts.leasing",
    "executor_adapters.testing.contracts.outbox",
    "executor_adapters.testing.contracts.target_bench",
    "executor_adapters.testing.contracts.target_builds",
    "executor_adapters.testing.contracts.target_drops",
    "executor_adapters.testing.contracts.target_exposure",
    "executor_adapters.testing.contracts.target_looks",
)

# Imported only now: the contracts' asserts are rewritten as they are imported.
from executor_adapters.testing.contracts.archive import EvidenceArchiveContract  # noqa: E402
from executor_adapters.testing.contracts.checkpoint import CheckpointStoreContract  # noqa: E402
from executor_adapters.testing.contracts.clock import ClockContract  # noqa: E402
from executor_adapters.testing.contracts.control_plane import (  # noqa: E402
    BareControlPlaneContract,
    ControlPlaneBench,
    ControlPlaneContract,
)
from executor_adapters.testing.contracts.leasing import LeasingControlPlaneContract  # noqa: E402
from executor_adapters.testing.contracts.outbox import OutboxContract  # noqa: E402
from executor_adapters.testing.contracts.target_bench import TargetBench  # noqa: E402
from executor_adapters.testing.contracts.target_database import TargetDatabaseContract  # noqa: E402

__all__ = [
    "BareControlPlaneContract",
    "CheckpointStoreContract",
    "ClockContract",
    "ControlPlaneBench",
    "ControlPlaneContract",
    "EvidenceArchiveContract",
    "LeasingControlPlaneContract",
    "OutboxContract",
    "TargetBench",
    "TargetDatabaseContract",
]
