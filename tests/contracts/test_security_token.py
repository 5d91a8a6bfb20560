"""SecurityToken: holdings with earmarks in place."""

import pytest

from .harness import ZERO, Key, Standing, World

MAX_UNITS = 2**60 - 1


def low(key: Key) -> str:
    return key.address.lower()


@pytest.fixture
def lanes(world: World) -> list[Key]:
    """A token whose three lanes belong to plain accounts takes the place of the world's."""
    keys = [world.outsider, world.collateral, world.gateway]
    world.lane_token = world.deploy_token([key.address for key in keys])
    world.send(world.lane_token.functions.issue(world.seller.address, 1_000), world.issuer)
    return keys


def owned_and_free(world: World, wallet: str) -> tuple[int, int]:
    functions = world.lane_token.functions
    return functions.balanceOf(wallet).call(), functions.freeOf(wallet).call()


# What it is


def test_it_says_what_it_is(world: World) -> None:
    functions = world.token.functions
    assert functions.name().call() == "Bund 2.5% 2035"
    assert functions.symbol().call() == "BUND35"
    assert functions.isin().call() == "DE0001102580"
    assert functions.decimals().call() == 2
    assert functions.registry().call() == world.registry.address
    assert functions.issuer().call() == world.issuer.address
    assert functions.totalSupply().call() == 10_000
    assert functions.earmarkers().call() == [
        world.dvp.address,
        world.collateral.address,
        world.gateway.address,
    ]


def test_a_deployment_without_registry_or_issuer_or_with_a_lane_twice_is_refused(world: World) -> None:
    made = world.artifacts["SecurityToken"]
    factory = world.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    a, b = world.collateral.address, world.gateway.address

    def refused(registry: str, issuer: str, earmarkers: list[str]):
        arguments = world.token_arguments(earmarkers, registry=registry, issuer=issuer)
        return world.refusal_of_deployment(factory, *arguments)

    registry, issuer = world.registry.address, world.issuer.address
    assert refused(ZERO, issuer, [a, b, ZERO]) == ("ZeroAddress",)
    assert refused(registry, ZERO, [a, b, ZERO]) == ("ZeroAddress",)
    for twice in ([a, a, b], [a, b, a], [b, a, a]):
        assert refused(registry, issuer, twice) == ("DuplicateEarmarker", a.lower())
    world.deploy_token([ZERO, ZERO, ZERO])


@pytest.mark.parametrize("registry", ["outsider", "dvp", "token"])
def test_who_does_not_answer_true_is_no_registry(world: World, registry: str) -> None:
    """An account without code, and contracts that know no such question: nobody may hold."""
    token = world.deploy_token(registry=getattr(world, registry).address)
    assert world.attempt(token.functions.issue(world.seller.address, 1), world.issuer)["status"] == 0
    assert token.functions.totalSupply().call() == 0


# Issue


def test_the_issuer_issues_to_an_eligible_holder(world: World) -> None:
    receipt = world.send(world.token.functions.issue(world.buyer.address, 7), world.issuer)
    assert world.events(receipt) == [("Transfer", {"from": ZERO, "to": world.buyer.address, "value": 7})]
    assert world.holding(world.buyer.address) == (7, 7)
    assert world.token.functions.totalSupply().call() == 10_007


def test_issuing_is_refused_to_others_and_to_the_ineligible(world: World) -> None:
    call = world.token.functions.issue(world.seller.address, 7)
    assert world.refusal(call, world.seller) == ("WrongRole", low(world.seller), 0, low(world.issuer))
    stranger = world.token.functions.issue(world.outsider.address, 7)
    assert world.refusal(stranger, world.issuer)[:3] == ("NotEligible", low(world.outsider), Standing.NONE)


