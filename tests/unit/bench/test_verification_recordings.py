"""Evidence as production would leave it, of which the truth is known: each is judged right."""

import pytest
from bench.verification.recordings import verdicts
from bench.verification.scenes import FAILED, HARMFUL, SCENES, SHAPES, Scene, Shape, allowed

FULL, SPARSE = SHAPES[0], SHAPES[6]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_full_recording_is_judged_right(scene: Scene) -> None:
    for _, status, message in verdicts(scene, FULL, range(1)):
        assert status in allowed(scene, FULL), message


@pytest.mark.parametrize("scene", [s for s in SCENES if s.allowed == HARMFUL and s.thin is None], ids=lambda s: s.name)
@pytest.mark.parametrize("shape", [SHAPES[3], SPARSE], ids=lambda shape: shape.name)
def test_gross_harm_fails_however_little_was_recorded(scene: Scene, shape: Shape) -> None:
    assert {status for _, status, _ in verdicts(scene, shape, range(1))} == {FAILED}
