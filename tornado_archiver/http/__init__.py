"""RFC 9110 as pure functions: byte ranges, preconditions, response headers, forwarded clients.

Rule: no Tornado, no input or output.
"""
