"""What this server says it can do, by the names that clients ask for.

A client that hears a name sends what that name stands for, so one may only stand here when the
module that answers it does so for every client in the tests.
"""

from __future__ import annotations

_ARTIFACTS = (
    "ARTIFACT_TAGS",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
    # the registry
    "ARTIFACT_REGISTRY_SEARCH",
    "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
)

FEATURES: tuple[str, ...] = (
    "FILESTREAM_GZIP",
    "LARGE_FILENAMES",
    "MARK_RUN_FILES_UPLOADED",
    *_ARTIFACTS,
)

CLIENT_VERSIONS = {"min_cli_version": "0.13.0", "max_cli_version": "0.99.0"}
"""Clients refuse to talk to a server whose newest known client is older than they are, and older
ones leave out what they think it is too old for."""
