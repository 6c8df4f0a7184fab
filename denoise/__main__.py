"""Command line: `denoise photo.jpg -o clean.png`, or `python -m denoise`."""

import argparse
import contextlib
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from denoise import __version__, benchmark
from denoise.catalogue import denoiser_names
from denoise.console import Run, quiet_engine, say, sentence, work_off
from denoise.files import write_atomically
from denoise.image import MOST_STOPS, Development, PhotoError, format_for
from denoise.item import Settings
from denoise.mixing import SHARES, Mix
from denoise.pipeline import STRONGEST
from denoise.plan import Selection, is_for_several, plan
from denoise.presets import Preset, PresetError, presets
from denoise.runtime import ModelError

_EXAMPLES = """\
examples:
  denoise photo.jpg                           writes photo-denoised.jpg beside it
  denoise photo.jpg -o clean.png              the suffix chooses the format
  denoise photo.dng                           a RAW file becomes photo-denoised.tif, of 16 bit
  denoise photo.jpg -o small.webp --quality 80
                                              a smaller file
  denoise photo.jpg --preset portrait         see --list-presets
  denoise photo.jpg --strength 0.8            keeps a fifth of the grain
  denoise *.jpg -o cleaned                    several photos into a folder
  denoise -r holiday -o cleaned --skip-existing
                                              a folder and those in it; once more, it goes on where it was
  denoise -r raws -o cleaned --format jpg     JPEGs of RAW files, which become TIFFs else
  denoise --watch incoming -o cleaned         each photo that arrives, until Ctrl-C
  denoise --in-place photo.tif                as an external editor of another program
  denoise noisy.png --reference clean.png     prints PSNR and SSIM before -> after
  denoise cluster --help                      folders too large for one machine
  denoise benchmark --help                    measures speed and memory on this machine

formats: PNG, TIFF, JPEG 2000, PPM, PGM, AVIF, JPEG, WebP, BMP, also HEIC ('denoise[heif]' installs what it needs) and
JPEG XL ('denoise[jxl]'); cameras' RAW files are read ('denoise[raw]')

exit codes: 0 all photos denoised, 1 some failed, 2 wrong usage, 130 stopped by Ctrl-C
"""

