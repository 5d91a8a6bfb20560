"""What the collateral register's acts cost: gas, on py-evm, beside an ERC-20 transfer of the same token.

Two valuers of three, three agents of four; second occurrence of each act, balances that are not zero, every rule in.
`bench/collateral.py` writes it down.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the harness is the tests' own, so that both measure the same calls

from contracts.collateral import TITLE, Desk
from contracts.harness import PAID

__all__ = ["beside_a_transfer", "measure"]


def used(receipt: Any) -> int:
    return int(receipt["gasUsed"])


def measure() -> dict[str, int]:
    """Gas of each act, one transaction each."""
    desk = Desk({})
    gas: dict[str, int] = {}
    seller, buyer = desk.seller, desk.buyer
    desk.send(desk.token.functions.transfer(buyer.address, 50), seller)
    gas["erc20_transfer"] = used(desk.send(desk.token.functions.transfer(buyer.address, 50), seller))

    terms = desk.terms()
    gas["open"] = used(desk.send(desk.open_call(terms), desk.outsider))
    id_ = desk.typed("Agreement", terms)
    desk.pledge(id_)
    salt = iter(range(1, 100))

    def pledge(agreement: bytes, token: Any = None, quantity: int = 1_000) -> Any:
        call = desk.f.pledge(agreement, (token or desk.token).address, quantity, next(salt).to_bytes(32))
        return desk.send(call, seller)

    gas["pledge"] = used(pledge(id_))
    root = desk.pledge_id(id_, salt=1)
    gas["release_in_part"] = used(desk.send(desk.f.release(root, 100), buyer))
    act = desk.act(buyer, desk.f.release(root, 100))
    gas["release_by_signature"] = used(desk.send(desk.f.run([act]), desk.outsider))
    second = desk.open(giver=buyer.address, taker=desk.other.address)
    desk.repledge(root, second, 10)
    gas["repledge"] = used(desk.send(desk.f.repledge(root, second, 10, (1).to_bytes(32)), buyer))
    desk.send(desk.f.recall(root, 10, desk.deadline), seller)
    gas["recall"] = used(desk.send(desk.f.recall(root, 20, desk.deadline), seller))

    prices = [(desk.token, 1_000_000, 10_000), (desk.second, 1_000_000, 10_000)]
    pledge(id_, desk.second)
    desk.value(id_, 500, prices)
    desk.pass_time(5)
    gas["value_two_securities"] = used(desk.value(id_, 500, prices))
    desk.send(desk.cash_call(id_, 5, 1), desk.outsider)
    gas["record_cash"] = used(desk.send(desk.cash_call(id_, 5, 2), desk.outsider))
    gas["release_excess"] = used(desk.send(desk.f.releaseExcess(root, 10), seller))
    call = desk.f.substitute(root, 100, desk.second.address, 101, next(salt).to_bytes(32))
    gas["substitute_by_value"] = used(desk.send(call, seller))

    desk.pass_time(5)
    desk.value(id_, 50_000, prices)
    gas["declare_default"] = used(desk.send(desk.f.declareDefault(id_), buyer))
    desk.pass_time(5)
    first = desk.pledge_id(id_)
    desk.send(desk.f.appropriate(first, 10), buyer)
    gas["appropriate"] = used(desk.send(desk.f.appropriate(first, 10), buyer))
    order = desk.sale_order(100)
    gas["sell_and_lock"] = used(desk.send(desk.sale_call(first, order), buyer))
    desk.send(desk.prove("settle", order, PAID), desk.outsider)
    gas["end_sale"] = used(desk.send(desk.f.endSale(desk.id_of(order)), desk.outsider))

    title = desk.open(mode=TITLE, salt=9)
    pledge(title)
    gas["transfer_title"] = used(pledge(title))
    given = desk.pledge_id(title, salt=next(salt) - 1)
    desk.send(desk.f.returnUnits(given, 10), buyer)
    gas["return_units"] = used(desk.send(desk.f.returnUnits(given, 10), buyer))
    return gas


def beside_a_transfer(gas: dict[str, int]) -> dict[str, float]:
    """Each act in ERC-20 transfers."""
    return {name: round(used_ / gas["erc20_transfer"], 2) for name, used_ in gas.items()}
