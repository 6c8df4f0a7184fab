import pytest
from anyio import CapacityLimiter
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from denoise.service import intake
from denoise.spool import make_folder
from denoise.ui import texts
from tests.asynchronous import run

FORM = {"content-type": "multipart/form-data; boundary=---x"}
PHOTO = bytes(range(256)) * 20 + b"\r\n-----\r\n-----y\r\n"  # nearly a boundary


def part(content=PHOTO, disposition='form-data; name="photo"; filename="x.png"', more=b"Content-Type: image/png\r\n"):
    header = f"Content-Disposition: {disposition}\r\n".encode() if disposition else b""
    return b"-----x\r\n" + header + more + b"\r\n" + content + b"\r\n"


END = b"-----x--\r\n"


def received(*pieces, headers=None, limit=10_000, is_whole=True):
    """Return what is on disk once a request has come in pieces."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b""} if is_whole else {"type": "http.disconnect"})
    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    path = make_folder() / "photo"

    async def receive():
        return messages.pop(0)

    async def take():
        request = Request({"type": "http", "method": "POST", "headers": named}, receive)
        await intake.receive(request, path, limit=limit, limiter=CapacityLimiter(1))

    run(take())
    return path.read_bytes()


def refusal(*pieces, **options):
    with pytest.raises(HTTPException) as raised:
        received(*pieces, **options)
    return raised.value.status_code, raised.value.detail


def test_body_is_the_photo_whatever_it_says_it_is():
    for kind in ("image/png", "application/x-www-form-urlencoded", "application/json", "x"):
        assert received(b"ab", b"c", headers={"content-type": kind}) == b"abc"
    assert received(b"abc") == b"abc"
    assert received() == b""


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_form_holds_the_photo_however_it_is_cut(size):
    form = part() + END + b"epilogue"
    assert received(*(form[at : at + size] for at in range(0, len(form), size)), headers=FORM) == PHOTO


@pytest.mark.parametrize(
    "form",
    [
        part(disposition='form-data; name="file"') + END,
        part(disposition="") + END,
        part(disposition="", more=b"") + END,
        part() + part(b"unet", 'form-data; name="model"') + END,
        part(b"unet", 'form-data; name="model"') + part() + END,
        part() + part() + END,
        END,
    ],
    ids=["other", "no name", "no headers", "field after", "field before", "two", "none"],
)
def test_form_of_another_kind_is_refused(form):
    assert refusal(form, headers=FORM) == (422, intake.NO_PART)


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (b"", FORM),
        (part(), FORM),
        (b"x" * 1000, FORM),
        (part(more=b"X: " + b"y" * 100_000 + b"\r\n") + END, FORM),
        (part() + END, {"content-type": "multipart/form-data"}),
        (part() + END, {"content-type": f"multipart/form-data; boundary={'x' * 300}"}),
    ],
    ids=["empty", "no end", "no form", "long header", "no boundary", "long boundary"],
)
def test_broken_form_is_refused(form, headers):
    assert refusal(form, headers=headers) == (400, intake.BROKEN_FORM)


def test_too_much_is_refused_when_it_is_announced_and_when_it_comes():
    sentence = (413, texts.too_many_bytes(5))
    assert refusal(headers={"content-length": "6"}, limit=5) == sentence
    assert refusal(b"abc", b"def", limit=5) == sentence
    assert refusal(b"abc", b"def", headers={"content-length": "1"}, limit=5) == sentence
    assert refusal(part() + END, headers=FORM, limit=5) == sentence
    assert received(b"abcde", headers={"content-length": "x"}, limit=5) == b"abcde"


def test_who_hangs_up_is_noticed():
    for headers in ({}, FORM):
        with pytest.raises(ClientDisconnect):
            received(part(), headers=headers, is_whole=False)
