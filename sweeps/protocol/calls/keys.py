"""The calls of admins about API keys, and anybody's for a code that logs a browser in."""

from __future__ import annotations

from typing import Any, cast

from sweeps.protocol.wire import Wire, part


class KeyCalls(Wire):
    """API keys, made and revoked; NotAllowed for whoever is no admin. And login codes.

    Each is {id, user, role, prefix, description, created, last_used, revoked}; times are seconds
    since 1970, or None.
    """

    def create_key(self, user: str, role: str = "write", description: str = "") -> dict[str, Any]:
        """Makes a key for a user. Returns it as `key`, this once. Not safe to repeat."""
        body = {"user": user, "role": role, "description": description}
        return self._object("POST", "/api/keys", body=body)

    def api_keys(self) -> list[dict[str, Any]]:
        """All keys on record, revoked ones too, the oldest first."""
        return cast("list[dict[str, Any]]", self._object("GET", "/api/keys")["keys"])

    def revoke_key(self, name: str) -> dict[str, Any]:
        """Makes a key useless for good.

        Args:
            name: its id, or 4 characters or more that its id or the key begins with.
        """
        return self._object("DELETE", f"/api/keys/{part(name)}")

    def login_code(self) -> str:
        """Logs a browser in with this key's rights, once, within minutes: `/#login=CODE`."""
        return str(self._object("POST", "/api/session/code")["code"])
