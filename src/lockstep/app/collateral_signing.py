"""Signing a file of collateral with one key: an agreement, acts, a sale's order, income. Nothing is sent.

What is signed is worked out here from the file's figures, or read from the bytes; what the file says of itself in words
is not believed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockstep.app.collateral_acts import Carried
from lockstep.app.collateral_files import (
    ACTS,
    AGREEMENT,
    INCOME,
    SALE,
    format_of,
    read_acts,
    read_agreement,
    read_income,
    read_sale,
    sale_text,
    signed_agreement_text,
    signed_income_text,
    write_file,
)
from lockstep.app.collateral_office import CollateralOffice
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.signing import Key, agreement_id, income_digest, settlement_id

__all__ = ["look_at", "sign_file"]


def look_at(office: CollateralOffice, path: Path) -> Mapping[str, Any]:
    """What a file would have its signers do. Raises InvalidInput for one that is none of these."""
    form = format_of(path)
    if form == ACTS:
        acts = read_acts(path, office.ledger.register)
        return office.told(Carried(name="", outcome="looked at", acts=acts))
    return {**_described(office, path, form), "outcome": "looked at"}


def sign_file(office: CollateralOffice, path: Path, key: Key) -> Mapping[str, Any]:
    """Adds a key's signature, where the file has a place for it. Raises InvalidInput where it has none."""
    form = format_of(path)
    if form == ACTS:
        return office.told(office.desk.sign_file(path, key))
    told = _described(office, path, form)
    if form == AGREEMENT:
        file = read_agreement(path, office.market)
        sides = {office.names.acting(file.terms.giver): "giver", office.names.acting(file.terms.taker): "taker"}
        _require(key, *sides)
        signature = key.sign(bytes.fromhex(agreement_id(file.terms, office.ledger.register)))
        text = signed_agreement_text(path, sides[key.address], signature)
    elif form == SALE:
        sale = read_sale(path)
        _require(key, sale.order.movement.buyer)
        signature = key.sign(bytes.fromhex(settlement_id(sale.order, office.market.network)))
        text = sale_text(replace(sale, buyer_signature=signature))
    else:
        income = read_income(path)
        _require(key, *income.valuers.agents)
        text = signed_income_text(path, key.sign(income_digest(income.income, office.ledger.register)))
    write_file(path, text)
    return {**told, "outcome": "written"}


def _described(office: CollateralOffice, path: Path, form: str) -> Mapping[str, Any]:
    names = office.names
    if form == AGREEMENT:
        terms = read_agreement(path, office.market).terms
        does = f"agree, {terms.mode.name.lower().replace('_', ' ')} in {terms.currency}"
        parties = [{"party": names.who(one), "does": does} for one in (terms.giver, terms.taker)]
        return {"agreement": agreement_id(terms, office.ledger.register), "acts": parties}
    if form == SALE:
        sale = read_sale(path)
        movement = sale.order.movement
        does = f"buys {names.quantity(movement.token, movement.quantity)} {names.isin(movement.token)} for {sale.cash}"
        settlement = settlement_id(sale.order, office.market.network)
        return {"settlement": settlement, "acts": [{"party": names.who(movement.buyer), "does": does}]}
    if form == INCOME:
        income = read_income(path).income
        pledge = office.ledger.pledge(income.pledge_id)
        terms_ = None if pledge is None else office.ledger.agreement(pledge.agreement_id)
        if terms_ is None:
            raise InvalidInput("income/pledge", income.pledge_id, "a pledge in this register")
        owed = Money(currency=terms_.currency, amount=income.owed)
        does = f"says that {names.who(terms_.taker)} owes {owed} of income on pledge {income.pledge_id}"
        return {"pledge": income.pledge_id, "income": income.income_id, "acts": [{"party": "a valuer", "does": does}]}
    raise InvalidInput("format", form, f"one of {AGREEMENT}, {ACTS}, {SALE}, {INCOME}")


def _require(key: Key, *expected: str) -> None:
    if key.address not in expected:
        raise InvalidInput("key", key.address, f"the key of one of {', '.join(expected)}")
