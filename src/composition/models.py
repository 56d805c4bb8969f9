"""The models of this deployment: those of its providers."""

from composition.process import once
from core import catalog
from core.catalog import Catalog
from core.settings import ModelSettings, SettingsError


@once
def models() -> Catalog:
    """The catalog of the providers that this deployment has.

    Raises:
        SettingsError: it has none.
    """
    found = catalog.load(_settings().providers)
    if not found.providers:
        raise SettingsError("This deployment has no provider: give one a secret, or enable one that needs none.")
    return found


@once
def default_model() -> str:
    """The model for requests that name none."""
    return _settings().default_model or models().default_model


@once
def _settings() -> ModelSettings:
    return ModelSettings.from_environment()
