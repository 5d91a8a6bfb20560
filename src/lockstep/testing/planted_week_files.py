"""What the legacy system of the planted week says, as files: a folder for each day. Standard library only.

`instructions.csv` holds what members told it for the day. `trades.csv` holds the day's trades, and again those of
earlier days of which it says something new; `positions.csv`, once a semt.002 statement, and `cash.csv` hold everybody's
at the day's end. What came the next morning is in a file with `-late` in its name.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from io import StringIO
from pathlib import Path

from lockstep.testing.planted_week import (
    AS_STATEMENT,
    BANKS,
    CHIMERA,
    DAYS,
    EARLIER_CUT,
    FAILED,
    PLANTED,
    SECURITIES,
    WITHOUT_UETRS,
    Bank,
    Planted,
    Security,
    Trade,
    answers,
    opening,
    opening_cash,
    trades,
    uetr,
)

__all__ = ["files", "write"]

_FRIDAY = len(DAYS) - 1
Row = dict[str, str]


_MARKET = """\
# The market of the parallel week, written by scripts/plant_week.py: who takes part, in what, and what each owns at
# Monday's open, in the legacy system and here alike. Names and codes are invented, see the first day's market.

business_day = {day}  # a Monday; the week's other days follow
opens = 07:00:00           # all times are UTC
pay_by = 17:00:00
closes = 17:30:00

service = "LSTPZZ2A"
rtgs = "CBNKZZ2AXXX"
anchor = true              # each day of the journal has its root on the chain
"""
_MEMBER = """
[[participants]]
name = "{name}"
lei = "{lei}"
bic = "{bic}"
status = "active"
accounts = {{ EUR = "{eur}", JPY = "{jpy}" }}
cash = {{ EUR = "{euros}", JPY = "{yen}" }}
"""
_SECURITY = """
[[securities]]
isin = "{isin}"
name = "{name}"
symbol = "{symbol}"
quantity_type = "{kind}"
decimals = {decimals}
currency = "{currency}"
"""
_HOLDING = """
[[holdings]]
participant = "{bic}"
isin = "{isin}"
quantity = "{quantity}"
"""
_MANDATE = """
[[mandates]]
debtor = "{bic}"
currency = "{currency}"
maximum = "{maximum}"
until = 2026-12-31
"""
_TOLERANCES = """
[tolerances.EUR]
threshold = "100000.00"
up_to = "2.00"
above = "25.00"

[tolerances.JPY]
threshold = "10000000"
up_to = "200"
above = "2500"
"""
_MOST = {"EUR": "10000000.00", "JPY": "1000000000"}


def write(folder: Path) -> None:
    """The market, a folder for each day with what was instructed and what the legacy system says, and the answers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "market.toml").write_text(market(), "utf-8")
    for day in range(len(DAYS)):
        of_day = folder / str(DAYS[day])
        of_day.mkdir(parents=True, exist_ok=True)
        for name, text in files(day).items():
            (of_day / name).write_text(text, "utf-8")
    (folder / "planted.json").write_text(json.dumps(answers(), indent=1) + "\n", "utf-8")


def market() -> str:
    """The market file (TOML)."""
    parts = [_MARKET.format(day=DAYS[0])]
    for bank in BANKS:
        cash = {currency: _money(opening_cash(bank, currency), currency) for currency in bank.accounts}
        accounts = {"eur": bank.accounts["EUR"], "jpy": bank.accounts["JPY"], "euros": cash["EUR"], "yen": cash["JPY"]}
        parts.append(_MEMBER.format(name=bank.name, lei=bank.lei, bic=bank.bic, **accounts))
    for one in SECURITIES:
        kind = "FaceAmt" if one.face else "Unit"
        plain = {"isin": one.isin, "name": one.name, "symbol": one.symbol, "currency": one.currency}
        parts.append(_SECURITY.format(kind=kind, decimals=one.decimals, **plain))
    for bank in BANKS:
        for one in SECURITIES:
            quantity = _decimal(opening(bank, one), one.decimals)
            parts.append(_HOLDING.format(bic=bank.bic, isin=one.isin, quantity=quantity))
    parts += [
        _MANDATE.format(bic=bank.bic, currency=currency, maximum=_MOST[currency])
        for bank in BANKS
        for currency in bank.accounts
    ]
    return "".join([*parts, _TOLERANCES])


