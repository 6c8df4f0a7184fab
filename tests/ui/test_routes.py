import asyncio
import io
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

from denoise.brush import Mask
from denoise.image import Photo, decode, outline
from denoise.mixing import Mix, blend
from denoise.tiling import Box
from denoise.ui import addresses, routes, samples, texts
from denoise.ui.before_after import BeforeAfter
from denoise.ui.cache import Cache
from denoise.ui.growing import Growing
from denoise.ui.kept import GoneError
from denoise.ui.results import File, Result, Run
from denoise.ui.session import Session
from tests.asynchronous import answer, noted, run, whole

RUN = Run("astronaut", "unet")


@pytest.fixture
def visitor():
    """A session with a result that is black all over."""
    state = Session(chosen_id="astronaut")
    noisy = state.chosen().noisy
    state.results.own[RUN] = Result(Photo(np.zeros_like(noisy.pixels)), 1.0, "unet")
    return state


def fetch(address, painted="", **changes):
    """Ask the server for what it offered at this address, with these changes and what was painted on it."""
    path, query = urlsplit(address).path, dict(parse_qsl(urlsplit(address).query))
    _, place, token = path.split("/")
    said = query | {"mix": "100-100-0"} | changes
    send = partial(routes._send, BeforeAfter.read if f"/{place}" == addresses.BEFORE_AFTER else File.read)
    return run(_fetch(send, token, urlencode(said), painted.encode()))


