"""The phantoms of training and of evaluation, and what the network makes of its examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tools.eval_models import lesions, scanner
from tools.eval_models.scanner import Lattice

import modelserver

SOURCES = Path(modelserver.__file__).parents[2]


@pytest.fixture(autouse=True)
def training_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training code is no part of the package that is installed."""
    monkeypatch.syspath_prepend(str(SOURCES))


def test_training_phantom_is_the_same_each_time_and_holds_what_it_says() -> None:
    from training.nodule import phantom

    first, second = phantom.make(3), phantom.make(3)
    np.testing.assert_array_equal(first.volume_hu, second.volume_hu)
    assert first.nodules
    for nodule in first.nodules:
        z, y, x = np.rint(nodule.centre_mm / first.spacing_mm).astype(int)
        around = first.volume_hu[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
        assert around.mean() > -700, "denser than the lung"


def test_training_twice_gives_the_same_weights() -> None:
    from training.nodule import network
    from training.nodule.examples import Examples

    rng = np.random.default_rng(5)
    features = rng.normal(size=(400, 6)).astype(np.float32)
    labels = features[:, 0] + features[:, 1] > 0.3
    examples = Examples(features, labels, np.zeros(400))
    one, two = (network.fit(examples, seed=1, steps=300) for _ in range(2))
    for (first, _), (second, _) in zip(one.layers, two.layers, strict=True):
        assert first.tobytes() == second.tobytes()
    guessed = network.logits(one, features) > 0
    assert (guessed == labels).mean() > 0.9


@pytest.mark.parametrize("kind", lesions.KINDS)
def test_lesion_is_where_and_as_large_as_it_says(kind: str) -> None:
    lesion = lesions.make(np.random.default_rng(2), kind, 12.0, np.array([5.0, 6.0, 7.0]))
    axis = np.arange(-16, 16, 0.5) + 0.25
    away = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).astype(np.float32)
    share = lesion.share(away)
    assert share.sum() * 0.5**3 == pytest.approx(np.pi / 6 * lesion.diameter_mm**3, rel=0.03)
    middle = (away * share[..., None]).sum(axis=(0, 1, 2)) / share.sum()
    assert np.abs(middle).max() < 0.1
    assert np.linalg.norm(lesion.centre_mm - (5, 6, 7)) < 3


def test_positions_survive_the_tilted_grid() -> None:
    lattice = Lattice((20, 30, 40), 1.2, (0.7, 0.8), np.radians(12), np.array([-5.0, 2.0, 9.0]))
    index = np.array([[0, 0, 0], [3.5, 20, 11], [19, 29, 39]])
    np.testing.assert_allclose(lattice.index(lattice.world(index)), index, atol=1e-9)
    box, away = lattice.box(lattice.world(np.array([10, 15, 20])), 3.0)
    at_centre = tuple(middle - part.start for middle, part in zip((10, 15, 20), box, strict=True))
    assert np.linalg.norm(away[at_centre]) < 1e-4


def test_neighbouring_slices_are_the_told_distance_apart() -> None:
    lattice = Lattice((9, 9, 9), 1.5, (0.7, 0.7), np.radians(-15), np.zeros(3))
    corner, down, across, above = lattice.world(
        np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    )
    normal = np.cross(down - corner, across - corner)
    normal /= np.linalg.norm(normal)
    assert abs((above - corner) @ normal) == pytest.approx(1.5)


def test_protocols_cover_what_the_card_says() -> None:
    drawn = [scanner.draw(np.random.default_rng(seed)) for seed in range(300)]
    assert min(p.spacing_mm for p in drawn) < 0.7
    assert max(p.spacing_mm for p in drawn) > 2.4
    assert 0.2 < np.mean([p.tilt_degrees != 0 for p in drawn]) < 0.5
    assert {p.sharp for p in drawn} == {True, False}
