"""The package as it is installed: what is in the wheel, what it needs, and that it works away from the repository."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]

# Runs the command line as the installed script does, without what only the other extras bring, and prints which
# distributions it imported.
RUN = """
import sys, importlib.metadata as metadata
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(f"only for other extras: {{name}}")
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, {site!r})
from denoise.__main__ import main
import denoise
assert denoise.__file__.startswith({site!r}), denoise.__file__
code = main(sys.argv[1:])
tops = {{name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}}
distributions = metadata.packages_distributions()
print(*sorted({{found for top in tops for found in distributions.get(top, [])}}), file=sys.stderr)
sys.exit(code)
"""


def names(requirements: list[str]) -> set[str]:
    """Return the names of the distributions, as `importlib.metadata` writes them when they are made plain."""
    return {re.match(r"[\w.-]+", each)[0].lower().replace("_", "-") for each in requirements}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the wheel and install it, without what it needs, into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_wheel_brings_code_networks_samples_and_types_but_no_weights_to_train_on(site):
    inside = {path.relative_to(site).as_posix() for path in site.rglob("*")}
    models = {path.name for path in (REPOSITORY / "models").iterdir() if path.suffix in (".tflite", ".json", ".md")}
    assert {f"denoise/bundled/models/{name}" for name in models} <= inside
    assert {"denoise/py.typed", "denoise/bundled/samples/samples.json", "denoise/ui/style.css"} <= inside
    assert not [name for name in inside if name.endswith(".h5") or name.startswith(("tests", "models", "samples"))]


def test_installed_command_cleans_a_photo_in_any_folder_with_what_it_says_it_needs(site, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    extras = PROJECT["optional-dependencies"]
    code = RUN.format(
        refused={"streamlit", "fastapi", "tensorflow", "keras", "matplotlib", "portalocker", "skimage", "scipy"},
        site=str(site),
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "photo.png", "--model", "unet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "photo-denoised.png") as denoised:
        assert denoised.size == (50, 40)
        assert np.any(np.asarray(denoised) != pixels)
    imported = set(done.stderr.splitlines()[-1].lower().replace("_", "-").split())
    assert names(PROJECT["dependencies"]) <= imported | {"watchfiles"}  # for --watch only
    others = names([each for extra in extras.values() for each in extra]) - names(["denoise", *PROJECT["dependencies"]])
    assert not imported & others


def test_scripts_are_the_command_line():
    assert PROJECT["scripts"] == {"denoise": "denoise.__main__:main", "denoise-in-place": "denoise.__main__:in_place"}
