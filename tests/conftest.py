"""Fixtures of all layers; see README.md beside this."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from denoise import catalogue
from denoise.registry import list_models, load_model
from tests import networks

# The files that take longest: begun late, one of them would be alone at the end.
LONGEST = [
    "architectures",
    "real_networks",
    "quality",
    "visitors",
    "seams",
    "quantize",
    "viewer",
    "page",
    "train",
    "growing",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _no_search_for_components() -> Iterator[None]:
    """Keep Streamlit from reading what every installed package says of itself, at each page that a test makes."""
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit" in sys.modules:
            patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of `models/`, see `tests.networks`."""
    return networks.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def told_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Networks of one addition in place of the bundled ones: "told", "pair", which is not told, and "told_pair"."""
    networks.write_model(tmp_path, "told", told=2.0)
    networks.write_model(tmp_path, "pair", pair=3.0)
    networks.write_model(tmp_path, "told_pair", told=1.0, pair=3.0)
    monkeypatch.setattr(catalogue, "list_models", partial(list_models, tmp_path))
    monkeypatch.setattr(catalogue, "load_model", partial(load_model, directory=tmp_path))
