"""An object store, by a server of this machine that speaks S3; where `s3fs` and `moto[server]` are installed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import PurePosixPath

import numpy as np
import pytest

from denoise.__main__ import main
from denoise.image import Photo, decode, encode
from denoise.plan import Selection

pytest.importorskip("s3fs", reason="pip install s3fs 'moto[server]'")
pytest.importorskip("ray", reason="pip install 'denoise[cluster]'")
server = pytest.importorskip("moto.server", reason="pip install s3fs 'moto[server]'")

from s3fs import S3FileSystem  # noqa: E402

from denoise.cluster import Place  # noqa: E402
from tests.test_cluster import PHOTOS, workers, write_photos  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore")]  # of those two


@pytest.fixture
def store(monkeypatch):
    """Give the file system of an empty bucket, and have all processes find its server."""
    monkeypatch.setattr(S3FileSystem, "cachable", False)  # each test has a server of its own
    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    try:
        port = started.get_host_and_port()[1]
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        system = S3FileSystem()
        system.mkdir("photos")
        yield system
        for bucket in system.ls(""):  # what servers of one process hold, they share
            system.rm(bucket, recursive=True)
    finally:
        started.stop()


def test_place_reads_and_writes_objects_at_once_or_not_at_all(store, tmp_path):
    place, name = Place("s3://photos/in"), PurePosixPath("day 1/a b.png")
    assert not place.has(name)
    place.write(name, b"")
    assert not place.has(name)  # as files that a power cut leaves
    place.write(name, b"content")
    assert place.has(name)
    assert place.fetch(name, tmp_path).read_bytes() == b"content"
    assert list(place.photos(Selection(recursive=True), apart=Place("s3://photos/in/out"))) == [name]
    with pytest.raises(FileNotFoundError):
        place.fetch(PurePosixPath("none.png"), tmp_path)
    with pytest.raises(FileNotFoundError):
        list(Place("s3://no-such-bucket/in").photos(Selection(recursive=True), apart=place))


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        pytest.param(["photos/in", "typo/out"], "there is no bucket typo: make it first", id="target"),
        pytest.param(["typo/in", "photos/out"], "The specified bucket does not exist", id="source"),
        pytest.param(["photos/none", "photos/out"], "the folder s3://photos/none holds no photos", id="folder"),
    ],
)
def test_bucket_that_is_not_there_is_told_and_not_made(store, places, sentence, capsys):
    store.pipe("photos/in/a.png", encode(Photo(np.full((16, 16, 3), 90, np.uint8))))
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", f"s3://{places[0]}", "-o", f"s3://{places[1]}"])
    assert sentence in capsys.readouterr().err
    assert store.ls("") == ["photos"]


def test_place_makes_no_bucket(store):
    with pytest.raises(Exception, match="bucket does not exist"):
        Place("s3://typo/out").write(PurePosixPath("a.png"), b"content")
    assert store.ls("") == ["photos"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        pytest.param("AWS_ACCESS_KEY_ID", "", "Unable to locate credentials", id="credentials"),
        pytest.param("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "Could not connect to the endpoint", id="server"),
    ],
)
def test_store_that_cannot_be_reached_is_told(store, monkeypatch, capsys, name, value, sentence):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="2"):
        main(["cluster", "s3://photos/in", "-o", "s3://photos/out"])
    assert sentence in capsys.readouterr().err


@pytest.mark.long
def test_photos_of_a_bucket_are_denoised_into_a_bucket_though_a_worker_is_killed(store, tiny_models, tmp_path):
    write_photos(tmp_path / "in", PHOTOS)
    store.mkdir("results")
    store.put(f"{tmp_path}/in/", "photos/in/", recursive=True)
    store.pipe("photos/in/bad.jpg", b"no photo")
    report = tmp_path / "report.jsonl"
    command = [sys.executable, "-m", "denoise", "cluster", "s3://photos/in", "-o", "s3://results/out"]
    options = ["--model", "unet", "--workers", "2", "--report", str(report)]
    environment = {**os.environ, "DENOISE_MODELS": str(tiny_models)}

    def lines():
        return [json.loads(line) for line in report.read_text().splitlines(True) if line.endswith("\n")]

    def run(kill_after=0):
        report.write_text("")
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while kill_after and len(lines()) < kill_after:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        if kill_after:
            os.kill(workers(tiny_models)[0], signal.SIGKILL)
        out, err = process.communicate()
        print(out)
        assert process.returncode == 1, err
        assert "bad.jpg: This is not a picture" in err
        return Counter(line["state"] for line in lines())

    names = {str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*.*")}
    counts = run(kill_after=PHOTOS // 3)
    assert counts["failed"] == 1
    assert counts["done"] + counts["skipped"] == PHOTOS  # the killed worker had written some, but could not tell
    sources = [line["source"].removeprefix("s3://photos/in/") for line in lines()]
    assert sorted(sources) == sorted(names | {"bad.jpg"})
    results = {path.removeprefix("results/out/"): path for path in store.find("results/out")}
    assert results.keys() == names
    for name, path in results.items():
        before, after = decode(store.cat(f"photos/in/{name}")), decode(store.cat(path))
        assert after.pixels.shape == before.pixels.shape
        assert after.pixels.std() < before.pixels.std()
    store.rm(list(results.values())[:2])
    assert run() == {"done": 2, "failed": 1, "skipped": PHOTOS - 2}
