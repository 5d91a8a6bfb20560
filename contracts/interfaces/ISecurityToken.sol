// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "./IERC20.sol";
import {IParticipantRegistry} from "./IParticipantRegistry.sol";

/// @title One security, its holdings, and earmarks in place
/// @notice An earmark sets units aside for one purpose. The units stay the holder's and earn for the holder, but
/// cannot move otherwise. Each earmarking contract (DvP, collateral, gateway) has a lane of its own and can
/// release or deliver from that lane only.
/// @dev Rules are judged when units are earmarked. {releaseEarmark} and {deliver} judge nothing and nothing can
/// block them. A receiver who is no longer eligible gets the units and cannot send them on: {transfer} asks the
/// registry, so arrival writes no mark.
///
/// Assumed of an earmarker, which is fixed at deployment: it earmarks only what the holder agreed to. Not
/// assumed: that it does not reenter (state is final before it regains control), nor that it behaves towards the
/// other lanes (it cannot reach them).
interface ISecurityToken is IERC20 {
    /// @notice `quantity` units of `holder` are set aside by `earmarker` for `beneficiary`.
    event Earmarked(
        address indexed holder, address indexed earmarker, address indexed beneficiary, uint256 quantity
    );

    /// @notice `quantity` units of `holder` left `earmarker`'s lane: they are free again or, when a {Transfer}
    /// of the same transaction follows, delivered.
    event EarmarkReleased(address indexed holder, address indexed earmarker, uint256 quantity);

    /// @notice More units are to be earmarked than are free.
    error InsufficientFreeUnits(address holder, uint256 free, uint256 needed);

    /// @notice More units are to leave the lane than it holds.
    error InsufficientEarmark(address holder, address earmarker, uint256 earmarked, uint256 needed);

    /// @notice `caller` has no lane in this security.
    error NotEarmarker(address caller);

    /// @notice The same contract was given two lanes.
    error DuplicateEarmarker(address earmarker);

    /// @notice `caller` may not issue.
    error NotIssuer(address caller, address expected);

    /// @notice The issue would exceed what an account can hold.
    error IssuanceLimitExceeded(uint256 issued, uint256 quantity, uint256 limit);

    /// @notice Registry and issuer must be given.
    error ZeroAddress();

    /// @notice Issues `quantity` base units to `to`.
    /// @dev Emits {Transfer} from zero. Requirements: the caller is the issuer; `to` is eligible now; all units
    /// issued stay ≤ 2^60 - 1.
    function issue(address to, uint256 quantity) external;

    /// @notice Sets `quantity` free units of `holder` aside in the caller's lane.
    /// @dev Emits {Earmarked}. Requirements: the caller is an earmarker; `holder` and `beneficiary` are eligible
    /// now; `quantity` ≤ the holder's free units.
    function earmark(address holder, address beneficiary, uint256 quantity) external;

    /// @notice Frees `quantity` units of `holder` from the caller's lane. Judges no rule.
    /// @dev Emits {EarmarkReleased}. Requirements: the caller's lane holds `quantity` of `holder`.
    function releaseEarmark(address holder, uint256 quantity) external;

    /// @notice Moves `quantity` units of `holder` out of the caller's lane to `to`. Judges no rule.
    /// @dev Emits {EarmarkReleased} and {Transfer}. Requirements: the caller's lane holds `quantity` of `holder`;
    /// `to` is not zero.
    function deliver(address holder, address to, uint256 quantity) external;

    /// @notice Units of `holder` that can move: balance less all earmarks, never below 0.
    function freeOf(address holder) external view returns (uint256);

    /// @notice Units of `holder` that `earmarker` has set aside.
    function earmarkedOf(address holder, address earmarker) external view returns (uint256);

    /// @notice Units of `holder` set aside by anyone.
    function earmarkedTotalOf(address holder) external view returns (uint256);

    /// @notice The contracts that own lane 0 (DvP), 1 (collateral) and 2 (gateway); zero: lane not in use.
    function earmarkers() external view returns (address[3] memory);

    /// @notice ISO 6166 identifier, 12 ASCII characters.
    function isin() external view returns (bytes12);

    /// @notice Who judges eligibility.
    function registry() external view returns (IParticipantRegistry);

    /// @notice Who may issue.
    function issuer() external view returns (address);
}
