"""Settings, read from the environment once, at the start."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is a variable of the environment, in capitals; README.md lists them."""

    model_config = SettingsConfigDict(frozen=True)

    port: int = Field(default=8080, ge=0, le=65535)
    log_level: Literal["debug", "info", "warn", "error"] = "info"
    drain_seconds: float = Field(default=5, ge=0, allow_inf_nan=False)
    shutdown_seconds: int = Field(default=20, ge=0)
    version: str = "dev"
