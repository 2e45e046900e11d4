"""What goes out. A new way to deliver is one class that is a `delivery.manager.DeliveryManager`, and one line here."""

from collections.abc import Mapping

from delivery.github import GitHubDeliveryManager
from delivery.local import LocalDeliveryManager
from delivery.manager import DeliveryManager

DELIVERIES: Mapping[str, type[DeliveryManager]] = {
    "github": GitHubDeliveryManager,
    "local": LocalDeliveryManager,
}
