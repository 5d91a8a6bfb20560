// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollateral} from "../interfaces/ICollateral.sol";
import {Deadline} from "../libraries/Deadline.sol";

/// @notice One security under one agreement; one storage slot.
/// @param held base units pledged or owed under the agreement.
/// @param price minor units for 1,000,000 base units, as valued last.
/// @param pricedAt as-of time of that valuation.
/// @param haircut parts of a million.
/// @param place where it stands in the agreement's list, while units are held.
struct Holding {
    uint64 held;
    uint64 price;
    uint40 pricedAt;
    uint24 haircut;
    uint8 place;
}

/// @notice All that is kept of an agreement.
/// @param tokens the securities of which units are held.
struct Book {
    ICollateral.Agreement terms;
    ICollateral.State state;
    address[] tokens;
    mapping(address token => Holding) holdings;
}

using Cover for Book global;

/// @title What is held under an agreement, what it is worth, and whether that is enough
library Cover {
    using Deadline for uint40;

    /// @notice Securities of one agreement at a time: the cover is added up over all of them.
    uint256 internal constant MAX_TOKENS = 32;

    /// @notice The whole, where parts of a million are counted; and the base units that a price is for.
    uint256 internal constant MILLION = 1_000_000;

    function add(Book storage book, bytes32 id, address token, uint64 quantity) internal {
        Holding storage holding = book.holdings[token];
        if (holding.held == 0) {
            uint256 count = book.tokens.length;
            if (count == MAX_TOKENS) revert ICollateral.TooManyTokens(id, MAX_TOKENS);
            holding.place = uint8(count);
            book.tokens.push(token);
        }
        holding.held += quantity;
    }

    /// @dev The caller has shown that the agreement's pledges hold `quantity`, so the agreement does.
    function remove(Book storage book, address token, uint64 quantity) internal {
        Holding storage holding = book.holdings[token];
        holding.held -= quantity;
        if (holding.held != 0) return;
        // The last of the list takes its place.
        address last = book.tokens[book.tokens.length - 1];
        book.tokens[holding.place] = last;
        book.holdings[last].place = holding.place;
        book.tokens.pop();
    }

    /// @dev The caller has shown that the valuers signed it.
    function accept(Book storage book, ICollateral.Valuation calldata valuation) internal {
        bytes32 id = valuation.agreementId;
        uint40 asOf = valuation.asOf;
        uint40 previous = book.state.valuedAt;
        // A second more or less changes no value.
        // slither-disable-next-line timestamp
        if (asOf <= previous || asOf > block.timestamp) {
            revert ICollateral.BadAsOf(id, asOf, previous, block.timestamp);
        }
        (book.state.exposure, book.state.required, book.state.valuedAt) =
        (valuation.exposure, valuation.required, asOf);
        requireFresh(book, id);
        for (uint256 i = 0; i < valuation.prices.length; ++i) {
            ICollateral.Price calldata price = valuation.prices[i];
            if (price.haircut > MILLION) {
                revert ICollateral.HaircutTooHigh(id, price.token, price.haircut, uint24(MILLION));
            }
            Holding storage holding = book.holdings[price.token];
            (holding.price, holding.haircut, holding.pricedAt) = (price.price, price.haircut, asOf);
        }
        emit ICollateral.Valued(id, valuation.exposure, valuation.required, asOf, valuation.prices);
    }

    function requireFresh(Book storage book, bytes32 id) internal view {
        uint40 valuedAt = book.state.valuedAt;
        uint32 maxAge = book.terms.maxAge;
        if (valuedAt == 0 || (valuedAt + maxAge).hasPassed()) {
            revert ICollateral.StaleValuation(id, valuedAt, maxAge);
        }
    }

    /// @notice All collateral of the agreement after haircuts, each security rounded down; minor units.
    function total(Book storage book) internal view returns (uint256 sum) {
        uint40 valuedAt = book.state.valuedAt;
        for (uint256 i = 0; i < book.tokens.length; ++i) {
            Holding memory holding = book.holdings[book.tokens[i]];
            // At most 2^64 * 2^64 * 2^20: 32 of them cannot overflow.
            if (holding.pricedAt == valuedAt) sum += _afterHaircut(holding, holding.held);
        }
    }

    /// @notice What `quantity` units are worth after the haircut, rounded down; minor units.
    function worth(Book storage book, bytes32 id, address token, uint64 quantity) internal view returns (uint256) {
        return _afterHaircut(_valued(book, id, token), quantity);
    }

    /// @notice The price of `quantity` units, rounded up: against him who takes them; minor units. Nobody takes units for
    /// nothing: what has no price is not valued.
    function priceOfUp(Book storage book, bytes32 id, address token, uint64 quantity) internal view returns (uint256) {
        uint256 price = _valued(book, id, token).price;
        if (price == 0) revert ICollateral.NotValued(id, token);
        return (quantity * price + MILLION - 1) / MILLION;
    }

    /// @notice What is needed, and what there is; minor units.
    /// @param forDefault whether a ground for default is looked for: after the term only what was paid counts, as what
    /// is owed is due. Else it is what the giver may not take back; once a default can be enforced there is no margin
    /// to keep, only a debt to cover.
    function compare(Book storage book, bool forDefault) internal view returns (uint256 needed, uint256 covered) {
        covered = book.state.credit;
        if (forDefault && book.terms.until.hasPassed()) return (book.state.exposure, covered);
        covered += total(book);
        uint40 from = book.state.enforceFrom;
        needed = forDefault || from == 0 || !from.hasPassed() ? book.state.required : book.state.exposure;
    }

    function _valued(Book storage book, bytes32 id, address token) private view returns (Holding memory holding) {
        holding = book.holdings[token];
        if (holding.pricedAt != book.state.valuedAt) revert ICollateral.NotValued(id, token);
    }

    function _afterHaircut(Holding memory holding, uint64 quantity) private pure returns (uint256) {
        return uint256(quantity) * holding.price * (MILLION - holding.haircut) / (MILLION * MILLION);
    }
}
