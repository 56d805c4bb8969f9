"""What the model check is made of. Besides the worker, only it reads the providers' keys."""

from composition.models import default_model, models
from composition.process import once
from composition.worker import provider
from core import aws
from core.budgets import Budgets
from core.ledger.store import LedgerStore
from core.providers.retirements import ModelCheck
from core.settings import SpendingSettings


@once
def model_check() -> ModelCheck:
    """The model check, built from the environment."""
    settings = SpendingSettings.from_environment()
    budgets = Budgets(LedgerStore(aws.dynamodb(), settings.ledger_table), settings.budget)
    return ModelCheck(models(), budgets, provider, default_model())
