"""An object store, by a server of this machine that speaks S3; where `s3fs` and `moto[server]` are installed."""

import json
import os
import subprocess
import sys
from pathlib import PurePosixPath

import numpy as np
import pytest

from denoise.image import Photo, decode, encode
from denoise.plan import Selection

pytest.importorskip("s3fs", reason="pip install s3fs 'moto[server]'")
pytest.importorskip("ray", reason="pip install 'denoise[cluster]'")
server = pytest.importorskip("moto.server", reason="pip install s3fs 'moto[server]'")

from denoise.cluster import Place  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore")]  # of those two


@pytest.fixture
def store(monkeypatch):
    """Give the file system of an empty bucket, and have all processes find its server."""
    from s3fs import S3FileSystem

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
        system = S3FileSystem(skip_instance_cache=True)
        system.mkdir("photos")
        yield system
        system.rm("photos", recursive=True)  # what servers of one process hold, they share
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


@pytest.mark.skipif("CLUSTER_PHOTOS" not in os.environ, reason="takes half a minute: CLUSTER_PHOTOS=200")
def test_photos_of_a_bucket_are_denoised_into_a_bucket(store, tiny_models, tmp_path):
    random = np.random.default_rng(0)
    for index in range(4):
        pixels = random.normal(60 + 30 * index, 20, (48, 64, 3)).clip(0, 255).astype(np.uint8)
        store.pipe(f"photos/in/day {index % 2}/{index}.png", encode(Photo(pixels)))
    store.pipe("photos/in/bad.jpg", b"no photo")
    report = tmp_path / "report.jsonl"
    command = [sys.executable, "-m", "denoise", "cluster", "s3://photos/in", "-o", "s3://photos/out"]
    options = ["--model", "unet", "--workers", "1", "--report", str(report)]
    environment = {**os.environ, "DENOISE_MODELS": str(tiny_models)}

    def run():
        report.unlink(missing_ok=True)
        told = subprocess.run([*command, *options], env=environment, capture_output=True, text=True)
        assert told.returncode == 1, told.stderr
        assert "bad.jpg: This is not a picture" in told.stderr
        return [json.loads(line)["state"] for line in report.read_text().splitlines()]

    assert sorted(run()) == ["done"] * 4 + ["failed"]
    results = store.find("photos/out")
    assert sorted(results) == [f"photos/out/day {index % 2}/{index}.png" for index in (0, 2, 1, 3)]
    for index in range(4):
        name = f"day {index % 2}/{index}.png"
        assert decode(store.cat(f"photos/out/{name}")).pixels.shape == (48, 64, 3)
        assert store.cat(f"photos/out/{name}") != store.cat(f"photos/in/{name}")
    store.rm(results[0])
    assert sorted(run()) == ["done", "failed", "skipped", "skipped", "skipped"]
