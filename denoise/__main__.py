"""Command line: `denoise photo.jpg -o clean.png`, or `python -m denoise`."""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from denoise import __version__, benchmark
from denoise.catalogue import default_for, denoiser_names
from denoise.clean import clean_share, describe_clean
from denoise.engine import Engine, Task
from denoise.files import write_atomically
from denoise.image import (
    SUFFIXES,
    WRITTEN_SUFFIXES,
    Photo,
    PhotoError,
    decode,
    encode,
    format_for,
    losses,
    suffix_for,
    without_metadata,
)
from denoise.metrics import check_reference, compare
from denoise.notation import number
from denoise.pipeline import STRONGEST, denoise_photo
from denoise.runtime import ModelError
from denoise.tiling import Progress

_EXAMPLES = """\
examples:
  denoise photo.jpg                           writes photo-denoised.jpg beside it
  denoise photo.jpg -o clean.png              the suffix chooses the format
  denoise photo.jpg -o small.webp --quality 80
                                              a smaller file
  denoise photo.jpg --strength 0.8            keeps a fifth of the grain
  denoise *.jpg -o cleaned                    several photos into a folder
  denoise holiday -o cleaned --model nlm      all photos of a folder
  denoise noisy.png --reference clean.png     prints PSNR and SSIM before -> after
  denoise benchmark --help                    measures speed and memory on this machine

exit codes: 0 all photos denoised, 1 some failed, 2 wrong usage, 130 stopped by Ctrl-C
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["benchmark"]:
            return _benchmark(arguments[1:])
        return _denoise(arguments)
    except KeyboardInterrupt:
        _report("stopped")
        return 130
    except ModelError as error:
        _report(str(error))
        return 1


def _denoise(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="denoise",
        description="Clean noisy photos. Size, bit depth, transparency and metadata stay as they are.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="photo, or folder of photos")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="output file, or folder where several photos go (default: NAME-denoised beside each photo)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="denoiser (default: ridnet, the fast unet above 8 megapixels); see --list-models",
    )
    parser.add_argument(
        "--strength",
        type=_strength,
        default=1.0,
        metavar="0..3",
        help="0 changes nothing, 1 denoises fully (default); above, networks that are told the level remove more",
    )
    parser.add_argument(
        "--level",
        type=_level,
        metavar="0..255",
        help="standard deviation of the noise, for networks that are told it (default: estimated)",
    )
    parser.add_argument(
        "--best", action="store_true", help="a little better, up to eight times slower: mean of eight versions"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="CLEAN", help="clean version of the one photo, to measure against"
    )
    parser.add_argument(
        "--max-megapixels",
        type=_megapixels,
        default=50.0,
        metavar="N",
        help="refuse larger ones (default: %(default)g)",
    )
    parser.add_argument(
        "--quality",
        type=_quality,
        metavar="1..100",
        help="of JPEG and WebP files, which is lossless at 100 (default: 95; WebP stays lossless if the photo came so)",
    )
    parser.add_argument("--strip", action="store_true", help="leave out place, time, camera, captions and all metadata")
    parser.add_argument("--force", action="store_true", help="overwrite output files")
    parser.add_argument("--version", action="version", version=f"denoise {__version__}")
    parser.add_argument("--list-models", action="store_true", help="list the denoisers and exit")
    args = parser.parse_args(arguments)

    names = denoiser_names()
    if args.list_models:
        for name, info in names.items():
            print(f"{name:12} {info.title}. {info.summary}")
        return 0
    if not args.photos:
        parser.error("name at least one photo or folder")
    if args.model not in (None, *names):
        parser.error(f"there is no model {args.model!r}. Known models: {', '.join(names)}")
    try:
        jobs, failures = _plan(args.photos, args.output)
    except (PhotoError, OSError) as error:
        parser.error(_sentence(error))
    if args.reference and len(jobs) != 1:
        parser.error(f"--reference needs exactly one photo. Received: {len(jobs)}")

    engine = Engine()
    for source, target in jobs:
        try:
            _denoise_file(source, target, args, engine)
        except (PhotoError, OSError, MemoryError) as error:
            failures += 1
            _report(f"{source.name or source}: {_sentence(error)}")
    return 1 if failures else 0


def _plan(photos: Sequence[Path], output: str | None) -> tuple[list[tuple[Path, Path]], int]:
    """Decide which file becomes which, and report and count the paths that cannot even be looked at.

    Raises:
        PhotoError: It cannot be decided; the message says what to do.
        OSError: The output cannot be looked at.
    """
    sources: list[Path] = []
    failures = 0
    for path in photos:
        try:
            if not path.is_dir():
                sources.append(path)
                continue
            if output is None:
                raise PhotoError(f"name a folder for the photos of {path} with -o")
            found = sorted(filter(_is_photo, path.iterdir()))
        except OSError as error:
            failures += 1
            _report(f"{path.name[:80]}: {error.strerror}")
            continue
        if not found:
            raise PhotoError(f"the folder {path} holds no photos ({', '.join(SUFFIXES)})")
        sources += found
    if not sources:
        return [], failures

    if output is None:
        targets = [source.with_name(f"{source.stem}-denoised{source.suffix}") for source in sources]
    elif len(photos) > 1 or photos[0].is_dir() or output.endswith("/") or Path(output).is_dir():
        if Path(output).is_file():
            raise PhotoError(f"{output} is a file; name a folder for several photos with -o")
        targets = [Path(output) / source.name for source in sources]
    else:
        targets = [Path(output)]
        if not _can_be_written(targets[0]):
            raise PhotoError(f"{output} must end in .{', .'.join(WRITTEN_SUFFIXES)}, or in / for a folder")
    target, count = Counter(targets).most_common(1)[0]
    if count > 1:
        raise PhotoError(f"{count} photos would become {target}; denoise them in separate runs")
    return list(zip(sources, targets, strict=True)), failures


def _denoise_file(source: Path, target: Path, args: argparse.Namespace, engine: Engine) -> None:
    started = time.perf_counter()
    noisy = _read(source, args.max_megapixels)
    if not _can_be_written(target):  # such as a RAW file
        target = target.with_suffix(f".{suffix_for(noisy.format)}")
    if target.exists() and not args.force:
        raise PhotoError(f"{target} exists already; choose another with -o, or pass --force.")
    clean = _read(args.reference, args.max_megapixels) if args.reference else None
    if clean is not None:
        check_reference(clean, noisy)
    model = args.model or default_for(noisy)
    if model != "nlm":
        with _quiet_stderr():
            engine.load(model)
    with _progress_bar(source.name) as progress:
        denoised = denoise_photo(
            noisy,
            model,
            strength=args.strength,
            level=args.level,
            best=args.best,
            progress=progress,
            denoisers=Task(engine).denoiser,
        )
    result = dataclasses.replace(denoised, format=format_for(target.suffix))
    result = without_metadata(result) if args.strip else result
    write_atomically(target, encode(result, quality=args.quality))
    print(f"{source} -> {target} ({time.perf_counter() - started:.1f} s)")
    if told := describe_clean(clean_share(noisy.pixels)):
        print(told)
    if lost := losses(result):
        _report(f"{target}: not kept: {', '.join(lost)}")
    if clean is not None:
        before, after = (compare(clean, photo) for photo in (noisy, denoised))
        psnr = f"PSNR {number(before.psnr, 2)} -> {number(after.psnr, 2, ' dB')}"
        print(f"{psnr}, SSIM {number(before.ssim, 4)} -> {number(after.ssim, 4)}")


def _is_photo_name(path: Path) -> bool:
    return path.suffix.lower().removeprefix(".") in SUFFIXES


def _can_be_written(path: Path) -> bool:
    return path.suffix.lower().removeprefix(".") in WRITTEN_SUFFIXES


def _is_photo(path: Path) -> bool:
    """Whether a folder's entry is meant: hidden files are previews and leftovers of other programs."""
    return _is_photo_name(path) and not path.name.startswith(".") and path.is_file()


