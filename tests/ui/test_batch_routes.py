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

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from denoise import arrival, spool
from denoise.batch import REPORT_NAME, Batch
from denoise.engine import Engine
from denoise.files import write_atomically
from denoise.image import Photo, PhotoError, decode, encode
from denoise.item import Settings, State
from denoise.mixing import Mix
from denoise.ui import batch_routes, session, texts
from denoise.ui.session import Session
from tests.asynchronous import answer, noted, run


@pytest.fixture
def batch():
    visitor = Session("astronaut", batch=Batch(Engine(), explain=repr))
    yield visitor.batch
    visitor.batch.close()


def at(batch):
    """Return what a batch's addresses say of whose it is, and which."""
    visitor = next(each for each in session._sessions.values() if each.batch is batch)
    return {"token": visitor.token, "batch": batch.id}


@pytest.fixture
def item(batch):
    return batch.expect("a.png", 1)


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "grey").save(buffer, "PNG")
    return buffer.getvalue()


def send(batch, item, *chunks, **headers):
    """Send these pieces to the server; one that is an error ends the connection, a function is called in its turn."""
    return answer(batch_routes._receive, chunks, headers, **at(batch), item=item.id)


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
    monkeypatch.setattr(batch_routes.config, "get_option", lambda name: 1)
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
    monkeypatch.setattr(spool, "FOLDER_BUDGET", 2000)
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
    monkeypatch.setattr(spool, "FOLDER_BUDGET", 500)
    send(batch, item, ClientDisconnect(), content_length="501")
    assert batch.items()[0].reason == repr(PhotoError(texts.batch_full_disk(25e9)))
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
    batch.note_progress(item.id, part)
    batch.close()
    with pytest.raises(KeyError):
        batch.note_progress(item.id, part)


def test_nothing_is_found_in_a_closed_batch(batch, item):
    batch.close()
    with pytest.raises(HTTPException, match="404"):
        send(batch, item, png())


def announce(batch, *chunks):
    return answer(batch_routes._announce, chunks, **at(batch))


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
    monkeypatch.setattr(batch_routes, "_LONGEST_LIST", 100)
    with pytest.raises(HTTPException) as raised:
        announce(batch, b"[", b" " * 50, b" " * 50, OSError("read on"))
    assert raised.value.status_code == 413
    with pytest.raises(HTTPException) as raised:
        announce(batch, b'[["a", 1]', ClientDisconnect())
    assert raised.value.status_code == 400
    assert batch.items() == []


def test_batch_takes_so_many_photos_and_says_so(batch, monkeypatch):
    monkeypatch.setattr(batch_routes, "_MOST", 3)
    assert announce(batch, b'[["a", 1], ["b", 1]]').status_code == 200
    refused = announce(batch, b'[["c", 1], ["d", 1]]')
    assert (refused.status_code, refused.body.decode()) == (413, texts.TOO_MANY_PHOTOS.format(3))
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
    response = answer(batch_routes._zip, **at(batch))
    assert int(response.headers["content-length"]) == len(response.body)
    with zipfile.ZipFile(io.BytesIO(response.body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.png": b"a.png",
            "tour/b.jpg": b"tour/b.jpg",
            REPORT_NAME: answer(batch_routes._report, **at(batch)).body,
        }


@pytest.mark.parametrize("change", ["removed", "made anew"])
def test_zip_whose_results_change_meanwhile_breaks_off(batch, change):
    done(batch, "a.png", "b.png")
    last = batch.items()[1]
    pieces = iter(batch.zip())
    next(pieces)
    if change == "removed":
        batch.remove(last.id)
        batch.forget_removed(last.id)
    else:
        write_atomically(batch._file(last.id, "out"), b"B.png")  # of the same length
    with pytest.raises(OSError, match=r"Stale|No such file"):
        list(pieces)


def test_zip_that_cannot_be_read_is_missed_in_words(batch):
    done(batch, "a.png")
    batch._file(batch.items()[0].id, "out").unlink()
    response = answer(batch_routes._zip, **at(batch))
    assert (response.status_code, response.body.decode()) == (500, texts.TIDIED_AWAY)
    assert batch.items()[0].state == State.FAILED


def test_batches_look_at_one_photo_each_and_wait_for_no_other(batch, monkeypatch):
    """Large photos of two batches wait for their turn; a small one of a third batch does not."""
    others = [Session("astronaut", batch=Batch(Engine())) for _ in range(2)]
    first, second, third = batches = [batch, *(each.batch for each in others)]
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
            at(each) | {"item": each.expect("x.png", 1).id}
            for each in (first, second, first, second, first, second, third)
        ]
        scopes = [{"type": "http", "path_params": path, "headers": [], "query_string": b""} for path in asked]
        await asyncio.gather(*(batch_routes._receive(Request(scope, receive)) for scope in scopes))

    monkeypatch.setattr(Batch, "receive", look)
    run(play())
    assert most == [1] * 7
    for each in batches[1:]:
        each.close()


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
        response = answer(batch_routes._picture, **at(batch), item=made, which=which)
        assert response.media_type == "image/jpeg"
        picture = decode(response.body)
        assert (picture.width, picture.pixels.max()) == (2560, level)


def test_result_of_a_batch_is_taken_home_alone(batch, made):
    response = answer(batch_routes._result, **at(batch), item=made)
    assert 'filename="a-denoised.tif"' in response.headers["content-disposition"]
    Path(response.path).unlink()
    assert answer(batch_routes._result, **at(batch), item=made).body.decode() == texts.TIDIED_AWAY
    with pytest.raises(HTTPException, match="404"):
        answer(batch_routes._picture, **at(batch), item=made, which="after")


def test_result_of_a_batch_is_rejected_and_taken_in_again(batch, made):
    for said, rejected in (("is=1", True), ("is=0", False), ("is=1", True), ("", False)):
        assert answer(batch_routes._reject, query=said, **at(batch), item=made).status_code == 204
        assert batch.items()[0].rejected is rejected


def test_result_of_a_batch_is_mixed_as_its_sliders_say(batch, made):
    assert answer(batch_routes._mix, query="mix=50-100-0", **at(batch), item=made).status_code == 204
    assert batch.items()[0].mix == Mix(0.5)
    details = answer(batch_routes._picture, **at(batch), item=made, which="details")
    assert decode(details.body).pixels.max() == 0  # one colour has no texture
    with pytest.raises(HTTPException, match="400"):
        answer(batch_routes._mix, query="mix=much", **at(batch), item=made)


@pytest.mark.parametrize(
    ("route", "wrong"),
    [
        *product(
            (batch_routes._picture, batch_routes._result, batch_routes._reject),
            ({"token": "x"}, {"batch": "x"}, {"item": "x"}),
        ),
        (batch_routes._picture, {"which": "in"}),
    ],
)
def test_nothing_else_of_a_batch_is_shown(batch, made, route, wrong):
    with pytest.raises(HTTPException, match="404"):
        answer(route, **(at(batch) | {"item": made, "which": "after"} | wrong))


def test_disk_is_waited_for_in_other_threads(batch, item, monkeypatch):
    in_loop = []
    monkeypatch.setattr(batch_routes.Path, "open", noted(batch_routes.Path.open, in_loop))
    monkeypatch.setattr(batch_routes.Path, "unlink", noted(batch_routes.Path.unlink, in_loop))
    send(batch, item, b"half", ClientDisconnect())
    assert len(in_loop) >= 2
    assert not any(in_loop)
