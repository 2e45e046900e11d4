"""The App, its installations and tokens, and its webhook deliveries."""

from tests.fakes.github.shapes.common import Common, Json, node, stamp
from tests.fakes.github.state import App, Delivery, Installation, Repository, Token


class AppShapes(Common):
    """Renders them."""

    def app(self, app: App) -> Json:
        """The App, as `GET /app` and other shapes show it."""
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": node("Integration", app.id),
            "owner": self.user(app.owner),
            "name": app.slug.title(),
            "description": "",
            "external_url": f"{self.web}/apps/{app.slug}",
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": stamp(app.created_at),
            "updated_at": stamp(app.created_at),
            "permissions": app.permissions,
            "events": list(app.events),
            "installations_count": 1,
        }

    def installation(self, app: App, installation: Installation) -> Json:
        """An installation of the App."""
        return {
            "id": installation.id,
            "node_id": node("Installation", installation.id),
            "account": self.user(installation.account),
            "repository_selection": "selected",
            "access_tokens_url": f"{self.api}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": app.id,
            "client_id": f"Iv1.{app.id:016x}",
            "app_slug": app.slug,
            "target_id": installation.account.id,
            "target_type": installation.account.type,
            "permissions": installation.permissions,
            "events": list(app.events),
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.created_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": self.user(installation.account) if installation.suspended else None,
            "suspended_at": stamp(installation.created_at) if installation.suspended else None,
        }

    def token(self, token: Token, repositories: list[Repository]) -> Json:
        """A freshly minted installation token."""
        return {
            "token": token.text,
            "expires_at": stamp(token.expires_at),
            "permissions": token.permissions,
            "repository_selection": "selected",
            "repositories": [self.repository(repo) for repo in repositories],
        }

    def delivery(self, delivery: Delivery) -> Json:
        """A webhook delivery as the list shows it."""
        ok = 200 <= delivery.status_code < 300
        return {
            "id": delivery.id,
            "guid": delivery.guid,
            "delivered_at": stamp(delivery.at),
            "redelivery": delivery.redelivery,
            "duration": 0.1,
            "status": "OK"
            if ok
            else "failed to connect to host"
            if not delivery.status_code
            else f"Invalid HTTP Response: {delivery.status_code}",
            "status_code": delivery.status_code,
            "event": delivery.event,
            "action": delivery.action,
            "installation_id": delivery.installation,
            "repository_id": delivery.repository,
            "throttled_at": None,
        }

    def whole_delivery(self, delivery: Delivery) -> Json:
        """A webhook delivery with what was sent and answered."""
        return self.delivery(delivery) | {
            "url": "",
            "request": {"headers": delivery.headers, "payload": delivery.payload},
            "response": {"headers": {}, "payload": delivery.answer},
        }
