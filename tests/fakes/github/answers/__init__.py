"""What the fake answers, one module a topic. The table of routes is `tests/fakes/github/routes.py`."""
