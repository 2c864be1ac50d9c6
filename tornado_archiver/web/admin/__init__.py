"""Tornado handlers of the admin address: status, metrics, readiness."""
