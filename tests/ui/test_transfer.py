import asyncio
import errno
import io
import json
import os
import threading
import zipfile
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from denoise import arrival, spool
from denoise.batch import REPORT_NAME, Batch, _write
from denoise.engine import Engine
from denoise.image import Photo, PhotoError, decode, encode, outline
from denoise.item import Settings, State
from denoise.mixing import Mix, blend
from denoise.tiling import Box
from denoise.ui import samples, texts, transfer
from denoise.ui.growing import Growing
from denoise.ui.results import File, Result, Run
from denoise.ui.session import Session
from tests.asynchronous import run


@pytest.fixture
def batch():
    made = Batch(Engine(), explain=repr)
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


def send(batch, item, *chunks, **headers):
    """Send these pieces to the server; one that is an error ends the connection, a function is called in its turn."""
    return answer(transfer._receive, chunks, headers, token=batch.token, item=item.id)


def answer(route, chunks=(), headers=None, query="", **path_params):
    """Return a route's answer to a request whose body comes in these pieces."""
    rest = list(chunks)

    async def receive():
        chunk = rest.pop(0) if rest else b""
        if callable(chunk):
            chunk = chunk()
        if isinstance(chunk, ClientDisconnect):
            return {"type": "http.disconnect"}
        if isinstance(chunk, Exception):
            raise chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(rest)}

    async def ask():
        encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {"type": "http", "path_params": path_params, "headers": encoded, "query_string": query.encode()}
        return await whole(await route(Request(scope, receive)))

    return run(ask())


async def whole(response):
    if isinstance(response, StreamingResponse):
        response.body = b"".join([piece async for piece in response.body_iterator])
    return response


def files_of(batch):
    return {path.suffix for path in folder_of(batch).iterdir()}


def folder_of(batch):
    return batch.part(batch.expect("folder", 1).id).parent


def test_file_comes_in_pieces(batch, item, monkeypatch):
    monkeypatch.setattr(arrival, "_BLOCK", 16)
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


