"""What a baseline is worth, told before anything is built."""

from dataclasses import replace

from tests.unit.executor_core.loads import Load, control, steady, window

from executor_core.baseline import assess_baseline
from executor_core.verdict import ReasonCode

Q = Load("q")


def test_a_quiet_busy_baseline_is_good_enough() -> None:
    worth = assess_baseline(steady(Q), None)
    assert (worth.extend, worth.decidable, worth.sample_count, worth.reasons) == (False, True, 1000, ())
    assert worth.detectable_percent is not None
    assert 9.9 < worth.detectable_percent < 15


def test_a_noisy_baseline_is_worth_extending() -> None:
    wild = [[Q.slower(factor)] for factor in (0.4, 1.9, 0.7, 1.3, 0.5, 1.2)]
    worth = assess_baseline(window(wild), None)
    assert worth.extend
    assert [reason.code for reason in worth.reasons] == [ReasonCode.BASELINE_NOISY]
    assert worth.detectable_percent is not None
    assert worth.detectable_percent_extended is not None
    assert worth.detectable_percent_extended < worth.detectable_percent


def test_an_idle_baseline_is_not() -> None:
    worth = assess_baseline(steady(replace(Q, n=0)), None)
    assert (worth.extend, worth.decidable) == (False, False)
    assert [reason.code for reason in worth.reasons] == [ReasonCode.BASELINE_IDLE]


def test_a_rare_digest_can_not_be_decided() -> None:
    worth = assess_baseline(steady(replace(Q, n=1), intervals=1), ["q"])
    assert [reason.code for reason in worth.reasons] == [ReasonCode.TOO_RARE]


def test_a_digest_that_will_have_its_samples_is_waited_for() -> None:
    worth = assess_baseline(steady(replace(Q, n=3), intervals=1), ["q"])
    assert (worth.extend, worth.decidable) == (True, True)
    assert [reason.code for reason in worth.reasons] == [ReasonCode.INSUFFICIENT_SAMPLES]


def test_one_snapshot_is_worth_nothing() -> None:
    worth = assess_baseline(steady(Q)[:1], None, histogram_upper_bounds_ps=[10**9, 10**12])
    assert [reason.code for reason in worth.reasons] == [ReasonCode.TOO_FEW_SNAPSHOTS]
    assert not worth.decidable


def test_two_snapshots_tell_gross_changes_only() -> None:
    worth = assess_baseline(steady(Q, *[control(f"c{i}") for i in range(3)], intervals=1), None)
    assert worth.detectable_percent is not None
    assert worth.detectable_percent >= 100
