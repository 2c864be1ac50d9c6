"""Restarts under running downloads: whoever goes on gets the whole archive."""
