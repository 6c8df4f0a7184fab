"""The plug-ins of `docs/edit-in.md`, in the programs themselves, without a screen: minutes, so `EDIT_IN=1` only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from denoise.image import Photo, decode, encode

REPOSITORY = Path(__file__).parents[1]
DARKTABLE = shutil.which("darktable-cli")
PLUGIN = "opt/gimp/plug-ins/denoise/denoise.py"

pytestmark = pytest.mark.skipif(os.environ.get("EDIT_IN") != "1", reason="takes minutes: EDIT_IN=1")

INSIDE = 'mount -t proc proc "$1/proc" && exec /usr/sbin/chroot "$1" sh -c "$2"'

# Opens a photo, runs the plug-in, and saves the layers that there are then.
SCRIPT = """
import gi
gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path("/tmp/noisy.png"))
procedure = Gimp.get_pdb().lookup_procedure("plug-in-denoise-photo")
config = procedure.create_config()
config.set_property("image", image)
config.set_core_object_array("drawables", image.get_layers())
config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
done = procedure.run(config)
print("ended", done.index(0).value_nick, [layer.get_name() for layer in image.get_layers()])
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path("/tmp/out.png"), None)
"""


@pytest.fixture
def noisy():
    """A photo of 16 bit: one colour, and grain."""
    pixels = np.random.default_rng(0).normal(32000, 4000, (200, 300, 3)).clip(0, 65535).astype(np.uint16)
    return Photo(pixels)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A Debian tree with GIMP 3, the plug-in and the command."""
    given = os.environ.get("EDIT_IN_TREE")
    folder = Path(given) if given else tmp_path_factory.mktemp("tree")
    if not (folder / "usr").exists():
        packages = "--include=gimp,gir1.2-gimp-3.0,python3-gi,python3-venv,ca-certificates"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, "trixie", folder], check=True)
    if not (folder / "opt/denoise").exists():
        names = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
        for name in names.stdout.splitlines():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / "source" / name)
        for path in map(Path, ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf", "/etc/hosts")):
            shutil.copy(path, folder / str(path)[1:])
        run(folder, "python3 -m venv /opt/denoise && /opt/denoise/bin/pip install -q /source")
        (folder / "opt/fast").write_text('#!/bin/sh\nexec /opt/denoise/bin/denoise --model unet "$@"\n', "utf-8")
        (folder / "opt/fast").chmod(0o755)
    (folder / PLUGIN).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "plugins/gimp/denoise/denoise.py", folder / PLUGIN)
    return folder


def run(tree, command, **variables):
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, "sh", tree, command],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def in_gimp(tree, **variables):
    (tree / "tmp/script.py").write_text(SCRIPT, "utf-8")
    settings = tree / "tmp/.config/GIMP/3.0/gimprc"
    settings.parent.mkdir(parents=True, exist_ok=True)
    own = "/usr/lib/x86_64-linux-gnu/gimp/3.0/plug-ins"
    settings.write_text(f'(plug-in-path "/opt/gimp/plug-ins:{own}")\n', "utf-8")
    batch = 'exec(open("/tmp/script.py").read())'
    return run(tree, f"gimp-console-3.0 -idf --batch-interpreter python-fu-eval -b '{batch}' --quit", **variables)


def test_gimp_gets_a_layer_without_noise(tree, noisy):
    (tree / "tmp/noisy.png").write_bytes(encode(noisy))
    said = in_gimp(tree, DENOISE="/opt/fast")
    assert "ended success ['Denoised', " in said, said
    result = decode((tree / "tmp/out.png").read_bytes())
    assert result.pixels.dtype == np.uint16
    assert result.pixels.std() < 0.5 * noisy.pixels.std()
    assert abs(result.pixels.mean() - noisy.pixels.mean()) < 200


def test_gimp_says_that_the_command_is_missing(tree, noisy):
    (tree / "tmp/noisy.png").write_bytes(encode(noisy))
    said = in_gimp(tree, DENOISE="/nowhere/denoise")
    assert "ended execution-error" in said, said
    assert "/nowhere/denoise: No such file or directory. Install it" in said


@pytest.mark.skipif(DARKTABLE is None, reason="there is no darktable")
@pytest.mark.parametrize("is_active", [True, False])
def test_darktable_denoises_what_it_exports_if_it_is_to(tmp_path, noisy, is_active):
    configuration = tmp_path / "configuration"
    (configuration / "lua").mkdir(parents=True)
    shutil.copy(REPOSITORY / "plugins/darktable/denoise.lua", configuration / "lua")
    settings = {"active": str(is_active).upper(), "command": f"{sys.executable} -m denoise --model unet"}
    lines = [f"lua/denoise/{name}={value}\n" for name, value in settings.items()]
    (configuration / "darktablerc").write_text("".join(lines), "utf-8")
    photo = tmp_path / "it's.png"
    photo.write_bytes(encode(noisy))
    command = [DARKTABLE, str(photo), str(tmp_path / "out.tif"), "--core", "--configdir", str(configuration)]
    done = subprocess.run(
        [
            *command,
            "--library",
            ":memory:",
            "--conf",
            "plugins/imageio/format/tiff/bpp=16",
            "--luacmd",
            'require "denoise"',
        ],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "out.tif").exists(), done.stdout + done.stderr
    result = decode((tmp_path / "out.tif").read_bytes())
    assert result.pixels.dtype == np.uint16
    assert (result.pixels.std() < 0.5 * noisy.pixels.std()) == is_active, done.stdout + done.stderr