def test_nothing_is_sent_that_will_find_no_room(batch, item, monkeypatch):
    monkeypatch.setattr("denoise.spool.shutil.disk_usage", lambda _: SimpleNamespace(free=spool._SPARE + 1000))
    send(batch, item, ClientDisconnect(), content_length="1001")
    assert batch.items()[0].reason == repr(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    send(batch, item, png(), content_length="1000")
    assert batch.items()[0].state == State.WAITING


@pytest.fixture
def small_disk(batch, monkeypatch):
    """1000 bytes for the batch alone, of which room for 400 is kept before they come."""
    monkeypatch.setattr(spool, "spool", lambda: batch._folder)
    monkeypatch.setattr(spool, "BUDGET", 1000)
    monkeypatch.setattr(spool, "SHARE", 2)
    monkeypatch.setattr(arrival, "_BLOCK", 100)
    monkeypatch.setattr(arrival, "_AHEAD", 400)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("headers", [{}, {"content_length": "1000"}])
def test_what_comes_is_measured_as_it_comes(batch, item, headers):
    used = []

    def fill_up():
        other = batch.part(batch.expect("other.png", 700).id)
        other.write_bytes(bytes(700))
        return bytes(100)

    def note():
        used.append(spool._used(batch._folder))
        return bytes(100)

    send(batch, item, *[bytes(100)] * 2, fill_up, *[note] * 7, **headers)
    assert batch.items()[0].reason == repr(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert 1 <= len(used) < 7
    assert spool._reserved == {}


@pytest.mark.usefixtures("small_disk")
def test_batch_that_has_its_share_of_the_disk_is_told_so(batch, item, monkeypatch):
    monkeypatch.setattr(spool, "SHARE", 0.5)
    send(batch, item, ClientDisconnect(), content_length="501")
    assert batch.items()[0].reason == repr(PhotoError(texts.batch_share(25e9)))
    assert "25 GB" in batch.items()[0].reason
    send(batch, item, png(), content_length="500")
    assert batch.items()[0].state == State.WAITING


@pytest.mark.usefixtures("small_disk")
def test_uploads_at_the_same_time_share_the_room(batch, item):
    second, third = (batch.expect(f"{number}.png", 400) for number in range(2))

    def send_third():
        send(batch, third, png(), content_length="400")
        return png()

    def send_second():
        send(batch, second, send_third, content_length="400")
        return png()

    send(batch, item, send_second, content_length="400")
    assert [each.state for each in batch.items()] == [State.WAITING, State.WAITING, State.FAILED]
    assert batch.items()[2].reason == repr(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert spool._reserved == {}


def test_upload_ends_when_the_photo_comes_by_another(batch, item, monkeypatch):
    monkeypatch.setattr(arrival, "_BLOCK", 16)
    newer = []

    def begin_anew():
        newer.append(batch.part(item.id))
        return bytes(40)

    with pytest.raises(HTTPException, match="409"):
        send(batch, item, bytes(40), begin_anew, OSError("read on"))
    assert batch.items()[0].state == State.ARRIVING
    newer[0].write_bytes(png())
    batch.receive(item.id, newer[0])
    assert batch.items()[0].state == State.WAITING
    assert files_of(batch) == {".in", ".thumbnail"}


def test_upload_ends_when_its_batch_is_removed(batch, item):
    part = batch.part(item.id)
    batch.heard(item.id, part)
    batch.close()
    with pytest.raises(KeyError):
        batch.heard(item.id, part)


def test_nothing_is_found_in_a_closed_batch(batch, item):
    batch.close()
    with pytest.raises(HTTPException, match="404"):
        send(batch, item, png())


def announce(batch, *chunks):
    return answer(transfer._announce, chunks, token=batch.token)


def test_announced_photos_are_expected(batch):
    ids = json.loads(announce(batch, b'[["a.png", 12], ', b'["b/\xc3\xa4.png", 0]]').body)
    assert [(item.id, item.name, item.bytes) for item in batch.items()] == [
        (ids[0], "a.png", 12),
        (ids[1], "b/ä.png", 0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"{}", b"1", b"[1]", b'["ab"]', b'{"ab": 1}', b'[["x"]]', b'[["x", 1, 2]]', b"[[1, 1]]"),
        *(b'[["x", 1e999]]', b'[["x", -1]]', b'[["x", NaN]]', b'[["x", true]]', b'[["x", 1.5]]', b'[["x", "1"]]'),
        *(b'[["x", ' + digits + b"]]" for digits in (b"9" * 19, b"9" * 9999)),
        *(b"[" * 900_000, b'[["x", ' + b"[" * 9999, b"\xff\xfe\xff", b'[["\xff", 1]]'),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_announcement_is_refused_whole(batch, text):
    with pytest.raises(HTTPException) as raised:
        announce(batch, text)
    assert raised.value.status_code == 400
    assert batch.items() == []


def test_announcement_is_measured_as_it_comes(batch, monkeypatch):
    monkeypatch.setattr(transfer, "_LONGEST_LIST", 100)
    with pytest.raises(HTTPException) as raised:
        announce(batch, b"[", b" " * 50, b" " * 50, OSError("read on"))
    assert raised.value.status_code == 413
    with pytest.raises(HTTPException) as raised:
        announce(batch, b'[["a", 1]', ClientDisconnect())
    assert raised.value.status_code == 400
    assert batch.items() == []


def test_batch_takes_so_many_photos_and_says_so(batch, monkeypatch):
    monkeypatch.setattr(transfer, "_MOST", 3)
    assert announce(batch, b'[["a", 1], ["b", 1]]').status_code == 200
    refused = announce(batch, b'[["c", 1], ["d", 1]]')
    assert (refused.status_code, refused.body.decode()) == (413, texts.too_many_photos(3))
    assert announce(batch, b'[["c", 1]]').status_code == 200
    assert len(batch.items()) == 3


def done(batch, *names):
    """Make results: for each photo a file that holds its name."""
    for name in names:
        item = batch.expect(name, 1)
        batch._file(item.id, "out").write_text(name)
        batch._update(item.id, state=State.DONE, result=name, width=1)


def test_zip_comes_with_its_length_and_the_report(batch):
    done(batch, "a.png", "tour/b.jpg")
    response = answer(transfer._zip, token=batch.token)
    assert int(response.headers["content-length"]) == len(response.body)
    with zipfile.ZipFile(io.BytesIO(response.body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.png": b"a.png",
            "tour/b.jpg": b"tour/b.jpg",
            REPORT_NAME: answer(transfer._report, token=batch.token).body,
        }


@pytest.mark.parametrize("change", ["removed", "made anew"])
def test_zip_whose_results_change_meanwhile_breaks_off(batch, change):
    done(batch, "a.png", "b.png")
    last = batch.items()[1]
    pieces = iter(batch.zip())
    next(pieces)
    if change == "removed":
        batch.remove(last.id)
    else:
        _write(batch._file(last.id, "out"), b"B.png")  # of the same length
    with pytest.raises(OSError, match=r"Stale|No such file"):
        list(pieces)


def test_zip_that_cannot_be_read_is_missed_in_words(batch):
    done(batch, "a.png")
    batch._file(batch.items()[0].id, "out").unlink()
    response = answer(transfer._zip, token=batch.token)
    assert (response.status_code, response.body.decode()) == (500, texts.TIDIED_AWAY)
    assert batch.items()[0].state == State.FAILED


RUN = Run("astronaut", "unet")


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
    _, place, token = path.split("/")
    said = query | {"mix": "100-100-0"} | changes
    send = transfer._share if f"/{place}" == transfer.SHARE_PATH else transfer._photo
    return run(_fetch(send, token, urlencode(said)))


async def _fetch(send, token, query):
    """Ask, and wait for the answer without hanging up."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    scope = {"type": "http", "path_params": {"token": token}, "headers": [], "query_string": query.encode()}
    return await whole(await send(Request(scope, receive)))


def test_result_is_sent_as_its_address_says(visitor):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    visitor.set_mix(Mix(0, 0, 0))  # of no interest: the address counts
    response = fetch(address, mix="50-80-0")
    assert response.media_type == "image/png"
    assert int(response.headers["content-length"]) == len(response.body)
    noisy = samples.load(samples.list_samples()["astronaut"].noisy)
    expected = blend(noisy, visitor.results[RUN].photo, Mix(0.5, 0.8, 0)).pixels
    np.testing.assert_array_equal(decode(response.body).pixels, expected)
    jpeg = fetch(transfer.offer_photo(visitor, File(RUN, "JPEG", 8, 60, False)))
    assert jpeg.media_type == "image/jpeg"
    assert decode(jpeg.body).format == "JPEG"


def test_before_and_after_is_sent_as_its_address_says(visitor):
    address = transfer.offer_share(visitor, RUN, "side", "PNG")
    response = fetch(address, mix="0-0-0", at="9,9")
    noisy = samples.load(samples.list_samples()["astronaut"].noisy).pixels
    np.testing.assert_array_equal(decode(response.body).pixels[60:, -noisy.shape[1] :], noisy[60:])
    assert fetch(transfer.offer_share(visitor, RUN, "clip", "WEBP"), at="9,9").media_type == "image/webp"
    assert fetch(address.replace(visitor.token, "guessed"), at="9,9").status_code == 404
    with pytest.raises(HTTPException):
        fetch(address, at="here")


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
    "change",
    [
        *({"mix": "100-100"}, {"mix": "100-100-0-0"}, {"mix": "a-b-c"}, {"mix": "1" * 9999}, {"format": "XYZ"}),
        *({"depth": "deep"}, {"depth": "9"}, {"quality": "0"}, {"quality": "101"}, {"quality": "1e999"}),
    ],
)
def test_address_that_is_no_offer_is_refused(visitor, change):
    address = transfer.offer_photo(visitor, File(RUN, "PNG", 8, 95, True))
    with pytest.raises(HTTPException, match="400"):
        fetch(address, **change)


def test_thumbnails_of_samples_and_of_nothing_else_are_sent():
    name = next(iter(samples.list_samples()))
    response = answer(transfer._thumbnail, sample=name)
    assert Image.open(io.BytesIO(response.body)).size == (168, 126)
    assert transfer.offer_thumbnail(name) == f"./thumbnails/{name}.jpg"
    with pytest.raises(HTTPException) as raised:
        answer(transfer._thumbnail, sample="../page")
    assert raised.value.status_code == 404


def test_pictures_of_a_page_are_sent_to_it_until_others_take_their_place(visitor):
    first, second = (
        transfer.offer_picture(visitor, "viewer.noisy", b"1"),
        transfer.offer_picture(visitor, "other", b"2"),
    )
    assert transfer.offer_picture(visitor, "viewer.noisy", b"1") == first

    def picture(address):
        _, _, token, file = address.split("/")
        return answer(transfer._picture, token=token, digest=file.removesuffix(".png")).body

    assert (picture(first), picture(second)) == (b"1", b"2")
    third = transfer.offer_picture(visitor, "viewer.noisy", b"3")
    assert (picture(second), picture(third)) == (b"2", b"3")
    for gone in (first, third.replace(visitor.token, "nobody")):
        with pytest.raises(HTTPException) as raised:
            picture(gone)
        assert raised.value.status_code == 404


def test_disk_is_waited_for_in_other_threads(visitor, batch, item, monkeypatch):
    def in_a_loop():
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            return None

    loops = []

    def note(work):
        return lambda *args, **kwargs: (loops.append(in_a_loop()), work(*args, **kwargs))[1]

    monkeypatch.setattr(Session, "picture", note(Session.picture))
    address = transfer.offer_picture(visitor, "viewer.noisy", b"1")
    assert answer(transfer._picture, token=visitor.token, digest=address[-20:-4]).body == b"1"
    monkeypatch.setattr(transfer.Path, "open", note(transfer.Path.open))
    monkeypatch.setattr(transfer.Path, "unlink", note(transfer.Path.unlink))
    send(batch, item, b"half", ClientDisconnect())
    assert len(loops) >= 3
    assert set(loops) == {None}


def test_batches_look_at_one_photo_each_and_wait_for_no_other(batch, monkeypatch):
    """Large photos of two batches wait for their turn; a small one of a third batch does not."""
    first, second, third = batches = [batch, Batch(Engine()), Batch(Engine())]
    at_work, most, third_is_done = [], [], threading.Event()

    def look(of, item_id, part):
        at_work.append(of)
        most.append(max(map(at_work.count, at_work)))
        assert of is third or third_is_done.wait(10)
        at_work.remove(of)
        if of is third:
            third_is_done.set()

    async def receive():
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def play():
        asked = [
            {"token": transfer.offer(each).rpartition("/")[2], "item": each.expect("x.png", 1).id}
            for each in (first, second, first, second, first, second, third)
        ]
        scopes = [{"type": "http", "path_params": path, "headers": [], "query_string": b""} for path in asked]
        await asyncio.gather(*(transfer._receive(Request(scope, receive)) for scope in scopes))

    monkeypatch.setattr(Batch, "receive", look)
    run(play())
    assert most == [1] * 7
    for each in batches[1:]:
        each.close()


@pytest.fixture
def onlooker():
    state = Session(chosen_id=next(iter(samples.list_samples())))
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    state.growing = Growing(Run("photo", "unet"), outline(Photo(pixels)), (100, 150))
    state.pixels = pixels
    transfer.offer_window(state, state.growing.run)
    return state


def window(state, **changes):
    query = {"photo": "photo", "model": "unet", "best": 0, "box": "10,20,110,140", "scale": 1, "known": -1} | changes
    return answer(transfer._window, query=urlencode(query), token=state.token)


def test_window_brings_what_is_there_and_has_it_made_first(onlooker):
    onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))
    response = window(onlooker)
    assert (response.status_code, response.media_type) == (200, "image/png")
    assert (response.headers["X-Count"], response.headers["X-Share"]) == ("1", "0.5000")
    assert Image.open(io.BytesIO(response.body)).size == (120, 100)
    assert onlooker.growing.view() == (10, 20, 110, 140)
    assert Image.open(io.BytesIO(window(onlooker, scale=0.5).body)).size == (60, 50)


def test_window_without_news_is_empty(onlooker, monkeypatch):
    monkeypatch.setattr(transfer, "_NEWS", 0.0)
    onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))
    response = window(onlooker, known=1)
    assert (response.status_code, response.body, response.headers["X-Count"]) == (204, b"", "1")


def test_window_waits_for_news(onlooker, monkeypatch):
    async def meanwhile(seconds):
        onlooker.growing.add(onlooker.pixels, Box(0, 0, 200, 150))

    monkeypatch.setattr(transfer.asyncio, "sleep", meanwhile)
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


def test_window_of_a_run_that_has_not_begun_is_empty(onlooker):
    for changes in ({"photo": "another"}, {"best": 1}):
        response = window(onlooker, **changes)
        assert (response.status_code, response.body, response.headers["X-Count"]) == (204, b"", "0")
    onlooker.growing = None
    assert window(onlooker).status_code == 204


def test_window_of_a_stranger_is_refused():
    with pytest.raises(HTTPException):
        answer(transfer._window, query="photo=photo&model=unet&best=0&box=0,0,9,9&scale=1&known=0", token="guessed")


@pytest.fixture
def made(batch, monkeypatch):
    """A photo of the batch that is done: black."""
    monkeypatch.setattr(
        "denoise.pipeline.denoise_photo", lambda photo, *_, **__: replace(photo, pixels=np.zeros_like(photo.pixels))
    )
    data = encode(Photo(np.full((20, 3000, 3), 90, np.uint8), format="TIFF"))
    item = batch.expect("tour/a.tif", len(data))
    part = batch.part(item.id)
    part.write_bytes(data)
    batch.receive(item.id, part)
    batch.start(Settings(model="nlm"))
    batch.wait(10)
    return item.id


def test_photo_of_a_batch_is_shown_before_and_after_as_large_as_a_screen(batch, made):
    for which, level in (("before", 90), ("after", 0)):
        response = answer(transfer._batch_picture, token=batch.token, item=made, which=which)
        assert response.media_type == "image/jpeg"
        picture = decode(response.body)
        assert (picture.width, picture.pixels.max()) == (2560, level)


def test_result_of_a_batch_is_taken_home_alone(batch, made):
    response = answer(transfer._batch_result, token=batch.token, item=made)
    assert 'filename="a-denoised.tif"' in response.headers["content-disposition"]
    Path(response.path).unlink()
    assert answer(transfer._batch_result, token=batch.token, item=made).body.decode() == texts.TIDIED_AWAY
    with pytest.raises(HTTPException, match="404"):
        answer(transfer._batch_picture, token=batch.token, item=made, which="after")


def test_result_of_a_batch_is_rejected_and_taken_in_again(batch, made):
    for said, rejected in (("is=1", True), ("is=0", False), ("is=1", True), ("", False)):
        assert answer(transfer._reject, query=said, token=batch.token, item=made).status_code == 204
        assert batch.items()[0].rejected is rejected


def test_result_of_a_batch_is_mixed_as_its_sliders_say(batch, made):
    assert answer(transfer._mix, query="mix=50-100-0", token=batch.token, item=made).status_code == 204
    assert batch.items()[0].mix == Mix(0.5)
    details = answer(transfer._batch_picture, token=batch.token, item=made, which="details")
    assert decode(details.body).pixels.max() == 0  # one colour has no texture
    with pytest.raises(HTTPException, match="400"):
        answer(transfer._mix, query="mix=much", token=batch.token, item=made)


@pytest.mark.parametrize(
    ("route", "wrong"),
    [
        *product((transfer._batch_picture, transfer._batch_result, transfer._reject), ({"token": "x"}, {"item": "x"})),
        (transfer._batch_picture, {"which": "in"}),
    ],
)
def test_nothing_else_of_a_batch_is_shown(batch, made, route, wrong):
    with pytest.raises(HTTPException, match="404"):
        answer(route, **({"token": batch.token, "item": made, "which": "after"} | wrong))
