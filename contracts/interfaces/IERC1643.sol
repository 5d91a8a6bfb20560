// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-1643: documents that belong to a security
/// @dev As the draft in ethereum/ERCs has it since 2026, with its two errors; it lets a contract refuse an empty place.
interface IERC1643 {
    /// @notice A document was added or replaced.
    event DocumentUpdated(bytes32 indexed name, string uri, bytes32 documentHash);

    /// @notice A document was removed.
    event DocumentRemoved(bytes32 indexed name, string uri, bytes32 documentHash);

    /// @notice A document needs a name.
    error ERC1643InvalidName();

    /// @notice There is no document of that name.
    error ERC1643MissingDocument();

    /// @notice A document needs a place.
    error EmptyDocument(bytes32 name);

    /// @notice The security has its `limit` documents.
    error TooManyDocuments(bytes32 name, uint256 limit);

    /// @notice Adds or replaces a document.
    /// @dev Emits {DocumentUpdated}. Requirements: the caller is the issuer; `name` and `uri` are not empty; at
    /// most 64 documents.
    function setDocument(bytes32 name, string calldata uri, bytes32 documentHash) external;

    /// @notice Removes a document.
    /// @dev Emits {DocumentRemoved}. Requirements: the caller is the issuer; the document is there.
    function removeDocument(bytes32 name) external;

    /// @notice Place, hash and last change (seconds since 1970) of a document; empty if there is none.
    function getDocument(bytes32 name)
        external
        view
        returns (string memory uri, bytes32 documentHash, uint256 lastModified);

    /// @notice The names of all documents.
    function getAllDocuments() external view returns (bytes32[] memory);
}
