"""Trains the nodule model on phantoms of the training family."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from training.nodule import examples, network, onnx_file
from training.nodule.examples import Examples

PHANTOMS = 160
FOLDS = 3
SEED = 20260203
FALSE_POSITIVES_PER_PHANTOM = 0.25
"""So many false positives in phantoms that a network did not train on get a score of 0.5."""


def train(phantoms: int = PHANTOMS) -> bytes:
    """Return the ONNX file; the same bytes each time on one family of processors."""
    return fitted(examples.make(phantoms))


def fitted(known: Examples) -> bytes:
    """Return the ONNX file of networks that each leave out one fold of the phantoms."""
    networks = []
    unseen = np.empty(len(known.labels))
    with threadpool_limits(1):
        for fold in range(FOLDS):
            left_out = known.phantoms % FOLDS == fold
            networks.append(network.fit(known.chosen(~left_out), SEED + fold))
            unseen[left_out] = network.logits(networks[-1], known.features[left_out])
    allowed = int(FALSE_POSITIVES_PER_PHANTOM * len(np.unique(known.phantoms)))
    threshold = np.sort(unseen[~known.labels])[::-1][allowed]
    return onnx_file.written(networks, -float(threshold))
