import asyncio
import errno
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from denoise.batch import Batch, State
from denoise.image import Photo, decode
from denoise.pipeline import Mix, blend
from denoise.ui import samples, texts, transfer
from denoise.ui.session import File, Result, Session


@pytest.fixture
def batch():
    made = Batch(explain=repr)
    transfer.offer(made)
    yield made
    made.close()


@pytest.fixture
def item(batch):
    return batch.expect("a.png", 1)


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "grey").save(buffer, "PNG")
    return buffer.getvalue()


def send(batch, item, *chunks):
    """Send these pieces to the server; one that is an error ends the connection."""

    async def stream():
        for chunk in (*chunks, b""):
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    return answer(transfer._receive, path_params={"token": batch.token, "item": item.id}, stream=stream)


def answer(route, **request):
    # In a thread of its own: a browser test may have left a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, route(SimpleNamespace(**request))).result()


def files_of(batch):
    return {path.suffix for path in batch.zip().parent.iterdir()} - {".zip"}


def test_file_comes_in_pieces(batch, item, monkeypatch):
    monkeypatch.setattr(transfer, "_BLOCK", 16)
    data = png()
    assert send(batch, item, data[:10], data[10:40], data[40:]).status_code == 204
    (found,) = batch.items()
    assert (found.state, found.width, found.height, found.bytes) == (State.WAITING, 20, 10, len(data))
    assert files_of(batch) == {".in", ".thumbnail"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ClientDisconnect(), "ConnectionError()"), (OSError(errno.ENOSPC, "full"), "OSError(28, 'full')")],
    ids=["disconnected", "disk full"],
)
def test_broken_upload_leaves_a_reason_and_no_file_and_may_come_again(batch, item, error, reason):
    send(batch, item, b"half", error)
    assert (batch.items()[0].state, batch.items()[0].reason) == (State.FAILED, reason)
    assert files_of(batch) == set()
    send(batch, item, png())
    assert batch.items()[0].state == State.WAITING


def test_too_large_a_file_is_refused(batch, item, monkeypatch):
    monkeypatch.setattr(transfer.config, "get_option", lambda name: 1)
    send(batch, item, *[bytes(1 << 19)] * 3)
    assert batch.items()[0].state == State.FAILED
    assert "more than 1 MB" in batch.items()[0].reason
    assert files_of(batch) == set()


def test_nothing_is_found_in_a_closed_batch(batch, item):
    batch.close()
    with pytest.raises(HTTPException, match="404"):
        send(batch, item, png())


RUN = ("astronaut", "unet", False)


@pytest.fixture
def visitor():
    """A session with a result that is black all over."""
    state = Session(chosen_id="astronaut")
    noisy = state.chosen().noisy
    state.results[RUN] = Result(Photo(np.zeros_like(noisy.pixels)), 1.0)
    return state


def fetch(address, **changes):
    """Ask the server for what it offered at this address, with these changes."""
    path, query = urlsplit(address).path, dict(parse_qsl(urlsplit(address).query))
    token = path.removeprefix(f"{transfer.PHOTO_PATH}/")
    return answer(transfer._photo, path_params={"token": token}, query_params=query | {"mix": "100-100-0"} | changes)


def test_result_is_sent_as_its_address_says(visitor):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    visitor.set_mix(Mix(0, 0, 0))  # of no interest: the address counts
    response = fetch(address, mix="50-80-0")
    assert response.media_type == "image/png"
    noisy = samples.load(samples.list_samples()["astronaut"].noisy)
    expected = blend(noisy, visitor.results[RUN].photo, Mix(0.5, 0.8, 0)).pixels
    np.testing.assert_array_equal(decode(response.body).pixels, expected)
    jpeg = fetch(transfer.offer_photo(visitor, File(RUN, "JPEG", 8, 60, False)))
    assert jpeg.media_type == "image/jpeg"
    assert decode(jpeg.body).format == "JPEG"


def test_result_that_is_gone_is_missed_in_words(visitor):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    visitor.results.clear()
    response = fetch(address)
    assert (response.status_code, response.body.decode()) == (404, texts.DOWNLOAD_GONE)
    assert fetch(address.replace(visitor.token, "guessed")).status_code == 404


def test_result_that_cannot_be_written_is_missed_in_words(visitor, monkeypatch):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    monkeypatch.setattr("denoise.ui.session.encode", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    response = fetch(address)
    assert (response.status_code, response.body.decode()) == (500, texts.OUT_OF_MEMORY)


@pytest.mark.parametrize(
    "change", [{"mix": "100-100"}, {"mix": "100-100-0-0"}, {"mix": "a-b-c"}, {"format": "XYZ"}, {"depth": "deep"}]
)
def test_address_that_is_no_offer_is_refused(visitor, change):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    with pytest.raises(HTTPException, match="400"):
        fetch(address, **change)


def test_thumbnails_of_samples_and_of_nothing_else_are_sent():
    name = next(iter(samples.list_samples()))
    response = answer(transfer._thumbnail, path_params={"sample": name})
    assert Image.open(io.BytesIO(response.body)).size == (168, 126)
    assert transfer.offer_thumbnail(name) == f"./thumbnails/{name}.jpg"
    with pytest.raises(HTTPException) as raised:
        answer(transfer._thumbnail, path_params={"sample": "../page"})
    assert raised.value.status_code == 404


def test_pictures_of_a_page_are_sent_to_it_until_others_take_their_place(visitor):
    first, second = (
        transfer.offer_picture(visitor, "viewer.noisy", b"1"),
        transfer.offer_picture(visitor, "other", b"2"),
    )
    assert transfer.offer_picture(visitor, "viewer.noisy", b"1") == first

    def picture(address):
        _, _, token, file = address.split("/")
        return answer(transfer._picture, path_params={"token": token, "digest": file.removesuffix(".png")}).body

    assert (picture(first), picture(second)) == (b"1", b"2")
    third = transfer.offer_picture(visitor, "viewer.noisy", b"3")
    assert (picture(second), picture(third)) == (b"2", b"3")
    for gone in (first, third.replace(visitor.token, "nobody")):
        with pytest.raises(HTTPException) as raised:
            picture(gone)
        assert raised.value.status_code == 404