def test_issuance_stops_at_the_limit_exactly(world: World) -> None:
    rest = MAX_UNITS - 10_000
    issue = world.token.functions.issue
    for quantity in (rest + 1, 2**64, 2**256 - 1):
        assert world.refusal(issue(world.buyer.address, quantity), world.issuer) == (
            "IssuanceLimitExceeded",
            10_000,
            quantity,
            MAX_UNITS,
        )
    world.send(issue(world.buyer.address, rest), world.issuer)
    assert world.holding(world.buyer.address) == (rest, rest)
    assert world.token.functions.totalSupply().call() == MAX_UNITS
    refused = world.refusal(issue(world.buyer.address, 1), world.issuer)
    assert refused == ("IssuanceLimitExceeded", MAX_UNITS, 1, MAX_UNITS)
    # The whole issue fits one account, and its neighbours' bits stay clear.
    world.send(world.token.functions.transfer(world.buyer.address, 10_000), world.seller)
    assert world.holding(world.buyer.address) == (MAX_UNITS, MAX_UNITS)
    assert world.token.functions.earmarkedTotalOf(world.buyer.address).call() == 0


# Transfer


def test_a_transfer_moves_free_units_between_eligible_holders(world: World) -> None:
    receipt = world.send(world.token.functions.transfer(world.buyer.address, 4_000), world.seller)
    assert world.events(receipt) == [
        ("Transfer", {"from": world.seller.address, "to": world.buyer.address, "value": 4_000})
    ]
    assert world.holding(world.seller.address) == (6_000, 6_000)
    assert world.holding(world.buyer.address) == (4_000, 4_000)
    assert world.token.functions.totalSupply().call() == 10_000


@pytest.mark.parametrize("value", [10_001, 2**60, 2**256 - 1])
def test_a_transfer_above_the_free_units_is_refused(world: World, value: int) -> None:
    for to in (world.buyer, world.seller):
        refused = world.refusal(world.token.functions.transfer(to.address, value), world.seller)
        assert refused == ("ERC20InsufficientBalance", low(world.seller), 10_000, value)


@pytest.mark.parametrize("value", [0, 1, 10_000])
def test_a_transfer_to_oneself_is_exact(world: World, value: int) -> None:
    receipt = world.send(world.token.functions.transfer(world.seller.address, value), world.seller)
    assert world.events(receipt) == [
        ("Transfer", {"from": world.seller.address, "to": world.seller.address, "value": value})
    ]
    assert world.holding(world.seller.address) == (10_000, 10_000)


def test_a_transfer_of_nothing_is_exact(world: World) -> None:
    receipt = world.send(world.token.functions.transfer(world.other.address, 0), world.buyer)
    assert world.events(receipt)[0][1]["value"] == 0
    assert world.holding(world.buyer.address) == (0, 0)


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.CLOSED])
def test_both_parties_of_a_transfer_are_judged_live(world: World, standing: Standing) -> None:
    world.set_standing(world.buyer.address, standing)
    transfer = world.token.functions.transfer
    for to, sender in ((world.buyer, world.seller), (world.seller, world.buyer)):
        refused = world.refusal(transfer(to.address, 0), sender)
        assert refused[:3] == ("NotEligible", low(world.buyer), standing)
    for nobody in (ZERO, world.outsider.address):
        refused = world.refusal(transfer(nobody, 1), world.seller)
        assert refused[:3] == ("NotEligible", nobody.lower(), Standing.NONE)


def test_an_allowance_is_used_up_and_its_holder_is_judged_too(world: World) -> None:
    functions, spender = world.token.functions, world.other
    pull = functions.transferFrom(world.seller.address, world.buyer.address, 60)
    assert world.refusal(pull, spender) == ("ERC20InsufficientAllowance", low(spender), 0, 60)
    receipt = world.send(functions.approve(spender.address, 100), world.seller)
    assert world.events(receipt) == [
        ("Approval", {"owner": world.seller.address, "spender": spender.address, "value": 100})
    ]
    world.send(pull, spender)
    assert functions.allowance(world.seller.address, spender.address).call() == 40
    assert world.holding(world.buyer.address) == (60, 60)
    assert world.refusal(pull, spender) == ("ERC20InsufficientAllowance", low(spender), 40, 60)
    world.set_standing(spender.address, Standing.SUSPENDED)
    small = functions.transferFrom(world.seller.address, world.buyer.address, 1)
    assert world.refusal(small, spender)[:3] == ("NotEligible", low(spender), Standing.SUSPENDED)
    world.set_standing(spender.address, Standing.ACTIVE)
    for party in (world.seller, world.buyer):
        world.set_standing(party.address, Standing.SUSPENDED)
        assert world.refusal(small, spender)[:3] == ("NotEligible", low(party), Standing.SUSPENDED)
        world.set_standing(party.address, Standing.ACTIVE)


