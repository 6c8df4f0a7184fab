"""The floors of the house: which part of the package may use which, which libraries, and how long a file may be."""

import graphlib
import textwrap
from collections.abc import Callable

import pytest

from tests.architecture import MODULES, PACKAGE, imports_of, part_of


def is_core(module: str) -> bool:
    return part_of(module) not in ("denoise.ui", "denoise.service", "denoise.training")


def within(*parts: str) -> Callable[[str], bool]:
    return lambda module: any(f"{module}.".startswith(f"{part}.") for part in parts)


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        pytest.param(is_core, ["denoise.ui", "denoise.service", "denoise.training"], id="core"),
        pytest.param(within("denoise.ui"), ["denoise.service", "denoise.training"], id="page"),
        pytest.param(within("denoise.service"), ["denoise.training", "denoise.__main__"], id="service"),
        pytest.param(within("denoise.training"), ["denoise.ui", "denoise.service", "denoise.__main__"], id="training"),
    ],
)
def test_part_never_uses(who, whom):
    ones = [module for module in MODULES if who(module)]
    assert ones
    is_above = within(*whom)
    assert {module: used for module in ones if (used := sorted(filter(is_above, MODULES[module])))} == {}


def test_image_package_uses_nothing_of_the_others():
    allowed = within("denoise.image")
    for module in filter(allowed, MODULES):
        others = {each for each in MODULES[module] & MODULES.keys() if not allowed(each)}
        assert others <= {"denoise"}, module


def test_service_takes_nothing_of_the_page_but_its_words():
    """So that it works where Streamlit is not installed."""
    is_service, is_page = within("denoise.service"), within("denoise.ui")
    used = {each for module in filter(is_service, MODULES) for each in MODULES[module] & MODULES.keys()}
    assert set(filter(is_page, used)) == {"denoise.ui", "denoise.ui.texts"}


@pytest.mark.parametrize(
    ("libraries", "where"),
    [
        (["streamlit"], ["denoise.ui"]),
        (["starlette"], ["denoise.ui", "denoise.service"]),
        (["fastapi", "pydantic", "prometheus_client", "limits"], ["denoise.service"]),
        (["keras", "tensorflow", "jax", "matplotlib", "pandas", "scipy", "skimage"], ["denoise.training"]),
        (["ai_edge_litert"], ["denoise.runtime"]),
        (["lxml"], ["denoise.image"]),
        (["ray", "fsspec"], ["denoise.cluster"]),
    ],
    ids=lambda value: value[0],
)
def test_library_is_used_only_in(libraries, where):
    is_there, uses = within(*where), within(*libraries)
    users = {module for module, found in MODULES.items() if any(map(uses, found))}
    assert users
    assert {module for module in users if not is_there(module)} == set()


def test_nothing_uses_what_uses_it():
    """Neither the parts that lie directly in `denoise`, nor the modules of the core."""
    for name in (part_of, str):
        uses = {name(module): set() for module in MODULES if is_core(module)}
        for module, found in MODULES.items():
            if is_core(module):
                uses[name(module)] |= {name(each) for each in found & MODULES.keys()} - {name(module), "denoise"}
        # A package's own face imports its modules, which may ask the package for the face's words.
        if name is str:
            uses.pop("denoise.image")
        graphlib.TopologicalSorter(uses).prepare()  # raises if there is a circle


def test_no_file_is_longer_than_a_reader_likes():
    paths = [path for kind in ("py", "js", "css", "html") for path in PACKAGE.rglob(f"*.{kind}")]
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    assert len(lengths) > 100
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_imports_are_seen_wherever_they_are():
    source = """
        import streamlit.runtime as other
        def work():
            from denoise import ui
            from denoise.training.data import SMALL
    """
    found = {"streamlit.runtime", "denoise", "denoise.ui", "denoise.training.data", "denoise.training.data.SMALL"}
    assert imports_of(textwrap.dedent(source)) == found
    assert list(map(within("denoise.ui"), ["denoise.ui", "denoise.ui.pages", "denoise.uis"])) == [True, True, False]
