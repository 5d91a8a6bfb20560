"""What the simulated world found, each with its seed and faults. See docs/reference/simulation.md."""

from collections.abc import Mapping

import pytest

from lockstep.simulation.faults import ENDING, KINDS, FaultPlan
from lockstep.simulation.running import run_seed

FOUND: Mapping[int, tuple[str, Mapping[str, float]]] = {
    259: (
        "a paid trade never delivered: the service's key stood still behind a transaction that nodes had forgotten",
        {},
    ),
    127: ("a lock whose records and settlement date were both lost: only the long stop ended it", {}),
    26: ("a lock gone below finality: the order lapsed, and a new one took its place while a payment might come", {}),
    20032: ("a paid trade never delivered: a nonce passed over, because a node once counted too many", {}),
    65: ("the same nonce passed over, in a denser world, after a deep reorganisation", {}),
    104: ("five locks gone below finality with their orders lapsed, one of them waiting for its payment", {}),
    23331: (
        "a delivery never seen, as the node's logs lagged behind its head: two trades PAID until the service restarts",
        {"line-loss": 1, "rpc-stale": 0.15},
    ),
    23564: (
        "an agent died as it reconciled, because a block brought another lock meanwhile",
        {"failed-commit": 0.1, "rpc-stale": 0.15},
    ),
    415: (
        "a bank's cancellation came again before the other side's instruction: told CANCELLED, and it had settled",
        {},
    ),
    566: ("a trade locked twice by its parties: the second lock was adopted, and told as given back", {}),
    645: ("a bank cancels what an old backup still had waiting: told CANCELLED, and it had settled", {}),
    518: (
        "records and locks of paid trades lost: nobody was told, and they were locked and paid once more; later, what "
        "the RTGS decided of a trade's second lock was not signed, as its first was in doubt",
        {},
    ),
    1094: ("alike trades handed in again after a loss matched crosswise: told CANCELLED, and they had settled", {}),
    1109: ("an instruction that had settled matched another after a loss, which was there in time now", {}),
    3255: ("the only word that the service heard was the false one: halted for good beside a lock that had ended", {}),
    23062: (
        "a trade that the RTGS told two stories of: delivered on the agents' proof, and never ended",
        {"line-contradict": 1, "restore-service": 0.04},
    ),
}
"""What it was, and the rates of the only kinds that were on; none: as the seed has it. Seeds drift as the world
changes; each bug also has a test of its own beside the code that had it."""

UNUSUAL: Mapping[tuple[int, str], tuple[str, FaultPlan]] = {
    (83, "service-door-stolen"): (
        "a second payment's refusal, told before the first one's end, stopped two agents, and with them the give-back",
        FaultPlan(rates={"service-door-stolen": 0.3}),
    ),
    (83, "token-paused"): (
        "the world ended before the service looked again at a trade whose break was over",
        FaultPlan(rates={"token-paused": 0.1}),
    ),
    (9, "worker-pause"): (
        "a worker died of an epoch whose event its node did not show yet",
        FaultPlan(rates={"worker-pause": 0.1}, swarm=False),
    ),
}
"""Found with other rates than the usual ones, by the kind whose rate it was."""

TWO_STORIES = FaultPlan(
    rates={"agent-stolen": 0.1, "line-contradict": 1, "third-worker": 0.5, **dict.fromkeys(ENDING, 0)}, swarm=False
)
SHARING: Mapping[int, str] = {
    46: "a lock final and gone within one step: the oracle forgot that a worker held up in it could show it as locked",
    55: "two stories of a thief's payment, whose order was never locked: a trade that nothing ended",
    75: "the same of a payment that was set aside",
    139: "the same of a payment whose settlement the records had lost: it kept the trade from being ordered again",
}
"""Found with `TWO_STORIES`, and workers that share."""

BUSY = FaultPlan(rates={"margin-called": 0.5, "collateral-valued": 0.35, "repo-agreed": 0.3}, collateral=True)
COLLATERAL: Mapping[int, str] = {
    112: "a worker died of a node that objected to a valuation, instead of trying again",
    128: "a delivery of bonds that the register refused wrote a line into the journal at each look, for an hour",
}
"""Found with `BUSY`, in a market with a collateral register."""

MISJUDGED: Mapping[int, tuple[str, Mapping[str, float]]] = {
    34: (
        "a lock given back, and gone below finality with its end: its trade had ended, so no reason could tell of it, "
        "and the oracle did not take the settlement's break for it",
        {},
    ),
    21385: (
        "a wallet recovered before the first look: the oracle forgot whose it had been",
        {"wallet-recovered": 0.12},
    ),
    30030: (
        "a lock undone with the epoch that it was made in: its quorum was unknown to the oracle",
        {"deep-reorg": 0.1, "agents-rotated": 0.12},
    ),
    23210: (
        "payments that offset each other, judged one after the other: an overdraft that never was",
        {"agent-stolen": 0.12, "party-moves-cash": 0.12},
    ),
}
"""What the oracle called a violation, and was none."""


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    assert not run_seed(seed, plan(FOUND[seed][1])).violations


@pytest.mark.parametrize(("seed", "kind"), UNUSUAL)
def test_what_other_rates_found_stays_mended(seed: int, kind: str) -> None:
    assert not run_seed(seed, UNUSUAL[seed, kind][1]).violations


@pytest.mark.parametrize("seed", SHARING)
def test_what_two_stories_found_stays_mended(seed: int) -> None:
    assert not run_seed(seed, TWO_STORIES, sharing=True).violations


@pytest.mark.parametrize("seed", COLLATERAL)
def test_what_collateral_found_stays_mended(seed: int) -> None:
    assert not run_seed(seed, BUSY).violations


@pytest.mark.parametrize("seed", MISJUDGED)
def test_what_was_right_is_not_found(seed: int) -> None:
    assert not run_seed(seed, plan(MISJUDGED[seed][1])).violations


def plan(rates: Mapping[str, float]) -> FaultPlan:
    return FaultPlan(rates=dict.fromkeys(KINDS, 0) | dict(rates), swarm=False) if rates else FaultPlan()
