"""The contract of `EvidenceArchive`."""

# ruff: noqa: S101 -- asserting is what a contract does

from collections.abc import Callable

import pytest

from executor_adapters.testing.contracts.samples import some_evidence
from executor_core.evidence import Evidence
from executor_core.model import RunId
from executor_core.ports import EvidenceArchive

ODD_IDS = ["..", ".", "a:b", "a%3Ab", "CON", "ä", "x" * 255, "x" * 254 + "y", "a\\b", "*", "日" * 255]


class EvidenceArchiveContract:
    """What every `EvidenceArchive` must do."""

    @pytest.fixture
    def archive(self) -> EvidenceArchive:
        """The archive under test, empty."""
        raise NotImplementedError

    @pytest.fixture
    def read(self) -> Callable[[str], Evidence]:
        """Reads what is kept at the place that `store` returned."""
        raise NotImplementedError

    def test_evidence_is_kept_whole(self, archive: EvidenceArchive, read: Callable[[str], Evidence]) -> None:
        evidence = some_evidence(samples=30)
        assert read(archive.store(RunId("run-1"), evidence)) == evidence

    def test_storing_again_replaces(self, archive: EvidenceArchive, read: Callable[[str], Evidence]) -> None:
        first = archive.store(RunId("run-1"), some_evidence(samples=9))
        second = archive.store(RunId("run-1"), some_evidence(samples=2))
        assert first == second
        assert read(second) == some_evidence(samples=2)

    def test_each_run_has_its_own_place(self, archive: EvidenceArchive, read: Callable[[str], Evidence]) -> None:
        places = {run_id: archive.store(RunId(run_id), some_evidence(run_id)) for run_id in ODD_IDS}
        assert len(set(places.values())) == len(ODD_IDS)
        for run_id, place in places.items():
            assert read(place) == some_evidence(run_id)
