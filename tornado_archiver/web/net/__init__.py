"""Connections: accept, drain, `sendfile`, chunk sizes, and the abort of stalled downloads."""