def test_an_allowance_without_end_stays_and_does_not_reach_earmarked_units(world: World) -> None:
    functions, endless = world.token.functions, 2**256 - 1
    world.send(functions.approve(world.other.address, endless), world.seller)
    world.send(functions.transferFrom(world.seller.address, world.buyer.address, 1_000), world.other)
    assert functions.allowance(world.seller.address, world.other.address).call() == endless
    world.send(functions.makeEarmark(world.seller.address, world.buyer.address, 8_999), world.collateral)
    pull = functions.transferFrom(world.seller.address, world.buyer.address, 2)
    assert world.refusal(pull, world.other) == ("ERC20InsufficientBalance", low(world.seller), 1, 2)


def test_an_approval_judges_both_unless_it_takes_back(world: World) -> None:
    functions = world.token.functions
    assert world.refusal(functions.approve(ZERO, 0), world.seller) == ("ERC20InvalidSpender", ZERO)
    stranger = functions.approve(world.outsider.address, 1)
    assert world.refusal(stranger, world.seller)[:2] == ("NotEligible", low(world.outsider))
    world.send(functions.approve(world.other.address, 5), world.seller)
    world.set_standing(world.other.address, Standing.CLOSED)
    refused = world.refusal(functions.approve(world.other.address, 5), world.seller)
    assert refused[:3] == ("NotEligible", low(world.other), Standing.CLOSED)
    world.set_standing(world.seller.address, Standing.SUSPENDED)
    world.send(functions.approve(world.other.address, 0), world.seller)
    assert functions.allowance(world.seller.address, world.other.address).call() == 0


# Earmarks


def test_an_earmark_sets_units_aside_and_the_holder_stays_owner(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    receipt = world.send(functions.makeEarmark(holder, world.buyer.address, 300), lanes[0])
    assert world.events(receipt) == [
        (
            "Earmarked",
            {
                "holder": holder,
                "earmarker": lanes[0].address,
                "quantity": 300,
            },
        )
    ]
    assert owned_and_free(world, holder) == (1_000, 700)
    assert functions.earmarkedOf(holder, lanes[0].address).call() == 300
    refused = world.refusal(functions.transfer(world.buyer.address, 701), world.seller)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 700, 701)
    world.send(functions.transfer(world.buyer.address, 700), world.seller)
    assert owned_and_free(world, holder) == (300, 0)


