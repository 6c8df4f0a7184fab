from pathlib import Path

import pytest

from denoise.plan import Selection, photos_of, plan


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with photos and other files in it, and in the folders in it."""
    monkeypatch.chdir(tmp_path)
    names = ["a.JPG", "b.dng", "notes.txt", ".c.png", "day/a.jpg", "day/raw/d.nef", ".cache/e.png", "out/f.png"]
    for name in names:
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Path("in")


def below(selection, apart=None):
    return [str(path) for _, path in photos_of(Path("in"), selection, apart=apart)]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), ["a.JPG", "b.dng"]),
        (Selection(recursive=True), ["a.JPG", "b.dng", "day/a.jpg", "day/raw/d.nef", "out/f.png"]),
        (Selection(recursive=True, include=["*.jpg"]), ["a.JPG", "day/a.jpg"]),
        (Selection(recursive=True, include=["day/*"], exclude=["*.NEF"]), ["day/a.jpg"]),
        (Selection(recursive=True, exclude=["a.*", "out/*"]), ["b.dng", "day/raw/d.nef"]),
    ],
)
def test_photos_of_a_folder(tree, selection, found):
    assert below(selection) == found


def test_photos_of_leaves_results_out_but_not_the_folder_itself(tree):
    everything = below(Selection(recursive=True))
    assert below(Selection(recursive=True), apart=tree / "out") == [name for name in everything if name != "out/f.png"]
    assert below(Selection(recursive=True), apart=tree) == everything


def test_plan_keeps_places_below_each_folder(tree):
    pairs, failures = plan([tree], "results", Selection(recursive=True, include=["day/*"]))
    assert failures == 0
    assert pairs == [
        (Path("in/day/a.jpg"), Path("results/day/a.jpg")),
        (Path("in/day/raw/d.nef"), Path("results/day/raw/d.nef")),
    ]


def test_plan_in_place(tree):
    pairs, _ = plan([tree, Path("in/day/a.jpg")], None, in_place=True)
    assert pairs == [(path, path) for path in map(Path, ["in/a.JPG", "in/b.dng", "in/day/a.jpg"])]
