"""Where the browser finds what the page shows and offers: each address says all that is wanted, and by whose token.

Only who knows a visitor's token finds what is the visitor's: the page that was told the address. The thumbnails of the
samples are everybody's: the browser keeps them, instead of being sent all of them at each click.
"""

from collections.abc import Callable, Hashable
from urllib.parse import urlencode

from streamlit import config

from denoise.ui.before_after import BeforeAfter
from denoise.ui.chosen import Chosen
from denoise.ui.kept import Kept
from denoise.ui.results import File, Run
from denoise.ui.session import Session

BATCH, RESULT, BEFORE_AFTER = "/batches", "/photos", "/before-after"
PICTURE, PART, WINDOW = "/pictures", "/parts", "/windows"
THUMBNAIL, WORKS = "/thumbnails", "/works"


def base() -> str:
    """Return what all paths of the server begin with, such as "/photos"; empty if nothing."""
    path = str(config.get_option("server.baseUrlPath")).strip("/")
    return f"/{path}" if path else ""


def batch(state: Session) -> str:
    """Return the path below which the visitor's batch sends and receives files."""
    assert state.batch
    return f"{BATCH}/{state.token}/{state.batch.id}"


def result(state: Session, file: File) -> str:
    """Return the address of a result as a file, to which the mix must be added, see `denoise.ui.routes`.

    What comes is what the address says, whatever was chosen since.
    """
    return f"{RESULT}/{state.token}?{urlencode(file.query)}"


def before_after(state: Session, run: Run, way: str, file_format: str) -> str:
    """Return the address of a picture of before and after, to which mix and middle must be added."""
    return f"{BEFORE_AFTER}/{state.token}?{urlencode(BeforeAfter(run, way, file_format, (0, 0)).query)}"


def picture(state: Session, slot: str, png: bytes | Kept[bytes]) -> str:
    """Let a PNG file be fetched by the visitor's page, until another one takes its slot; return its address.

    Streamlit's own store of such files loses one now and then, for a moment, when another visitor's run ends just then.
    """
    return f"{PICTURE}/{state.token}/{state.cache.offer(slot, png)}.png"


def made_picture(
    state: Session, slot: str, key: Hashable, make: Callable[[], bytes], *, of: Chosen | None = None
) -> str:
    """Do the same with what `make` makes, once for each key, see `Cache.picture`."""
    return picture(state, slot, state.cache.picture(f"{slot} PNG", key, make, of=of))


def picture_made_later(state: Session, slot: str, key: Hashable, make: Callable[[], bytes]) -> str:
    """Do the same with a picture that is made only when it is fetched, in a thread of the server's."""
    return f"{PICTURE}/{state.token}/{state.cache.offer_later(slot, key, make)}.png"


def part(state: Session, chosen: Chosen) -> str:
    """Return the address of a part of a photo, to which it must be added which, see `denoise.ui.routes`."""
    return f"{PART}/{state.token}?{urlencode({'photo': chosen.id})}"


def window(state: Session, run: Run) -> str:
    """Return the address of what is there of a result while it is made."""
    return f"{WINDOW}/{state.token}?{urlencode(run.query)}"


def works(state: Session) -> str:
    """Return the address of how far the visitor's works are."""
    return f"{WORKS}/{state.token}"


def thumbnail(sample: str) -> str:
    """Return the address of a sample's thumbnail, relative to the page's."""
    return f".{THUMBNAIL}/{sample}.jpg"
