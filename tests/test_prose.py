"""Plain technical English in sources and docs: docs/contributing.md, section Writing style, has the rules.

Comments, docstrings, strings and identifiers are searched alike: an underscore counts as a space, and a
phrase may continue on the next line.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.helpers.servers import PROJECT

# Files and directories without idioms: all
CLEAN = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "Dockerfile"),
    *("docker-compose.yml", ".ci", ".env.example"),
    *(
        ".docker_env.example",
        "config",
        "docs",
        "server.py",
        "tornado_archiver",
        "backends",
        "benchmarks",
        "tests",
    ),
)

# Lines that may contain an idiom, as "path: line without indentation", with the reason
ALLOWED: Mapping[str, str] = {
    "tests/seekable/test_very_large.py: def tell(self) -> int:": "a method of io.IOBase",
    "tests/helpers/proxies.py: User nobody": "a directive of Apache",
    "tests/integration/browser/test_links.py: serve = self._server.serve_forever": "a method of socketserver",
}

# (pattern, replacement, example); a space in a pattern is any white space, case is ignored
IDIOMS = (
    (r"\b(?:no|some|every|any)body(?:'s)?\b", "client, user, worker, process", "let nobody in"),
    (r"\bwho(?:ever|m)\b", "the client that", "whoever has the link"),
    (r"(?:^\s*(?-i:W)|[.:;,(|]\s+w)ho \w", "the client that", "    # Who stops, refuses."),
    (r"\b(?:and|by|for|from|if|of|or|than|that|to|with) who \w", "the client that", "a page for who asks"),
    (r"\b(?:he|him|his)\b", "the client, the user; its", "his place comes back late"),
    (r"(?:^|[.:;|*\"])\s*(?-i:What) (?![^.|]*\?)[a-z]", "a noun", "    # What is missing is listed."),
    (r"(?<!there\s)\b(?:is|are|was) no (?!longer|more|limit|need)\w", "is not a", "It is no backend."),
    (r"\btakes? no(?:body|thing)?\b", "does not accept, does not read", "takes nothing any more"),
    (r"\bh(?:ang|ung)s? on\b", "depends on", "The layout hangs on the size."),
    (r"\b(?:stand(?:s|ing)?|stood) (?:at|behind|in|on|there)\b", "is in", "It stands in the book."),
    (r"\banew\b", "again", "Start the download anew."),
    (r"\b(?:for ever|forever)\b", "indefinitely", "It waits for\n    # ever."),
    (r"\bby (?:it|them)(?:self|selves)\b", "automatically", "The kernel sends them by itself."),
    (r"\bas ever\b", "as before, like", "the same 404 as ever"),
    (r"\b(?:in )?the box(?:'s)?\b", "built-in", "the backends in the box"),
    (r"\bput(?:s|ting)? (?:it |them |all )?away\b", "clean up, close", "what must be put away"),
    (r"\blook(?:s|ed|ing)? through\b", "scan", "has to be looked through"),
    (r"\b(?:tells?|told|says?|said)\b", "report, return, state, log", "The log tells why."),
    (r"\btime is over\b|\bis over\b", "has expired, has ended", "The request is over."),
    (r"\bmay have (?!been|\w+(?:ed|en)\b)\w", "can have, is allowed", "as many as a client may have now"),
    (r"\bof (?:its|their|our) own\b", "separate, its", "a process of its own"),
    (r"\bthe one\b[^.]{1,60}\bthe other\b", "the first, the second", "test_the_one_waits_for_the_other"),
    (r"\bvisitors?\b", "client (HTTP), user (person)", "another visitor's file"),
    (r"\blitter\b", "junk", "include_litter"),
    (r"\b(?:ledger|the (?:same )?book)\b", "scoreboard", "rows of the ledger"),
    (r"\bfigures\b", "metrics, results", "figures for Prometheus"),
    (r"\b(?:im)?patien(?:ce|t|tly)\b", "timeout", "patience_s"),
    (r"\b(?:is|are|was|were|be|been|gets?) cut\b|\bcuts\b", "abort", "what still runs is cut"),
    (r"\b(?:an|each|every|its|no|our|that|the|this) answers?\b", "response", "the answer is a 304"),
    (r"\bhead of (?:a|the) re(?:quest|sponse)\b", "header section", "the head of a request"),
    (r"\b(?:bury|buries|buried|funeral)\b", "reap", "has to bury orphans"),
    (r"\blets? (?:in|out|\w+ in)\b", "accept, admit", "lets nobody in"),
)
_COMPILED = [
    (re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE), replacement)
    for pattern, replacement, _ in IDIOMS
]
_LINE_START = re.compile(r"\n[ \t]*(?:#+|\*|>)?[ \t]*")
_SUFFIXES = {"", ".example", ".cfg", ".conf", ".html", ".md", ".py", ".service", ".socket", ".yml"}


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, phrase and replacement of each idiom."""
    # the same length, so that an offset is the same in both texts
    flat = _LINE_START.sub(lambda start: "\n" + " " * (len(start[0]) - 1), "\n" + text).replace("_", " ")
    for pattern, replacement in _COMPILED:
        for found in pattern.finditer(flat):
            start = found.end() - len(found[0].lstrip())
            yield flat.count("\n", 0, start), " ".join(found[0].split()), replacement


def files(path: Path) -> list[Path]:
    """Return the text files at `path`, a file or directory, except this one."""
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in found if file.is_file() and file.suffix in _SUFFIXES and file != Path(__file__)]


@pytest.mark.parametrize("path", CLEAN)
def test_prose_of_clean_path_has_no_idiom(path: str) -> None:
    problems = []
    assert files(PROJECT / path)
    for file in files(PROJECT / path):
        name, text = file.relative_to(PROJECT), file.read_text("utf-8")
        lines = text.splitlines()
        for number, phrase, replacement in sorted(findings(text)):
            if f"{name}: {lines[number - 1].strip()}" not in ALLOWED:
                problems.append(f"{name}:{number}: {phrase!r}: write {replacement}")
    assert not problems, "\n".join(["", *problems])


def test_prose_allowed_lines_exist() -> None:
    for name, line in (allowed.split(": ", 1) for allowed in ALLOWED):
        assert line in map(str.strip, (PROJECT / name).read_text("utf-8").splitlines()), name


@pytest.mark.parametrize(("pattern", "replacement", "example"), IDIOMS)
def test_prose_idiom_is_found_in_its_example(pattern: str, replacement: str, example: str) -> None:
    assert replacement in [found for _, _, found in findings(example)], pattern
