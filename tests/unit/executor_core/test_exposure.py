"""How an index is exposed: as asked for where that is possible, and told where it is not."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import server, target

from executor_core.exposure import Exposure, exposure_warning, is_hidden
from executor_core.flavor import Flavor
from executor_core.preflight import Severity

ABLE = replace(target(), can_stage=True)


@pytest.mark.parametrize(
    ("exposure", "able", "hidden"),
    [
        (Exposure.STAGED, True, True),
        (Exposure.STAGED, False, False),
        (Exposure.DIRECT, True, False),
        (Exposure.DIRECT, False, False),
    ],
)
def test_an_index_is_hidden_where_that_is_wanted_and_possible(exposure: Exposure, able: bool, hidden: bool) -> None:
    facts = replace(target(), can_stage=able)
    assert is_hidden(exposure, facts) is hidden
    assert (exposure_warning(exposure, facts) is None) is hidden


@pytest.mark.parametrize(
    ("exposure", "flavor", "why"),
    [
        (Exposure.DIRECT, Flavor.MYSQL, "as it was asked for"),
        (Exposure.STAGED, Flavor.MYSQL, "SELECT on performance_schema.*"),
        (Exposure.STAGED, Flavor.MARIADB, "since staged exposure needs PROCESS"),
    ],
)
def test_whoever_exposes_directly_is_warned_of_what_may_break(exposure: Exposure, flavor: Flavor, why: str) -> None:
    warning = exposure_warning(exposure, replace(target(), server=server(flavor=flavor)))
    assert warning is not None
    assert (warning.code, warning.severity) == ("direct_exposure", Severity.WARNING)
    assert why in warning.sentence
    assert "1412" in warning.sentence
