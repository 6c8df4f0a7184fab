"""Every page, for people who hear it or who use the keyboard."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from denoise.ui import introduction, texts
from denoise.ui.pages import start_words
from tests.e2e.conftest import PHONE, visit_finished, wait_until, wait_until_it_fits

# Collects what can be operated, in the order of the page and in components too.
COLLECT = """() => {
    const all = (root) =>
        [...root.querySelectorAll("*")].flatMap((each) => [each, ...(each.shadowRoot ? all(each.shadowRoot) : [])]);
    // Some inputs are hidden behind the label that stands for them.
    const isShown = (each) =>
        (each.closest("label") ?? each).checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const controls = all(document.body).filter(
        (each) => each.matches("a[href], button, input, select, textarea, summary, [role=slider], [tabindex='0']")
            && !each.disabled && isShown(each),
    );
    // Of a group, Tab stops at one, and the arrow keys lead to the others. What Tab leaves out belongs to a neighbour.
    const groupOf = (each) => each.closest("[role=radiogroup], [role=toolbar]")
        ?? (each.tabIndex < 0 ? each.parentElement.closest("[data-testid]") : null);
    // What could show that an element has the focus: its own look, that of its label, and that of what is around it.
    const look = (each) => {
        const root = each.closest("label") ?? each.parentElement;
        const parts = [...root.querySelectorAll("*")];
        for (let around = root; around; around = around.parentElement) parts.push(around);
        return parts.map((part) => {
            const style = getComputedStyle(part);
            const outline = style.outlineStyle === "none" ? "" : style.outline;
            return [outline, style.boxShadow, style.borderColor, style.backgroundColor].join();
        }).join();
    };
    const looks = new Map(); // of what has had the focus, while it had it
    const name = (each) => each.outerHTML.slice(0, 200);
    window.keyboard = {
        step() {
            let active = document.activeElement;
            while (active.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
            if (active === document.body) return false;
            looks.set(active, look(active));
            return true;
        },
        unseen: () => [...looks].filter(([each, before]) => look(each) === before).map(([each]) => name(each)),
        unmet: () => controls.filter((each) => {
            const group = groupOf(each);
            return !looks.has(each) && !(group && controls.some((other) => looks.has(other) && group.contains(other)));
        }).map(name),
    };
    return controls.length;
}"""


def find_violations(page):
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in violations
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def walk_by_keyboard(page):
    """Press Tab from one end of the page to the other; return what showed no focus, and what was never reached."""
    page.add_style_tag(content="* { transition: none !important; }")
    assert page.evaluate(COLLECT) > 10
    for _ in range(200):
        page.keyboard.press("Tab")
        if not page.evaluate("() => keyboard.step()"):
            return page.evaluate("() => [keyboard.unseen(), keyboard.unmet()]")
    pytest.fail("The focus is trapped.")


def find_markup(page):
    """Return what a screen reader would say of the signs that make text bold or protect it: names are plain."""
    return [
        line.strip() for line in page.locator("body").aria_snapshot().splitlines() if re.search(r"\*|\\[*_.]|`", line)
    ]


def assert_head(page, name):
    assert page.title() == introduction.title_of(texts.PAGES[name])
    assert page.request.get(page.locator("link[rel='shortcut icon']").evaluate("link => link.href")).status == 200
    styles = page.locator("head style").evaluate_all("all => all.map(({ textContent }) => textContent)")
    assert len([style for style in styles if ".st-key-head" in style]) == 1
    assert page.locator("meta[name=description]").get_attribute("content") == texts.DESCRIPTION


def brightness(page):
    """Return that of the ground, 0 to 255."""
    ground = page.locator(".stApp").evaluate("each => getComputedStyle(each).backgroundColor")
    return sum(map(int, re.findall(r"\d+", ground)[:3])) / 3


# A window of 1280 × 1024 pixels at 400 % zoom.
ENLARGED = {"width": 320, "height": 256}


@pytest.mark.parametrize("name", texts.PAGES)
def test_page_comes_without_moving_and_is_good_for_screen_readers_and_the_keyboard_in_all_colours(visit, name):
    """In light colours on a wide screen and in dark ones on a narrow one: neither depends on the other."""
    page = visit_finished(visit, name)
    if name != "denoise":  # that is held by `test_growing`
        assert page.evaluate("shift") < 0.1
    assert_head(page, name)
    assert brightness(page) > 200
    assert find_violations(page) == []
    assert find_markup(page) == []
    if name == "denoise":  # who wants no motion gets none
        look = page.get_by_role("radio", name="Natural", exact=True)
        assert look.evaluate("each => parseFloat(getComputedStyle(each).transitionDuration)") < 0.001
    unseen, unmet = walk_by_keyboard(page)
    assert unseen == []
    assert unmet == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE["viewport"])
    wait_until(page, "it is dark", lambda: brightness(page) < 60)
    page.wait_for_timeout(500)  # for what fades
    assert find_violations(page) == []
    if name in ("denoise", "batch"):
        page.set_viewport_size(ENLARGED)
        wait_until_it_fits(page)
    if name == "denoise":
        assert_is_clear_in_the_systems_colours(page)


def assert_is_clear_in_the_systems_colours(page):
    page.emulate_media(forced_colors="active")
    marked = page.locator(".viewer button[aria-pressed='true']").first
    assert marked.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    look = page.get_by_role("radio", name="Natural", exact=True)
    look.scroll_into_view_if_needed()
    look.click()
    page.get_by_role("radio", name="Natural", exact=True, checked=True).wait_for()
    assert look.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"


def test_progress_and_result_are_announced_and_arrow_keys_run_nothing(visit):
    page = visit_finished(visit, "denoise")
    page.evaluate(
        """() => {
            window.heard = [];
            const roots = [...document.querySelectorAll("*")].map(({ shadowRoot }) => shadowRoot).filter(Boolean);
            const news = roots.map((root) => root.querySelector(".news")).find(Boolean);
            new MutationObserver(() => heard.push(news.textContent)).observe(news, { childList: true });
        }"""
    )
    sliders = page.locator(".mix")  # of which each says its percents itself, once
    assert sliders.get_by_role("slider", name="Less colour noise").get_attribute("aria-valuetext") == "100 %"
    assert sliders.get_by_role("status").count() == 0
    fast = page.get_by_role("radio", name=start_words.ROLES["unet"], exact=True)
    page.get_by_role("radio", name=start_words.ROLES["ridnet"], exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert fast.evaluate("each => each === document.activeElement")
    assert fast.get_attribute("aria-checked") == "false"
    page.keyboard.press(" ")
    wait_until(page, "the result is announced", lambda: page.evaluate("heard.at(-1)") == "Denoised", 60)
