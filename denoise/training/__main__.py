"""Command line of the training side: `python -m denoise.training COMMAND --help`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 on success, 1 on an error that is told on standard error, 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run_command(options)
    except KeyboardInterrupt:
        print("denoise.training: interrupted; the last checkpoint is kept", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        print(f"denoise.training: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m denoise.training", description="Train, export and measure networks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a network on clean photos with synthesised camera noise")
    train.add_argument("architecture", help="name of the network, such as ridnet")
    train.add_argument(
        "--argument",
        action="append",
        type=_argument,
        default=[],
        metavar="NAME=NUMBER",
        help="of the network, such as filters=32",
    )
    train.add_argument("--data", type=Path, required=True, help="folder of clean photos")
    train.add_argument("--run", type=Path, required=True, help="run folder; an interrupted run goes on")
    length = train.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="length of the run in minutes of training")
    length.add_argument("--epochs", type=int, help="length of the run in epochs")
    train.add_argument("--steps-per-epoch", type=int, default=100, help="batches between checkpoints (%(default)s)")
    train.add_argument("--batch-size", type=int, default=8, help="patches a batch (%(default)s)")
    train.add_argument("--patch-size", type=int, default=64, help="pixels a side (%(default)s)")
    train.add_argument("--learning-rate", type=float, default=5e-4, help="at the peak (%(default)s)")
    train.add_argument("--ema", type=float, default=0.999, help="momentum of the weights' average (%(default)s)")
    train.add_argument("--precision", default="mixed_bfloat16", help="Keras dtype policy (%(default)s)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--initial-weights", help=".weights.h5 file to begin with")
    train.set_defaults(run_command=_train)

    export = commands.add_parser("export", help="write a network's quantised TFLite file and complete its card")
    export.add_argument("--model", required=True, help="name of the card in models/")
    export.add_argument("--weights", type=Path, required=True, help=".weights.h5 file of a run")
    export.add_argument("--run", type=Path, help="run folder: its configuration and length go into the card")
    export.set_defaults(run_command=_export)

    evaluate = commands.add_parser("evaluate", help="PSNR and SSIM of noisy, non-local means and a network")
    evaluate.add_argument("--model", required=True, help="name of a bundled network")
    evaluate.add_argument("--data", type=Path, nargs="+", required=True, help="folders with noisy/ and clean/")
    evaluate.add_argument("--weights", type=Path, help="float weights, to be scored too")
    evaluate.add_argument("--json", type=Path, help="write the results here")
    evaluate.add_argument("--update-card", action="store_true", help="write the results into the network's card")
    evaluate.set_defaults(run_command=_evaluate)

    samples = commands.add_parser("samples", help="make the sample photos")
    samples.add_argument("folder", type=Path)
    samples.add_argument("--picture", action="store_true", help="draw before-after.png with the bundled RIDNet instead")
    samples.set_defaults(run_command=_samples)

    benchmark = commands.add_parser("benchmark", help="our tiled TFLite network against Keras on bare patches")
    benchmark.add_argument("--model", default="ridnet", help="name of a bundled network (%(default)s)")
    benchmark.set_defaults(run_command=_benchmark)
    return parser


def _argument(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER, such as filters=32. Received: {text}")
    return name, int(number)


def _train(options: argparse.Namespace) -> None:
    from denoise.training.train import Configuration, train

    options.arguments = dict(options.argument)
    given = {field.name: getattr(options, field.name) for field in fields(Configuration)}
    train(options.data, options.run, Configuration(**given))


def _export(options: argparse.Namespace) -> None:
    from denoise import registry
    from denoise.training.export import describe_run, export

    card = json.loads((registry.MODELS_DIR / f"{options.model}.json").read_text())
    if options.run is not None:
        card["training"].update(describe_run(options.run))
    card["metrics"] = {}  # they were measured on the file that is replaced now
    print(export(options.weights, card, registry.MODELS_DIR))


def _evaluate(options: argparse.Namespace) -> None:
    from denoise.files import write_atomically
    from denoise.training.evaluate import evaluate, update_card
    from denoise.training.export import format_card

    sets = {folder.resolve().name: folder for folder in options.data}
    if len(sets) < len(options.data):
        raise ValueError(f"The data folders must have different names. Received: {', '.join(map(str, options.data))}")
    results = evaluate(sets, options.model, options.weights)
    if options.json is not None:
        write_atomically(options.json, format_card(results))
    if options.update_card:
        update_card(options.model, results)


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
