"""Without a network the hub is tried once, quietly, and the answer is there at once."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.networks.locations import hub_if_reached
from sameplayer.errors import WeightsError


def test_without_a_network_the_hub_is_tried_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def nowhere(host: Any, *rest: Any, **settings: Any) -> Any:
        asked.append(str(host))
        raise socket.gaierror("no such host")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waited for another try"))
    close_session()  # another test may have opened it by a proxy
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    words = "the hub gave no answer, and no copy is here.*SAMEPLAYER_WEIGHTS"
    with pytest.raises(WeightsError, match=words):
        load_encoder("test_resnet.r160_in1k", device="cpu")
    assert asked == ["huggingface.co"]
    assert constants.HF_HUB_OFFLINE is False
    assert capfd.readouterr() == ("", "")


def test_a_hub_that_was_told_to_be_offline_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **more: pytest.fail("asked"))
    with hub_if_reached() as reached:
        assert not reached
    assert constants.HF_HUB_OFFLINE is True
