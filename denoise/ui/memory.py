"""The server's memory."""

import ctypes
from contextlib import suppress
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_LARGE = 4 << 20  # bytes; smaller ones, such as strips of a photo, are used again and again
_WAITING = 8 << 20  # bytes of those, at the end of each thread's heap


@cache
def return_large_blocks() -> None:
    """Let large blocks of memory go back to the system as soon as they are freed, where the C library can.

    Otherwise glibc keeps blocks of up to 32 MB for later once such a block was freed: some 100 MB after a photo of 12
    megapixels. Of smaller ones some wait to be used again, until a job is done or a visitor has left, see below: to
    have their pages from the system each time takes as long as what is done with them. Source: mallopt(3).
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, _WAITING)  # otherwise 128 kB, once the other is set


def return_what_is_free() -> None:
    """Let all memory that is free go back to the system, small blocks too, where the C library can.

    Source: malloc_trim(3).
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
