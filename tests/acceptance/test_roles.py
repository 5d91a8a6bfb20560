"""The commands of officer, confirmer and agents on running processes: a lock whose operator is gone (I12)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.chain.node import Node
from lockstep.domain.payment import PaymentState

from .running import AGENTS, Installation, anvil, wait_until
from .story import BONDS, Writer, seller_reference

FIRST = seller_reference(1)
GRACE_SECONDS, CHALLENGE_SECONDS = 5 * 86_400, 2 * 86_400


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    """A chain of its own: this story moves its time."""
    with anvil(tmp_path) as url:
        yield url


@pytest.fixture
def small(chain: str, small_market: Path, forks: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    one = Installation(tmp_path_factory.mktemp("installation"), small_market, chain, forks)
    yield one
    one.close()


def later(one: Installation, seconds: int) -> None:
    node = Node(one.rpc)
    for method, words in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        node.web3.provider.make_request(method, words)


def until(one: Installation, condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, 40, what, pause=0.2)


def test_a_lock_whose_operator_is_gone(small: Installation, tmp_path: Path) -> None:
    """Locked, the money held, then service and agents stop for good; officer and confirmer end it by command.

    The RTGS's own clock stands where it stood, so it still holds the payment when the service is back.
    """
    small.submit(*Writer(tmp_path / "messages").trade(1, "1000000.00"))
    small.start("rtgs", "service")
    until(small, lambda: small.shows({FIRST: "EARMARKED"}), "the money is held")
    small.stop("service")
    settlement = small.trades()[FIRST].settlement_id
    assert settlement is not None

    code, said = small.run("long-stop", "propose", settlement)
    assert (code, said.split("(")[0]) == (1, "lockstep: TooEarly")
    assert "The wait that this needs is not over: it may be done after `from`." in said
    pay_by = small.trades()[FIRST].order.terms.pay_by
    later(small, pay_by - Node(small.rpc).head().timestamp + GRACE_SECONDS + 60)
    code, said = small.run("long-stop", "propose", settlement, "--key", "confirmer")
    assert (code, said.split("(")[0]) == (1, "lockstep: NotInRole")
    code, said = small.run("long-stop", "confirm", settlement)
    assert (code, said.split("(")[0]) == (1, "lockstep: NotProposed")
    told = small.json("long-stop", "propose", settlement[:16])
    assert (told["settlement_id"], told["status"]) == (settlement, "LOCKED")
    code, said = small.run("long-stop", "propose", settlement)
    assert (code, said.split("(")[0]) == (1, "lockstep: AlreadyProposed")
    later(small, CHALLENGE_SECONDS + 60)
    told = small.json("long-stop", "confirm", settlement)
    assert told["status"] == "GIVEN_BACK"
    code, said = small.run("long-stop", "confirm", settlement)
    assert (code, said.split("(")[0]) == (1, "lockstep: AlreadyEnded")
    assert small.json("long-stop", "show", settlement)["status"] == "GIVEN_BACK"

    small.start("service")
    until(small, lambda: small.shows({FIRST: "RELEASED"}), "the service sees it")
    small.stop()
    (payment,) = small.rtgs_facts().payments
    assert payment.state is PaymentState.CANCELLED, "it was still held, and is let go"
    assert small.violations() == {}


def test_new_agents_by_a_quorum(small: Installation, tmp_path: Path) -> None:
    """The first agent has a new key: a trade locked before the rotation and one locked after both settle."""
    writer, file = Writer(tmp_path / "messages"), tmp_path / "next.json"
    small.submit(*writer.trade(1, "1000.00"))
    small.start("rtgs", "service")
    until(small, lambda: small.shows({FIRST: "EARMARKED"}), "the money is held")
    new = small.json("key", "new", "agent-1-2")["address"]
    code, said = small.run("key", "new", "agent-1-2")
    assert code == 1 and "a name that is not taken yet" in said
    old = small.home.key("agent-1").address
    drafted = small.json("rotation", "draft", str(file), "--swap", f"{old}={new}")
    assert (drafted["epoch"], new in drafted["agents"], old in drafted["agents"]) == (2, True, False)
    signatures = [small.json("rotation", "sign", str(file), "--agent", str(one))["signature"] for one in (2, 3, 4)]
    code, said = small.run("rotation", "start", str(file), *signatures[:2])
    assert code == 1 and "3 of epoch 1's agents, over this very file" in said
    told = small.json("rotation", "start", str(file), *signatures)
    assert told["epoch"] == 2
    code, said = small.run("rotation", "start", str(file), *signatures)
    assert code == 1 and "3: epoch 2 serves now" in said
    small.start(*AGENTS)
    small.submit(*writer.trade(2, "1000.00"))
    until(small, lambda: small.shows({FIRST: "SETTLED", seller_reference(2): "SETTLED"}), "both settle")
    small.stop()
    epochs = [trade.order.movement.epoch for trade in small.trades().values() if trade.order]
    assert sorted(epochs) == [1, 2]
    assert small.violations() == {}


def test_why_not_and_what_the_officer_may(small: Installation) -> None:
    words = (BONDS, "FABLZZ2A", "ATLSZZ2A", "100.00")
    assert small.json("why-not", *words) == {"passes": True, "refusal": None}
    small.json("security", "freeze", BONDS, "FABLZZ2A")
    told = small.json("why-not", *words)
    assert (told["passes"], told["refusal"]["name"]) == (False, "ERC7943CannotSend")
    assert small.json("security", "unfreeze", BONDS, "FABLZZ2A")["done"] is False
    assert small.json("security", "unfreeze", BONDS, "FABLZZ2A", "--confirm")["done"] is True
    small.json("security", "freeze", BONDS, "FABLZZ2A", "--quantity", "999999999")
    assert small.json("why-not", *words)["refusal"]["name"] == "ERC7943InsufficientUnfrozenBalance"
    lift = ("security", "unfreeze", BONDS, "FABLZZ2A", "--left", "0")
    small.json(*lift)
    assert small.json(*lift, "--confirm")["frozen_units_then"] == 0
    small.json("security", "pause", BONDS)
    code, said = small.run("why-not", *words)
    assert (code, said.splitlines()[:2]) == (0, ["SecurityPaused", "The security is paused."])
    code, said = small.run("security", "unpause", BONDS, "--confirm")
    assert (code, said.split("(")[0]) == (1, "lockstep: NotProposed")
    small.json("security", "unpause", BONDS)
    assert small.json("security", "unpause", BONDS, "--confirm")["paused"] is False
    assert small.json("why-not", *words)["passes"]
    code, said = small.run("security", "pause", BONDS, "--key", "issuer")
    assert (code, said.split("(")[0]) == (1, "lockstep: WrongRole")
    code, said = small.run("why-not", BONDS, "NOBODY", "ATLSZZ2A", "1")
    assert code == 1 and "from: 'NOBODY' breaks the rule: a participant's BIC, or an address" in said
    assert small.json("forced-transfer", "propose", *words)["done"] is False
    assert small.json("forced-transfer", "confirm", *words)["done"] is True
    code, said = small.run("forced-transfer", "confirm", *words)
    assert (code, said.split("(")[0]) == (1, "lockstep: NotProposed")
    code, said = small.run("recovery", "fetch", BONDS, "FABLZZ2A")
    assert (code, said.split("(")[0]) == (1, "lockstep: NotSucceeded")


def test_a_refusal_in_words(forks: Any, tmp_path: Path) -> None:
    """Needs no installation."""
    data = "0xc8f1917b" + f"{1_764_000_000:064x}{1_764_000_001:064x}"
    output = tmp_path / "said"
    for arguments in (["explain-refusal", data], ["explain-refusal", data, "--json"], ["explain-refusal", "0xzz"]):
        child = forks.start(arguments, output, {})
        wait_until(lambda child=child: child.poll() is not None, 20, "it answers")
    lines = output.read_text().splitlines()
    assert lines[0] == "TooEarly"
    assert lines[3] == "from = 1764000001 (2025-11-24T16:00:01+00:00)"
    assert json.loads(lines[4])["details"] == {"time": 1_764_000_000, "from": 1_764_000_001}
    assert lines[-1].endswith("breaks the rule: hexadecimal digits, two a byte")
