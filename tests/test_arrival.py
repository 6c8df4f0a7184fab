import pytest
from anyio import CapacityLimiter

from denoise import arrival, spool
from denoise.arrival import TooManyBytesError
from denoise.spool import FolderFullError, make_folder
from tests.asynchronous import run


@pytest.fixture
def part():
    return make_folder() / "part"


def written(part, *pieces, **options):
    """Return what is on disk once these pieces have come."""

    async def stream():
        for piece in (*pieces, b""):
            yield piece

    async def write():
        await arrival.write(stream(), part, limiter=CapacityLimiter(1), **{"limit": 100} | options)

    run(write())
    return part.read_bytes()


def test_file_is_written_as_it_comes(part, monkeypatch):
    monkeypatch.setattr(arrival, "_BLOCK", 4)
    sizes = []
    content = written(part, b"ab", b"cdef", b"g", on_progress=lambda: sizes.append(part.stat().st_size))
    assert content == b"abcdefg"
    assert len(sizes) == 2
    assert written(part, b"again") == b"again"


def test_no_more_is_taken_than_may_come(part):
    assert len(written(part, bytes(60), bytes(40))) == 100
    with pytest.raises(TooManyBytesError):
        written(part, bytes(60), bytes(41))
    assert spool._reserved == {}


def test_what_is_announced_must_find_room(part, monkeypatch):
    monkeypatch.setattr(spool, "BUDGET", spool._used(spool.spool()) + 1000)
    much = 10**12  # even if what other tests have left goes meanwhile
    with pytest.raises(FolderFullError):
        written(part, announced=much, limit=2 * much)
    assert not part.exists()
    assert written(part, b"x", announced=much, limit=100) == b"x"  # no more than may come
    assert spool._reserved == {}


def test_who_hears_of_it_may_end_it(part):
    def end():
        raise KeyError

    with pytest.raises(KeyError):
        written(part, b"x", on_progress=end)
    assert spool._reserved == {}
