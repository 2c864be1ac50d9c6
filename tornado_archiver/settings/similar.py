"""Similar names for messages such as "did you mean --port?": flags, variables, keys, backends, templates."""

import difflib
import re
from collections.abc import Iterable, Mapping

from tornado_archiver.settings.options import VARIABLE_PREFIX

SEE_HELP = "--help all lists them"

# Below it, words of different meaning are similar: link-secret to tls-cert, PORT to REPORT
_MIN_RATIO = 0.81
_MIN_START, _MIN_END = 4, 5  # letters; a shorter part is in many names: max-…, …-file
_MAX_HINTS = 4
_SEPARATORS = re.compile(r"[^a-z0-9]+")

# Words of similar programs, without separators, and the setting that they stand for
SETTING_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys("address bind bindaddress interface interfaces listen listenaddress".split(), "host"),
    **dict.fromkeys("dir directory photospath photosroot root".split(), "photos-dir"),
    **dict.fromkeys("processes threads".split(), "workers"),
    **dict.fromkeys("accesslog log verbose".split(), "enable-logging"),
}
_NO_SYNONYMS: Mapping[str, str] = {}


def similar(word: str, known: Iterable[str], synonyms: Mapping[str, str] = _NO_SYNONYMS) -> list[str]:
    """Return the name of `known` that `word` is likely to stand for, or else those that it is a part of.

    Case, separators and the prefix of the variables do not count. `synonyms` maps words without separators to
    names.
    """
    names = list(known)
    return closest(synonyms.get(_letters(word), word), names) or [
        name for name in names if _is_part(_words(word), _words(name))
    ]


def closest(word: str, known: Iterable[str], min_ratio: float = _MIN_RATIO) -> list[str]:
    """Return the name of `known` of which `word` is a spelling, [] if none is similar enough.

    `min_ratio` is the ratio of difflib, from 0 to 1 for the same letters.
    """
    names = {_letters(name): name for name in known}
    found = difflib.get_close_matches(_letters(word), names, n=1, cutoff=min_ratio)
    # difflib finds only three letters of prot in port
    found += [name for name in names if sorted(name) == sorted(_letters(word))]
    return [names[name] for name in found[:1]]


def did_you_mean(
    word: str,
    known: Iterable[str],
    synonyms: Mapping[str, str] = _NO_SYNONYMS,
    *,
    otherwise: str = SEE_HELP,
) -> str:
    """Return the end of a message about `word`, with the names of `known` that resemble it.

    Return `otherwise` if no name does, or too many.
    """
    return hint(similar(word, known, synonyms), otherwise)


def hint(names: list[str], otherwise: str = SEE_HELP) -> str:
    """Return "did you mean …?" with the names, or `otherwise` if they are none or too many."""
    return f"did you mean {' or '.join(names)}?" if 0 < len(names) <= _MAX_HINTS else otherwise


def _words(name: str) -> str:
    """Return the words in lower case, joined by "-"."""
    # all names with the prefix resemble each other, and PORT does not have it
    return _SEPARATORS.sub("-", name.lower().removeprefix(VARIABLE_PREFIX.lower())).strip("-")


def _letters(name: str) -> str:
    return _words(name).replace("-", "")


def _is_part(part: str, words: str) -> bool:
    """Return whether `part` is the beginning of `words`, or its last words."""
    return (len(part) >= _MIN_START and words.startswith(part)) or (
        len(part) >= _MIN_END and words.endswith(f"-{part}")
    )
