"""What others than its owner see of a receiver."""

from jobs import receivers

HOOK = "https://user:word@hooks.example.org:8443/services/of-the-team/and-no-others?key=hidden-too"


def test_a_receiver_is_shown_as_its_host_and_a_name_that_its_owner_can_make() -> None:
    """Proves: T04. `printf %s URL | sha256sum` begins with the name."""
    assert receivers.shown(HOOK) == "https://hooks.example.org:8443 (232473eb)"
    assert receivers.name(HOOK) != receivers.name(HOOK + "2")
    assert receivers.site("http://[2001:db8::1]:9000/x") == "http://[2001:db8::1]:9000"
