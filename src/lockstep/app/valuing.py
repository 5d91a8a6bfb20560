"""A valuer at work: reads its prices and exposures from files, signs what follows, and leaves it on the board.

Two JSON files, which it reads again at each look:

```
prices     {"format": "lockstep-prices/1", "as_of": "2026-11-23T08:00:00Z",
            "prices": [{"isin": "DE0001102580", "currency": "EUR", "price": "98250000"}]}
exposures  {"format": "lockstep-exposures/1", "as_of": "2026-11-23T08:00:00Z", "exposures": [
             {"agreement_id": "<64 hex digits>", "currency": "EUR", "exposure": "100000000",
              "valuers": ["0x…"], "quorum": 2, "haircuts": {"DE0001102580": 20000},
              "terms": {"threshold": "0", "minimum_transfer": "50000", "multiple": "1000"}}]}
```

A price is minor units of its currency for 1,000,000 base units of the security, accrued interest included; a haircut is
parts of a million; amounts are minor units, as text. Both files are true of the same second.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lockstep.agent.valuation_board import ValuationDirectory
from lockstep.app.collateral import open_collateral
from lockstep.app.home import Home
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import hex32
from lockstep.domain.margin import CsaTerms
from lockstep.domain.market import Market
from lockstep.domain.rounding import PARTS
from lockstep.flow.valuing import Exposure, sign_valuation, valued
from lockstep.ports import CollateralLedger, ValuationBoard
from lockstep.signing import Key, valuers_epoch

__all__ = ["Valuer", "open_valuer", "read_exposures", "read_prices"]

LARGEST_FILE = 10_000_000
_TERMS = ("threshold", "minimum_transfer", "multiple", "independent_giver", "independent_taker")


@dataclass(kw_only=True)
class Valuer:
    """One valuer over its own files, key and node."""

    key: Key
    market: Market
    ledger: CollateralLedger
    board: ValuationBoard
    prices: Path
    exposures: Path

    def look(self) -> Mapping[AgreementId, str]:
        """Signs every agreement's figures, or says why not; the same again changes nothing.

        Raises InvalidInput for files that are none, and Unavailable where the node gives no answer.
        """
        prices_as_of, prices = read_prices(self.prices, self.market)
        exposures = read_exposures(self.exposures, self.market)
        told: dict[AgreementId, str] = {}
        for exposure in exposures:
            if exposure.as_of != prices_as_of:
                raise InvalidInput("exposures/as_of", exposure.as_of, f"{prices_as_of}, as the prices")
            own = {token: price for (token, currency), price in prices.items() if currency == exposure.terms.currency}
            try:
                valuation = valued(self.ledger, exposure, own)
                self.board.publish_valuation(sign_valuation(self.ledger, valuation, exposure.valuers, self.key))
            except Unavailable:
                raise
            except (Refused, Conflict, InvalidInput) as error:  # the other agreements' figures are none the worse
                told[exposure.agreement_id] = str(error)
            else:
                told[exposure.agreement_id] = f"signed: exposure {valuation.exposure}, required {valuation.required}"
        return told

    def step(self) -> bool:
        """One look of a process that goes on; what is wrong with a file is mended while it runs."""
        with suppress(LockstepError):
            self.look()
        return False


def open_valuer(home: Home, number: int, prices: Path, exposures: Path) -> Valuer:
    """Raises Misconfigured where the market has no collateral register, or the valuer no key."""
    return Valuer(
        key=home.key(f"valuer-{number}"),
        market=home.market(),
        ledger=open_collateral(home),
        board=ValuationDirectory(home.attestations),
        prices=prices,
        exposures=exposures,
    )


def read_prices(path: Path, market: Market) -> tuple[int, Mapping[tuple[str, str], int]]:
    """Of which second, and prices by token and currency. Raises InvalidInput."""
    content = _document(path, "prices", "lockstep-prices/1")
    prices: dict[tuple[str, str], int] = {}
    for place, one in enumerate(_list(content, "prices", "prices")):
        field = f"prices/{place}"
        _know(one, field, "isin", "currency", "price")
        key = _token(one["isin"], market, f"{field}/isin"), str(one["currency"])
        if key in prices:
            raise InvalidInput(f"{field}/isin", one["isin"], "each security once for a currency")
        prices[key] = _amount(one["price"], f"{field}/price")
    return _second(content, "prices"), prices


def read_exposures(path: Path, market: Market) -> Sequence[Exposure]:
    """Raises InvalidInput."""
    content = _document(path, "exposures", "lockstep-exposures/1")
    as_of, found = _second(content, "exposures"), list[Exposure]()
    for place, one in enumerate(_list(content, "exposures", "exposures")):
        field = f"exposures/{place}"
        _know(one, field, "agreement_id", "currency", "exposure", "valuers", "quorum", "haircuts", "terms")
        terms, haircuts = one["terms"], one["haircuts"]
        if not isinstance(terms, dict) or not set(terms) <= set(_TERMS):
            raise InvalidInput(f"{field}/terms", terms, f"some of {', '.join(_TERMS)}")
        if not isinstance(haircuts, dict) or not isinstance(one["valuers"], list):
            raise InvalidInput(field, one, "haircuts by ISIN, and a list of valuers")
        figures: dict[str, Any] = {name: _amount(value, f"{field}/terms/{name}") for name, value in terms.items()}
        found.append(
            Exposure(
                agreement_id=AgreementId(hex32(str(one["agreement_id"]), field=f"{field}/agreement_id")),
                exposure=_amount(one["exposure"], f"{field}/exposure", signed=True),
                terms=CsaTerms(currency=str(one["currency"]), **figures),
                haircuts={
                    _token(isin, market, f"{field}/haircuts"): _share(share, f"{field}/haircuts/{isin}")
                    for isin, share in haircuts.items()
                },
                valuers=valuers_epoch([str(each) for each in one["valuers"]], _share(one["quorum"], f"{field}/quorum")),
                as_of=as_of,
            )
        )
    if len({one.agreement_id for one in found}) < len(found):
        raise InvalidInput("exposures", path, "each agreement once")
    return found


def _document(path: Path, field: str, form: str) -> Mapping[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(field, path, f"a file that can be read: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise InvalidInput(field, f"{len(data)} bytes", f"at most {LARGEST_FILE}")
    try:
        content = json.loads(data, parse_float=_no_fraction, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, path, f"JSON without fractions, each name once: {error}") from None
    _know(content, field, "format", "as_of", field)
    if content["format"] != form:
        raise InvalidInput(f"{field}/format", content["format"], form)
    found: Mapping[str, Any] = content
    return found


def _no_fraction(text: str) -> object:
    raise ValueError(f"{text} is a fraction")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _know(content: Any, field: str, *names: str) -> None:
    if not isinstance(content, dict) or set(content) != set(names):
        raise InvalidInput(field, content, f"an object of {', '.join(names)}")


def _list(content: Mapping[str, Any], name: str, field: str) -> Sequence[Any]:
    found = content[name]
    if not isinstance(found, list):
        raise InvalidInput(field, found, "a list")
    return found


def _second(content: Mapping[str, Any], field: str) -> int:
    try:
        moment = datetime.fromisoformat(str(content["as_of"]))
    except ValueError:
        raise InvalidInput(f"{field}/as_of", content["as_of"], "an instant, ISO 8601, in UTC") from None
    if moment.utcoffset() != timedelta(0) or moment.microsecond:
        raise InvalidInput(f"{field}/as_of", content["as_of"], "a whole second, in UTC")
    return int(moment.timestamp())


def _token(isin: Any, market: Market, field: str) -> str:
    found = [one.token for one in market.securities.values() if one.isin == isin]
    if len(found) != 1:
        raise InvalidInput(field, isin, "a security of this market")
    return found[0]


def _amount(value: Any, field: str, *, signed: bool = False) -> int:
    digits = value.removeprefix("-") if isinstance(value, str) and signed else value
    if not isinstance(digits, str) or not (digits.isascii() and digits.isdigit()) or int(digits) >= 2**63:
        raise InvalidInput(field, value, "minor units, as text: digits, below 2^63")
    return int(value)


def _share(value: Any, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= PARTS:
        raise InvalidInput(field, value, f"a whole number from 0 to {PARTS}")
    return value