def files(day: int) -> Mapping[str, str]:
    """A day's files by name; `-late` is what came the next morning."""
    found = {"instructions.csv": _csv(_instructed(day))}
    for subject, name, rows in (
        ("trade", "trades", _trade_rows(day)),
        ("position", "positions", _position_rows(day)),
        ("cash", "cash", _cash_rows(day)),
    ):
        in_time, late = _with_errors(subject, day, rows)
        if subject == "position" and DAYS[day] == AS_STATEMENT:
            found[f"{name}.xml"] = _statement(in_time)
        else:
            found[f"{name}.csv"] = _csv(in_time)
        if late:
            found[f"{name}-late.csv"] = _csv(late)
    return found


def _instructed(day: int) -> list[Row]:
    return [
        {
            "reference": one.reference,
            "uetr": one.uetr,
            **_terms(one),
            "trade_date": str(DAYS[day]),
            "instructed_at": _moment(one.instructed),
        }
        for one in trades()
        if one.day == DAYS[day]
    ]


def _terms(one: Trade) -> Row:
    return {
        "deliverer": one.deliverer.lei,
        "receiver": one.receiver.lei,
        "isin": one.security.isin,
        "quantity": _decimal(one.quantity, one.security.decimals),
        "amount": _money(one.amount, one.security.currency),
        "currency": one.security.currency,
        "settlement_date": str(one.day),
    }


def _settled(one: Trade, day: int) -> datetime | None:
    """When, as far as the legacy system's file of that day knows."""
    if one.reference == EARLIER_CUT and day == 0:
        return None
    if one.reference == FAILED:
        return None if day < _FRIDAY else datetime.combine(DAYS[_FRIDAY], time(11), tzinfo=UTC)
    return one.settled


def _trade_rows(day: int) -> list[Row]:
    """The day's trades, then what is new of earlier ones: told at last, corrected, settled, or never meant."""
    righted = {one.name: one for one in PLANTED if one.subject == "trade" and one.until == day}
    rows = [_trade(one, _settled(one, day)) for one in trades() if one.day == DAYS[day]]
    for one in trades():
        if one.day < DAYS[day] and (one.reference in righted or (one.reference == FAILED and day == _FRIDAY)):
            rows.append(_trade(one, _settled(one, day)))
    for wrong in righted.values():
        if wrong.error == "extra":
            rows.append({**_further("trade", wrong), "status": "cancelled", "settled_at": ""})
    return rows


def _trade(one: Trade, settled: datetime | None) -> Row:
    waits = "failing" if one.reference == FAILED else "pending"
    return {
        "reference": one.reference,
        "uetr": "" if one.day == WITHOUT_UETRS else one.uetr,
        **_terms(one),
        "trade_date": str(one.day),
        "status": "settled" if settled else waits,
        "settled_at": _moment(settled) if settled else "",
    }


def _moved(day: int) -> list[Trade]:
    return [one for one in trades() if one.day <= DAYS[day] and _settled(one, day) is not None]


def _position_rows(day: int) -> list[Row]:
    units = {(bank.lei, security.isin): opening(bank, security) for bank in BANKS for security in SECURITIES}
    for one in _moved(day):
        units[one.deliverer.lei, one.security.isin] -= one.quantity
        units[one.receiver.lei, one.security.isin] += one.quantity
    return [_position(day, bank, one, units[bank.lei, one.isin]) for bank in BANKS for one in SECURITIES]


def _position(day: int, bank: Bank, security: Security, units: int) -> Row:
    return {
        "as_of": str(DAYS[day]),
        "owner": bank.lei,
        "account": bank.safe,
        "isin": security.isin,
        "quantity": _decimal(units, security.decimals),
    }


def _cash_rows(day: int) -> list[Row]:
    cents = {(bank.lei, currency): opening_cash(bank, currency) for bank in BANKS for currency in bank.accounts}
    for one in _moved(day):
        cents[one.receiver.lei, one.security.currency] -= one.amount
        cents[one.deliverer.lei, one.security.currency] += one.amount
    return [_cash(day, bank, currency, cents[bank.lei, currency]) for bank in BANKS for currency in bank.accounts]


def _cash(day: int, bank: Bank, currency: str, minor: int) -> Row:
    return {
        "as_of": str(DAYS[day]),
        "owner": bank.lei,
        "account": bank.accounts[currency],
        "currency": currency,
        "balance": _money(minor, currency),
    }


def _name(subject: str, row: Row) -> str:
    if subject == "trade":
        return row["reference"]
    return f"{row['owner']}|{row['isin' if subject == 'position' else 'currency']}"


