import pytest

from denoise.training import progress
from denoise.training.progress import with_progress


def test_with_progress_tells_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 45.0, 90.0, 120.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(with_progress("abc", "Letters")) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Letters: 1 of 3, 1:30 left",
        "Letters: 2 of 3, 0:45 left",
        "Letters: 3 of 3, 0:00 left",
    ]


def test_with_progress_is_silent_without_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress([], "Nothing")) == []
    assert capsys.readouterr().err == ""
