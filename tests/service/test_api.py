import json
import re
import socket
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from denoise import spool
from denoise.catalogue import denoiser_names
from denoise.image import decode
from denoise.runtime import ModelError
from denoise.service import api, gate, jobs
from denoise.ui import guard, texts
from tests.service.conftest import PATIENCE, picture

PHOTO = picture()

pytestmark = pytest.mark.usefixtures("any_brightness")  # the network darkens


def problem(answer, status):
    """Return the sentence of an answer that tells a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert told["type"] == "about:blank"
    assert told["status"] == status
    assert told["title"]
    return told["detail"]


def events(stream):
    """Give name and data of each server-sent event."""
    name = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def half_sent(client, path="/api/v1/denoise?model=unet", body=PHOTO, length=None):
    """Send a request over a connection of one's own, whose answer nobody reads."""
    url = client.base_url
    with socket.create_connection((url.host, url.port), PATIENCE) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {length or len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        yield connection


@pytest.mark.parametrize("sent", [{"content": PHOTO}, {"files": {"photo": ("x.png", PHOTO)}}], ids=["body", "form"])
def test_photo_comes_back_denoised_with_figures(client, sent):
    answer = client.post("/api/v1/denoise", params={"model": "cbdnet", "format": "tiff"}, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/tiff")
    halved = decode(PHOTO).pixels / 2
    result = decode(answer.content)
    assert result.format == "TIFF"
    assert np.abs(result.pixels - halved).max() <= 1
    figures = {name: answer.headers[f"denoise-{name}"] for name in ("model", "clean", "not-kept")}
    assert figures == {"model": "cbdnet", "clean": "0.0000", "not-kept": ""}
    assert float(answer.headers["denoise-noise-before"]) > 1.5 * float(answer.headers["denoise-noise-after"]) > 0
    assert float(answer.headers["denoise-seconds"]) > 0
    assert answer.headers["cache-control"] == "no-store"


def test_strength_and_mix_put_the_noise_back(client):
    noisy = decode(PHOTO).pixels

    def asked(**wish):
        answer = client.post("/api/v1/denoise", params={"model": "cbdnet"} | wish, content=PHOTO)
        return decode(answer.content).pixels

    assert np.array_equal(asked(strength=0), noisy)
    assert np.array_equal(asked(luminance=0, colour=0), noisy)
    assert np.abs(asked(luminance=0.5, colour=0.5) - 0.75 * noisy).max() <= 1


def test_default_is_the_photos_own_format_and_denoiser(client):
    answer = client.post("/api/v1/denoise", content=picture(kind="BMP"))
    assert (answer.headers["content-type"], answer.headers["denoise-model"]) == ("image/bmp", "ridnet")


@pytest.mark.parametrize(
    ("wish", "parameter", "words"),
    [
        ({"model": "best"}, "model", "There is no model 'best'. Known models: ridnet, unet"),
        ({"strength": 2, "model": "nlm"}, "parameters", "nlm cannot remove more than there seems to be"),
        ({"level": 9, "model": "nlm"}, "parameters", "nlm cannot be told how much noise there is; choose one that can"),
        ({"level": 9}, "parameters", "ridnet cannot be told how much noise there is; choose one that can: unet"),
        ({"strength": 4}, "strength", "less than or equal to 3"),
        ({"luminance": "nan"}, "luminance", "less than or equal to 1"),
        ({"format": "gif"}, "format", "“gif” is no file type that can be written. Use one of: png"),
        ({"quality": 0}, "quality", "greater than or equal to 1"),
        ({"nothing": 1}, "nothing", "there is no such parameter"),
    ],
)
def test_wrong_parameter_is_told_before_the_photo_is_taken(client, wish, parameter, words):
    answer = client.post("/api/v1/denoise", params=wish, content=PHOTO)
    assert words in problem(answer, 422)
    (fault,) = answer.json()["errors"]
    assert fault["parameter"] == parameter
    assert words in fault["detail"]


def test_photo_that_cannot_be_read_gets_its_sentence(client):
    assert problem(client.post("/api/v1/denoise", content=b"x"), 422).startswith(
        "This is not a picture that can be read here"
    )
    assert problem(client.post("/api/v1/denoise", content=PHOTO[:999]), 422).startswith(
        "The end of this PNG is missing"
    )


def test_too_many_pixels_or_bytes_are_refused(serve):
    with serve(max_megapixels=0.05, max_bytes=2 << 20) as client:
        assert "0.06 megapixels; the limit is 0.05" in problem(client.post("/api/v1/denoise", content=PHOTO), 422)
        sentence = texts.too_many_bytes(2 << 20)
        assert problem(client.post("/api/v1/denoise", content=bytes((2 << 20) + 1)), 413) == sentence
        pieces = (bytes(1 << 20) for _ in range(3))  # whose length is not announced
        assert problem(client.post("/api/v1/denoise", content=pieces), 413) == sentence
        assert problem(client.post("/api/v1/jobs", files={"photo": bytes(3 << 20)}), 413) == sentence


def here(client):
    """Return the numbers of the photos that are here, by state."""
    text = client.get("/metrics").text
    return {state: float(count) for state, count in re.findall(r'service_photos{state="(\w+)"} (\S+)', text)}


def test_who_hangs_up_ends_the_work_within_a_tile(serve, network):
    network.hold()
    with serve(shows_metrics=True) as client:
        with half_sent(client, body=picture(900, 900)):
            assert network.called.wait(PATIENCE)
            assert here(client) == {"working": 1}
        time_left = network.tiles
        network.free.set()
        until(lambda: not here(client))
        assert network.tiles - time_left <= 1


def test_who_hangs_up_while_sending_leaves_nothing(serve):
    with serve(own_jobs=1, shows_metrics=True) as client:
        with half_sent(client, body=PHOTO[:500], length=len(PHOTO)):
            until(lambda: here(client))
            assert client.post("/api/v1/denoise", content=PHOTO).status_code == 429
        until(lambda: not here(client))
        assert client.post("/api/v1/denoise", content=PHOTO).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/denoise", "/api/v1/jobs"])
def test_who_sends_byte_by_byte_is_told_so_and_cut_off(serve, monkeypatch, path):
    monkeypatch.setattr(guard, "SILENCE", 0.3)
    with serve(own_jobs=1, shows_metrics=True) as client, half_sent(client, path, PHOTO[:500], 1 << 20) as connection:
        connection.settimeout(0.02)
        answer, deadline = b"", time.monotonic() + PATIENCE
        with suppress(ConnectionResetError, BrokenPipeError):  # of what it sends after that
            while time.monotonic() < deadline:
                connection.sendall(b"x")
                with suppress(TimeoutError):
                    if not (bit := connection.recv(9999)):
                        break
                    answer += bit
        assert time.monotonic() < deadline
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert api.TOO_SLOW.encode() in answer
        until(lambda: not here(client))


def test_photo_that_takes_too_long_is_given_up(serve, network):
    network.hold()
    with serve(seconds=0.05) as client:
        assert problem(client.post("/api/v1/denoise", content=PHOTO), 503) == api.TOO_LONG.format(seconds=0.05)
        network.free.set()
        tiles = network.tiles
        job = client.post("/api/v1/jobs", content=picture(8, 8)).headers["location"]
        until(lambda: client.get(job).json()["state"] == "done")
        assert network.tiles - tiles <= 2 * 2 + 1


def test_job_goes_its_way(client, network):
    network.hold()
    answer = client.post("/api/v1/jobs", params={"model": "unet", "format": "jpg"}, content=PHOTO)
    job = answer.headers["location"]
    assert (answer.status_code, job) == (202, f"/api/v1/jobs/{answer.json()['id']}")
    assert network.called.wait(PATIENCE)
    assert "The picture is not there yet" in problem(client.get(f"{job}/result"), 409)
    with client.stream("GET", f"{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = events(stream)
        assert next(told)[0] == "progress"
        network.free.set()
        name, end = [*told][-1]
    assert name == "end"
    assert (end["state"], end["tiles_done"], end["result"]) == ("done", end["tiles_total"], f"{job}/result")
    now = client.get(job).json()
    assert now["figures"] == end["figures"]
    assert (now["figures"]["model"], now["figures"]["format"], now["figures"]["width"]) == ("unet", "JPEG", 300)
    for _ in range(2):
        result = client.get(now["result"])
        assert (result.headers["content-type"], decode(result.content).width) == ("image/jpeg", 300)
    assert client.delete(job).status_code == 204
    assert {problem(client.get(path), 404) for path in (job, f"{job}/result", f"{job}/events")} == {api.NO_JOB}
    assert problem(client.delete(job), 404) == api.NO_JOB


def test_job_that_fails_says_why(client, network):
    network.failure = ModelError("The network is damaged.")
    for content, status, sentence in [(PHOTO, 503, "The network is damaged."), (b"x", 422, "This is not a picture")]:
        job = client.post("/api/v1/jobs", content=content).headers["location"]
        until(lambda job=job: client.get(job).json()["state"] == "failed")
        now = client.get(job).json()
        assert now["reason"].startswith(sentence)
        assert (now["result"], now["figures"]) == (None, None)
        assert problem(client.get(f"{job}/result"), status) == now["reason"]


def test_job_that_is_deleted_ends_within_a_tile(client, network):
    network.hold()
    job = client.post("/api/v1/jobs?model=unet", content=picture(900, 900)).headers["location"]
    assert network.called.wait(PATIENCE)
    with client.stream("GET", f"{job}/events") as stream:
        told = events(stream)
        assert next(told)[1]["state"] == "working"
        assert client.delete(job).status_code == 204
        name, end = [*told][-1]
        assert (name, end["state"]) == ("end", "gone")
    network.free.set()
    before = network.tiles
    assert client.post("/api/v1/denoise?model=unet", content=picture(8, 8)).status_code == 200
    assert network.tiles - before <= 2 * 2 + 1


def test_job_that_nobody_asks_about_is_gone(serve):
    with serve(kept=0.5) as client:
        job = client.post("/api/v1/jobs", content=PHOTO).headers["location"]
        folders = set(spool.spool().iterdir())
        until(lambda: len(set(spool.spool().iterdir()) & folders) < len(folders))
        assert problem(client.get(job), 404) == api.NO_JOB


def test_photos_of_one_client_and_of_all_are_limited(serve):
    with serve(own_jobs=2) as client:
        made = [client.post("/api/v1/jobs", content=PHOTO) for _ in range(2)]
        assert problem(client.post("/api/v1/jobs", content=PHOTO), 429) == jobs.OWN_SHARE.format(count=2)
        client.delete(made[0].headers["location"])
        assert client.post("/api/v1/denoise", content=PHOTO).status_code == 200
        assert client.post("/api/v1/denoise", content=PHOTO).status_code == 200  # those that were fetched do not count
    with serve(jobs=1) as client:
        client.post("/api/v1/jobs", content=PHOTO)
        answer = client.post("/api/v1/denoise", content=PHOTO)
        assert problem(answer, 503) == jobs.FULL
        assert int(answer.headers["retry-after"]) > 0


def test_rate_is_limited_for_photos_alone(serve):
    with serve(rate="2/hour") as client:
        assert [client.post("/api/v1/denoise", content=PHOTO).status_code for _ in range(2)] == [200, 200]
        answer = client.post("/api/v1/jobs", content=PHOTO)
        assert "More photos came than one client may send at a time (2 per 1 hour)" in problem(answer, 429)
        assert 0 < int(answer.headers["retry-after"]) <= 3600
        assert client.get("/api/v1/models").status_code == 200


def test_keys_are_asked_for_where_there_are_any(serve):
    with serve(keys=frozenset(["first", "sécond"])) as client:
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic first"}):
            answer = client.post("/api/v1/denoise", content=PHOTO, headers=wrong)
            assert problem(answer, 401) == gate.NO_KEY
            assert answer.headers["www-authenticate"] == "Bearer"
        for key in ("first", "sécond"):
            headers = {"Authorization": f"Bearer {key}".encode()}
            assert client.post("/api/v1/denoise", content=PHOTO, headers=headers).status_code == 200
        assert client.get("/api/v1/models").status_code == 401
        assert client.get("/api/v1/docs").status_code == client.get("/api/v1/openapi.json").status_code == 200
        assert client.get("/api/v1/openapi.json").json()["components"]["securitySchemes"]


def test_page_of_another_site_is_refused(client):
    for site, status in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]:
        answer = client.post("/api/v1/denoise", content=PHOTO, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status
    assert problem(client.get("/api/v1/models", headers={"Sec-Fetch-Site": "cross-site"}), 403) == gate.FOREIGN


def test_full_disk_is_said(client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(spool, "BUDGET", 0)
        assert problem(client.post("/api/v1/denoise", content=PHOTO), 507) == texts.REFUSALS["507"]
        ready = "/readyz"
        assert problem(client.get(ready), 503) == texts.REFUSALS["507"]
    assert client.post("/api/v1/denoise", content=PHOTO).status_code == 200
    assert client.get(ready).json() == {"status": "ok"}


def test_what_somebody_tidied_away_is_said(client, network):
    network.hold()
    begun = client.post("/api/v1/jobs?model=unet", content=PHOTO).headers["location"]
    waiting = client.post("/api/v1/jobs?model=unet", content=PHOTO).headers["location"]
    network.free.set()
    until(lambda: {client.get(job).json()["state"] for job in (begun, waiting)} == {"done"})
    for result in spool.spool().glob("*/result"):
        result.unlink()
    assert problem(client.get(f"{begun}/result"), 503) == texts.TIDIED_AWAY


def test_fault_of_ours_is_a_sentence_and_logged(client, network, caplog):
    network.failure = ZeroDivisionError("division by zero")
    assert problem(client.post("/api/v1/denoise", content=PHOTO), 500) == texts.UNEXPECTED
    assert "division by zero" in caplog.text
    network.failure = MemoryError()
    assert problem(client.post("/api/v1/denoise", content=PHOTO), 503) == texts.OUT_OF_MEMORY


def test_unknown_addresses_and_methods_are_problems_too(client):
    assert problem(client.get("/api/v1/nothing"), 404) == "Not Found"
    assert problem(client.get("/api/v1/denoise"), 405) == "Method Not Allowed"


def test_models_are_those_of_the_page(client):
    found = {model["name"]: model for model in client.get("/api/v1/models").json()}
    assert list(found) == list(denoiser_names())
    assert [name for name in found if found[name]["default"]] == ["ridnet"]
    assert [name for name in found if found[name]["default_for_big_photos"]] == ["unet"]
    assert found["ridnet"]["title"] == denoiser_names()["ridnet"].title
    for name, info in denoiser_names().items():
        assert (found[name]["takes_level"], found[name]["strongest"] > 1) == (info.needs_level, info.has_best)


def test_level_reaches_a_model_that_is_told(client, told_networks):
    sent = {"content": PHOTO, "params": {"model": "told", "level": 5}}
    assert client.post("/api/v1/denoise", **sent).status_code == 200
    sent["params"] |= {"model": "nlm"}
    assert "nlm cannot be told how much noise there is" in problem(client.post("/api/v1/denoise", **sent), 422)


def test_interactive_page_asks_no_other_server(client):
    page = client.get("/api/v1/docs")
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) == 3
    assert {client.get(part).status_code for part in parts} == {200}
    assert not re.findall(r"https?://", page.text)
    assert "'unsafe-eval'" not in page.headers["content-security-policy"]
    assert client.get("/api/v1/openapi.json").json()["servers"] == [{"url": "/api/v1"}]


def test_numbers_are_shown_only_where_that_is_wished(serve, client):
    assert client.get("/metrics").status_code == 404
    with serve(shows_metrics=True) as other:
        other.post("/api/v1/denoise?model=unet", content=PHOTO)
        other.post("/api/v1/denoise", content=b"x")
        other.post("/api/v1/jobs", content=PHOTO)
        text = other.get("/metrics").text
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(numbers["denoise_tiles_total"]) >= 1
    assert numbers['denoise_refusals_total{status="422"}'] == "1.0"
    assert numbers['denoise_photo_seconds_count{model="unet"}'] == "1.0"
    assert {"denoise_tiles_waiting", "denoise_photos_waiting", "process_resident_memory_bytes"} <= numbers.keys()
    assert [name for name in numbers if name.startswith("denoise_service_photos")]
