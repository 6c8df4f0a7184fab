"""Two nodes with a worker each, as processes of this machine; `CLUSTER_PHOTOS=200` sends more than a few."""

import json
import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from denoise.__main__ import main
from denoise.cluster import Place
from denoise.console import Run
from denoise.image import Photo, encode
from denoise.item import Settings
from denoise.plan import Selection
from denoise.registry import load_model

cluster_utils = pytest.importorskip("ray.cluster_utils")
from denoise import cluster  # noqa: E402

# Ray warns of what it does itself, and leaves files and processes to its own end.
pytestmark = [pytest.mark.filterwarnings("ignore")]

PHOTOS = int(os.environ.get("CLUSTER_PHOTOS", "24"))


class Elsewhere(DirFileSystem):
    """A file system that is none of this machine's, for all that anybody knows, and has a file that ends its reader."""

    protocol = "elsewhere"

    def __init__(self, **_):
        super().__init__("/", LocalFileSystem())

    def get_file(self, path, copy, **options):
        if path.endswith("poison.png"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().get_file(path, copy, **options)


fsspec.register_implementation("elsewhere", Elsewhere, clobber=True)


@pytest.fixture(scope="module")
def address(tiny_models):
    """The head of a cluster of two nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("DENOISE_MODELS", str(tiny_models))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
        started = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
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

    def states(self):
        return Counter(line["state"] for line in self.lines)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_photo_is_there_once_though_a_worker_is_killed(address, tiny_models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_photos(Path("in"), PHOTOS)
    Path("in/bad.jpg").write_bytes(b"no photo")
    report = Report(tiny_models, after=PHOTOS // 3)
    run = Run(Settings("unet"), report=report)
    assert cluster.work_off("in", "out", run, Selection(recursive=True), address=address) == 1
    assert report.killed
    assert Counter(line["source"] for line in report.lines) == dict.fromkeys((f"in/{name}" for name in contents(Path("in"))), 1)
    assert report.states()["failed"] == 1
    assert report.states()["skipped"] <= 2  # the killed worker had written them, but could not tell
    (failed,) = (line for line in report.lines if line["state"] == "failed")
    assert failed["source"] == "in/bad.jpg"
    assert f"in/bad.jpg: {failed['reason']}" in capsys.readouterr().err

    monkeypatch.setattr("denoise.console.load_model", lambda name: load_model(name, tiny_models))
    assert main(["-r", "in", "-o", "alone", "--model", "unet"]) == 1
    assert contents(Path("out")) == contents(Path("alone"))
