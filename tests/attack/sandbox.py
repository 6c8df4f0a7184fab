"""Decoding in a process of its own, so that a crash, a hang or a flood of memory is seen and hurts nobody."""

import multiprocessing
import resource
import time
from pathlib import Path
from typing import NamedTuple

from denoise.image import PhotoError, decode

MEMORY = 3 << 30  # bytes of address space; the libraries alone take one
SECONDS = 60  # of processor time

# A server that has the libraries loaded, from which a new process takes a few milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.attack.sandbox"])


class Outcome(NamedTuple):
    """What came of a file: the size of its picture, or the sentence of its refusal, or else what went wrong."""

    size: tuple[int, int] | None
    sentence: str
    failure: str
    seconds: float  # of processor time, all threads
    mebibytes: float  # by which the most memory that was used grew


def attempt(path: Path, max_megapixels: float = 50.0) -> Outcome:
    """Decodes a file and tells what it took."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_decode, args=(sender, path, max_megapixels))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return Outcome(None, "", f"ended with {process.exitcode}", SECONDS, 0)
    finally:
        receiver.close()
        process.join()


def limit(seconds: float) -> None:
    """Ends this process if it takes too much memory, or more than some seconds of processor time from now on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


def most_memory() -> float:
    """Returns the most memory that this process has used, in mebibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _decode(sender, path, max_megapixels):
    limit(SECONDS)
    data = path.read_bytes()
    size, sentence, failure = None, "", ""
    memory, begin = most_memory(), time.process_time()
    try:
        photo = decode(data, max_megapixels=max_megapixels)
        size = photo.width, photo.height
    except PhotoError as error:
        sentence = str(error)
    except BaseException as error:
        failure = repr(error)
    sender.send(Outcome(size, sentence, failure, time.process_time() - begin, most_memory() - memory))
