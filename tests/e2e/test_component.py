"""What is common to the page's components: held against the ways in which Streamlit calls them."""

from pathlib import Path

import pytest

from denoise.ui import component

SCRIPT = """
const log = [];
function show({ data }) {
  log.push(`shows ${data}`);
  return () => log.push(`left ${data}`);
}
"""
COMMON = Path(component.__file__).with_suffix(".js").read_text()


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param("call(1); await later(); call(2);", ["shows 1", "shows 2"], id="one after the other"),
        pytest.param("call(1); call(2);", ["shows 1", "shows 2"], id="at once"),
        pytest.param("call(1)(); call(2);", ["shows 1", "shows 2"], id="outdated one first"),
        pytest.param("const old = call(1); call(2); old();", ["shows 1", "shows 2"], id="cleaned up late"),
        pytest.param("call(2); call(1)();", ["shows 2"], id="outdated one last"),
        pytest.param("call(3); call(1)(); call(2)();", ["shows 3"], id="two outdated"),
        pytest.param("const leave = call(1); element.remove(); leave();", ["shows 1", "left 1"], id="left"),
    ],
)
def test_component_ends_with_the_newest_data(page, calls, expected):
    log = page.evaluate(
        """async ([script, calls]) => {
            const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
            const { default: show, log } = await import(url);
            const later = () => new Promise((done) => setTimeout(done, 20));
            const element = document.body.appendChild(document.createElement("div"));
            const call = (data) => show({ data: [data], parentElement: element });
            await eval(`(async () => { ${calls} })()`);
            await later();
            return log;
        }""",
        [f"{SCRIPT}\nexport {{ log }};\n{COMMON}", calls],
    )
    assert log == expected
