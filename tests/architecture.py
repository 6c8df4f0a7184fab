"""Draw `docs/architecture.svg` from the code's own imports, and list the page's rooms in `docs/architecture.md`.

Run `python -m tests.architecture` after a module was added, removed, or imports others than before; a test tells when.
The words are the first ones of the modules' docstrings.
"""

import ast
import re
import textwrap
from html import escape
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression

PACKAGE = Path(__file__).parents[1] / "denoise"
PICTURE = PACKAGE.parent / "docs" / "architecture.svg"
DOCUMENT = PICTURE.with_suffix(".md")

Graph = dict[str, set[str]]
"""Whom each part uses."""

Neighbours = dict[str, list[str]]
"""Those in the rows above and below to which an arrow leads from each, or to each from them."""

_BOX, _FOLD, _ROW, _BETWEEN, _MARGIN = (152, 80), 8, 114, 8, 8  # pixels; a fold is where an arrow passes a row
_LETTERS = 22  # in a line of a box
_LONG = 60  # letters of a summary, above which its first clause must do
_COLOURS = {"denoise.ui": "#dbe9fb", "denoise.__main__": "#dbe9fb", "denoise.training": "#e9e3f6"}
_CORE = "#eef3ea"


def imports_of(source: str) -> set[str]:
    """Return what a module imports, wherever it does; of `from x import y`, both x and x.y."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


PATHS = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {module: imports_of(path.read_text("utf-8")) for module, path in PATHS.items()}


def part_of(module: str) -> str:
    """Return the module, or the package, that lies directly in `denoise`."""
    return ".".join(module.split(".")[:2])


def summary(module: str) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(PATHS[module].read_text("utf-8"))) or ""
    return re.split(r"\.\s", " ".join(text.split("\n\n")[0].split()))[0].removesuffix(".")


def parts() -> Graph:
    """Return the parts that lie directly in `denoise`, without the uses that follow from others."""
    uses: Graph = {part_of(module): set() for module in MODULES if module != "denoise"}
    for module in MODULES.keys() - {"denoise"}:
        found = {part_of(each) for each in MODULES[module] & MODULES.keys()}
        uses[part_of(module)] |= found - {part_of(module), "denoise"}

    def below(part: str) -> set[str]:
        return set().union(*({each} | below(each) for each in uses[part]))

    return {part: found - set().union(*map(below, found)) for part, found in uses.items()}


def floors(graph: Graph) -> dict[str, int]:
    """Return on which floor each part lies: as high as those allow that use it, and above all that it uses."""
    floor: dict[str, int] = {}

    def settle(part: str) -> int:
        floor[part] = 1 + max(map(settle, graph[part]), default=-1)
        return floor[part]

    for part in graph:
        settle(part)
    for part in sorted(graph, key=lambda part: -floor[part]):
        floor[part] = min((floor[other] - 1 for other in graph if part in graph[other]), default=floor[part])
    return floor


def draw() -> str:
    """Return the picture as SVG."""
    graph = parts()
    floor = floors(graph)
    # Every arrow is a chain of steps from one row to the next, with a fold in each row that it passes.
    chains = [
        [user, *(f"{user} > {used} {level}" for level in range(floor[user] - 1, floor[used], -1)), used]
        for user in sorted(graph)
        for used in sorted(graph[user])
    ]
    top = max(floor.values())
    row_of = {each: top - floor[chain[0]] + i for chain in chains for i, each in enumerate(chain)}
    rows = [sorted(each for each in row_of if row_of[each] == row) for row in range(top + 1)]
    x = _places(*_ordered(rows, chains))
    left = min(x[part] for part in graph) - _BOX[0] / 2 - _MARGIN
    width = max(x[part] for part in graph) + _BOX[0] / 2 + _MARGIN - left
    height = top * _ROW + _BOX[1] + 2 * _MARGIN
    at = {each: (round(x[each] - left), row * _ROW + _MARGIN) for each, row in row_of.items()}
    arrows = "\n".join(_arrow(f"{chain[0]}-{chain[-1]}", [at[each] for each in chain]) for chain in chains)
    boxes = "\n".join(_box(part, *at[part]) for part in sorted(graph))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-family="sans-serif">
<title>The rooms of Denoise, and which uses which</title>
<style>
rect {{ stroke: #8a958c; }} path {{ fill: none; stroke: #8a958c; stroke-width: 1.2; marker-end: url(#head); }}
text {{ font-size: 12px; fill: #333; text-anchor: middle; }} .name {{ font-size: 15px; font-weight: bold; fill: #111; }}
</style>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" style="fill: #8a958c; stroke: none; marker-end: none"/></marker>
<rect width="100%" height="100%" fill="#fff" style="stroke: none"/>
{arrows}
{boxes}
</svg>
"""


