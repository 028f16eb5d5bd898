"""The contract of `TargetDatabase`."""

from executor_adapters.testing.contracts.target_builds import TargetBuildsContract
from executor_adapters.testing.contracts.target_drops import TargetDropsContract
from executor_adapters.testing.contracts.target_exposure import TargetExposureContract
from executor_adapters.testing.contracts.target_looks import TargetLooksContract


class TargetDatabaseContract(TargetLooksContract, TargetBuildsContract, TargetDropsContract, TargetExposureContract):
    """What every `TargetDatabase` must do."""
