import dataclasses
import errno
import io
import json
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo
from skimage import data

from denoise import benchmark, console, pipeline
from denoise.__main__ import in_place, main
from denoise.engine import Engine, Job
from denoise.mixing import Mix
from denoise.runtime import ModelError
from tests import raws

ROOT = Path(__file__).parents[1]
CLEAN = data.astronaut()[200:240, 150:200]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the photo noisy.png and its reference clean.png."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(0, 20, CLEAN.shape)
    PillowImage.fromarray(np.clip(CLEAN + noise, 0, 255).astype(np.uint8)).save("noisy.png", dpi=(300, 300))
    PillowImage.fromarray(CLEAN).save("clean.png")
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Replaces the work by an inversion of the pixels; tests of files and names need no denoiser."""

    def invert(photo, model, *, strength, level, best, progress, denoisers):
        return dataclasses.replace(photo, pixels=~photo.pixels)

    monkeypatch.setattr(pipeline, "denoise_photo", invert)


def read(path):
    with PillowImage.open(path) as image:
        image.load()
        return image


def test_main_writes_beside_the_photo_in_its_format(folder, capsys):
    assert main(["noisy.png", "--model", "nlm"]) == 0
    image = read("noisy-denoised.png")
    assert image.format == "PNG"
    assert image.size == (50, 40)
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    captured = capsys.readouterr()
    assert captured.out.startswith("noisy.png -> noisy-denoised.png (")
    assert captured.err == ""
    assert sorted(path.name for path in folder.iterdir()) == ["clean.png", "noisy-denoised.png", "noisy.png"]


def test_main_runs_the_bundled_ridnet_quietly(folder):
    process = subprocess.run(
        [sys.executable, "-m", "denoise", folder / "noisy.png", "-o", folder / "out.png"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert read("out.png").size == (50, 40)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.tif", "TIFF")]
)
def test_main_takes_the_format_from_the_suffix(folder, quick, name, expected):
    assert main(["noisy.png", "-o", name]) == 0
    assert read(name).format == expected


def test_main_turns_a_png_by_its_late_exif_and_keeps_its_captions(folder):
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    buffer = io.BytesIO()
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    PillowImage.fromarray(CLEAN).save(buffer, "PNG", pnginfo=texts)
    end = buffer.getvalue()[-12:]
    block = b"eXIf" + exif.tobytes()[6:]
    late = struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))
    Path("late.png").write_bytes(buffer.getvalue()[:-12] + late + end)
    process = subprocess.run(
        [sys.executable, "-m", "denoise", folder / "late.png", "-o", folder / "out.jpg", "--model", "nlm"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    image = read("out.jpg")
    assert image.size == (40, 50)
    assert dict(image.getexif()) == {0x0112: 1, 0x010F: "Maker"}
    assert image.info["xmp"] == XMP


def test_main_says_what_was_not_kept(folder, quick, capsys):
    exif = PillowImage.Exif()
    exif[0x010F] = "Maker"
    PillowImage.fromarray(CLEAN).save("photo.jpg", exif=exif, xmp=XMP)
    assert main(["photo.jpg", "-o", "photo.bmp"]) == 0
    sentence = "denoise: photo.bmp: not kept: EXIF (camera, time, place), XMP (ratings, keywords)\n"
    assert capsys.readouterr().err == sentence
    assert main(["photo.jpg", "-o", "photo.webp"]) == 0
    assert capsys.readouterr().err == ""


def test_main_strips_metadata(folder, quick, capsys):
    exif = PillowImage.Exif()
    exif[0x010F] = "Maker"
    PillowImage.fromarray(CLEAN).save("photo.jpg", exif=exif, xmp=XMP, comment=b"mine")
    for name in ("out.jpg", "out.bmp"):
        assert main(["photo.jpg", "-o", name, "--strip"]) == 0
    assert capsys.readouterr().err == ""
    image = read("out.jpg")
    assert dict(image.getexif()) == {}
    assert not {"xmp", "comment"} & set(image.info)


def test_main_writes_jpeg_and_webp_in_the_quality_asked_for(folder, quick):
    def size(source, *options, name="out.webp"):
        assert main([source, "-o", name, "--force", *options]) == 0
        return Path(name).stat().st_size

    PillowImage.fromarray(CLEAN).save("photo.jpg", quality=95)
    assert size("photo.jpg", "--quality", "60") < size("photo.jpg") < size("photo.jpg", "--quality", "100")
    assert size("noisy.png", "--quality", "60") < size("noisy.png") == size("noisy.png", "--quality", "100")
    assert size("noisy.png", "--quality", "60", name="a.jpg") < size("noisy.png", name="a.jpg")


@pytest.mark.parametrize("quality", ["0", "101", "high"])
def test_main_refuses_a_quality_that_there_is_not(folder, capsys, quality):
    with pytest.raises(SystemExit, match="2"):
        main(["noisy.png", "--quality", quality])
    assert f"must be a whole number between 1 and 100. Received: {quality}" in capsys.readouterr().err


def test_main_prints_psnr_and_ssim_against_a_reference(folder, capsys):
    assert main(["noisy.png", "--model", "nlm", "--reference", "clean.png"]) == 0
    words = capsys.readouterr().out.split("\n")[1].split()
    assert words[0] == "PSNR"
    assert float(words[1]) < float(words[3])
    assert words[4:6] == ["dB,", "SSIM"]
    assert float(words[6]) < float(words[8]) <= 1


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        pytest.param((50, 41), "The reference is 50 × 41 pixels, but the photo is 50 × 40. ", id="size"),
        pytest.param("missing", "There is no file reference.png", id="missing"),
    ],
)
def test_main_refuses_a_reference_that_does_not_fit(folder, quick, capsys, reference, sentence):
    if reference != "missing":
        PillowImage.new("RGB", reference).save("reference.png")
    assert main(["noisy.png", "--reference", "reference.png"]) == 1
    assert f"denoise: noisy.png: {sentence}" in capsys.readouterr().err
    assert not Path("noisy-denoised.png").exists()


def test_main_measures_no_ssim_of_a_photo_smaller_than_its_window(folder, capsys):
    for name in ("small", "reference"):
        PillowImage.new("RGB", (50, 6), (90, 90, 90)).save(f"{name}.png")
    assert main(["small.png", "--model", "nlm", "--reference", "reference.png"]) == 0
    assert "PSNR equal -> equal, SSIM – -> –" in capsys.readouterr().out


def test_main_takes_a_reference_of_another_depth(folder, quick, capsys):
    PillowImage.fromarray(np.full((40, 50), 30000, np.uint16)).save("reference.png")
    assert main(["noisy.png", "--reference", "reference.png"]) == 0
    assert "PSNR" in capsys.readouterr().out


def test_main_goes_on_after_a_name_that_cannot_be_looked_up(folder, quick, capsys):
    assert main([f"{'x' * 300}.png", "noisy.png", "-o", "out"]) == 1
    assert "File name too long" in capsys.readouterr().err
    assert Path("out/noisy.png").exists()


def test_main_leaves_hidden_files_of_a_folder_alone(folder, quick):
    Path("._noisy.png").write_bytes(b"not a photo")
    assert main([".", "-o", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["clean.png", "noisy.png"]


def test_main_names_the_output_by_its_content(folder, quick):
    PillowImage.open("noisy.png").save("photo.jpg")
    Path("photo.jpg").rename("photo.gif")
    assert main(["photo.gif"]) == 0
    assert read("photo-denoised.jpg").format == "JPEG"


def test_main_passes_model_and_strength_on(folder, monkeypatch):
    received = []

    def remember(photo, model, *, strength, level, best, progress, denoisers):
        received.append((model, strength, level, best))
        return photo

    monkeypatch.setattr(pipeline, "denoise_photo", remember)
    assert main(["noisy.png", "--model", "nlm", "--strength", "0.25"]) == 0
    assert main(["noisy.png", "--best", "--force"]) == 0
    monkeypatch.setattr("denoise.catalogue.BIG", 1)
    assert main(["noisy.png", "--force", "--strength", "3", "--level", "51"]) == 0
    assert received == [("nlm", 0.25, None, False), ("ridnet", 1, None, True), ("unet", 3, 0.2, False)]


def test_main_says_what_a_denoiser_cannot_do(folder, capsys):
    assert main(["noisy.png", "--model", "nlm", "--strength", "2"]) == 1
    assert "nlm cannot remove more than there seems to be; choose one that can: " in capsys.readouterr().err
    assert main(["noisy.png", "--model", "nlm", "--level", "10"]) == 1
    assert "nlm cannot be told how much noise there is; choose one that can: " in capsys.readouterr().err


def test_main_denoises_several_photos_into_a_new_folder(folder, quick):
    assert main(["noisy.png", "clean.png", "-o", "out/deep"]) == 0
    np.testing.assert_array_equal(read("out/deep/clean.png"), ~CLEAN)
    assert sorted(path.name for path in Path("out/deep").iterdir()) == ["clean.png", "noisy.png"]


def test_main_denoises_the_photos_of_a_folder(folder, quick):
    (folder / "notes.txt").write_text("no photo")
    assert main([".", "-o", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["clean.png", "noisy.png"]


@pytest.mark.parametrize("output", ["out/", "exists"])
def test_main_puts_a_single_photo_into_a_folder(folder, quick, output):
    (folder / "exists").mkdir()
    assert main(["noisy.png", "-o", output]) == 0
    assert (folder / output / "noisy.png").is_file()


def test_main_overwrites_only_by_force(folder, quick, capsys):
    before = Path("clean.png").read_bytes()
    assert main(["noisy.png", "-o", "clean.png"]) == 1
    assert "denoise: noisy.png: clean.png exists already" in capsys.readouterr().err
    assert Path("clean.png").read_bytes() == before
    assert main(["noisy.png", "-o", "clean.png", "--force"]) == 0
    assert Path("clean.png").read_bytes() != before


def test_main_goes_on_after_a_bad_photo(folder, quick, capsys):
    Path("bad.png").write_bytes(b"")
    assert main(["bad.png", "missing.png", "noisy.png", "-o", "out"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("denoise: bad.png: The file is empty")
    assert errors[1] == "denoise: missing.png: There is no file missing.png."
    assert len(errors) == 2
    assert [path.name for path in Path("out").iterdir()] == ["noisy.png"]


def test_main_denoises_nothing_for_a_folder_that_takes_nothing(folder, capsys, monkeypatch):
    (folder / "full").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "full")
    monkeypatch.setattr(pipeline, "denoise_photo", None)  # would fail otherwise
    assert main(["noisy.png", "-o", "full/deep/"]) == 1
    assert capsys.readouterr().err == f"denoise: noisy.png: Permission denied: {folder / 'full'}\n"
    assert list(folder.glob("full/*")) == []


def test_main_reports_psnr_and_ssim_in_json_that_all_read(folder, quick, capsys):
    def refuse(constant):
        raise ValueError(constant)

    arguments = ["--reference", "clean.png", "--strength", "0", "--report", "report.jsonl", "-o", "out/"]
    assert [main([name, *arguments]) for name in ("noisy.png", "clean.png")] == [0, 0]
    lines = [json.loads(line, parse_constant=refuse) for line in Path("report.jsonl").read_text().splitlines()]
    assert 20 < lines[0]["before"]["psnr"] < 25
    assert lines[1]["before"] == {"psnr": None, "ssim": 1.0}


def test_main_leaves_nothing_behind_when_writing_fails(folder, quick, capsys, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["noisy.png", "-o", "out.png"]) == 1
    assert "denoise: noisy.png: No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["clean.png", "noisy.png"]


def test_main_refuses_photos_above_the_limit(folder, quick, capsys):
    assert main(["noisy.png", "--max-megapixels", "0.001"]) == 1
    assert "the limit is 0.001. Make it smaller or crop it and try again. Or allow more by --max-megapixels" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param([], "name at least one photo", id="nothing"),
        pytest.param(["noisy.png", "--model", "dncnn"], "there is no model 'dncnn'. Known models: ", id="model"),
        pytest.param(["noisy.png", "--strength", "3.5"], "must be a number between 0 and 3", id="strength"),
        pytest.param(["noisy.png", "--strength", "nan"], "must be a number between 0 and 3", id="nan"),
        pytest.param(["noisy.png", "--preset", "mine"], "there is no preset 'mine'. Known presets: ", id="preset"),
        pytest.param(["noisy.png", "--presets", "a.toml"], "a.toml: No such file", id="presets"),
        pytest.param(["noisy.png", "--detail", "2"], "must be a number between 0 and 1", id="detail"),
        pytest.param(["noisy.png", "--jobs", "0"], "must be a whole number between 1 and 64", id="jobs"),
        pytest.param(["noisy.png", "--in-place", "-o", "a.png"], "exclude each other", id="in place"),
        pytest.param(["noisy.png", "--watch", "-o", "out"], "--watch needs folders", id="watch"),
        pytest.param(["noisy.png", "--level", "256"], "must be a number between 0 and 255", id="level"),
        pytest.param(["noisy.png", "-o", "out.gif"], "out.gif must end in .png", id="format"),
        pytest.param(["noisy.png", "--format", "dng"], "“dng” is no file type that can be written", id="RAW format"),
        pytest.param(["noisy.png", "-o", "a.png", "--format", "tif"], "which says it by its suffix", id="format twice"),
        pytest.param(["--in-place", "noisy.png", "--format", "tif"], "--format excludes --in-place", id="in its place"),
        pytest.param(["."], "name a folder for the photos of . with -o", id="folder without -o"),
        pytest.param(["empty", "-o", "out"], "the folder empty holds no photos (png", id="empty folder"),
        pytest.param([".", "-o", "out", "--include", "a.*"], "no photos that --include and", id="nothing let through"),
        pytest.param(["noisy.png", "clean.png", "-o", "clean.png"], "clean.png is a file", id="file for several"),
        pytest.param(["noisy.png", "./noisy.png"], "2 photos would become noisy-denoised.png", id="same target"),
        pytest.param([".", "-o", "out", "--reference", "clean.png"], "exactly one photo. Received: 2", id="reference"),
        pytest.param(["benchmark", "--size", "0"], "--size must be at least 1", id="benchmark size"),
        pytest.param(["benchmark", "--model", "dncnn"], "there is no model 'dncnn'", id="benchmark model"),
    ],
)
def test_main_explains_wrong_usage(folder, quick, capsys, arguments, sentence):
    (folder / "empty").mkdir()
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def test_main_ends_with_130_when_interrupted_and_loses_what_is_at_work_only(folder, quick, capsys, monkeypatch):
    invert, wait = pipeline.denoise_photo, Job.wait
    interrupted, awaited, ended = threading.Event(), threading.Event(), threading.Event()

    def hold_the_second(photo, model, **options):
        try:
            while Path("out/clean.png").exists():  # until it is cancelled
                options["progress"](0, 1)
        finally:
            if interrupted.is_set():
                awaited.wait()
                ended.set()
        return invert(photo, model, **options)

    def interrupt(job, seconds=None):
        if interrupted.is_set():
            awaited.set()
        elif Path("out/clean.png").exists():
            interrupted.set()
            raise KeyboardInterrupt
        return wait(job, seconds)

    monkeypatch.setattr(pipeline, "denoise_photo", hold_the_second)
    monkeypatch.setattr(Job, "wait", interrupt)
    assert main(["clean.png", "noisy.png", "-o", "out"]) == 130
    assert ended.is_set()  # a thread amid a network would take Python down
    assert capsys.readouterr().err == "denoise: stopped\n"
    assert [path.name for path in Path("out").iterdir()] == ["clean.png"]


def test_main_reports_a_broken_model_once(folder, capsys, monkeypatch):
    def broken(name):
        raise ModelError("The model file x is damaged.")

    monkeypatch.setattr(console, "load_model", broken)
    assert main(["noisy.png", "clean.png", "-o", "out"]) == 1
    assert capsys.readouterr().err == "denoise: The model file x is damaged.\n"


def test_main_lists_the_models(capsys):
    assert main(["--list-models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines][-1] == "nlm"
    assert any(line.startswith("ridnet       RIDNet.") for line in lines)


def test_main_draws_progress_only_on_a_terminal(folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["noisy.png", "--model", "nlm"]) == 0
    assert "noisy.png" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\r\033[2K\033[?25h\r")  # gone


def test_main_goes_through_folders_and_keeps_places(folder, quick, capsys):
    for place in ("in/day 1/noisy.png", "in/day 2/noisy.png", "in/.thumbnails/noisy.png"):
        Path(place).parent.mkdir(parents=True)
        Path(place).write_bytes(Path("noisy.png").read_bytes())
    assert main(["-r", "in", "-o", "in/out", "--dry-run"]) == 0
    assert not Path("in/out").exists()
    assert main(["-r", "in", "-o", "in/out", "--jobs", "2", "--report", "report.jsonl"]) == 0
    assert sorted(map(str, Path("in/out").rglob("*.png"))) == ["in/out/day 1/noisy.png", "in/out/day 2/noisy.png"]
    lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
    assert sorted(line["source"] for line in lines) == ["in/day 1/noisy.png", "in/day 2/noisy.png"]
    assert {(line["state"], line["width"], line["format"]) for line in lines} == {("done", 50, "PNG")}


def test_main_goes_on_where_it_was(folder, quick, capsys):
    assert main(["noisy.png", "-o", "out/"]) == 0
    before = Path("out/noisy.png").stat().st_mtime_ns
    assert main([".", "-o", "out", "--skip-existing", "--report", "report.jsonl"]) == 0
    assert Path("out/noisy.png").stat().st_mtime_ns == before
    assert Path("out/clean.png").exists()
    states = {line["source"]: line["state"] for line in map(json.loads, Path("report.jsonl").read_text().splitlines())}
    assert states == {"noisy.png": "skipped", "clean.png": "done"}


def test_main_never_writes_one_result_over_another_of_the_same_run(folder, quick, capsys):
    Path("photo.nef").write_bytes(Path("noisy.png").read_bytes())
    PillowImage.fromarray(CLEAN).save("photo.tif")
    for option in ("--force", "--skip-existing", "--skip-existing"):  # the last passes over the first photo, not both
        assert main(["photo.nef", "photo.tif", "-o", f"out{option}", option]) == 1
    assert capsys.readouterr().err.count("was made of another photo of this run") == 3


def test_main_denoises_a_watched_photo_again_if_it_changes(folder, quick, capsys, monkeypatch):
    whole, half, other = Path("noisy.png").read_bytes(), Path("noisy.png").read_bytes()[:2000], Path("clean.png")
    Path("in").mkdir()
    photo = Path("in/photo.png")

    def arrivals(folders, selection, *, apart, fail):
        for number, content in enumerate((half, whole, other.read_bytes()), 1):
            photo.write_bytes(content)
            yield photo, Path("photo.png")
            while len(Path("report.jsonl").read_text().splitlines()) < number:
                yield None

    monkeypatch.setattr("denoise.watching.arrivals", arrivals)
    watched = ["--watch", "in", "-o", "out", "--report", "report.jsonl"]
    assert main(watched) == 1
    np.testing.assert_array_equal(read("out/photo.png"), ~CLEAN)
    lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["failed", "done", "done"]
    monkeypatch.setattr("denoise.watching.arrivals", lambda *a, **k: iter([(photo, Path("photo.png"))]))
    assert main(watched) == 0  # what another run has done is done
    assert "done already" in capsys.readouterr().out


def test_main_denoises_nothing_over_its_photo_unless_told(folder, quick, capsys):
    before = Path("noisy.png").read_bytes()
    assert main([".", "-o", ".", "--skip-existing"]) == 1
    assert capsys.readouterr().err.count("is the photo itself; choose another with -o, or pass --in-place") == 2
    assert Path("noisy.png").read_bytes() == before


def test_main_in_place_never_replaces_another_photo(folder, quick, capsys):
    Path("shot.dng").write_bytes(raws.dng(np.full((48, 64, 3), 0.3)))
    PillowImage.fromarray(CLEAN).save("shot.tif")
    before = Path("shot.tif").read_bytes()
    assert main(["--in-place", "shot.dng"]) == 1
    assert "shot.tif exists already" in capsys.readouterr().err
    assert Path("shot.tif").read_bytes() == before
    assert main(["--in-place", "."]) == 1  # the TIFF is replaced by its own result
    np.testing.assert_array_equal(read("shot.tif"), ~CLEAN)


def test_main_goes_on_beside_a_folder_that_cannot_be_looked_at(folder, quick, capsys, monkeypatch):
    for place in ("in/a", "in/lost+found", "in/z"):
        Path(place).mkdir(parents=True)
        Path(place, "noisy.png").write_bytes(Path("noisy.png").read_bytes())
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "lost+found":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main(["-r", "in", "-o", "out"]) == 1
    assert capsys.readouterr().err == "denoise: in/lost+found: Permission denied\n"
    assert sorted(map(str, Path("out").rglob("*.png"))) == ["out/a/noisy.png", "out/z/noisy.png"]


def test_main_takes_names_that_are_no_text(folder):
    name = os.fsdecode(b"caf\xe9.png")  # of an old archive
    Path(name).write_bytes(Path("noisy.png").read_bytes())
    arguments = [sys.executable, "-m", "denoise", name, "-o", "out/", "--model", "nlm", "--report", "report.jsonl"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii:strict"}
    ended = subprocess.run(arguments, env=environment, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(Path("report.jsonl").read_text(encoding="utf-8"))["source"] == name
    assert Path("out", name).exists()


def test_main_replaces_a_photo_in_place_and_keeps_its_permissions(folder, quick):
    before = np.asarray(read("noisy.png"))
    Path("noisy.png").chmod(0o640)
    assert main(["--in-place", "noisy.png"]) == 0
    np.testing.assert_array_equal(read("noisy.png"), ~before)
    assert Path("noisy.png").stat().st_mode & 0o777 == 0o640
    assert len(list(folder.iterdir())) == 2


def test_in_place_is_for_programs_that_give_no_options(folder, quick, monkeypatch):
    before = np.asarray(read("noisy.png"))
    monkeypatch.setattr(sys, "argv", ["denoise-in-place", "noisy.png"])
    assert in_place() == 0
    np.testing.assert_array_equal(read("noisy.png"), ~before)


def test_main_removes_what_a_preset_says_and_what_is_asked_for_by_itself(folder, monkeypatch):
    seen = []
    process = console.process
    monkeypatch.setattr(
        console, "process", lambda path, settings, *a, **k: seen.append(settings) or process(path, settings, *a, **k)
    )
    Path("mine.toml").write_text("[mine]\ncolour = 0.25\nstrength = 0.5\n")
    own = ["noisy.png", "--model", "nlm", "--force", "--presets", "mine.toml", "--preset", "mine"]
    assert main(own) == 0
    assert main([*own, "--colour", "1", "--detail", "0.5", "--strength", "1"]) == 0
    assert main(["noisy.png", "--model", "nlm", "--force", "--preset", "keep-grain"]) == 0
    assert [(settings.strength, settings.mix) for settings in seen] == [
        (0.5, Mix(colour=0.25)),
        (1.0, Mix(detail=0.5)),
        (1.0, Mix(luminance=0.0)),
    ]
    assert main(["noisy.png", "--force", "--preset", "text"]) == 0
    assert main(["noisy.png", "--model", "nlm", "--force", "--preset", "text"]) == 0
    assert [settings.model for settings in seen[-2:]] == ["ridnet", "nlm"]


def test_main_develops_raw_files_as_wished(folder, quick):
    scene = np.broadcast_to(np.linspace(0.02, 0.4, 64)[:, None], (48, 64, 3))  # grey
    Path("shot.dng").write_bytes(raws.dng(scene, neutral=(0.7, 1.0, 0.5)))
    assert main(["shot.dng"]) == 0
    assert main(["shot.dng", "-o", "lighter.png", "--exposure", "1"]) == 0
    assert main(["shot.dng", "-o", "daylight.png", "--white-balance", "daylight"]) == 0
    plain, lighter, daylight = (
        cv2.imread(name, cv2.IMREAD_UNCHANGED)[8:-8, 8:-8].mean(axis=(0, 1))
        for name in ("shot-denoised.tif", "lighter.png", "daylight.png")
    )
    assert (lighter < plain - 2000).all()  # these results are inverted
    assert np.ptp(daylight) < 500 < np.ptp(plain)


def test_main_makes_what_is_asked_for_of_all_files(folder, quick, capsys):
    Path("in/day").mkdir(parents=True)
    Path("in/day/shot.DNG").write_bytes(raws.dng(np.full((48, 64, 3), 0.3)))
    PillowImage.fromarray(CLEAN).save("in/photo.webp", lossless=True)
    assert main(["-r", "in", "-o", "out", "--format", "jpg"]) == 0
    assert sorted(map(str, Path("out").rglob("*.*"))) == ["out/day/shot.jpg", "out/photo.jpg"]
    assert {read(path).format for path in Path("out").rglob("*.jpg")} == {"JPEG"}
    assert main(["in/day/shot.DNG", "--format", ".png"]) == 0
    assert cv2.imread("in/day/shot-denoised.png", cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_main_prints_a_benchmark_and_writes_it_as_json(folder, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "measure", lambda model, size, megapixels, engine: [("One tile", 12.345, "ms")])
    assert main(["benchmark", "--model", "nlm", "--json", "out.json"]) == 0
    assert capsys.readouterr().out.split() == ["One", "tile", "12.35", "ms"]
    report = json.loads(Path("out.json").read_text())
    assert report["model"] == "nlm"
    assert report["results"] == {"One tile": {"value": 12.345, "unit": "ms"}}


def test_benchmark_measures_every_quantity():
    results = {name: (value, unit) for name, value, unit in benchmark.measure("nlm", 64, [0.1], Engine())}
    assert [unit for _, unit in results.values()] == ["s", "s", "ms", "s", "s", "MB"]
    assert all(value > 0 for value, _ in results.values())
    assert 50 < results["Peak memory, 0.1 megapixels"][0] < 600