async def _fetch(send, token, query, body):
    """Ask, and wait for the answer without hanging up."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "POST" if body else "GET",
        "path_params": {"token": token},
        "headers": [],
        "query_string": query.encode(),
    }
    return await whole(await send(Request(scope, receive)))


def test_result_is_sent_as_its_address_says(visitor):
    address = addresses.result(visitor, File(RUN, "PNG", 8, 95, True))
    visitor.set_mix(Mix(0, 0, 0))  # of no interest: the address counts
    response = fetch(address, mix="50-80-0")
    assert response.media_type == "image/png"
    assert int(response.headers["content-length"]) == len(response.body)
    noisy = samples.load(samples.list_samples()["astronaut"].noisy)
    expected = blend(noisy, visitor.results.own[RUN].photo, Mix(0.5, 0.8, 0)).pixels
    np.testing.assert_array_equal(decode(response.body).pixels, expected)
    jpeg = fetch(addresses.result(visitor, File(RUN, "JPEG", 8, 60, False)))
    assert jpeg.media_type == "image/jpeg"
    assert decode(jpeg.body).format == "JPEG"


def test_before_and_after_is_sent_as_its_address_says(visitor):
    address = addresses.before_after(visitor, RUN, "side", "PNG")
    response = fetch(address, mix="0-0-0", at="9,9")
    noisy = samples.load(samples.list_samples()["astronaut"].noisy).pixels
    np.testing.assert_array_equal(decode(response.body).pixels[60:, -noisy.shape[1] :], noisy[60:])
    assert fetch(addresses.before_after(visitor, RUN, "clip", "WEBP"), at="9,9").media_type == "image/webp"
    assert fetch(address.replace(visitor.token, "guessed"), at="9,9").status_code == 404
    with pytest.raises(HTTPException):
        fetch(address, at="here")


def test_brush_that_painted_on_another_photo_is_refused(visitor):
    height, width = visitor.results.own[RUN].photo.pixels.shape[:2]
    nodes = [-(-(side - 1) // 8) + 1 for side in (height, width)]

    def painted(rows, columns):
        return Mask(8, rows, columns, bytes(rows * columns)).write()

    for address in (
        addresses.result(visitor, File(RUN, "PNG", 8, 95, True)),
        addresses.before_after(visitor, RUN, "side", "PNG"),
    ):
        changes = {} if "depth" in address else {"at": "9,9"}
        assert fetch(address, painted(*nodes), **changes).status_code == 200
        for wrong in ((nodes[0] - 1, nodes[1]), (nodes[0], nodes[1] - 1)):
            assert fetch(address, painted(*wrong), **changes).status_code == 400
        assert fetch(address.replace(RUN.photo, "gone"), painted(*nodes), **changes).status_code == 404


def test_result_that_is_gone_is_missed_in_words(visitor):
    address = addresses.result(visitor, File(RUN, "PNG", 8, 95, True))
    visitor.results.own.clear()
    response = fetch(address)
    assert (response.status_code, response.body.decode()) == (404, texts.DOWNLOAD_GONE)
    assert fetch(address.replace(visitor.token, "guessed")).status_code == 404


def test_result_that_cannot_be_written_is_missed_in_words(visitor, monkeypatch):
    address = addresses.result(visitor, File(RUN, "PNG", 8, 95, True))
    monkeypatch.setattr("denoise.ui.session.encode", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    response = fetch(address)
    assert (response.status_code, response.body.decode()) == (500, texts.OUT_OF_MEMORY)


@pytest.mark.parametrize(
    "change",
    [
        *({"mix": "100-100"}, {"mix": "100-100-0-0"}, {"mix": "a-b-c"}, {"mix": "1" * 9999}, {"format": "XYZ"}),
        *({"depth": "deep"}, {"depth": "9"}, {"quality": "0"}, {"quality": "101"}, {"quality": "1e999"}),
    ],
)
def test_address_that_is_no_offer_is_refused(visitor, change):
    address = addresses.result(visitor, File(RUN, "PNG", 8, 95, True))
    with pytest.raises(HTTPException, match="400"):
        fetch(address, **change)


def test_thumbnails_of_samples_and_of_nothing_else_are_sent():
    name = next(iter(samples.list_samples()))
    response = answer(routes._thumbnail, sample=name)
    assert Image.open(io.BytesIO(response.body)).size == (168, 126)
    assert addresses.thumbnail(name) == f"./thumbnails/{name}.jpg"
    with pytest.raises(HTTPException) as raised:
        answer(routes._thumbnail, sample="../page")
    assert raised.value.status_code == 404


def test_pictures_of_a_page_are_sent_to_it_until_others_take_their_place(visitor):
    first, second = (
        addresses.picture(visitor, "viewer.noisy", b"1"),
        addresses.picture(visitor, "other", b"2"),
    )
    assert addresses.picture(visitor, "viewer.noisy", b"1") == first

    def picture(address):
        _, _, token, file = address.split("/")
        return answer(routes._picture, token=token, name=file.removesuffix(".png")).body

    assert (picture(first), picture(second)) == (b"1", b"2")
    third = addresses.picture(visitor, "viewer.noisy", b"3")
    assert (picture(second), picture(third)) == (b"2", b"3")
    for gone in (first, third.replace(visitor.token, "nobody")):
        with pytest.raises(HTTPException) as raised:
            picture(gone)
        assert raised.value.status_code == 404


@pytest.fixture
def onlooker():
    state = Session(chosen_id=next(iter(samples.list_samples())))
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    state.growing = Growing(Run("photo", "unet"), outline(Photo(pixels)), (100, 150))
    state.pixels = pixels
    return state


def window(state, **changes):
    query = {"photo": "photo", "model": "unet", "best": 0, "box": "10,20,110,140", "scale": 1, "known": -1} | changes
    return answer(routes._window, query=urlencode(query), token=state.token)


def test_window_brings_what_is_there_and_has_it_made_first(onlooker):
    onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))
    response = window(onlooker)
    assert (response.status_code, response.media_type) == (200, "image/png")
    assert (response.headers["X-Count"], response.headers["X-Share"]) == ("1", "0.5000")
    assert Image.open(io.BytesIO(response.body)).size == (120, 100)
    assert onlooker.growing.view() == (10, 20, 110, 140)
    assert Image.open(io.BytesIO(window(onlooker, scale=0.5).body)).size == (60, 50)


def test_window_without_news_is_empty(onlooker, monkeypatch):
    monkeypatch.setattr(routes, "_NEWS", 0.0)
    onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))
    response = window(onlooker, known=1)
    assert (response.status_code, response.body, response.headers["X-Count"]) == (204, b"", "1")


def test_window_waits_for_news(onlooker, monkeypatch):
    async def meanwhile(seconds):
        onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))

    monkeypatch.setattr(routes.asyncio, "sleep", meanwhile)
    assert window(onlooker, known=0).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"box": "0,0,201,300"}, 400),
        ({"box": "0,0,100"}, 400),
        ({"box": "0,0,100,x"}, 400),
        ({"scale": 0}, 400),
        ({"scale": 1.5}, 400),
        ({"scale": "nan"}, 400),
        ({"known": ""}, 400),
    ],
    ids=str,
)
def test_window_of_nothing_is_refused(onlooker, changes, status):
    with pytest.raises(HTTPException) as refusal:
        window(onlooker, **changes)
    assert refusal.value.status_code == status


def test_window_waits_for_its_run_to_begin(onlooker, monkeypatch):
    growing, onlooker.growing = onlooker.growing, None

    async def meanwhile(seconds):
        growing.add(onlooker.pixels, Box(0, 0, 200, 150))
        onlooker.growing = growing

    monkeypatch.setattr(routes.asyncio, "sleep", meanwhile)
    assert window(onlooker).status_code == 200


def test_window_of_a_run_that_has_not_begun_is_empty(onlooker, monkeypatch):
    monkeypatch.setattr(routes, "_NEWS", 0.1)
    for changes in ({"photo": "another"}, {"best": 1}):
        response = window(onlooker, **changes)
        assert (response.status_code, response.body, response.headers["X-Count"]) == (204, b"", "0")
    onlooker.growing = None
    assert window(onlooker).status_code == 204


def test_window_of_a_stranger_is_refused():
    with pytest.raises(HTTPException):
        answer(routes._window, query="photo=photo&model=unet&best=0&box=0,0,9,9&scale=1&known=0", token="guessed")


def part(state, **changes):
    query = {"photo": "astronaut", "box": "10,20,110,140", "scale": 1} | changes
    return answer(routes._part, query=urlencode(query), token=state.token)


def test_part_of_a_photo_is_sent_in_its_true_pixels_or_smaller(visitor):
    noisy = visitor.chosen().noisy.pixels
    response = part(visitor)
    assert (response.status_code, response.media_type) == (200, "image/png")
    np.testing.assert_array_equal(decode(response.body).pixels, noisy[10:110, 20:140])
    assert Image.open(io.BytesIO(part(visitor, scale=0.5).body)).size == (60, 50)


def test_part_of_a_photo_that_is_gone_is_nothing(visitor):
    assert part(visitor, photo="gone").status_code == 204


@pytest.mark.parametrize(
    "changes",
    [*({"box": box} for box in ("0,0,9999,9", "-1,0,9,9", "5,5,5,9", "0,0,9")), {"scale": 2}, {"scale": "x"}],
    ids=str,
)
def test_part_that_there_is_not_is_refused(visitor, changes):
    with pytest.raises(HTTPException) as refusal:
        part(visitor, **changes)
    assert refusal.value.status_code == 400


def test_picture_that_is_made_later_is_made_once_when_it_is_fetched(visitor):
    made = []

    def make(content):
        return lambda: made.append(content) or content

    def address(key):
        return addresses.picture_made_later(visitor, "details", key, make(key.encode()))

    def fetched(address):
        return answer(routes._picture, token=visitor.token, name=address[-20:-4]).body

    first = address("1")
    assert made == []
    assert [fetched(each) for each in (first, first, address("1"))] == [b"1"] * 3
    assert made == [b"1"]
    assert fetched(address("2")) == b"2"

    def fail():
        raise GoneError

    gone = addresses.picture_made_later(visitor, "details", "3", fail)
    for each in (first, gone):
        with pytest.raises(HTTPException, match="404"):
            fetched(each)


def test_disk_is_waited_for_in_other_threads(visitor, monkeypatch):
    in_loop = []
    monkeypatch.setattr(Cache, "offered", noted(Cache.offered, in_loop))
    address = addresses.picture(visitor, "viewer.noisy", b"1")
    assert answer(routes._picture, token=visitor.token, name=address[-20:-4]).body == b"1"
    assert in_loop == [False]
