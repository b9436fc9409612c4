import threading
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from reportgen.config import ReportConfig
from reportgen.engines.choose import ChosenEngine
from reportgen.engines.mock import MockEngine


class Waiting(MockEngine):
    """Writes nothing before it is let go."""

    def __init__(self):
        super().__init__(ReportConfig())
        self.begun, self.go = threading.Event(), threading.Event()

    def generate(self, request):
        self.begun.set()
        assert self.go.wait(60)
        return super().generate(request)


@pytest.fixture
def waiting():
    engine = Waiting()
    yield engine
    engine.go.set()


def choose(page, files):
    page.wait_for_selector("#upload:visible")  # the page is ready
    page.set_input_files("#file", files)


def trouble(page):
    page.wait_for_selector("#trouble h2")
    return page.locator("#trouble").inner_text()


def test_a_corrupt_file_is_named_so_and_the_page_goes_on(visit, site, film, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(film.read_bytes()[:200])
    page = visit(site.url)
    choose(page, broken)
    said = trouble(page)
    assert "cannot read the file as an image" in said.lower()
    assert "truncated" in said
    assert page.locator("#upload").is_visible()
    assert str(tmp_path) not in page.content()
    choose(page, film)
    page.wait_for_selector("#case h1:visible")
    assert not page.locator("#trouble h2").is_visible()


def test_a_file_that_is_too_large_is_not_sent(visit, site, tmp_path):
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(100 << 20)
    page = visit(site.url)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, large)
    said = trouble(page)
    assert "The file is too large" in said
    assert "100 MiB, more than the 64 MiB" in said
    assert not [address for address in sent if address.endswith("/report")]


def test_several_files_at_once_are_refused(visit, site):
    page = visit(site.url)
    page.wait_for_selector("#upload:visible")
    page.evaluate(
        """() => {
          const given = new DataTransfer();
          for (const name of ["a.png", "b.png"]) given.items.add(new File(["x"], name));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: given }));
        }"""  # noqa: E501
    )
    assert "2 files were dropped" in trouble(page)


def test_a_second_image_takes_the_place_of_the_first(visit, serve, bench, film, tmp_path, waiting):
    second = tmp_path / "second.png"
    second.write_bytes(film.read_bytes())
    slow = replace(bench, chosen=ChosenEngine(engine=waiting, reason="asked for"))
    with serve(slow) as served:
        page = visit(served.url)
        choose(page, film)
        assert waiting.begun.wait(30)
        page.set_input_files("#file", second)
        page.wait_for_selector("h1:text('Studying second.png')")
        waiting.go.set()
        page.wait_for_selector("#case h1:visible")
        assert page.locator("#case h1").inner_text() == "second.png"
        assert not page.locator("#trouble h2").is_visible()


def test_what_comes_late_is_not_shown(visit, site, film):
    page = visit(site.url)
    choose(page, film)
    page.wait_for_selector("#case h1:visible")
    address = page.url
    page.reload()
    page.wait_for_selector("#case h1:visible")
    held = []
    page.route("**/search/text", lambda route: held.append(route))
    page.goto(site.url + "/#/search?text=pneumonia&item=train-pneumonia-000")
    page.wait_for_selector("text=Searching …")
    page.goto(site.url + "/#/search")
    page.wait_for_selector("text=For example")
    page.goto(address)
    page.wait_for_selector("#case h1:visible")
    for route in held:
        route.continue_()
    page.goto(site.url + "/#/search")
    page.wait_for_selector("text=For example")
    page.wait_for_timeout(300)
    assert page.locator(".hits").count() == 0
    assert not page.locator("#item").is_visible()


def test_a_busy_archive_is_asked_again_for_pictures(visit, site):
    page = visit(site.url)
    page.wait_for_selector("#sample-list img[src]")
    refused = []

    def once(route):
        if route.request.url in refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": "busy"})

    page.route("**/items/**", once)
    page.goto(site.url + "/#/search?text=pneumonia")
    page.wait_for_function("() => document.querySelectorAll('.hits img[src]').length === 12")
    assert len(refused) == 12


def test_a_busy_server_says_so_and_can_be_asked_again(visit, serve, bench, film, waiting):
    busy = replace(bench, chosen=ChosenEngine(engine=waiting, reason="asked for"))
    with serve(busy) as served:
        page = visit(served.url)
        choose(page, film)
        assert waiting.begun.wait(30)
        page.wait_for_selector("#steps .now:text('Report')")
        others = [threading.Thread(target=ask_for_report, args=(served, film)) for _ in range(9)]
        for other in others:
            other.start()
        second = visit(served.url)
        wait_until_full(served, film)
        second.set_input_files("#file", film)
        said = trouble(second)
        assert "The server is busy" in said
        assert "Try again" in said

        page.click("text=Search the archive")  # the rest goes on meanwhile
        assert page.locator("#search h1").is_visible()
        page.click("text=Working")
        waiting.go.set()
        page.wait_for_selector("#case h1:visible")
        for other in others:
            other.join()
        second.get_by_role("button", name="Try again").click()
        second.wait_for_selector("#case h1:visible")


def ask_for_report(served, film):
    """Send a file; return the status."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n%b\r\n--b--\r\n'
    )
    request = urllib.request.Request(
        served.url + "/report",
        data=body % film.read_bytes(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_until_full(served, film):
    while ask_for_report(served, film) != 429:
        pass


def test_a_study_can_be_given_up(visit, serve, bench, film, waiting):
    slow = replace(bench, chosen=ChosenEngine(engine=waiting, reason="asked for"))
    with serve(slow) as served:
        page = visit(served.url)
        choose(page, film)
        assert waiting.begun.wait(30)
        page.click("text=Cancel")
        page.wait_for_selector("#upload:visible")
        assert not page.locator("#trouble h2").is_visible()
        waiting.go.set()


@pytest.mark.parametrize("token", ["sesame", "sésame-密"])
def test_a_token_is_asked_for_until_it_is_right_and_kept(visit, serve, bench, token):
    with serve(bench, token=token) as served:
        page = visit(served.url)
        page.fill("#token-text", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=That is not the token")
        page.fill("#token-text", token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#sample-list img[src]")
        assert page.evaluate("Object.values(sessionStorage)") == [token]
        assert page.evaluate("Object.values(localStorage)") == []
        page.reload()
        page.wait_for_selector("#sample-list img[src]")
        assert not page.locator("#token").is_visible()

        stranger = visit(served.url)
        stranger.click("#token >> text=Cancel")
        assert "Token needed" in trouble(stranger)


def test_a_server_that_still_loads_is_waited_for(visit, serve, bench):
    loaded = threading.Event()

    def open_bench():
        assert loaded.wait(60)
        return bench

    with serve(open_bench) as served:
        page = visit(served.url)
        page.wait_for_selector("text=the models are still loading")
        loaded.set()
        page.wait_for_selector("#upload:visible")


def test_a_server_that_is_gone_is_told(visit, serve, bench, film):
    with serve(bench) as served:
        page = visit(served.url)
        page.wait_for_selector("#sample-list img[src]")
    choose(page, film)
    said = trouble(page)
    assert "No connection" in said
    assert "still running" in said
