"""Mirrors, templates, checkouts and our control git directories, behind `jobs.ports.Workspaces`."""

from infra.workspaces.harvest import Author
from infra.workspaces.local import LocalWorkspaces, Tools, View

__all__ = ["Author", "LocalWorkspaces", "Tools", "View"]