_CLUSTER_EXAMPLES = """\
examples:
  denoise cluster photos -o cleaned           all processors of this machine
  denoise cluster s3://photos/2026 -o s3://photos/2026-clean --address head:6379 --report 2026.jsonl
                                              a cluster; fsspec's library for S3, s3fs, must be on each machine

exit codes: 0 all photos denoised, 1 some failed, 2 wrong usage, 130 stopped by Ctrl-C
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):  # names may hold what a terminal or pipe cannot, and even no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if arguments[:1] == ["benchmark"]:
            return _benchmark(arguments[1:])
        if arguments[:1] == ["cluster"]:
            return _cluster(arguments[1:])
        return _denoise(arguments)
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except ModelError as error:
        say(str(error))
        return 1


def in_place() -> int:
    """Run the command line on what another program wants edited: `denoise --in-place` with what stands behind it."""
    return main(["--in-place", *sys.argv[1:]])


def _denoise(arguments: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.list_models:
        for name, info in denoiser_names().items():
            print(f"{name:12} {info.title}. {info.summary}")
        return 0
    if args.list_presets:
        for name, preset in _presets(parser, args).items():
            print(f"{name:12} {preset.title}. {preset.summary}")
        return 0
    if not args.photos:
        parser.error("name at least one photo or folder")
    settings = _settings(parser, args)
    if args.in_place and args.output:
        parser.error("--in-place and -o exclude each other")
    if args.format and (args.in_place or (args.output and not is_for_several(args.photos, args.output))):
        parser.error("--format excludes --in-place, and -o with the name of a file, which says it by its suffix")
    selection = Selection(args.recursive, args.include, args.exclude)
    try:
        if args.watch:
            pairs, failures = _watched(args.photos, args.output, selection), 0
            total = None
        else:
            planned, failures = plan(args.photos, args.output, selection, in_place=args.in_place, report=say)
            pairs, total = iter(planned), len(planned)
        if args.reference and total != 1:
            parser.error(f"--reference needs exactly one photo. Received: {total or 'a folder'}")
        with _opened(args.report) as report:
            run = Run(
                settings=settings,
                overwrite=args.force,
                in_place=args.in_place,
                skip=args.skip_existing or args.watch,
                dry=args.dry_run,
                side_by_side=args.jobs,
                max_megapixels=args.max_megapixels,
                suffix=args.format or "",
                reference=args.reference,
                report=report,
            )
            failures += work_off(pairs, run, total=total)
    except (PhotoError, OSError) as error:
        parser.error(sentence(error))
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
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
    parser.add_argument("--version", action="version", version=f"denoise {__version__}")

    how, which, files = _add_common(parser)
    how.add_argument("--list-models", action="store_true", help="list the denoisers and exit")
    how.add_argument("--list-presets", action="store_true", help="list the presets and exit")
    which.add_argument("-r", "--recursive", action="store_true", help="also the folders in a folder; places stay")
    which.add_argument("--skip-existing", action="store_true", help="pass over photos whose result is there already")
    which.add_argument(
        "--watch", action="store_true", help="denoise what is in folders, and what arrives, until Ctrl-C"
    )
    which.add_argument("--dry-run", action="store_true", help="say what would become what, and do nothing")
    which.add_argument(
        "--jobs",
        type=_number(1, 64, int),
        default=1,
        metavar="N",
        help="photos at work side by side: one is read and written while another is denoised (default: 1)",
    )
    files.add_argument("--in-place", action="store_true", help="replace each photo by its result; a RAW file stays")
    files.add_argument(
        "--reference", type=Path, metavar="CLEAN", help="clean version of the one photo, to measure against"
    )
    return parser


def _add_common(parser: argparse.ArgumentParser) -> list[argparse._ArgumentGroup]:
    """Add what several commands understand; return the groups for the denoising, for folders and for files."""
    how = parser.add_argument_group("how to denoise")
    how.add_argument(
        "--model",
        metavar="NAME",
        help="denoiser (default: ridnet; above 2 megapixels unet, with strong noise unet-strong); see --list-models",
    )
    how.add_argument("--preset", metavar="NAME", help="a named choice of what follows; see --list-presets")
    how.add_argument(
        "--strength",
        type=_number(0, STRONGEST),
        metavar="0..3",
        help="0 changes nothing, 1 is as much as there seems to be (default), above that networks remove more",
    )
    grain = (
        "of the light and dark grain",
        "of the coloured blotches",
        "of the grain where there is texture, to leave there",
    )
    for name, usual, what in zip(SHARES, Mix().shares, grain, strict=True):
        how.add_argument(f"--{name}", type=_number(0, 1), metavar="0..1", help=f"share {what} (default: {usual:g})")
    how.add_argument(
        "--level",
        type=_number(0, 255),
        metavar="0..255",
        help="standard deviation of the noise, for networks that can be told (default: estimated)",
    )
    how.add_argument(
        "--best", action="store_true", help="a little better, up to eight times slower: mean of eight versions"
    )
    how.add_argument(
        "--presets", type=Path, metavar="FILE", help="a TOML file with presets of your own; DENOISE_PRESETS too"
    )

    raw = parser.add_argument_group("RAW files")
    raw.add_argument(
        "--white-balance",
        choices=["camera", "auto", "daylight"],
        default="camera",
        help="what is white: as the camera thought (default), on average, or by daylight",
    )
    raw.add_argument(
        "--exposure",
        type=_number(-MOST_STOPS, MOST_STOPS),
        default=0.0,
        metavar="STOPS",
        help=f"lighter or darker, from -{MOST_STOPS:g} to {MOST_STOPS:g} (default: 0)",
    )
    raw.add_argument(
        "--highlights",
        choices=["clip", "blend", "rebuild"],
        default="clip",
        help="where the sensor was at its limit: white (default), what is left blended in, or rebuilt",
    )

    which = parser.add_argument_group("folders")
    which.add_argument("--include", action="append", default=[], metavar="PATTERN", help="only such, as in '*.jpg'")
    which.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="none such, as in 'raw/*'")
    which.add_argument("--report", type=Path, metavar="FILE", help="add a line of JSON for each photo to a file")

    files = parser.add_argument_group("files")
    files.add_argument(
        "--format",
        type=_suffix,
        metavar="SUFFIX",
        help="what all photos become, such as png or jpg (default: each stays what it is, RAW files become tif)",
    )
    files.add_argument("--force", action="store_true", help="overwrite output files")
    files.add_argument(
        "--quality",
        type=_number(1, 100, int),
        metavar="1..100",
        help="of JPEG, WebP, HEIC, AVIF and JPEG XL files; WebP, AVIF and JPEG XL are lossless at 100 (default: 95; "
        "what came without loss stays so)",
    )
    files.add_argument("--strip", action="store_true", help="leave out place, time, camera, captions and all metadata")
    files.add_argument(
        "--max-megapixels",
        type=_megapixels,
        default=50.0,
        metavar="N",
        help="refuse larger ones (default: %(default)g)",
    )
    return [how, which, files]


def _presets(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, Preset]:
    try:
        return presets(args.presets)
    except PresetError as error:
        parser.error(str(error))


def _settings(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Settings:
    """Return what was asked for: by itself, else by the preset."""
    names, known = denoiser_names(), _presets(parser, args)
    if args.model not in (None, *names):
        parser.error(f"there is no model {args.model!r}. Known models: {', '.join(names)}")
    if args.preset not in (None, *known):
        parser.error(f"there is no preset {args.preset!r}. Known presets: {', '.join(known)}")
    preset = known.get(args.preset, Preset(""))
    strength = preset.strength if args.strength is None else args.strength
    wishes = {name: getattr(args, name) for name in SHARES if getattr(args, name) is not None}
    return Settings(
        model=args.model or preset.model,
        best=args.best,
        strength=strength,
        quality=args.quality,
        strip=args.strip,
        level=None if args.level is None else args.level / 255,
        mix=preset.mix._replace(**wishes),
        development=Development(args.white_balance, args.exposure, args.highlights),
    )


def _watched(folders: Sequence[Path], output: str | None, selection: Selection) -> Iterator[tuple[Path, Path] | None]:
    """Yield what folders hold, and then what arrives, each with what it becomes.

    Raises:
        PhotoError: These cannot be watched.
    """
    from denoise.watching import arrivals

    if output is None or not is_for_several(folders, output) or not all(folder.is_dir() for folder in folders):
        raise PhotoError("--watch needs folders, and another one for the results with -o")
    coming = arrivals(
        folders, selection, apart=Path(output), fail=lambda error: say(f"{error.filename}: {error.strerror}")
    )
    return (pair and (pair[0], Path(output) / pair[1]) for pair in coming)


def _opened(report: Path | None) -> contextlib.AbstractContextManager[TextIO | None]:
    """Open the report to add to it; bytes of a name that are no text are written as JSON escapes them."""
    return report.open("a", encoding="utf-8", errors="backslashreplace") if report else contextlib.nullcontext()


def _number(least: float, most: float, kind: type[float] = float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            if least <= kind(text) <= most:
                return kind(text)
        what = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"must be a {what} between {least:g} and {most:g}. Received: {text}")

    return parse


def _suffix(text: str) -> str:
    try:
        format_for(text)
    except PhotoError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return f".{text.removeprefix('.')}"


def _megapixels(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number above 0. Received: {text}")


def _cluster(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="denoise cluster",
        description="Clean the photos of a folder, and of those in it, on several machines or all processors of one. "
        "Photos whose result is there are passed over, so a run that broke off goes on with the same command.",
        epilog=_CLUSTER_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="FOLDER", help="a folder, or its address such as s3://photos/2026")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER", help="where the results go, likewise")
    _add_common(parser)
    where = parser.add_argument_group("where to work")
    where.add_argument(
        "--address",
        default="local",
        metavar="HOST:PORT",
        help="the head of a Ray cluster (default: this machine alone)",
    )
    where.add_argument(
        "--workers",
        type=_number(1, 100_000, int),
        metavar="N",
        help="photos at work at once (default: one a processor)",
    )
    args = parser.parse_args(arguments)
    settings = _settings(parser, args)
    try:
        from denoise import cluster
    except ImportError as error:
        parser.error(f"{error.name} is missing; install it with: pip install 'denoise[cluster]'")
    selection = Selection(True, args.include, args.exclude)
    try:
        with _opened(args.report) as report:
            run = Run(
                settings,
                overwrite=args.force,
                max_megapixels=args.max_megapixels,
                suffix=args.format or "",
                report=report,
            )
            where_to = {"workers": args.workers, "address": args.address}
            failures = cluster.work_off(args.source, args.output, run, selection, **where_to)
    except (PhotoError, OSError) as error:
        parser.error(sentence(error))
    return 1 if failures else 0


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

    results = {}
    megapixels = [12, 24] if args.large else [12]
    for name, value, unit in benchmark.measure(args.model, args.size, megapixels, quiet_engine()):
        print(f"{name:40} {value:10.2f} {unit}", flush=True)
        results[name] = {"value": value, "unit": unit}
    if args.json:
        report = {"model": args.model, "machine": benchmark.machine(), "results": results}
        write_atomically(args.json, (json.dumps(report, indent=2) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
