"""The scripts of a component: modules in their own right, and one script when they are joined."""

import graphlib
import re
from pathlib import Path

from denoise.ui import component

VIEWER = Path(component.__file__).parent / "viewer"
SCRIPTS = {path.name: path.read_text("utf-8") for path in VIEWER.glob("*.js")}
EXPORTS = {name: set(re.findall(r"^export (?:async )?\w+ (\w+)", text, re.M)) for name, text in SCRIPTS.items()}
IMPORTS = {
    name: {file: set(names.split(", ")) for names, file in re.findall(r'^import { (.*) } from "\./(.*)";$', text, re.M)}
    for name, text in SCRIPTS.items()
}


def test_scripts_import_just_what_they_use_of_one_another():
    assert len(SCRIPTS) > 10
    for name, text in SCRIPTS.items():
        words = set(re.findall(r"(?<![.\w])\w+", re.sub(r"//.*|^import .*", "", text, flags=re.M)))
        used = {other: found for other in EXPORTS if other != name and (found := words & EXPORTS[other])}
        assert IMPORTS[name] == used, name


def test_no_script_imports_what_imports_it_and_none_lies_idle():
    graphlib.TopologicalSorter(IMPORTS).prepare()  # raises if there is a circle
    assert set().union(*IMPORTS.values()) == SCRIPTS.keys() - {"viewer.js"}


def test_joined_script_has_one_name_for_one_thing():
    joined = component.script(VIEWER)
    assert re.findall(r"^(?:import|export) .*", joined, re.M) == ["export default function (call) {"]
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", joined, re.M)
    assert len(names) > 30
    assert len(names) == len(set(names))
