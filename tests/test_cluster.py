"""Two nodes with a worker each, as processes of this machine."""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from ray.cluster_utils import Cluster

from denoise.__main__ import main
from denoise.cluster import _NAMES, Place, work_off
from denoise.console import Run
from denoise.image import Photo, encode
from denoise.item import Settings
from denoise.plan import Selection
from denoise.registry import load_model

# Ray warns of what it does itself, and leaves files and processes to its own end.
pytestmark = [pytest.mark.filterwarnings("ignore")]

STATES = ("done", "skipped", "failed")
PHOTOS = 200


class Elsewhere(DirFileSystem):
    """A file system that is none of this machine's, for all that anybody knows, and has a file that ends its reader."""

    protocol = "elsewhere"

    def __init__(self, **_):
        super().__init__("/", LocalFileSystem())

    def get_file(self, path, copy, **options):
        if path.endswith("poison.png"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().get_file(path, copy, **options)


class Store(DirFileSystem):
    """A store of objects: of its buckets the folders of a folder, which it would make for any name."""

    protocol = "store"
    cachable = False
    folder = ""

    def __init__(self, **_):
        super().__init__(self.folder, LocalFileSystem())


fsspec.register_implementation("elsewhere", Elsewhere, clobber=True)
fsspec.register_implementation("store", Store, clobber=True)


@pytest.fixture(scope="module")
def address(tiny_models):
    """The head of a cluster of two nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("DENOISE_MODELS", str(tiny_models))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
        started = Cluster(initialize_head=True, head_node_args=node)
        started.add_node(num_cpus=1, object_store_memory=80_000_000)
        yield started.address
        started.shutdown()


def write_photos(folder: Path, count: int) -> None:
    """Write small photos into folders of a folder, of several formats, each of its own colour."""
    random = np.random.default_rng(0)
    for index in range(count):
        kind = ("png", "jpg", "tif")[index % 3]
        pixels = random.normal(40 + 150 * index / count, 20, (48 + index % 5, 64, 3)).clip(0, 255).astype(np.uint8)
        path = folder / f"day {index % 4}" / f"{index}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(Photo(pixels, format={"png": "PNG", "jpg": "JPEG", "tif": "TIFF"}[kind])))


def workers(models: Path) -> list[int]:
    """The processes of the workers that were led to these networks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            is_led = f"DENOISE_MODELS={models}".encode() in (process / "environ").read_bytes().split(b"\0")
            if is_led and (process / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                found.append(int(process.name))
    return found


class Report:
    """A report that kills a worker once so many photos are done."""

    def __init__(self, models, after):
        self.lines, self.models, self.after, self.killed = [], models, after, 0

    def write(self, line):
        self.lines.append(json.loads(line))
        if len(self.lines) == self.after:
            self.killed = workers(self.models)[0]
            os.kill(self.killed, signal.SIGKILL)

    def flush(self):
        pass


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_photo_is_there_once_though_a_worker_is_killed(address, tiny_models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_photos(Path("in"), PHOTOS)
    Path("in/bad.jpg").write_bytes(b"no photo")
    Path("out/day 0").mkdir(parents=True)
    Path("out/day 0/0.png").write_bytes(b"done before")
    Path("out/day 0/4.jpg").touch()  # as a power cut leaves them
    report = Report(tiny_models, after=PHOTOS // 3)
    run = Run(Settings("unet"), report=report)
    assert work_off("in", "out", run, Selection(recursive=True), address=address) == 1
    assert report.killed
    sources = {state: [line["source"] for line in report.lines if line["state"] == state] for state in STATES}
    assert sorted(line["source"] for line in report.lines) == sorted(f"in/{name}" for name in contents(Path("in")))
    assert sources["failed"] == ["in/bad.jpg"]
    assert "in/day 0/0.png" in sources["skipped"]
    assert len(sources["skipped"]) <= 1 + 2 * _NAMES  # the killed worker had written them, but could not tell
    assert "denoise: in/bad.jpg: This is not a picture" in capsys.readouterr().err

    monkeypatch.setattr("denoise.console.load_model", lambda name: load_model(name, tiny_models))
    assert main(["-r", "in", "-o", "alone", "--model", "unet"]) == 1
    assert contents(Path("out")) == contents(Path("alone")) | {"day 0/0.png": b"done before"}


@pytest.mark.long
def test_photo_that_ends_its_workers_is_a_row_of_the_report(address, tmp_path, capsys):
    """Between folders that are none of this machine's."""
    write_photos(tmp_path / "in", 6)
    (tmp_path / "in" / "poison.png").write_bytes(b"deadly")
    places = [f"elsewhere://{tmp_path}/in", "-o", f"elsewhere://{tmp_path}/out"]
    report = tmp_path / "report.jsonl"
    assert main(["cluster", *places, "--model", "unet", "--address", address, "--report", str(report)]) == 1
    lines = {line["source"].partition("/in/")[2]: line for line in map(json.loads, report.read_text().splitlines())}
    assert lines.keys() == contents(tmp_path / "in").keys()
    assert "worker ended 3 times" in lines.pop("poison.png")["reason"]
    assert {line["state"] for line in lines.values()} == {"done"}
    assert contents(tmp_path / "out").keys() == lines.keys()
    assert "6 done, 0 skipped, 1 failed" in capsys.readouterr().out


def test_place_finds_photos_of_all_folders_but_those_of_another(tmp_path):
    names = ["b.png", "a/c.nef", "a/notes.txt", ".hidden/d.png", "out/e.jpg", "outside/f.jpg"]
    files = fsspec.filesystem("memory")
    for name in names:
        files.pipe_file(f"/photos/{name}", b"x")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for url in ("memory://photos", str(tmp_path)):
        found = [str(path) for path in Place(url).photos(Selection(recursive=True), apart=Place(f"{url}/out"))]
        assert sorted(found) == ["a/c.nef", "b.png", "outside/f.jpg"]


def test_place_reads_and_writes_files_at_once_or_not_at_all(tmp_path):
    for url in ("memory://results", str(tmp_path / "results")):
        place, name = Place(url), PurePosixPath("day 1/a.png")
        assert not place.has(name)
        place.write(name, b"")
        assert not place.has(name)  # a power cut's
        place.write(name, b"content")
        assert place.has(name)
        assert place.fetch(name, tmp_path).read_bytes() == b"content"


def test_bucket_that_is_not_there_is_told_and_not_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Store, "folder", str(tmp_path))
    write_photos(tmp_path / "photos", 1)
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", "store://photos", "-o", "store://typo/out"])
    assert "there is no bucket typo: make it first, or see whether its name is right" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        Place("store://typo/out").write(PurePosixPath("a.png"), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_what_a_store_says_for_itself_is_told(tmp_path, monkeypatch, capsys):
    class NoCredentialsError(Exception):
        pass

    def fail(*_, **__):
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr(Store, "folder", str(tmp_path))
    monkeypatch.setattr(Store, "info", fail)
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", "store://photos", "-o", "store://results"])
    assert "the folders cannot be looked at: Unable to locate credentials" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["empty"], "the folder empty holds no photos (png, jpg,", id="empty"),
        pytest.param(["missing"], "No such file or directory: ", id="missing"),
        pytest.param(["photo.png"], "Not a directory: ", id="no folder"),
        pytest.param(["nowhere://photos"], "Protocol not known: nowhere", id="protocol"),
        pytest.param(["s3://photos"], "the folders cannot be looked at: Install s3fs to access S3", id="library"),
        pytest.param([".", "--model", "dncnn"], "there is no model 'dncnn'", id="model"),
        pytest.param([".", "--workers", "0"], "must be a whole number between 1 and", id="workers"),
    ],
)
def test_wrong_usage_is_explained(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("photo.png").touch()
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", *arguments, "-o", "out"])
    assert sentence in capsys.readouterr().err


def test_cluster_that_is_not_there_is_told(tmp_path, monkeypatch, capsys):
    def fail(**_):
        raise Exception("first line\nThe node timed out.")

    monkeypatch.setattr("ray.init", fail)
    write_photos(tmp_path / "in", 1)
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--address", "head:6379"])
    assert "Ray cannot be started or reached (head:6379): The node timed out." in capsys.readouterr().err


def test_missing_library_is_named(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "denoise.cluster")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delattr("denoise.cluster", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", "in", "-o", "out"])
    assert "pip install 'denoise[cluster]'" in capsys.readouterr().err
