// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "./IDualControl.sol";

/// @title Where a journal's daily roots stand for all to see
/// @notice A service's journal is a chain of hashes in a database that its operator could write anew. Each day's root,
/// once here, cannot be: who has the block can tell whether an entry shown later was in the journal then, and that
/// a later journal begins with an earlier one.
/// @dev A root is that of the Merkle tree of RFC 6962, section 2.1, over the journal from its first entry on: what the
/// leaves are, docs/reference/evidence.md tells. A journal is named by the hash of its first entry: one that was begun
/// anew, after its records were lost, is another.
///
/// Assumed of an anchorer: that the root is the journal's. This contract cannot know. A false one is never mended: it
/// stands beside a journal that does not lead to it. What the contract holds whoever anchors: a day has one root, which
/// never changes; days follow each other and are over; a tree never shrinks, and one that did not grow has the same root.
///
/// The registry's registrar and confirmer say together who may anchor; either of them alone stops an anchorer.
interface IJournalAnchor is IDualControl {
    /// @notice What stands for one day of one journal.
    /// @param root of the tree; zero: no root was anchored for this day.
    /// @param size how many entries the tree is over.
    /// @param previous the journal's anchored day before this one, in days since 1 January 1970; 0: this is its first.
    /// @param anchorer who wrote it.
    struct Anchor {
        bytes32 root;
        uint64 size;
        uint32 previous;
        address anchorer;
    }

    /// @notice A day's root was written, for good. `previous` is the journal's anchored day before it; 0: none.
    event Anchored(
        bytes32 indexed journal,
        uint32 indexed day,
        address indexed anchorer,
        uint64 size,
        bytes32 root,
        uint32 previous
    );

    /// @notice From now on `anchorer` may anchor.
    event AnchorerAllowed(address indexed anchorer);

    /// @notice From now on `anchorer` may not anchor; what it wrote stays.
    event AnchorerStopped(address indexed anchorer, address indexed by);

    /// @notice `caller` may not anchor.
    error NotAnchorer(address caller);

    /// @notice `anchorer` may anchor already, or may not, as it is wanted.
    error AnchorerUnchanged(address anchorer, bool allowed);

    /// @notice The zero hash names no journal and is no tree's root.
    error EmptyAnchor(bytes32 journal, uint32 day, bytes32 root);

    /// @notice The day lasts until before `end`: more entries may come.
    error DayNotOver(bytes32 journal, uint32 day, uint256 time, uint256 end);

    /// @notice The journal has a root for `last`, and takes none for that day or one before.
    error DayNotLater(bytes32 journal, uint32 day, uint32 last);

    /// @notice A tree has at least one entry, and at least as many as the last one anchored.
    error SizeShrank(bytes32 journal, uint64 actual, uint64 expected);

    /// @notice The tree did not grow since the last one anchored, so its root is the same.
    error RootDiffers(bytes32 journal, uint64 size, bytes32 actual, bytes32 expected);

    /// @notice Writes the root of `journal` as it was when `day` had ended.
    /// @dev Emits {Anchored}. Requirements: the caller is an anchorer; neither hash is zero; `day` is over, and later
    /// than the journal's last one; `size` is not 0 and not below that of the last one, and if equal so are the roots.
    /// @param journal hash of the journal's first entry.
    /// @param day in days since 1 January 1970, UTC; not 0.
    /// @param size how many entries the tree is over.
    /// @param root of the tree.
    function anchor(bytes32 journal, uint32 day, uint64 size, bytes32 root) external;

    /// @notice Lets `anchorer` anchor.
    /// @dev Emits {Confirmed} and {AnchorerAllowed}. Requirements: the registry's registrar proposed this call, the
    /// caller is its confirmer; `anchorer` is not zero and may not anchor yet.
    function allow(address anchorer) external;

    /// @notice Ends what {allow} began; needs one hand, as it can only keep roots away.
    /// @dev Emits {AnchorerStopped}. Requirements: the caller is the registry's registrar or confirmer; `anchorer` may
    /// anchor.
    function stop(address anchorer) external;

    /// @notice Whether `account` may anchor.
    function isAnchorer(address account) external view returns (bool);

    /// @notice What stands for a day; all zero: nothing.
    function anchorOf(bytes32 journal, uint32 day) external view returns (Anchor memory);

    /// @notice The last day with a root, in days since 1 January 1970; 0: none.
    function lastDayOf(bytes32 journal) external view returns (uint32);
}