def _with_errors(subject: str, day: int, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows as the legacy system tells them that day, and those that came the next morning."""
    wrong = {
        one.name: one
        for one in PLANTED
        if one.subject == subject
        and one.side == "legacy"
        and one.first <= day < one.until
        and (subject != "trade" or one.first == day)
    }
    in_time: list[Row] = []
    late: list[Row] = []
    for row in rows:
        one = wrong.get(_name(subject, row))
        if one is None or (one.error == "timing" and one.field != "settled_at"):
            in_time.append(row)
        elif one.error == "late":
            late.append(row)
        elif one.error == "duplicate":
            in_time += [row, row]
        elif one.error != "missing" or one.field:
            in_time.append(_changed(row, one))
    in_time += [_further(subject, one, day) for one in wrong.values() if one.error == "extra"]
    return in_time, late


def _changed(row: Row, one: Planted) -> Row:
    now, says = row[one.field], one.says
    if says[0] == "+":
        digits = len(now.partition(".")[2])
        says = _decimal(int(now.replace(".", "")) + int(says[1:]), digits)
    elif says == "*10":
        says = _decimal(int(now.replace(".", "")) * 10, len(now.partition(".")[2]))
    elif says == "-":
        says = f"-{now}"
    changed = {**row, one.field: says}
    if one.field == "status":
        changed["settled_at"] = ""
    return changed


def _further(subject: str, one: Planted, day: int = 0) -> Row:
    """A row that no other side has."""
    if subject == "trade":
        like = next(each for each in trades() if each.day == DAYS[one.first])._replace(
            reference=one.name,
            uetr=uetr(one.name),
            deliverer=BANKS[4],
            receiver=BANKS[0],
            quantity=77_700,
            amount=77_467,
        )
        settled = {"trade_date": str(like.day), "status": "settled", "settled_at": _moment(like.settled)}
        return {"reference": like.reference, "uetr": like.uetr, **_terms(like), **settled}
    what = one.name.partition("|")[2]
    if subject == "cash":
        return {**_cash(day, CHIMERA, what, 0), "balance": one.says}
    security = next(each for each in SECURITIES if each.isin == what)
    return {**_position(day, CHIMERA, security, 0), "quantity": one.says}


def _decimal(figure: int, decimals: int) -> str:
    sign, digits = "-" if figure < 0 else "", str(abs(figure)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _money(minor: int, currency: str) -> str:
    return _decimal(minor, 0 if currency == "JPY" else 2)


def _moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _csv(rows: Iterable[Row]) -> str:
    told, text = list(rows), StringIO()
    writer = csv.DictWriter(text, [*told[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(told)
    return text.getvalue()


def _statement(rows: Sequence[Row]) -> str:
    """A page of semt.002.001.11: a sub-account for each owner."""
    day = rows[0]["as_of"]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:semt.002.001.11">',
        "<SctiesBalCtdyRpt>",
        "<Pgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></Pgntn>",
        f"<StmtGnlDtls><StmtId>CSD-{day}</StmtId><StmtDtTm><Dt>{day}</Dt></StmtDtTm><Frqcy><Cd>DAIL</Cd></Frqcy>",
        "<UpdTp><Cd>COMP</Cd></UpdTp><StmtBsis><Cd>SETT</Cd></StmtBsis>",
        "<ActvtyInd>true</ActvtyInd><SubAcctInd>true</SubAcctInd></StmtGnlDtls>",
    ]
    for bank in (*BANKS, CHIMERA):
        held = [row for row in rows if row["owner"] == bank.lei]
        if held:
            lines += [
                "<SubAcctDtls>",
                f"<AcctOwnr><Id><AnyBIC>{bank.bic}</AnyBIC></Id><LEI>{bank.lei}</LEI></AcctOwnr>",
                f"<SfkpgAcct><Id>{bank.safe}</Id></SfkpgAcct><ActvtyInd>true</ActvtyInd>",
                *(line for row in held for line in _balance(row)),
                "</SubAcctDtls>",
            ]
    return "\n".join([*lines, "</SctiesBalCtdyRpt>", "</Document>", ""])


def _balance(row: Row) -> Iterator[str]:
    security = next(one for one in SECURITIES if one.isin == row["isin"])
    unit = "FaceAmt" if security.face else "Unit"
    yield f"<BalForSubAcct><FinInstrmId><ISIN>{row['isin']}</ISIN></FinInstrmId>"
    yield f"<AggtBal><ShrtLngInd>LONG</ShrtLngInd><Qty><Qty><Qty><{unit}>{row['quantity']}</{unit}></Qty></Qty></Qty>"
    yield "</AggtBal></BalForSubAcct>"
