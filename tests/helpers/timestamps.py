"""Moments, as numbers and as HTTP writes them."""

from datetime import UTC, datetime

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp()
BEFORE, MODIFIED, AFTER = (
    "Sun, 06 Nov 1994 08:49:36 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT",  # the RFC's own second
    "Sun, 06 Nov 1994 08:49:38 GMT",
)
SECOND = 784111777
