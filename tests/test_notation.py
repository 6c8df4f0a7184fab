import math

import pytest

from denoise.notation import EQUAL, NONE, few_photos, number, set_and_size, set_title


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(36.126, "36.13 dB"), (-0.04, "-0.04 dB"), (-0.004, "0.00 dB"), (-0.0, "0.00 dB")],
        *[(math.inf, EQUAL), (None, NONE), (math.nan, NONE)],
    ],
)
def test_number_is_never_infinity_nor_minus_nothing(value, expected):
    assert number(value, 2, " dB") == expected


def test_number_of_nothing_may_mean_equal():
    assert number(None, 2, none=EQUAL) == EQUAL


def test_set_title_knows_the_sets_and_leaves_others_as_they_are():
    assert set_title("polyu") == "PolyU"
    assert set_title("kodak ISO 1600") == "Kodak ISO 1600"
    assert set_title("my holiday") == "my holiday"


def test_set_and_size_says_what_part_was_measured():
    assert set_and_size("sidd", 12) == set_and_size("sidd", 12, 12) == "SIDD (12)"
    assert set_and_size("polyu", 4, 54) == "PolyU (4 of 54)"


def test_few_photos_warns_where_photos_are_left_out():
    assert few_photos({"polyu": (54, 54), "sidd": (12, 12)}) == ""
    said = few_photos({"polyu": (4, 54), "sidd": (4, 12)})
    assert "4 of the 54 photos of PolyU and 4 of the 12 photos of SIDD" in said
