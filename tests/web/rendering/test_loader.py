"""Loader of templates without the disk."""

import os
import resource

import pytest

from tornado_archiver.web import pages
from tornado_archiver.web.rendering.renderer import PageRenderer, Request


@pytest.mark.parametrize("is_html", [True, False])
def test_error_page_is_rendered_while_all_descriptors_are_in_use(is_html: bool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.pipe()
        page = PageRenderer().error_page(pages.FAILED, Request("id", "photos.test", is_html))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert pages.FAILED.title in page.decode()
