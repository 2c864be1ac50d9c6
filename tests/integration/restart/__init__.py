"""Restarts and reloads during downloads: clients that resume receive the whole archive."""