def _read(path: Path, max_megapixels: float) -> Photo:
    if not path.is_file():
        raise PhotoError(f"There is no file {path}.")
    return decode(path.read_bytes(), max_megapixels=max_megapixels)


@contextlib.contextmanager
def _progress_bar(name: str) -> Iterator[Progress | None]:
    """A bar on stderr that is gone afterwards; none where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(done: int, total: int) -> None:
        bar = "█" * (30 * done // total)
        sys.stderr.write(f"\r{name[:40]} {bar:░<30} {100 * done // total:3} %")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\033[K")


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Silence the line that LiteRT writes from C++ while it loads a model; it has no switch for it.

    This holds for the whole process: only where no other thread writes.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _strength(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= STRONGEST:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number between 0 and {STRONGEST:g}. Received: {text}")


def _level(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 255:
            return float(text) / 255
    raise argparse.ArgumentTypeError(f"must be a number between 0 and 255. Received: {text}")


def _quality(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 1 <= int(text) <= 100:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number between 1 and 100. Received: {text}")


def _megapixels(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number above 0. Received: {text}")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this photo. Make it smaller and try again."
    return str(error)


def _report(message: str) -> None:
    print(f"denoise: {message}", file=sys.stderr)


def _benchmark(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="denoise benchmark", description="Measure speed and memory on this machine; takes minutes."
    )
    parser.add_argument("--model", default="ridnet", metavar="NAME", help="denoiser (default: ridnet)")
    parser.add_argument(
        "--size", type=int, default=1024, metavar="PIXELS", help="height and width of the timed photo (default: 1024)"
    )
    parser.add_argument(
        "--large", action="store_true", help="measure the memory for 24 megapixels too, not only for 12"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE too")
    args = parser.parse_args(arguments)
    if args.model not in (names := denoiser_names()):
        parser.error(f"there is no model {args.model!r}. Known models: {', '.join(names)}")
    if args.size < 1:
        parser.error(f"--size must be at least 1. Received: {args.size}")

    engine = Engine()
    if args.model != "nlm":
        with _quiet_stderr():
            engine.load(args.model)
    results = {}
    for name, value, unit in benchmark.measure(args.model, args.size, [12, 24] if args.large else [12], engine):
        print(f"{name:40} {value:10.2f} {unit}", flush=True)
        results[name] = {"value": value, "unit": unit}
    if args.json:
        report = {"model": args.model, "machine": benchmark.machine(), "results": results}
        write_atomically(args.json, (json.dumps(report, indent=2) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
