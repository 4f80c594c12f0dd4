"""W&B's `errors`, for `from opensweep.errors import CommError`; see logging_core/errors.py."""

from __future__ import annotations

from logging_core.errors import AuthenticationError as AuthenticationError
from logging_core.errors import CommError as CommError
from logging_core.errors import ConfigError as ConfigError
from logging_core.errors import Error as Error
from logging_core.errors import NotFoundError as NotFoundError
from logging_core.errors import UsageError as UsageError
