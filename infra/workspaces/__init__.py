"""Mirrors, templates, checkouts and our control git directories, behind `jobs.ports.Workspaces`."""
