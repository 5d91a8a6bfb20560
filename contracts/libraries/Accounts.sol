// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One holder's position in one security; one storage slot, from the low end:
///
///   0         60        120       180       240     256
///   | balance | lane 0  | lane 1  | lane 2  | flags |
///
/// Balance and lanes are base units of at most 2^60 - 1, about 1.15e18. No security comes near: the largest
/// government issues are about 1e11 in nominal, 1e13 with cents; the largest share counts about 1e12. As all units
/// issued together stay within the limit, no balance can exceed it, and Σ lanes ≤ balance by construction.
/// Flags, from bit 240: an amount is frozen and stands in a second slot; the account is frozen; the account was
/// recovered, its units follow its heir. Set ones stand for rare states: a plain account costs no second look.
type Account is uint256;

using Accounts for Account global;

/// @title Reading and changing an account without touching its neighbours' bits
library Accounts {
    /// @notice The most base units that one security can have.
    uint256 internal constant MAX_UNITS = 2 ** 60 - 1;

    /// @notice An amount of the account is frozen.
    uint256 internal constant PARTLY_FROZEN = 1 << 240;

    /// @notice The whole account is frozen.
    uint256 internal constant FROZEN = 1 << 241;

    /// @notice The wallet was recovered; its units belong to its heir's.
    uint256 internal constant RECOVERED = 1 << 242;

    /// @notice A lane is named by its first bit.
    uint256 internal constant LANE_0 = 60;
    uint256 internal constant LANE_1 = 120;
    uint256 internal constant LANE_2 = 180;

    uint256 private constant FLAGS = 240;

    /// @notice All units owned, earmarked ones included.
    function balance(Account account) internal pure returns (uint256) {
        return Account.unwrap(account) & MAX_UNITS;
    }

    /// @notice Units set aside in `lane`.
    function earmarked(Account account, uint256 lane) internal pure returns (uint256) {
        return (Account.unwrap(account) >> lane) & MAX_UNITS;
    }

    /// @notice Units set aside in all lanes.
    function earmarkedTotal(Account account) internal pure returns (uint256) {
        // At most 3 * (2^60 - 1): cannot overflow.
        unchecked {
            return earmarked(account, LANE_0) + earmarked(account, LANE_1) + earmarked(account, LANE_2);
        }
    }

    /// @notice Units that no earmark holds; 0 if more is set aside than owned.
    function unearmarked(Account account) internal pure returns (uint256) {
        uint256 owned = balance(account);
        uint256 reserved = earmarkedTotal(account);
        // Only subtracted when the result is not negative.
        unchecked {
            return reserved < owned ? owned - reserved : 0;
        }
    }

    /// @notice Whether neither flag nor lane is set: the whole balance is free.
    function isBare(Account account) internal pure returns (bool) {
        return Account.unwrap(account) <= MAX_UNITS;
    }

    /// @notice Whether no flag is set: what no earmark holds is free.
    function isPlain(Account account) internal pure returns (bool) {
        return Account.unwrap(account) >> FLAGS == 0;
    }

    /// @notice Whether `flag` is set.
    function has(Account account, uint256 flag) internal pure returns (bool) {
        return Account.unwrap(account) & flag != 0;
    }

    /// @notice The account with `flag` set or cleared.
    function with(Account account, uint256 flag, bool set) internal pure returns (Account) {
        uint256 others = Account.unwrap(account) & ~flag;
        return Account.wrap(set ? others | flag : others);
    }

    /// @dev The caller has shown that balance + units ≤ MAX_UNITS, so nothing is carried into lane 0.
    function credit(Account account, uint256 units) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(account) + units);
        }
    }

    /// @dev The caller has shown that units ≤ balance, so nothing is borrowed from lane 0.
    function debit(Account account, uint256 units) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(account) - units);
        }
    }

    /// @dev The caller has shown that units ≤ what no earmark holds, so the lane stays ≤ balance and nothing is carried over.
    function addEarmark(Account account, uint256 lane, uint256 units) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(account) + (units << lane));
        }
    }

    /// @dev The caller has shown that units ≤ the lane's, so nothing is borrowed from the next lane.
    function removeEarmark(Account account, uint256 lane, uint256 units) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(account) - (units << lane));
        }
    }
}
