// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Two hands for one act
/// @notice One role proposes a call of this contract, word for word; another role then makes that very call.
/// Until it is made, nothing has changed. A proposal can be confirmed up to its last second, inclusive, and by then
/// its proposer must still hold the role.
/// @dev Each proposer has a book of its own: what one proposes neither takes nor delays what another does.
interface IDualControl {
    /// @notice `proposer` asks that `action`, the whole calldata of a call of this contract, be made.
    event Proposed(bytes32 indexed id, address indexed proposer, uint40 expires, bytes action);

    /// @notice The call was made by the second hand.
    event Confirmed(bytes32 indexed id, address indexed proposer, address indexed confirmer);

    /// @notice The proposer thought better of it.
    event Withdrawn(bytes32 indexed id, address indexed proposer);

    /// @notice `proposer` did not propose this very call, or withdrew it, or it was made already. Zero: nobody did
    /// whose word would count.
    error NotProposed(bytes32 id, address proposer);

    /// @notice The proposal is still open.
    error AlreadyProposed(bytes32 id, address proposer, uint40 expires);

    /// @notice The proposal can no longer be confirmed.
    error ProposalExpired(bytes32 id, uint256 time, uint40 expires);

    /// @notice Two hands are needed, and `both` would be one.
    error SameHands(address both);

    /// @notice Proposes `action`: selector and arguments of the call that another role has to confirm.
    /// @dev Emits {Proposed}. Requirements: the caller holds a role here, and has not the same action open already.
    /// @return id keccak256(action); with the proposer's address it names the proposal.
    function propose(bytes calldata action) external returns (bytes32 id);

    /// @notice Takes the caller's own proposal back.
    /// @dev Emits {Withdrawn}. Requirements: the caller proposed it; it may have lapsed.
    function withdraw(bytes32 id) external;

    /// @notice Until when the action `id` that `proposer` proposed can be confirmed (UTC, seconds since 1970); 0: it did
    /// not propose it.
    function proposalOf(address proposer, bytes32 id) external view returns (uint40 expires);
}
