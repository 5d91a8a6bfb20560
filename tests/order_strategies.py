"""Orders for property tests; which addresses and numbers, the test says."""

from collections.abc import Callable

from hypothesis import strategies as st

from lockstep.domain.identifiers import TradeId
from lockstep.domain.order import Movement, Order, OrderTerms

__all__ = ["HEX_32", "movements", "orders", "terms"]

HEX_32 = st.binary(min_size=32, max_size=32).map(bytes.hex)

Addresses = st.SearchStrategy[str]
Numbers = Callable[[int], st.SearchStrategy[int]]
"""The unsigned integers of so many bits."""


def movements(addresses: Addresses, numbers: Numbers) -> st.SearchStrategy[Movement]:
    return st.builds(
        Movement,
        token=addresses,
        seller=addresses,
        buyer=addresses,
        quantity=numbers(64),
        epoch=numbers(32),
        nonce=numbers(64),
    )


def terms(numbers: Numbers) -> st.SearchStrategy[OrderTerms]:
    return st.builds(
        OrderTerms,
        trade_id=HEX_32.map(TradeId),
        part=numbers(32),
        minimum_lot=numbers(64),
        group=HEX_32,
        cash_hash=HEX_32,
        lock_by=numbers(40),
        pay_by=numbers(40),
    )


def orders(addresses: Addresses, numbers: Numbers) -> st.SearchStrategy[Order]:
    return st.builds(Order, movement=movements(addresses, numbers), terms=terms(numbers))
