import pytest

from retrieval.index.where import parse_where
from retrieval.index.where_expression import And, Compare


@pytest.fixture
def archive(visit, site):
    """The page where the archive is searched."""
    page = visit(site.url, path="/#/search")
    page.wait_for_selector("#search h1:visible")
    return page


def ask(page, words):
    page.fill("#words", words)
    page.keyboard.press("Enter")
    page.wait_for_selector("#found")


def labels(page):
    page.wait_for_selector(".hits .card")
    return page.locator(".hits .label").all_inner_texts()


def test_words_find_images_and_filters_leave_some_of_them(archive):
    archive.click("#results a:text('pneumonia')")  # an example to start with
    archive.wait_for_selector(".hits img[src]")
    assert archive.locator("#words").input_value() == "pneumonia"
    assert archive.locator("#found").inner_text() == "12 nearest to “pneumonia”"
    similar = [
        float(text.split()[0])
        for text in archive.locator(".hits .card .soft:not(.name)").all_inner_texts()
    ]
    assert similar == sorted(similar, reverse=True)
    assert "Among 180 images" in archive.locator("#results").inner_text()

    archive.select_option("select[name=label]", "normal")
    archive.wait_for_selector("text=Among 60 of 180 images")
    assert set(labels(archive)) == {"normal"}
    archive.select_option("select[name=split]", "val")
    archive.wait_for_selector("text=Among 20 of 180 images")
    assert all(
        text.startswith("val · ") for text in archive.locator(".hits .name").all_inner_texts()
    )
    archive.select_option("select[name=top_k]", "24")
    archive.wait_for_selector("text=20 nearest")

    archive.go_back()
    archive.go_back()
    archive.go_back()
    archive.wait_for_selector("text=Among 180 images")
    assert archive.locator("select[name=label]").input_value() == ""


def test_a_hit_opens_leads_on_and_closes(archive):
    ask(archive, "pneumonia")
    hit = archive.locator(".hits .card >> nth=2")
    name, address = hit.get_attribute("aria-label"), archive.url
    hit.click()
    dialog = archive.locator("#item")
    assert dialog.is_visible()
    said = dialog.inner_text()
    assert name.rpartition(", ")[2] in said
    assert "Research use only" in said
    archive.wait_for_selector("#item img.small")
    archive.keyboard.press("Escape")
    archive.wait_for_function("address => location.href === address", arg=address)
    assert archive.evaluate("document.activeElement.getAttribute('aria-label')") == name

    archive.keyboard.press("Enter")
    archive.click("text=Find similar")
    archive.wait_for_selector("text=nearest to images like")
    first = archive.locator(".hits .card >> nth=0")
    assert "same pixels" in first.inner_text()
    first.click()
    archive.click("text=Study this image")
    archive.wait_for_selector("#case h1:visible")
    assert archive.locator("#case h1").inner_text() in name


def test_an_address_with_an_open_hit_can_be_shared(archive, visit, site):
    ask(archive, "normal")
    archive.click(".hits .card >> nth=1")
    page = visit(site.url, path=archive.url[len(site.url) :])
    page.wait_for_selector("#item h2:visible")
    page.click("#item [data-close]")
    page.wait_for_function("() => !location.hash.includes('item=')")
    assert page.locator(".hits").is_visible()


def test_unknown_words_are_told(archive):
    ask(archive, "qqqxyz")
    assert "Unknown to the encoder: qqqxyz" in archive.locator("#results .banner").inner_text()


def test_nothing_found_says_what_to_do(visit, site):
    page = visit(site.url, path="/#/search?text=pneumonia&label=none-such")
    page.wait_for_selector("text=Nothing under these filters")
    said = page.locator("#results").inner_text()
    assert "holds no image where" in said
    assert "Choose “any”" in said


@pytest.mark.parametrize("value", ["it's", "' or label != '", "`", 'a"b', "%_\\", "a|b", "ü"])
def test_filters_stay_text_whatever_they_hold(archive, value):
    made = archive.evaluate(
        "async (value) => (await import('/static/search.js')).condition({ label: value, source: value, split: '' })",  # noqa: E501
        value,
    )
    expected = And((Compare("label", "=", value), Compare("source", "=", value)))
    assert parse_where(made, ["label", "source", "split"]).expression == expected
