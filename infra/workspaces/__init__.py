"""Mirrors, templates, checkouts and our control git directories, behind `jobs.ports.Workspaces`."""

from infra.workspaces.local import LocalWorkspaces, Tools, View
from infra.workspaces.stream import Author

__all__ = ["Author", "LocalWorkspaces", "Tools", "View"]
