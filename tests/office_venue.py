"""The office of collateral acts over `CollateralVenue`: a market of its parties, their wallets, a sender."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from collateral_venue import AGENTS, GIVER, SECOND, TAKER, THIRD, CollateralVenue, key_of
from lockstep.app.collateral_acts import ActDesk
from lockstep.app.collateral_names import CollateralNames, described
from lockstep.app.collateral_office import CollateralOffice
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.market import Market, Participant, Security
from lockstep.ports import CollateralLedger
from lockstep.signing import Key, read_call
from lockstep.testing.fakes import BOND, example_market

SECOND_BOND = Isin("DE0001102606")
NAMES = {"GIVRDEFF": GIVER, "TAKRDEFF": TAKER, "SECODEFF": SECOND, "THIRDEFF": THIRD}


def market_of(venue: CollateralVenue) -> Market:
    """Four participants with the venue's wallets, two bonds of two decimals."""
    usual = example_market(venue.network)
    members = {
        Lei(f"5299000000000000{number:04d}"): Participant(
            name=bic,
            lei=Lei(f"5299000000000000{number:04d}"),
            bic=Bic(bic),
            wallet=key.address,
            accounts={"EUR": f"ACC-{bic}"},
        )
        for number, (bic, key) in enumerate(NAMES.items())
    }
    bond = usual.securities[BOND]
    securities = {
        isin: cast(Security, replace(bond, isin=isin, token=token))
        for isin, token in ((BOND, venue.token), (SECOND_BOND, venue.second))
    }
    return replace(usual, participants=members, securities=securities)


def office_of(venue: CollateralVenue, folder: Path, *missing: Key) -> CollateralOffice:
    """As a command opens one; `missing` wallets are elsewhere. It remembers nothing but the log and the folder."""
    venue.renew()
    market, node = market_of(venue), venue.chain.node
    looking = EvmCollateralLedger(node, venue.register)
    names = CollateralNames(market=market, node=node, ledger=looking)

    @contextmanager
    def acting() -> Iterator[CollateralLedger]:
        yield venue.ledger

    def keys(wallet: str) -> Key:
        if wallet in {one.address for one in missing}:
            raise Misconfigured(f"no keystore of {wallet}")
        return key_of(wallet)

    desk = ActDesk(
        ledger=looking,
        acting=acting,
        folder=folder / "acts",
        keys=keys,
        describe=lambda act: described(read_call(act.call), names),
        poll=venue.chain.mine,
    )
    return CollateralOffice(market=market, ledger=looking, desk=desk, names=names)


def assets_of(venue: CollateralVenue) -> EvmAssetLedger:
    return EvmAssetLedger(venue.chain.node, venue.network)


__all__ = ["AGENTS", "NAMES", "SECOND_BOND", "assets_of", "market_of", "office_of"]
