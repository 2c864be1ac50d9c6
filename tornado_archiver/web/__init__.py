"""Tornado handlers of the public address: pages, archives, errors, the access log."""
