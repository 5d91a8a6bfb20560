"""The operator's page as a browser runs it, hostile content included."""

from collections.abc import Iterator

import pytest
from doors import OPERATOR_KEY, served
from rtgs_world import BUYER, World, payment
from sqlalchemy import create_engine, text

import browser
from browser import Page
from lockstep.domain.priority import Priority as Stated
from lockstep.rtgs import Role

pytestmark = pytest.mark.chromium

SHOWN = "document.getElementById('desk')?.hidden === false"
HOSTILE = "<img src=x onerror=window.struck=1><script>window.struck=1</script>"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser.page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def desk(world: World, tab: Page) -> Iterator[str]:
    """A served RTGS with something in every table; the tab is left empty."""
    world.say(payment(1, 4_000))
    world.say(payment(2, 9_000))
    world.say(payment(3, 900_000, priority=Stated.URGENT))
    world.release(payment(1, 4_000), 0, 1, 2)
    world.release(payment(2, 9_000), 1)
    with served(world) as url:
        tab.complaints.clear()
        tab.requested.clear()
        yield url
        tab.open("about:blank")
        tab.wait("location.href === 'about:blank'")


def words(tab: Page, part: str) -> str:
    return str(tab.run(f"document.getElementById('{part}').innerText"))


def test_the_books_are_shown_to_who_has_the_key(desk: str, tab: Page) -> None:
    tab.open(f"{desk}/")
    tab.wait("document.getElementById('door')?.hidden === false")
    assert tab.run("document.activeElement.id") == "key"
    tab.run("document.getElementById('key').value = 'wrong'; document.querySelector('form').requestSubmit()")
    tab.wait("document.getElementById('state').textContent.includes('not the operator')")
    assert tab.run("document.getElementById('desk').hidden") is True
    tab.run(f"document.getElementById('key').value = '{OPERATOR_KEY}'; document.querySelector('form').requestSubmit()")
    tab.wait(SHOWN)
    assert "BUYER-EUR" in words(tab, "accounts") and "110.00" in words(tab, "accounts")
    assert "urgent" in words(tab, "queue") and "9,000.00" in words(tab, "queue")
    assert words(tab, "held").startswith("1 of 3")
    assert words(tab, "phase") == "OPEN" and words(tab, "date") == "2026-11-20"
    assert tab.run("document.querySelectorAll('#messages tr').length") > 10
    assert tab.run("document.getElementById('faults-section').hidden") is True
    assert {one.rpartition("/")[0] for one in tab.requested if one.startswith("http")} <= {desk, f"{desk}/operator"}
    assert not [one for one in tab.requested if OPERATOR_KEY in one]
    assert not [one for one in tab.complaints if "401" not in one]


def test_a_key_after_the_hash_leaves_the_address_and_goes_when_told(desk: str, tab: Page) -> None:
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    assert tab.run("location.href") == f"{desk}/"
    tab.run("document.getElementById('leave').click()")
    assert tab.run("document.getElementById('desk').hidden && !sessionStorage.length") is True
    assert words(tab, "accounts") == ""


def test_it_follows_what_happens_and_pauses(world: World, desk: str, tab: Page) -> None:
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    tab.run("document.querySelector('#messages button').focus()")
    reference = tab.run("document.activeElement.dataset.reference")
    world.release(payment(2, 9_000), 0, 2)
    tab.wait("document.getElementById('held').innerText.includes('Nothing is held')")
    assert "130.00" in words(tab, "accounts")
    tab.wait(f"document.activeElement.dataset.reference === '{reference}'")
    tab.run("document.getElementById('pause').click()")
    assert tab.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    assert words(tab, "state") == "paused"


def test_a_message_opens_as_text_and_the_list_can_be_searched(desk: str, tab: Page) -> None:
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    find = "const f = document.getElementById('filter'); f.value = 'camt.054'; f.dispatchEvent(new Event('input'))"
    tab.run(f"{{ {find} }}")
    assert tab.run("[...document.querySelectorAll('#messages tr')].every((one) => one.innerText.includes('camt.054'))")
    tab.run("document.querySelector('#messages button').click()")
    tab.wait("document.getElementById('message').open")
    shown = words(tab, "xml")
    assert shown.splitlines()[1].startswith('<BizMsg xmlns="urn:lockstep:bizmsg:1">')
    assert "      <Ntfctn>\n" in shown


def test_hostile_names_and_xml_stay_text(world: World, desk: str, tab: Page) -> None:
    """No message gets such names in: they are put into the books by hand, past every check."""
    world.rtgs.operator.register_party(BUYER, Role.PARTICIPANT)
    number = f"B{'<b onclick=x>'}"
    engine = create_engine(world.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE payments SET reason = :h, creditor_account = :n"), {"h": HOSTILE, "n": number})
        connection.execute(
            text("INSERT INTO inbox (sender, message_id, content, data, received_at, answers) "
                 "VALUES ('BUYRFRPPXXX', 'X', 'X', :data, 1795176000, '[]')"),
            {"data": f"<a><BizMsgIdr>&lt;img src=x onerror=struck=1&gt;</BizMsgIdr>{HOSTILE}</a>".encode()},
        )  # fmt: skip
    engine.dispose()
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    assert HOSTILE in words(tab, "queue") and number in words(tab, "queue")
    row = "[...document.querySelectorAll('#messages button')].find((one) => one.textContent.startsWith('<img'))"
    tab.run(f"{row}.click()")
    tab.wait("document.getElementById('message').open")
    assert "<script>window.struck=1</script>" in words(tab, "xml")
    assert tab.run("window.struck === undefined && document.querySelectorAll('img, script:not([src]), b').length === 0")


def test_a_desks_width_shows_every_column(world: World, desk: str, tab: Page) -> None:
    """Nothing has to be scrolled sideways to be seen, and the page itself never."""
    world.release(payment(2, 9_000), 2)
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    cut = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth).length"
    try:
        for width, hidden in ((1280, 0), (420, None)):
            tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            assert hidden is None or tab.run(cut) == hidden
            assert tab.run("document.documentElement.scrollWidth <= window.innerWidth") is True
    finally:
        tab.call("Emulation.clearDeviceMetricsOverride")


def test_it_can_be_read_by_machine(desk: str, tab: Page) -> None:
    """Every control has a name, every table its headings, and both colour schemes enough contrast."""
    tab.open(f"{desk}/#key={OPERATOR_KEY}")
    tab.wait(SHOWN)
    assert tab.run("document.documentElement.lang") == "en"
    assert tab.run("[...document.querySelectorAll('button')].every((one) => one.textContent.trim())")
    assert tab.run("[...document.querySelectorAll('input')].every((one) => one.labels.length === 1)")
    assert tab.run("[...document.querySelectorAll('th')].every((one) => one.scope)")
    assert tab.run("[...document.querySelectorAll('section')].every((one) => "
                   "document.getElementById(one.getAttribute('aria-labelledby')).textContent.trim())")  # fmt: skip
    for scheme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert tab.run(CONTRAST) >= 4.5, scheme


CONTRAST = """
(() => {
  const probe = document.body.appendChild(document.createElement('i'));
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    probe.style.color = style.getPropertyValue(name);
    const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255);
    const [r, g, b] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const inks = ['--ink', '--faint', '--accent', '--good', '--warn', '--bad'];
  return Math.min(...inks.map((ink) => ratio(light(ink), light('--sheet'))));
})()
"""
