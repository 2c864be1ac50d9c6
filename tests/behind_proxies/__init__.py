"""What a client sees behind each proxy when an archive is aborted: writes and checks docs/proxies.md."""
