"""What nobody means well with: malformed requests, floods, visitors who hold on to what they get.

`test_*` does a little of everything with each run of the tests; `make abuse` does it for long, docs/abuse.md
says with what result. Rule: nothing here but `test_pure` imports the service; it is spoken to from outside.
"""
