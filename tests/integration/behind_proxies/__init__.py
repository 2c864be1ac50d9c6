"""Aborted archives behind each proxy, as a client sees them: writes and checks docs/proxies.md."""
