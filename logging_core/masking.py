"""Secrets out of what is recorded of a run's surroundings: environment, arguments, addresses.

Recognised by the name that they go under, or by their own look. Better too much than too little.
Source text
is masked by redacting.py. Patterns are compiled when first needed: init() masks the arguments
alone, if there are any.
"""

from __future__ import annotations

import re

from logging_core.hints import Mapping, Sequence

MASK = "***"
_NAME = (
    r"(?i)KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|COOKIE|PRIVATE|SIGNATURE|DSN|CONNECTION_?STRING"
    r"|WEBHOOK|JWT|OTP|(?<![A-Z])PAT(?![A-Z])"
)
_HARMLESS = frozenset({"PWD", "OLDPWD", "SSH_AUTH_SOCK"})
_URL = r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)[^/@\s]{0,2000}@"
LOOK = (
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bhf_\w{20,}"
    r"|\bsk-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\bglpat-[\w-]{15,}|\bgithub_pat_\w{20,}"
    r"|\bwandb_v\d_\w{20,}|\bAIza[\w-]{30,}"
)
_WHOLE = r"-----BEGIN|^eyJ[\w-]{10,}\.|"
_OPTION = r"(?s)^(--?|\+\+?)?(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*)$"
_LONGEST = 4096
_IN_ALL = 65_536


def is_secret(name: str) -> bool:
    """Whether a variable or option of this name holds a secret, going by the name."""
    return name not in _HARMLESS and re.search(_NAME, name) is not None


def text(value: str) -> str:
    """`value` without names and passwords in addresses; masked whole if it looks like a secret."""
    return MASK if re.search(_WHOLE + LOOK, value) else re.sub(_URL, r"\g<scheme>", value)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without its secrets, sorted; long values are cut, and the sum is bounded."""
    found: dict[str, str] = {}
    left = _IN_ALL
    for name in sorted(environ):
        value = MASK if is_secret(name) else text(environ[name])[:_LONGEST]
        left -= len(name) + len(value)
        if left < 0:
            break
        found[name] = value
    return found


def arguments(args: Sequence[str]) -> list[str]:
    """A command line's arguments: `--token=x` and `--token x` lose their x."""
    masked: list[str] = []
    hidden = False  # what follows is the value of an option that names a secret
    for arg in args:
        option = re.match(_OPTION, arg)
        if hidden and not arg.startswith("-"):
            masked.append(MASK)
        elif option and _is_secret_option(option["name"]):
            masked.append(arg[: option.start("value")] + MASK)
        else:
            masked.append(text(arg))
        hidden = arg.startswith("-") and "=" not in arg and _is_secret_option(arg.lstrip("-"))
    return masked


def _is_secret_option(name: str) -> bool:
    """Stricter than for variables: `--key`, `--tokenizer` and `--max-tokens` are no secrets."""
    return re.search(_SECRET_OPTION, name) is not None


_SECRET_OPTION = (
    r"(?i)(^|[_.-])((api|access|private|secret|auth)[_-]?key|(?<!max[_-])token|secret|password|passwd|pwd"
    r"|credentials?)$"
)
