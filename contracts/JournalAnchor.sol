// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "./interfaces/IDualControl.sol";
import {IJournalAnchor} from "./interfaces/IJournalAnchor.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {DualControl} from "./libraries/DualControl.sol";

/// @title Where a journal's daily roots stand for all to see
contract JournalAnchor is IJournalAnchor {
    using DualControl for DualControl.Book;

    /// @notice Whose registrar and confirmer say who may anchor.
    IParticipantRegistry public immutable registry;

    /// @inheritdoc IJournalAnchor
    mapping(address account => bool) public isAnchorer;

    /// @inheritdoc IJournalAnchor
    mapping(bytes32 journal => uint32) public lastDayOf;

    /// @dev Two slots a day:
    ///
    ///     | root 256                                    |
    ///     | anchorer 160 | previous 32 | size 64        |
    mapping(bytes32 journal => mapping(uint32 day => Anchor)) private _anchors;

    DualControl.Book private _proposals;

    /// @param registry_ whose registrar and confirmer say who may anchor.
    /// @param firstAnchorer who may from the beginning.
    constructor(IParticipantRegistry registry_, address firstAnchorer) {
        if (address(registry_) == address(0)) revert IParticipantRegistry.ZeroAddress();
        registry = registry_;
        _allow(firstAnchorer);
    }

    /// @inheritdoc IJournalAnchor
    function anchor(bytes32 journal, uint32 day, uint64 size, bytes32 root) external {
        if (!isAnchorer[msg.sender]) revert NotAnchorer(msg.sender);
        if (journal == 0 || root == 0) revert EmptyAnchor(journal, day, root);
        uint32 last = lastDayOf[journal];
        if (day <= last) revert DayNotLater(journal, day, last);
        uint256 end = (uint256(day) + 1) * 1 days;
        // The seconds by which a proposer may shift a block's time only move when a day counts as over.
        // slither-disable-next-line timestamp
        if (block.timestamp < end) revert DayNotOver(journal, day, block.timestamp, end);
        Anchor storage before = _anchors[journal][last];
        uint64 least = last == 0 ? 1 : before.size;
        if (size < least) revert SizeShrank(journal, size, least);
        if (last != 0 && size == least && root != before.root) revert RootDiffers(journal, size, root, before.root);

        lastDayOf[journal] = day;
        _anchors[journal][day] = Anchor(root, size, last, msg.sender);
        emit Anchored(journal, day, msg.sender, size, root, last);
    }

    /// @inheritdoc IDualControl
    function propose(bytes calldata action) external returns (bytes32 id) {
        address registrar = registry.registrar();
        if (msg.sender != registrar) revert IParticipantRegistry.NotRegistrar(msg.sender, registrar);
        return _proposals.propose(action);
    }

    /// @inheritdoc IDualControl
    function withdraw(bytes32 id) external {
        _proposals.withdraw(id);
    }

    /// @inheritdoc IJournalAnchor
    function allow(address anchorer) external {
        address confirmer = registry.confirmer();
        if (msg.sender != confirmer) revert IParticipantRegistry.NotConfirmer(msg.sender, confirmer);
        _proposals.confirm(registry.registrar());
        _allow(anchorer);
    }

    /// @inheritdoc IJournalAnchor
    function stop(address anchorer) external {
        address registrar = registry.registrar();
        if (msg.sender != registrar && msg.sender != registry.confirmer()) {
            revert IParticipantRegistry.NotRegistrar(msg.sender, registrar);
        }
        if (!isAnchorer[anchorer]) revert AnchorerUnchanged(anchorer, false);
        isAnchorer[anchorer] = false;
        emit AnchorerStopped(anchorer, msg.sender);
    }

    /// @inheritdoc IDualControl
    function proposalOf(address proposer, bytes32 id) external view returns (uint40 expires) {
        return _proposals.expiries[proposer][id];
    }

    /// @inheritdoc IJournalAnchor
    function anchorOf(bytes32 journal, uint32 day) external view returns (Anchor memory) {
        return _anchors[journal][day];
    }

    function _allow(address anchorer) private {
        if (anchorer == address(0)) revert IParticipantRegistry.ZeroAddress();
        if (isAnchorer[anchorer]) revert AnchorerUnchanged(anchorer, true);
        isAnchorer[anchorer] = true;
        emit AnchorerAllowed(anchorer);
    }
}
