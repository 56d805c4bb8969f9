"""What the model check is made of. Besides the worker, only it reads the provider's key."""

from composition.process import once
from composition.worker import provider
from core import aws, catalog
from core.budgets import Budgets
from core.ledger.store import LedgerStore
from core.providers.retirements import ModelCheck
from core.settings import ModelCheckSettings


@once
def model_check() -> ModelCheck:
    """The model check, built from the environment."""
    settings = ModelCheckSettings.from_environment()
    spending = Budgets(LedgerStore(aws.dynamodb(), settings.ledger_table), settings.budget)
    return ModelCheck(catalog.load(), spending, provider, settings.default_model)
