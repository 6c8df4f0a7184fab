import math

from denoise.notation import EQUAL
from denoise.ui.pages import elements


def test_figures_are_shown_rounded_and_kept_exact():
    column = elements.figures("Loss", [0.0426, -0.0004, -0.0, None], 2)
    assert list(map(str, column.shown)) == ["0.04", "0.0", "0.0", "None"]
    assert list(map(str, column.cells)) == ["0.0426", "-0.0004", "0.0", "None"]


def test_column_of_an_infinite_figure_is_one_of_words():
    column = elements.figures("PSNR", [math.inf, 39.268, None], 2)
    assert column.shown == [EQUAL, "39.27", None]
    assert column.cells == [EQUAL, 39.268, None]
