"""Secrets out of source text and patches: the value goes, the line stays.

Recognised by the name that a literal is given to (`API_KEY = "…"`), by its own look, as a block
of a private key. Code that only mentions such names (`api_key = os.environ["API_KEY"]`,
`pad_token = "<pad>"`) is left as it is. Neighbours: masking.py (environment, arguments), git.py.
"""

from __future__ import annotations

import re

from logging_core.masking import LOOK, MASK

_LONGEST_LINE = 8192
# Most lines hold none of these: plain searches are quick, patterns are not.
_SIGNS = (
    "key", "token", "secret", "passw", "passphrase", "pwd", "credential", "auth", "login",
    "bearer", "_pass", "pass=", "pass:", "://", "pw",
)  # fmt: skip
_LOOK_SIGNS = (
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "sk-", "xox", "glpat-",
    "github_pat_", "wandb_v", "AIza", "eyJ", "hooks.slack",
)  # fmt: skip
_LOOKS = re.compile(LOOK + r"|\beyJ[\w-]{10,}\.[\w.-]+|\bhooks\.slack\.com/services/[\w/]+")
_END = r"-----END [A-Z0-9 ]*PRIVATE KEY(?:-----)?"
_BEGIN = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:(?P<end>" + _END + r")|(?P<cut>(?=[\"']))|$)"
)
_ENDED = re.compile(r".*?" + _END)
_IN_KEY = re.compile(r"[\w-]+: .*$|[\s\"']*[A-Za-z0-9+/=]*(?:\\n)?[\s\"',\\)+]*$")
_KEY_BODY = re.compile(  # a line of a key whose beginning is out of sight
    r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/]{60,80}={0,2}$"
)
_STRONG = re.compile(
    r"(?i)(api|access|private|secret|signing|auth|account|encryption|master|ssh|wandb)[_-]?keys?$"
    r"|(auth|access|api|hf|hub|bearer|refresh|github|gitlab|wandb|bot|slack|id|session|bearer)[_-]?token$"
    r"|(^|[_-]|[a-z](?=[SPC]))(secrets?|passwords?|passwd|pwd|passphrase|credentials?)$"
    r"|secret_?access_?key|(^|_)authorization$"
)
_SHOUTED = re.compile(r"(^|_)(TOKEN|PASS|PW|AUTH)$")
_ORDINARY = re.compile(r"(?i)^(pad|eos|bos|unk|sep|cls|mask|start|end|stop|image|special)_")
_SUSPECT = re.compile(
    r"(?i)(?<![a-z])(?:\w*[_-])?(keys?|token|auth|login|secrets?|passw\w*|bearer)(?![a-z])|apikey"
)
_RANDOM = re.compile(
    r"(?<![\w/+.-])(?:[0-9a-fA-F]{32,128}|(?=[A-Za-z+/]*[0-9])(?=[0-9A-Z+/]*[a-z])(?=[0-9a-z+/]*[A-Z])"
    r"[A-Za-z0-9+]{24,128}={0,2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w/.-])"
)
_NAMED = re.compile(r"(?<!\w)(?P<name>[A-Za-z_][\w-]{0,80})(?P<quoted>\\?[\"'])?(?:\s*\])?")
_GIVEN = re.compile(  # with an annotation, perhaps
    r"(?:\s*:\s*[A-Za-z_][\w.\[\], |]{0,40}?)?\s*(?:[:=!]?=|=>|:)\s*\(?\s*"
)
_PASSED = re.compile(r"\s*,\s*")
_PASSING = re.compile(r"(?:\bget|getenv|setdefault|putenv|setenv)\(\s*[\"']$")
_OPTION_VALUE = re.compile(r"[=\s]\s*")
_QUOTED = re.compile(
    r"(?P<open>[rbfuRBFU]{0,2}(?P<quote>\"\"\"|'''|\\?[\"']))"
    r"(?P<value>(?:\\.|[^\\])*?)(?P<close>(?P=quote)|$)"
)
_BARE = re.compile(r"(?P<value>[^\s\"'#,;&|)}\]]+)")
_DEFAULT = re.compile(r"\b(?:default|value|const)\s*=\s*")
_NO_SECRET = re.compile(
    r"(?i)(?:none|null|nil|true|false|str|string|int|bool|bytes|optional\b.*|any|~|-|\d{1,3}|x+|\.+"
    r"|\*+|[|>][+-]?|bearer ?|basic ?|token ?|required|changeme|todo|your\b.*|your[_-].*|\s*"
    r"|<[^>]*>|\[[^\]]*\]|\{.*\}|\$\{.*|\$[A-Z_]+|%s|%\(.*)$"
)
_NO_BARE_SECRET = re.compile(r"[<{$%\[(*!&]")  # what a shell or YAML reads as something else
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)[^/@\s\"'<>{}$:]*:[^/@\s\"'<>{}$]+@")


