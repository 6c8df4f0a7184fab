"""What was made for a visitor's page and need not be made again, and the pictures that the browser may fetch."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, NoReturn, TypeVar, cast

import streamlit as st

from denoise import turns
from denoise.ui.chosen import Chosen, digest_of
from denoise.ui.kept import Kept, size_of

_T = TypeVar("_T")


class Cache:
    """The newest value in each slot, a page's part such as its figures; and the newest picture in each slot."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Hashable, Any]] = {}
        # By slot: the name, and the file or what makes it.
        self._pictures: dict[str, tuple[str, Kept[bytes] | Callable[[], bytes]]] = {}
        self._making = threading.Lock()

    def get(self, slot: str, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what `make` makes, without making it again while `key` stays the same."""
        known = self._values.get(slot)
        if known is None or known[0] != key:
            del known
            self._values.pop(slot, None)  # before making the new one: both may be large
            known = key, make()
            end_if_overtaken()  # rather than keep what is outdated
            self._values[slot] = known
        return cast(_T, known[1])

    def picture(self, slot: str, key: Hashable, make: Callable[[], bytes], *, of: Chosen | None = None) -> Kept[bytes]:
        """Do the same with a picture, of a photo `of` that may be large; made anew once its file is tidied away."""
        if (before := self._values.get(slot)) and not before[1].is_there:
            self._values.pop(slot, None)
        return self.get(slot, key, in_turn(of, lambda: Kept(make())))

    def offer(self, slot: str, png: bytes | Kept[bytes]) -> str:
        """Keep a picture for the browser to fetch, until another one takes its slot; return its name."""
        before = self._pictures.get(slot)
        if before is None or before[1] is not png:
            kept = Kept(png) if isinstance(png, bytes) else png
            before = self._pictures[slot] = digest_of(kept.get()), kept
        return before[0]

    def offer_later(self, slot: str, key: Hashable, make: Callable[[], bytes]) -> str:
        """Do the same with a picture that is made only when it is fetched, once for each key."""
        name = digest_of(repr(key).encode())
        before = self._pictures.get(slot)
        if before is None or before[0] != name or (isinstance(before[1], Kept) and not before[1].is_there):
            self._pictures[slot] = name, make
        return name

    def offered(self, name: str) -> Kept[bytes] | None:
        """Return the picture of this name, if it is still kept; may be called from any thread."""
        picture = self._picture(name)
        if callable(picture):
            with self._making:
                picture = self._picture(name)  # another thread may have made it
                if callable(picture):
                    made = Kept(picture())
                    for slot, (known, _) in list(self._pictures.items()):
                        if known == name:  # and no other one has come meanwhile
                            self._pictures[slot] = name, made
                    return made
        return picture if picture and picture.is_there else None

    def is_made(self, name: str) -> bool:
        """Whether a picture need not be made first."""
        return not callable(self._picture(name))

    def _picture(self, name: str) -> Kept[bytes] | Callable[[], bytes] | None:
        return dict(list(self._pictures.values())).get(name)

    def clear(self) -> None:
        """Let go of everything."""
        self._values.clear()
        self._pictures.clear()


def in_turn(chosen: Chosen | None, make: Callable[[], _T]) -> Callable[[], _T]:
    """Make something of a photo when it is its turn, loading it only then; a run that is overtaken waits no longer."""

    def made() -> _T:
        with turns.pictures.turn(2 * size_of(chosen.outline) if chosen else 0, check=end_if_overtaken):
            return make()

    return made


def run_anew() -> NoReturn:
    """Run the page's script anew, but first as the visitor has asked for meanwhile, for another page perhaps.

    Of two wishes for a run Streamlit takes the page of the later one, and forgets where the visitor went.
    """
    end_if_overtaken()
    st.rerun()


def end_if_overtaken() -> None:
    """End this run of the page if a newer one has overtaken it, as Streamlit does whenever a run reads its state."""
    st.session_state.get("session")
