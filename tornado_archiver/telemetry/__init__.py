"""The state of each transfer, and what is reported of all: metrics, status, readiness.

Rule: no Tornado.
"""