def _ordered(rows: list[list[str]], chains: list[list[str]]) -> tuple[list[list[str]], Neighbours]:
    """Sort each row so that few arrows cross: by the middle of those above, then of those below, again and again."""
    steps = [step for chain in chains for step in pairwise(chain)]
    above: Neighbours = {each: [user for user, used in steps if used == each] for row in rows for each in row}
    below: Neighbours = {each: [used for user, used in steps if user == each] for row in rows for each in row}
    fewest, best = len(steps) ** 2, rows
    for sweep in range(40):
        place = {each: i / len(row) for row in rows for i, each in enumerate(row)}
        crossings = 0
        for row in rows if sweep % 2 else rows[::-1]:
            middle = {
                each: np.mean([place[other] for other in (above if sweep % 2 else below)[each] or [each]])
                for each in row
            }
            row.sort(key=middle.__getitem__)
            place |= {each: i / len(row) for i, each in enumerate(row)}
        for row in rows:
            ends = [(place[user], place[used]) for user in row for used in below[user]]
            crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))
        if crossings < fewest:
            fewest, best = crossings, [list(row) for row in rows]
    return best, {each: above[each] + below[each] for each in above}


def _places(rows: list[list[str]], beside: Neighbours) -> dict[str, float]:
    """Return the middle of each box along its row: near those of its neighbours, and none on another."""
    first: dict[str, float] = {}  # where it is if all boxes of a row stand close together
    for row in rows:
        widths = [_FOLD if " " in each else _BOX[0] for each in row]
        first |= dict(zip(row, np.cumsum(widths) - np.divide(widths, 2) + _BETWEEN * np.arange(len(row)), strict=True))
    x = dict(first)
    for _ in range(300):
        for row in rows:
            wanted = [np.mean([x[each], *(x[other] for other in beside[each])]) - first[each] for each in row]
            # A straight arrow is worth more than a box that stands above another.
            moved = isotonic_regression(wanted, weights=[3 if " " in each else 1 for each in row]).x
            x |= {each: first[each] + move for each, move in zip(row, moved, strict=True)}
    return x


def _arrow(name: str, points: list[tuple[int, int]]) -> str:
    (x, y), *rest = points
    path = f"M{x} {y + _BOX[1]}"
    y += _BOX[1]
    for i, (next_x, top) in enumerate(rest):
        middle = (y + top) // 2
        path += f"C{x} {middle} {next_x} {middle} {next_x} {top}"
        x, y = next_x, top + _BOX[1]
        if i + 1 < len(rest):
            path += f"V{y}"
    return f'<path id="{name.replace("denoise.", "")}" d="{path}"/>'


def _box(part: str, x: int, y: int) -> str:
    name = part.removeprefix("denoise.") + ("/" if PATHS[part].stem == "__init__" else "")
    said = re.split("[:;]", summary(part))[0]
    said = said.split(",")[0] if len(said) > _LONG else said
    lines = [
        f'<text x="{x}" y="{y + 34 + 13 * i}">{escape(line)}</text>'
        for i, line in enumerate(textwrap.wrap(said, _LETTERS))
    ]
    return (
        f'<rect x="{x - _BOX[0] // 2}" y="{y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="6" '
        f'fill="{_COLOURS.get(part, _CORE)}"/><text class="name" x="{x}" y="{y + 17}">{name}</text>{"".join(lines)}'
    )


def listed(document: str) -> str:
    """Return the document with the list of the page's rooms as it should be."""
    page = PACKAGE / "ui"
    rooms = sorted({*page.glob("*.py"), *page.glob("*/__init__.py")} - {page / "__init__.py"})
    names = [path.relative_to(PACKAGE.parent).as_posix().removesuffix("__init__.py") for path in rooms]
    rows = [f"| `{name}` | {summary(name_of(path))} |" for name, path in zip(names, rooms, strict=True)]
    return re.sub(
        r"(<!-- rooms -->\n).*(<!-- /rooms -->)",
        lambda found: "\n".join([f"{found[1]}| room | what it is |", "|---|---|", *rows, found[2]]),
        document,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
    DOCUMENT.write_text(listed(DOCUMENT.read_text("utf-8")), "utf-8")
