// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1643} from "../interfaces/IERC1643.sol";
import {Documents} from "../libraries/Documents.sol";
import {Roles} from "./Roles.sol";

/// @title The security's documents
abstract contract Prospectus is Roles {
    using Documents for Documents.Shelf;

    Documents.Shelf private _documents;

    /// @inheritdoc IERC1643
    function setDocument(bytes32 name_, string calldata uri, bytes32 documentHash) external only(Role.Issuer) {
        _documents.put(name_, uri, documentHash);
    }

    /// @inheritdoc IERC1643
    function removeDocument(bytes32 name_) external only(Role.Issuer) {
        _documents.remove(name_);
    }

    /// @inheritdoc IERC1643
    function getDocument(bytes32 name_)
        external
        view
        returns (string memory uri, bytes32 documentHash, uint256 lastModified)
    {
        Documents.Document memory document = _documents.documents[name_];
        return (document.uri, document.hash, document.lastModified);
    }

    /// @inheritdoc IERC1643
    function getAllDocuments() external view returns (bytes32[] memory) {
        return _documents.names;
    }
}
