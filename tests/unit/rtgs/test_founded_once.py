"""What the operator changed stays changed: an RTGS is set up once, however often it is started."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lockstep.app.clocks import ManualClock
from lockstep.app.founding import agent_bic, found_rtgs
from lockstep.app.market_file import MarketFile, read_market
from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.rtgs import Role, Rtgs

MARKET = Path(__file__).parents[3] / "examples" / "first-day" / "market.toml"
STOLEN, FRESH = "a key that was stolen, long enough", "a key that is fresh, long enough"


class Hall:
    """An RTGS that is started again and again, each time set up as its process does it."""

    def __init__(self, root: Path) -> None:
        self.file: MarketFile = read_market(MARKET)
        self.agent = agent_bic(self.file.service, 1)
        self._url, self._clock = f"sqlite:///{root / 'rtgs.db'}", ManualClock(self.file.opening)
        self.rtgs = self._start()

    def _start(self) -> Rtgs:
        rtgs = Rtgs(self._url, self._clock, bic=self.file.rtgs)
        found_rtgs(rtgs, self.file, {self.agent: STOLEN})
        return rtgs

    def restart(self) -> None:
        self.rtgs.close()
        self.rtgs = self._start()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    hall = Hall(tmp_path)
    yield hall
    hall.rtgs.close()


def test_a_withdrawn_mandate_stays_withdrawn(hall: Hall) -> None:
    """Finding 6: its newest word counts, and a restart says none."""
    number = hall.file.members[0].accounts["EUR"]
    nothing = Money(currency="EUR", amount=0)
    hall.rtgs.operator.set_mandate(number, nothing, date(2026, 12, 31), instructing=hall.file.service)
    before = hall.rtgs.facts().mandates
    hall.restart()
    assert hall.rtgs.facts().mandates == before
    assert [one.maximum for one in before if one.account == number and one.payee is None][-1] == nothing


def test_a_revoked_key_and_a_raised_quorum_stay(hall: Hall) -> None:
    assert hall.rtgs.sender_of(STOLEN) == hall.agent
    hall.rtgs.operator.register_party(hall.agent, Role.AGENT, FRESH)
    hall.rtgs.operator.set_quorum(4)
    hall.restart()
    assert (hall.rtgs.sender_of(STOLEN), hall.rtgs.sender_of(FRESH)) == (None, hall.agent)
    assert hall.rtgs.facts().quorum == 4


def test_it_starts_after_a_day_that_closed_without_a_payment(hall: Hall) -> None:
    """Finding 14: and the day that is over is not opened again."""
    hall.rtgs.operator.close_day()
    for _ in range(2):
        hall.restart()
        assert hall.rtgs.operator.business_day() is None
    with pytest.raises(Refused, match="DayClosed"):
        hall.rtgs.operator.open_day(hall.file.business_day)
    hall.rtgs.operator.open_day(date(2026, 11, 24))
    hall.restart()
    assert hall.rtgs.operator.business_day() == date(2026, 11, 24)
    assert len(hall.rtgs.operator.days()) == 2


def test_money_is_there_once(hall: Hall) -> None:
    before = hall.rtgs.facts()
    for _ in range(3):
        hall.restart()
    assert hall.rtgs.facts() == before


def test_no_member_has_an_agents_bic(tmp_path: Path) -> None:
    """Finding 18: it would take that agent's part."""
    text = MARKET.read_text().replace("MIRGZZ2AXXX", str(agent_bic(Bic("LSTPZZ2A"), 2)))
    path = tmp_path / "market.toml"
    path.write_text(text)
    file = read_market(path)
    rtgs = Rtgs("sqlite://", ManualClock(file.opening), bic=file.rtgs)
    with pytest.raises(Exception, match="not the BIC of a synchronisation agent"):
        found_rtgs(rtgs, file, {})
    rtgs.close()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("MIRGZZ2AXXX", "FABLZZ2A", "participants/bic"),
        ("MIRGZZ2AXXX", "LSTPZZ2A", "participants/bic"),
        ("ZZZZ00MIRAGESECU0222", "ZZZZ00FABLEBANK00171", "participants/lei"),
        ("RTGS-EUR-1002", "RTGS-EUR-1001", "participants/accounts"),
    ],
)
def test_no_two_members_share_an_identifier(tmp_path: Path, old: str, new: str, field: str) -> None:
    path = tmp_path / "market.toml"
    path.write_text(MARKET.read_text().replace(old, new))
    with pytest.raises(Exception, match=f"{field}.*not used twice"):
        read_market(path)
