"""Rendering of all pages, with built-in templates or those of the site's owner.

Rule: a template is checked before the service starts, so that a mistake in it cannot replace an error page.
"""
