import time
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise.training.data import RandomPatches
from denoise.training.datasets import find_pairs
from denoise.training.waiting import waiting_share
from tests.training.test_data import SMALL


class Waiting(keras.utils.PyDataset):
    """Batches that take a known time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(workers=1)
        self.seconds = seconds

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        time.sleep(self.seconds)
        return (np.zeros((2, 4, 4, 3), np.uint8),)


@pytest.mark.long
def test_waiting_share_tells_a_starved_training_from_a_fed_one() -> None:
    # At best 30 ms of waiting for 10 ms of training; other programs may slow both.
    assert 0.5 < waiting_share(Waiting(0.04), 0.01, steps=8) < 0.95
    assert waiting_share(Waiting(0.0), 0.04, steps=8) < 0.5


def test_waiting_share_measures_real_data(pairs_folder: Path) -> None:
    share = waiting_share(RandomPatches(find_pairs(pairs_folder).pairs, **SMALL), 0.005, steps=4)
    assert 0 < share < 1
