"""GitHub's REST API: the only GitHub URLs of the project are in `routes`, the only `import httpx` for GitHub in `wire`.

`client.GitHub` is what the adapters are made of: `forge.GitHubForge`, `pulls.GitHubPulls`, `board.GitHubBoard`, `app.GitHubApp`.
"""
