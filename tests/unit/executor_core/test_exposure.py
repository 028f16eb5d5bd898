"""How an index is exposed: as asked for where that is possible."""

from dataclasses import replace

import pytest
from tests.unit.executor_core.facts import target

from executor_core.exposure import Exposure, is_hidden


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