def source(text: str, *, bare: bool, prefix: int = 0) -> str:
    """`text` with as many lines, and MASK for secrets.

    Args:
        bare: values need no quotes here (shell, YAML, …); False: a program's.
        prefix: so many characters of each line are a patch's own.
    """
    lines = text.split("\n")
    in_block = follows = False
    for at, line in enumerate(lines):
        sign, line = line[:prefix], line[prefix:]
        if prefix and sign == "@":  # another place of the file
            in_block = follows = False
        ended = _ENDED.match(line) if in_block else None
        if ended:
            fresh, in_block = MASK + line[ended.end() :], False
        elif in_block and _IN_KEY.match(line):
            fresh = MASK if line.strip() else line
        elif "-----BEGIN " in line and _BEGIN.search(line):
            last = list(_BEGIN.finditer(line))[-1]
            in_block = last["end"] is None
            fresh = _BEGIN.sub(MASK, line)
        elif follows or _is_worth_a_look(line):
            in_block = False
            fresh, follows = _line(line, bare, follows)
        else:
            in_block = False
            continue
        lines[at] = sign + fresh
    return "\n".join(lines)


def _is_worth_a_look(line: str) -> bool:
    if len(line) >= 60 and _KEY_BODY.match(line.strip().strip("\"'")):
        return True
    lower = line.lower()
    return any(sign in lower for sign in _SIGNS) or any(sign in line for sign in _LOOK_SIGNS)


def _line(line: str, bare: bool, follows: bool) -> tuple[str, bool]:
    """One line without its secrets, and whether the next one holds the value of this one's name."""
    if len(line) > _LONGEST_LINE or _KEY_BODY.match(line.strip().strip("\"'")):
        return MASK, False
    line = _URL.sub(r"\g<scheme>" + MASK + "@", _LOOKS.sub(MASK, line))
    if follows and line.strip():
        start = len(line) - len(line.lstrip())
        line = _value(line, start, bare) or line
    names = follows = False
    at = 0
    while True:
        found = _NAMED.search(line, at)
        if found is None:
            break
        at = found.end()
        if not _is_strong(found["name"].lstrip("-")):
            continue
        names = True
        given = _GIVEN.match(line, at)
        if given is None and _PASSING.search(line, max(0, found.start() - 40), found.start()):
            given = _PASSED.match(line, at)
        if given is None and bare and line.endswith("--", 0, found.start()):
            given = _OPTION_VALUE.match(line, at)
        if given is not None:
            rest = line[given.end() :].strip()
            open_ended = bare or found["quoted"] or "=" in given[0]
            follows = bool(open_ended) and rest in ("", "(", "\\", "|", ">", "|-", ">-")
            masked = _value(line, given.end(), bare)
            if masked:
                at, line = given.end(), masked
    if names:
        for found in reversed(list(_DEFAULT.finditer(line))):
            line = _value(line, found.end(), False) or line
    if _SUSPECT.search(line):
        line = _RANDOM.sub(MASK, line)
    return line, follows


def _value(line: str, at: int, bare: bool) -> str:
    """`line` without the literal at `at`; empty: there is none that is a secret."""
    found = _QUOTED.match(line, at)
    if found is None and bare:
        found = _BARE.match(line, at)
        if found is not None and _NO_BARE_SECRET.match(found["value"]):
            return ""
    if found is None or _NO_SECRET.match(found["value"]):
        return ""
    named = found["value"].isupper() and _is_strong(found["value"])  # of a variable, say
    filled_in = "f" in (found.groupdict().get("open") or "").lower() and "{" in found["value"]
    if named or filled_in:
        return ""
    return line[: found.start("value")] + MASK + line[found.end("value") :]


def _is_strong(name: str) -> bool:
    lower = name.lower()
    if not any(sign in lower for sign in _SIGNS):
        return False
    if _ORDINARY.match(name) or name in ("PWD", "OLDPWD"):
        return False
    return _STRONG.search(name) is not None or _SHOUTED.search(name) is not None
