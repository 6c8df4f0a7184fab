"""Fixtures of all layers; see README.md beside this."""

import gc
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from denoise import catalogue
from denoise.registry import list_models, load_model
from tests import networks

# The files that take longest, and those that keep a server or a browser waiting beside those that only compute: begun
# late, one of them would be alone at the end.
LONGEST = [
    *("test_real_networks.py", "test_train.py"),
    *("e2e/test_page.py", "test_architectures.py"),
    *("test_viewer.py", "test_quality.py"),
    *("e2e/test_access.py", "test_quantize.py"),
    *("e2e/test_growing.py", "test_cluster.py"),
    *("e2e/test_noise_lab.py", "test_export.py"),
    *("e2e/test_compare.py", "test_visitors.py"),
    *("e2e/test_pages.py", "test_evaluate.py"),
    *("e2e/test_batch.py", "e2e/test_lasting.py"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, in their order."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((place for place, name in enumerate(LONGEST) if path.endswith(f"/{name}")), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _no_search_for_components() -> Iterator[None]:
    """Keep Streamlit from reading what every installed package says of itself, at each page that a test makes."""
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit" in sys.modules:
            patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


@pytest.fixture(scope="module", autouse=True)
def _little_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep what other files have left in memory out of collections: Streamlit asks for a full one after each script."""
    has_scripts = request.path.parent.name == "ui" or request.path.name == "test_app.py"
    if has_scripts:
        gc.freeze()
    yield
    if has_scripts:
        gc.unfreeze()


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of `models/`, see `tests.networks`."""
    return networks.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def fast_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the bundled fast network and its partners: a server denoises its samples by tiny ones, at once."""
    return networks.write(tmp_path_factory.mktemp("fast"), real=["unet", "ffdnet", "unet-strong"])


@pytest.fixture
def told_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Networks of one addition in place of the bundled ones.

    "told", "pair", which is not told, "told_pair", two partners: "looks", which has a pair, and "works", which is
    told, "judged", for which "looks" looks and which has "works" for a partner, and "once" and "twice". These three
    have "told" for a partner where the noise is strong.
    """
    networks.write_model(tmp_path, "told", told=2.0)
    networks.write_model(tmp_path, "pair", pair=3.0)
    networks.write_model(tmp_path, "told_pair", told=1.0, pair=3.0)
    networks.write_model(tmp_path, "looks", pair=3.0, partner="works")
    networks.write_model(tmp_path, "works", told=2.0, judge="looks")
    networks.write_model(tmp_path, "judged", judge="looks", partner="works", strong_partner="told")
    networks.write_model(tmp_path, "once", strong_partner="told")
    networks.write_model(tmp_path, "twice", pair=3.0, strong_partner="told")
    monkeypatch.setattr(catalogue, "list_models", partial(list_models, tmp_path))
    monkeypatch.setattr(catalogue, "load_model", partial(load_model, directory=tmp_path))


@pytest.fixture
def any_brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    """For denoisers that make photos darker or lighter, which `denoise.light` and `denoise.stars` would undo."""
    monkeypatch.setattr("denoise.pipeline.keep_light", lambda denoiser: denoiser)
    monkeypatch.setattr("denoise.pipeline.give_back_stars", lambda before, after: None)
