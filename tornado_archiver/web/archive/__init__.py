"""Handlers of archive links: from the link to the last byte of the body."""
