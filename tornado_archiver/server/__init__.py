"""The processes: the command line, the supervisor, its workers, their sockets and logs.

Rule: the only package that assembles the service from all others.
"""
