"""Fixtures of all layers; see README.md beside this."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import networks


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
