// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "../interfaces/IDualControl.sol";
import {Deadline} from "./Deadline.sol";

/// @title The proposals of one contract; see {IDualControl}
library DualControl {
    using Deadline for uint40;

    /// @notice How long a proposal can be confirmed.
    uint40 internal constant LIFETIME = 7 days;

    /// @dev The last second of each open proposal; 0: none.
    struct Book {
        mapping(address proposer => mapping(bytes32 id => uint40)) expiries;
    }

    function propose(Book storage book, bytes calldata action) internal returns (bytes32 id) {
        id = keccak256(action);
        uint40 open = book.expiries[msg.sender][id];
        if (open != 0 && !open.hasPassed()) revert IDualControl.AlreadyProposed(id, msg.sender, open);
        uint40 expires = Deadline.fromNow(LIFETIME);
        book.expiries[msg.sender][id] = expires;
        emit IDualControl.Proposed(id, msg.sender, expires, action);
    }

    function withdraw(Book storage book, bytes32 id) internal {
        if (book.expiries[msg.sender][id] == 0) revert IDualControl.NotProposed(id, msg.sender);
        delete book.expiries[msg.sender][id];
        emit IDualControl.Withdrawn(id, msg.sender);
    }

    /// @dev Uses up `proposer`'s proposal of the call that is being made. Who may make it, the caller has checked.
    function confirm(Book storage book, address proposer) internal {
        bytes32 id = keccak256(msg.data);
        uint40 expires = book.expiries[proposer][id];
        if (expires == 0) revert IDualControl.NotProposed(id, proposer);
        if (expires.hasPassed()) revert IDualControl.ProposalExpired(id, block.timestamp, expires);
        delete book.expiries[proposer][id];
        emit IDualControl.Confirmed(id, proposer, msg.sender);
    }

    /// @notice Whether the call that is being made can be confirmed as `proposer`'s.
    function isProposedBy(Book storage book, address proposer) internal view returns (bool) {
        // What nobody proposed lapsed in 1970.
        return !book.expiries[proposer][keccak256(msg.data)].hasPassed();
    }
}
