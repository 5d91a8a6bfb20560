// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1643} from "../interfaces/IERC1643.sol";

/// @title The documents of one security; see {IERC1643}
library Documents {
    /// @notice The most documents that one security can have.
    uint256 internal constant MAX = 64;

    struct Document {
        string uri;
        bytes32 hash;
        uint64 lastModified;
        // Its place in the list of names, counted from 1; 0: no such document.
        uint64 place;
    }

    struct Shelf {
        mapping(bytes32 name => Document) documents;
        bytes32[] names;
    }

    function put(Shelf storage shelf, bytes32 name, string calldata uri, bytes32 hash) internal {
        if (name == bytes32(0)) revert IERC1643.ERC1643InvalidName();
        if (bytes(uri).length == 0) revert IERC1643.EmptyDocument(name);
        Document storage document = shelf.documents[name];
        if (document.place == 0) {
            if (shelf.names.length == MAX) revert IERC1643.TooManyDocuments(name, MAX);
            shelf.names.push(name);
            document.place = uint64(shelf.names.length);
        }
        document.uri = uri;
        document.hash = hash;
        document.lastModified = uint64(block.timestamp);
        emit IERC1643.DocumentUpdated(name, uri, hash);
    }

    /// @dev The last name takes the free place.
    function remove(Shelf storage shelf, bytes32 name) internal {
        Document memory document = shelf.documents[name];
        if (document.place == 0) revert IERC1643.ERC1643MissingDocument();
        bytes32 last = shelf.names[shelf.names.length - 1];
        shelf.names[document.place - 1] = last;
        shelf.documents[last].place = document.place;
        shelf.names.pop();
        delete shelf.documents[name];
        emit IERC1643.DocumentRemoved(name, document.uri, document.hash);
    }
}
