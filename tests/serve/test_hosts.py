"""The settings of hosts: addresses, networks and names, checked when they are given."""

from __future__ import annotations

import pytest

from sameplayer.errors import SettingError
from sameplayer.serve.http.hosts import Hosts


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_proxies": ("nginx",)},
        {"trusted_proxies": ("10.0.0.0/99",)},
        {"allowed_hosts": ("https://club.example",)},
        {"allowed_hosts": ("club.example:443",)},
    ],
)
def test_a_setting_that_is_no_address_or_name_is_refused(wrong) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Hosts(**wrong)
