import asyncio
import errno
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from denoise.batch import Batch, State
from denoise.ui import transfer


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

    request = SimpleNamespace(path_params={"token": batch.token, "item": item.id}, stream=stream)
    # In a thread of its own: a browser test may have left a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, transfer._receive(request)).result()


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
