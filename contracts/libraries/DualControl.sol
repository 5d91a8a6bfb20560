// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "../interfaces/IDualControl.sol";
import {Deadline} from "./Deadline.sol";

/// @title The proposals of one contract; see {IDualControl}
library DualControl {
    using Deadline for uint40;

    /// @notice How long a proposal can be confirmed.
    uint40 internal constant LIFETIME = 7 days;

    /// @dev One slot.
    struct Proposal {
        address proposer;
        uint40 expires;
    }

    struct Book {
        mapping(bytes32 id => Proposal) proposals;
    }

    function propose(Book storage book, bytes calldata action) internal returns (bytes32 id) {
        id = keccak256(action);
        Proposal memory open = book.proposals[id];
        if (open.proposer != address(0) && !open.expires.hasPassed()) {
            revert IDualControl.AlreadyProposed(id, open.proposer, open.expires);
        }
        uint40 expires = Deadline.fromNow(LIFETIME);
        book.proposals[id] = Proposal(msg.sender, expires);
        emit IDualControl.Proposed(id, msg.sender, expires, action);
    }

    function withdraw(Book storage book, bytes32 id) internal {
        Proposal memory open = book.proposals[id];
        if (open.proposer == address(0)) revert IDualControl.NotProposed(id);
        if (open.proposer != msg.sender) revert IDualControl.WrongProposer(id, open.proposer, msg.sender);
        delete book.proposals[id];
        emit IDualControl.Withdrawn(id, msg.sender);
    }

    /// @dev Uses up the proposal of the call that is being made. Who may make it, the caller has checked.
    function confirm(Book storage book, address expectedProposer) internal {
        bytes32 id = keccak256(msg.data);
        Proposal memory open = book.proposals[id];
        if (open.proposer == address(0)) revert IDualControl.NotProposed(id);
        if (open.expires.hasPassed()) revert IDualControl.ProposalExpired(id, block.timestamp, open.expires);
        if (open.proposer != expectedProposer) {
            revert IDualControl.WrongProposer(id, open.proposer, expectedProposer);
        }
        delete book.proposals[id];
        emit IDualControl.Confirmed(id, open.proposer, msg.sender);
    }
}
