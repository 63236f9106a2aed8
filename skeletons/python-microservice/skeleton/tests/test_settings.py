import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_settings_have_defaults() -> None:
    assert Settings() == Settings(
        port=8080, log_level="info", drain_seconds=5, shutdown_seconds=20, version="dev"
    )


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "9000",
        "LOG_LEVEL": "debug",
        "DRAIN_SECONDS": "0.5",
        "SHUTDOWN_SECONDS": "61",
        "VERSION": "1a2b3c",
    }.items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings(
        port=9000, log_level="debug", drain_seconds=0.5, shutdown_seconds=61, version="1a2b3c"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "high"),
        ("PORT", "65536"),
        ("LOG_LEVEL", "loud"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "inf"),
        ("SHUTDOWN_SECONDS", "soon"),
    ],
)
def test_wrong_settings_are_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