def test_each_lane_is_counted_apart(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    for units, lane in zip((100, 200, 300), lanes, strict=True):
        world.send(functions.makeEarmark(holder, holder, units), lane)
    assert [functions.earmarkedOf(holder, lane.address).call() for lane in lanes] == [100, 200, 300]
    assert functions.earmarkedTotalOf(holder).call() == 600
    assert owned_and_free(world, holder) == (1_000, 400)
    for units, lane in zip((100, 200, 300), lanes, strict=True):
        expected = ("InsufficientEarmark", low(world.seller), low(lane), units, units + 1)
        assert world.refusal(functions.releaseEarmark(holder, units + 1), lane) == expected
        assert world.refusal(functions.settleEarmark(holder, world.buyer.address, units + 1), lane) == expected
    world.send(functions.releaseEarmark(holder, 200), lanes[1])
    assert [functions.earmarkedOf(holder, lane.address).call() for lane in lanes] == [100, 0, 300]
    world.send(functions.settleEarmark(holder, world.buyer.address, 300), lanes[2])
    assert [functions.earmarkedOf(holder, lane.address).call() for lane in lanes] == [100, 0, 0]
    assert owned_and_free(world, holder) == (700, 600)


def test_a_full_lane_does_not_spill_into_its_neighbours(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    world.send(functions.issue(holder, MAX_UNITS - 1_000), world.issuer)
    for lane in lanes:
        world.send(functions.makeEarmark(holder, holder, MAX_UNITS), lane)
        assert owned_and_free(world, holder) == (MAX_UNITS, 0)
        assert functions.earmarkedTotalOf(holder).call() == MAX_UNITS
        refused = world.refusal(functions.makeEarmark(holder, holder, 1), lane)
        assert refused == ("InsufficientFreeUnits", low(world.seller), 0, 1)
        world.send(functions.releaseEarmark(holder, MAX_UNITS), lane)
        assert owned_and_free(world, holder) == (MAX_UNITS, MAX_UNITS)


@pytest.mark.parametrize("quantity", [1_001, 2**60, 2**255])
def test_an_earmark_above_the_free_units_is_refused(world: World, lanes: list[Key], quantity: int) -> None:
    call = world.lane_token.functions.makeEarmark(world.seller.address, world.buyer.address, quantity)
    assert world.refusal(call, lanes[1]) == ("InsufficientFreeUnits", low(world.seller), 1_000, quantity)


def test_who_has_no_lane_is_refused_by_name(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    stranger = ("NotEarmarker", low(world.seller))
    assert world.refusal(functions.makeEarmark(holder, holder, 0), world.seller) == stranger
    assert world.refusal(functions.releaseEarmark(holder, 0), world.seller) == stranger
    assert world.refusal(functions.settleEarmark(holder, holder, 0), world.seller) == stranger
    for nobody in (ZERO, holder):
        refused = world.refusal(functions.earmarkedOf(holder, nobody))
        assert refused == ("NotEarmarker", nobody.lower())


def test_an_unused_lane_belongs_to_nobody(world: World) -> None:
    token = world.deploy_token([world.dvp.address, ZERO, ZERO])
    refused = world.refusal(token.functions.earmarkedOf(world.seller.address, ZERO))
    assert refused == ("NotEarmarker", ZERO)


def test_rules_are_judged_when_units_are_earmarked(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    call = functions.makeEarmark(holder, world.buyer.address, 1)
    for party in (world.seller, world.buyer):
        world.set_standing(party.address, Standing.SUSPENDED)
        assert world.refusal(call, lanes[0])[:3] == ("NotEligible", low(party), Standing.SUSPENDED)
        world.set_standing(party.address, Standing.ACTIVE)
    world.send(call, lanes[0])


def test_release_and_delivery_judge_nothing(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    world.send(functions.makeEarmark(holder, world.buyer.address, 500), lanes[0])
    world.set_standing(holder, Standing.CLOSED)
    world.set_standing(world.buyer.address, Standing.SUSPENDED)
    released = world.send(functions.releaseEarmark(holder, 200), lanes[0])
    assert world.events(released) == [
        ("EarmarkReleased", {"holder": holder, "earmarker": lanes[0].address, "quantity": 200})
    ]
    delivered = world.send(functions.settleEarmark(holder, world.buyer.address, 300), lanes[0])
    assert world.events(delivered) == [
        ("Transfer", {"from": holder, "to": world.buyer.address, "value": 300}),
    ]
    assert owned_and_free(world, holder) == (700, 700)
    assert owned_and_free(world, world.buyer.address) == (300, 300)
    # Blocked on arrival: who may not act cannot send the units on.
    refused = world.refusal(functions.transfer(world.other.address, 300), world.buyer)
    assert refused[:3] == ("NotEligible", low(world.buyer), Standing.SUSPENDED)


def test_delivery_to_the_holder_itself_frees_exactly(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    world.send(functions.makeEarmark(holder, holder, 400), lanes[2])
    world.send(functions.settleEarmark(holder, holder, 400), lanes[2])
    assert owned_and_free(world, holder) == (1_000, 1_000)
    assert functions.earmarkedTotalOf(holder).call() == 0


def test_delivery_to_nobody_is_refused(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    world.send(functions.makeEarmark(holder, holder, 400), lanes[0])
    refused = world.refusal(functions.settleEarmark(holder, ZERO, 400), lanes[0])
    assert refused == ("ERC20InvalidReceiver", ZERO)


def test_earmarks_of_nothing_are_exact(world: World, lanes: list[Key]) -> None:
    functions, holder = world.lane_token.functions, world.seller.address
    world.send(functions.makeEarmark(holder, holder, 0), lanes[0])
    world.send(functions.releaseEarmark(holder, 0), lanes[0])
    world.send(functions.settleEarmark(holder, world.buyer.address, 0), lanes[0])
    assert owned_and_free(world, holder) == (1_000, 1_000)
    assert owned_and_free(world, world.buyer.address) == (0, 0)
