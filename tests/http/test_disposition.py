"""Content-Disposition, parsed by an independent parser."""

from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_archiver.http.disposition import content_disposition


def parse(value: str) -> tuple[str, str]:
    """Return the disposition and the file name from Python's mail parser.

    It implements RFC 2231, and RFC 8187 is a profile of that. Of two names the extended one is used, as in
    every browser.
    """
    message = Message()
    message["Content-Disposition"] = value
    params: list[tuple[str, Any]] = list(message.get_params([], "content-disposition"))
    names = [value for key, value in params if key == "filename"]
    extended = [name for name in names if isinstance(name, tuple)]
    return params[0][0], collapse_rfc2231_value((extended or names)[0])


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("abc.zip", 'attachment; filename="abc.zip"'),
        ("two words.zip", 'attachment; filename="two words.zip"'),
        ("a;b,c=d.zip", 'attachment; filename="a;b,c=d.zip"'),
        ("it's.zip", 'attachment; filename="it\'s.zip"'),
        ('the "hi".zip', "attachment; filename=\"the _hi_.zip\"; filename*=UTF-8''the%20%22hi%22.zip"),
        ("100%.zip", "attachment; filename=\"100_.zip\"; filename*=UTF-8''100%25.zip"),
        ("a%41.zip", "attachment; filename=\"a_41.zip\"; filename*=UTF-8''a%2541.zip"),
        ("a\\b.zip", "attachment; filename=\"a_b.zip\"; filename*=UTF-8''a%5Cb.zip"),
        ("é.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%C3%A9.zip"),
        ("фото.zip", "attachment; filename=\"____.zip\"; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE.zip"),
        ("🌪.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%F0%9F%8C%AA.zip"),
        ("é'*().zip", "attachment; filename=\"_'*().zip\"; filename*=UTF-8''%C3%A9%27%2A%28%29.zip"),
        (
            "é!#$&+-^_`|~.zip",
            "attachment; filename=\"_!#$&+-^_`|~.zip\"; filename*=UTF-8''%C3%A9!#$&+-^_`|~.zip",
        ),
    ],
)
def test_content_disposition_has_fallback_and_extended_name(name: str, header: str) -> None:
    assert content_disposition(name) == header


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/"), min_size=1)
)
def test_content_disposition_is_parsed_to_the_same_name(name: str) -> None:
    value = content_disposition(name)
    assert value.isascii()
    assert value.isprintable()
    assert parse(value) == ("attachment", name)
