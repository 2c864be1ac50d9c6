"""Loader of Tornado templates: those in the owner's directory replace built-in ones of the same name.

A mistake in a template is a TemplateError with file and line.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tornado.template import BaseLoader, ParseError, Template

BUILT_IN = "builtin/"  # prefix that names a built-in template, also if the owner has one of the same name

_DIRECTORY = Path(__file__).resolve().parents[1] / "templates"
# read now, because later all descriptors may be in use, and the error page for that is a template
_BUILT_IN_TEXTS = {
    BUILT_IN + path.name: path.read_text("utf-8")
    for path in _DIRECTORY.iterdir()
    if path.suffix in (".html", ".txt")
}
# The comment that Tornado writes after each line of the Python code that it makes of a template
_POSITION = re.compile(r"  # (\S+):([0-9]+)")


class TemplateError(Exception):
    """A mistake in a template. `line` is 0 if it is unknown."""

    def __init__(self, name: str, line: int, problem: str) -> None:
        problem = " ".join(problem.split())  # because a log line and a configuration error are one line
        super().__init__(f"line {line} of {name}: {problem}" if line else f"{name}: {problem}")
        self.name = name
        self.line = line
        self.problem = problem


class TemplateLoader(BaseLoader):
    """The templates in `own`, their texts by name, and the built-in ones."""

    def __init__(self, own: Mapping[str, str]) -> None:
        super().__init__()
        self.own = own

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Return the name under which a template is known. Tornado calls it before each load."""
        if name in self.own:
            return name
        built_in = BUILT_IN + name.removeprefix(BUILT_IN)
        if built_in not in _BUILT_IN_TEXTS:
            line = self._line_with(parent_path or "", f'"{name}"')
            raise TemplateError(parent_path or name, line, f"there is no template {name!r}")
        return built_in

    def render(self, name: str, variables: Mapping[str, object]) -> bytes:
        """Return the page in UTF-8. Raise TemplateError."""
        with _translated_errors(name, self):
            return self.load(name).generate(**variables)

    def check(self, name: str) -> None:
        """Raise TemplateError if a template cannot be loaded."""
        with _translated_errors(name, self):
            self.load(name)

    def text(self, name: str) -> str:
        """Return the source text of a template."""
        return self.own[name] if name in self.own else _BUILT_IN_TEXTS[name]

    def _create_template(self, name: str) -> Template:
        # because a text is not HTML; a template cannot get a name that ends otherwise
        escape = None if name.endswith(".txt") else "xhtml_escape"
        return Template(self.text(name), name=name, loader=self, autoescape=escape)

    def _line_with(self, name: str, text: str) -> int:
        lines = self.text(name).splitlines() if name else []
        return next((number for number, line in enumerate(lines, 1) if text in line), 0)


@contextmanager
def _translated_errors(name: str, loader: TemplateLoader) -> Iterator[None]:
    """Raise TemplateError for any other error, because a template can raise any."""
    tornado_log = logging.getLogger("tornado.application")
    was_disabled, tornado_log.disabled = tornado_log.disabled, True  # because it would log the Python code
    try:
        yield
    except TemplateError:
        raise
    except ParseError as error:
        raise TemplateError(error.filename or name, error.lineno, error.message) from None
    except RecursionError:
        raise TemplateError(
            name, 0, f"it extends or includes itself; {BUILT_IN}… is the built-in one"
        ) from None
    except SyntaxError as error:
        raise TemplateError(*_position(error.text or "", name), f"{error.msg}") from None
    except Exception as error:  # noqa: BLE001 - a template can raise any error
        line = _generated_line(error.__traceback__, loader.templates)
        raise TemplateError(*_position(line, name), f"{type(error).__name__}: {error}") from None
    finally:
        tornado_log.disabled = was_disabled


def _generated_line(trace: TracebackType | None, templates: Mapping[str, Template]) -> str:
    """Return the last line of a template's Python code that is in the traceback, "" if there is none."""
    found = ""
    by_file = {f"{name.replace('.', '_')}.generated.py": template for name, template in templates.items()}
    while trace is not None:
        template = by_file.get(os.fspath(trace.tb_frame.f_code.co_filename))
        if template is not None:
            found = template.code.splitlines()[trace.tb_lineno - 1]
        trace = trace.tb_next
    return found


def _position(generated_line: str, name: str) -> tuple[str, int]:
    """Return template and line that a line of Python code was made of."""
    found = _POSITION.search(generated_line)
    return (found[1], int(found[2])) if found else (name, 0)
