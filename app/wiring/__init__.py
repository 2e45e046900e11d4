"""Joins adapters to ports, once. Everything is made when it is first asked for, so that a role pays for what it uses."""
