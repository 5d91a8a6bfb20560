"""SecurityToken: its terms, and what it is deployed with."""

from typing import Any

from .hands import low
from .harness import ZERO, World


def test_a_bond_says_its_terms(world: World) -> None:
    functions = world.deploy_token(nominal=100, coupon_rate=21_250, coupon_frequency=2).functions
    assert tuple(functions.terms().call()) == (
        b"DE0001102580",
        0,
        b"EUR",
        2,
        100,
        1_735_689_600,
        2_051_222_400,
        21_250,
        2,
        1,
    )
    world.send(functions.issue(world.seller.address, 7), world.issuer)
    assert functions.isin().call() == "DE0001102580"
    assert functions.currency().call() == ZERO
    assert functions.denomination().call() == 100
    assert functions.issueVolume().call() == 700
    assert functions.principalOf(world.seller.address).call() == 700
    assert functions.couponRate().call() == 212
    assert functions.couponFrequency().call() == 2
    assert functions.dayCountBasis().call() == 1
    assert functions.issueDate().call() == 1_735_689_600
    assert functions.maturityDate().call() == 2_051_222_400


def test_terms_that_cannot_be_are_refused(world: World) -> None:
    made = world.artifacts["SecurityToken"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])

    def refused(**changes: Any) -> tuple[Any, ...]:
        return world.refusal_of_deployment(factory, *world.token_arguments([ZERO] * 3, **changes))

    assert refused(isin=bytes(12)) == ("InvalidTerms", bytes(12), 1_735_689_600, 2_051_222_400)
    same_day = {"issue_date": 5, "maturity_date": 5}
    assert refused(**same_day) == ("InvalidTerms", b"DE0001102580", 5, 5)
    assert refused(authorised=2**60) == ("IssuanceLimitExceeded", 0, 2**60, 2**60 - 1)
    assert refused(officer=ZERO) == ("ZeroAddress",)
    assert refused(confirmer=world.issuer.address) == ("DuplicateRole", low(world.issuer))
    world.deploy_token(maturity_date=0)
