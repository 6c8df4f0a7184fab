"""Command line of the training side: `python -m denoise.training COMMAND --help`."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise.training.configuration import Configuration

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

if TYPE_CHECKING:
    from denoise.training.datasets import Pair

_EPILOG = """\
data sets (every DATA below):
  SIDD Small or Medium, RENOIR, a folder with noisy/ and clean/ of equal names, or a folder of clean photos, whose noise
  is then made by the simulated cameras of denoise/camera.py. The layout is recognised; --layout names it.

the case study, chapter by chapter:
  python -m denoise.training data SIDD                        what is there, what is broken
  python -m denoise.training eda SIDD --out report            exploratory analysis
  python -m denoise.training baseline --out report            what non-local means removes, and what it smears
  python -m denoise.training train cbdnet --data SIDD --run runs/cbdnet --epochs 30
  python -m denoise.training export --model cbdnet --run runs/cbdnet
  python -m denoise.training evaluate --data PAIRS --json results/evaluation.json
  python -m denoise.training quantize --model cbdnet --calibration CLEAN --data PAIRS --out results/quantised
  python -m denoise.training report results/*.json --out results
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 on success, 1 on an error that is told on standard error, 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        options.run_command(options)
    except KeyboardInterrupt:
        print("denoise.training: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        print(f"denoise.training: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m denoise.training",
        description="Analyse data sets; train, export, quantise and measure networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    data = _command(commands, "data", _data, "list what a data set holds, and cut large photos for training")
    data.add_argument("folder", type=Path, metavar="DATA")
    _layout(data)
    data.add_argument("--cut", type=Path, metavar="FOLDER", help="cut all photos at native resolution into this folder")
    data.add_argument("--size", type=int, default=512, help="height and width of the pieces at most (%(default)s)")
    data.add_argument(
        "--step-seconds",
        type=float,
        metavar="S",
        help="measure how long training steps of S seconds wait for this data",
    )

    eda = _command(commands, "eda", _eda, "exploratory analysis of one data set, or of several beside each other")
    eda.add_argument("folders", type=Path, nargs="+", metavar="DATA")
    _reported(eda)

    baseline = _command(commands, "baseline", _baseline, "show what denoisers remove and what they smear")
    baseline.add_argument("--data", type=Path, help="a data set (default: the bundled samples)")
    _reported(baseline)
    baseline.add_argument(
        "--denoisers", nargs="+", default=["nlm", "ridnet"], metavar="NAME", help="which (nlm ridnet)"
    )

    train = _command(commands, "train", _train, "train a network, or go on with an interrupted run")
    _train_options(train)

    curves = _command(commands, "curves", _curves, "draw loss and PSNR of a run")
    curves.add_argument("run", type=Path, nargs="+", help="run folder; curves.png is written into it")

    export = _command(commands, "export", _export, "bundle a trained network: quantised TFLite file and model card")
    export.add_argument("--model", required=True, help="name to bundle it under: models/NAME.tflite and NAME.json")
    source = export.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="run folder: weights, architecture and history, for a new card")
    source.add_argument("--weights", type=Path, help="weights alone; the card stays, its measurements go")
    export.add_argument(
        "--data-like", metavar="NAME", help="bundled network that was trained on the same data: its card's words serve"
    )
    export.add_argument("--machine", help="words for a new card, such as '2 cores of an AMD EPYC, TensorFlow 2.21'")
    export.add_argument(
        "--multiple", type=float, help="of the estimated noise level that it is told, if it is told one (new card: 1)"
    )
    export.add_argument(
        "--pair",
        type=float,
        help="run it twice, with white noise of this multiple of the level added and subtracted (new card: 0, once)",
    )

    evaluate = _command(commands, "evaluate", _evaluate, "PSNR and SSIM of noisy, non-local means and the networks")
    _measured(evaluate)
    evaluate.add_argument("--json", type=Path, required=True, help="results; what is there and still true is kept")
    evaluate.add_argument("--models", nargs="+", metavar="NAME", help="bundled networks (default: all)")
    evaluate.add_argument(
        "--best", nargs="+", default=[], metavar="NAME", help="networks to score at their best quality too (slow)"
    )
    evaluate.add_argument(
        "--weights",
        type=_weights,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="score these float weights too",
    )
    evaluate.add_argument("--update-cards", action="store_true", help="write the results into the model cards")

    quantize = _command(commands, "quantize", _quantize, "compare float32, float16, dynamic-range and full int8")
    quantize.add_argument("--model", required=True, help="bundled network, for its architecture")
    quantize.add_argument("--weights", type=Path, help=".weights.h5 file (default: the one in models/)")
    quantize.add_argument("--calibration", type=Path, required=True, metavar="DATA", help="clean photos for full int8")
    _measured(quantize)
    quantize.add_argument("--out", type=Path, required=True, help="folder for the files and NAME.json")

    report = _command(commands, "report", _report, "tables, chart and crops from what evaluate and quantize wrote")
    report.add_argument("results", type=Path, nargs="+", help="JSON files of evaluate (one) and quantize (any)")
    report.add_argument("--out", type=Path, required=True, help="folder to write into")
    report.add_argument(
        "--fill",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="replace the tables between these files' markers",
    )

    samples = _command(commands, "samples", _samples, "make the sample photos of the page")
    samples.add_argument("folder", type=Path)
    samples.add_argument("--picture", action="store_true", help="draw before-after.png with the bundled RIDNet instead")

    benchmark = _command(commands, "benchmark", _benchmark, "our tiled TFLite network against Keras on bare patches")
    benchmark.add_argument("--model", default="ridnet", help="name of a bundled network (%(default)s)")
    return parser


def _train_options(train: argparse.ArgumentParser) -> None:
    names = "autoencoder, cbdnet, ffdnet, hinet, mirnet, pridnet, ridnet, uformer or unet"
    train.add_argument("architecture", help=names)
    train.add_argument(
        "--data", type=Path, nargs="+", required=True, help="data sets to train on; some scenes are held out"
    )
    train.add_argument("--run", type=Path, required=True, help="run folder; an interrupted run goes on")
    _layout(train)
    train.add_argument(
        "--argument",
        action="append",
        type=_argument,
        default=[],
        metavar="NAME=NUMBER",
        help="of the network, such as filters=32",
    )
    groups: dict[str, Any] = {
        name: train.add_argument_group(name) for name in ("length", "patches", "learning", "watching")
    }
    groups["length"] = groups["length"].add_mutually_exclusive_group(required=True)
    for option in fields(Configuration):
        if option.metadata:
            facts = dict(option.metadata)
            group = groups[facts.pop("group")]
            group.add_argument(f"--{option.name.replace('_', '-')}", default=option.default, **facts)


def _command(commands: Any, name: str, run: Any, sentence: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=sentence, description=sentence[0].upper() + sentence[1:] + "."
    )
    parser.set_defaults(run_command=run)
    return parser


def _layout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout", choices=("sidd", "renoir", "pairs", "clean"), help="of the data (default: recognised)"
    )


def _reported(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the report; its README.md")
    _layout(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="look at N pairs only, spread evenly over the set")
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="leave out the photographs: those of some sets may not be republished",
    )


def _measured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="data sets to measure on")
    _layout(parser)
    parser.add_argument("--held-out", type=Path, metavar="RUN", help="measure only the pairs that this run held out")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="measure N pairs of each set only, spread evenly over it"
    )
    parser.add_argument(
        "--iso",
        type=int,
        nargs="*",
        default=(400, 1600, 6400),
        help="ISO speeds at which sets of clean photos are made noisy (400 1600 6400)",
    )


def _argument(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER, such as filters=32. Received: {text}")
    return name, int(number)


def _weights(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, such as ridnet=ridnet.weights.h5. Received: {text}")
    return name, Path(path)


def _sets(options: argparse.Namespace) -> dict[str, "Sequence[Pair]"]:
    """The pairs to measure on, by the name of their folder."""
    from denoise.training.datasets import find_sets
    from denoise.training.eda_measures import choose

    held_out = None
    if options.held_out is not None:
        held_out = set(json.loads((options.held_out / "data.json").read_text())["held_out"])
    sets: dict[str, Sequence[Pair]] = {}
    for name, found in find_sets(options.data, options.layout).items():
        for problem in found.problems:
            print(f"{name}: skipped: {problem}", file=sys.stderr)
        pairs = [pair for pair in found.pairs if held_out is None or pair.name in held_out]
        if not pairs:
            raise ValueError(f"The run {options.held_out} held out no pair of {name}.")
        sets[name] = [pairs[place] for place in choose(len(pairs), options.limit)]
    return sets


def _data(options: argparse.Namespace) -> None:
    from denoise.training.datasets import describe, find_pairs

    found = find_pairs(options.folder, options.layout)
    print(describe(found))
    if options.cut is not None:
        from denoise.training.cutting import cut

        pieces = cut(found, options.cut, options.size)
        print(f"{pieces} pieces in {options.cut}")
    if options.step_seconds is not None:
        from denoise.training.data import RandomPatches
        from denoise.training.waiting import waiting_share

        patches = RandomPatches(found.pairs, batch_size=8, patch_size=64, steps=100, seed=0)
        share = waiting_share(patches, options.step_seconds)
        print(f"steps of {options.step_seconds:g} s on 8 patches of 64x64 wait for data {share:.1%} of the time")


def _eda(options: argparse.Namespace) -> None:
    from denoise.training.eda import analyse_folders

    analyse_folders(
        options.folders, options.out, layout=options.layout, pictures=not options.no_pictures, limit=options.limit
    )


def _baseline(options: argparse.Namespace) -> None:
    from denoise.training.baseline_study import sample_pairs, study
    from denoise.training.datasets import find_pairs

    found = sample_pairs() if options.data is None else find_pairs(options.data, options.layout)
    title = "samples" if options.data is None else options.data.resolve().name
    study(found, options.out, options.denoisers, title=title, pictures=not options.no_pictures, limit=options.limit)


def _train(options: argparse.Namespace) -> None:
    from denoise.training.train import train

    options.arguments = dict(options.argument)
    given = {field.name: getattr(options, field.name) for field in fields(Configuration)}
    train(options.data, options.run, Configuration(**given))


def _curves(options: argparse.Namespace) -> None:
    from denoise.training.curves import draw_curves

    for run in options.run:
        print(draw_curves(run))


def _export(options: argparse.Namespace) -> None:
    from denoise import registry
    from denoise.training.export import export, make_card

    models = registry.MODELS_DIR
    if options.weights is not None:
        registry.model_card(options.model, models)  # says which there are
        card = {**json.loads((models / f"{options.model}.json").read_text()), "metrics": {}}
    else:
        card = make_card(options.model, options.run, models, data_like=options.data_like, machine=options.machine)
    if options.multiple is not None and card["told"]:
        card["told"] = options.multiple
    if options.pair is not None:
        card["pair"] = options.pair
    print(export(options.weights or options.run / f"{card['architecture']['name']}.weights.h5", card, models))


def _evaluate(options: argparse.Namespace) -> None:
    from denoise import registry
    from denoise.training.evaluate import evaluate, update_card

    results = evaluate(
        _sets(options),
        options.json,
        networks=options.models,
        best=options.best,
        weights=dict(options.weights),
        iso=options.iso,
    )
    for name in (options.models or registry.list_models()) if options.update_cards else ():
        update_card(name, results)


def _quantize(options: argparse.Namespace) -> None:
    from denoise import registry
    from denoise.training.datasets import find_pairs
    from denoise.training.quantize import quantize

    card = registry.model_card(options.model)
    weights = options.weights or registry.MODELS_DIR / f"{options.model}.weights.h5"
    calibration = find_pairs(options.calibration).pairs
    quantize(card, weights, calibration, _sets(options), options.out, iso=options.iso)


def _report(options: argparse.Namespace) -> None:
    from denoise.training.report import fill_tables, report

    tables = report(options.results, options.out)
    for document in options.fill:
        fill_tables(document, tables)


def _samples(options: argparse.Namespace) -> None:
    from denoise.training.samples import make_picture, make_samples

    if options.picture:
        make_picture(options.folder)
    else:
        make_samples(options.folder)


def _benchmark(options: argparse.Namespace) -> None:
    from denoise.training.benchmark import compare_with_keras

    for line in compare_with_keras(options.model):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
