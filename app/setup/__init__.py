"""Set-up: registers the GitHub App from its manifest and keeps what GitHub answers, while nothing else is served."""
