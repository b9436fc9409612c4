import pytest

#: Found by axe in what medx does not draw itself, or by choice: nothing.
GRAVE = {"serious", "critical"}


def faults(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        (fault["id"], node["target"], node.get("failureSummary"))
        for fault in found if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]  # fmt: skip


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (768, True)], ids=["wide-light", "tablet-dark"]
)
def test_everything_can_be_reached_by_everybody(visit, site, film, tmp_path, width, dark):
    page = visit(site.url, width=width, height=1024, dark=dark)

    def check():
        assert overflow(page) <= 0
        assert faults(page) == []

    page.wait_for_selector("#sample-list img[src]")
    check()
    page.wait_for_selector("#upload:visible")
    page.set_input_files("#file", film)
    page.wait_for_selector("#case h1:visible")
    check()
    page.click("#tab-similar")
    page.click("[data-compare=N1]")
    check()
    page.click("#tab-report")
    check()
    page.goto(site.url + "/#/search?text=pneumonia+qqqxyz")
    page.wait_for_selector(".hits img[src]")
    check()
    page.click(".hits .card >> nth=0")
    page.wait_for_selector("#item img[src]")
    check()
    page.keyboard.press("Escape")
    page.wait_for_selector("#item", state="hidden")
    page.click("#help-button")
    check()
    page.keyboard.press("Escape")
    page.goto(site.url + "/#/case/gone")
    page.wait_for_selector("#trouble h2")
    check()


def test_light_and_dark_follow_the_system_until_chosen(visit, site):
    page = visit(site.url, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert (dark, light) == ("rgb(20, 23, 26)", "rgb(251, 251, 250)")
    page.reload()
    page.wait_for_selector("#upload:visible")
    assert page.evaluate(ground) == light


def tab_to(page, selector, *, most=60):
    for _ in range(most):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def test_a_visit_without_a_mouse(visit, site):
    page = visit(site.url)
    page.wait_for_selector("#sample-list img[src]")
    tab_to(page, "#file")
    tab_to(page, "#sample-list button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#case h1:visible")
    tab_to(page, "#stage")
    page.keyboard.press("+")
    assert "scale(1.3)" in page.locator("#own .sheet").get_attribute("style")
    tab_to(page, "[role=tab]")
    page.keyboard.press("End")
    tab_to(page, ".text .cite")
    page.keyboard.press("Enter")
    assert page.locator(".lit").count() >= 1
    page.focus("[role=tab][aria-selected=true]")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    tab_to(page, "[data-compare]")
    page.keyboard.press("Enter")
    assert page.locator("#other").is_visible()
    assert page.evaluate("document.activeElement.id") == "stage"
    page.keyboard.press("Escape")
    assert not page.locator("#other").is_visible()

    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "stage"
    page.go_back()
    page.wait_for_selector("#upload:visible")


def test_what_limits_use_stays_in_view(visit, site, film):
    page = visit(site.url, width=768)
    page.wait_for_selector("#upload:visible")
    page.set_input_files("#file", film)
    page.wait_for_selector("#case h1:visible")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    for selector in (".limits", "#marks .mark >> nth=0"):
        box = page.locator(selector).bounding_box()
        assert 0 <= box["y"] < 100


def test_scripts_come_from_the_server_alone(site):
    shell = site.get("/").decode()
    assert "<style" not in shell
    assert "onclick" not in shell
    assert shell.count("<script") == shell.count('<script type="module" src="/static/') == 1
