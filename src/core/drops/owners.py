"""Who owns a drop: the caller that the longest matching prefix is mapped to."""

import time
from dataclasses import dataclass

from core.callers.model import Caller
from core.callers.store import CallerStore
from core.drops.prefix_store import OwnedPrefix, PrefixStore
from core.errors import PermissionDenied
from core.jobs.model import Job


@dataclass(frozen=True)
class Owner:
    """The caller that a drop belongs to, and all mappings at the moment when it was found."""

    caller: Caller
    mappings: tuple[OwnedPrefix, ...]

    def owns(self, key: str) -> bool:
        """Whether another object of the inbox belongs to the same caller."""
        mapping = _mapping_of(key, self.mappings)
        return mapping is not None and mapping.caller_id == self.caller.id


class Owners:
    """Finds the callers whose budget and limits drops run under."""

    def __init__(self, prefixes: PrefixStore, callers: CallerStore) -> None:
        self._prefixes = prefixes
        self._callers = callers

    def owner_of(self, key: str) -> Owner:
        """The owner of drops under this key. The mappings are read once, whatever the owner is asked about later.

        Raises:
            PermissionDenied: no prefix of the key is mapped, or the owner's API key is no longer valid.
        """
        mappings = tuple(self._prefixes.list_all())
        mapping = _mapping_of(key, mappings)
        if mapping is None:
            folder = key.partition("/")[0] + "/" if "/" in key else "/"
            raise PermissionDenied(
                f"No API key owns '{key}'. Ask the operator to map a prefix of it to one: easel drops map {folder} "
                "KEY_ID, with an id from: easel keys list. Then drop the image again.",
                code="drop_without_owner",
            )
        caller = self._callers.find_by_hash(mapping.key_hash)
        status = caller.status(time.time()) if caller else "deleted"
        if caller is None or status != "active":
            name = f"'{caller.name}'" if caller else mapping.caller_id
            raise PermissionDenied(
                f"The API key {name}, which owns what is dropped under '{mapping.prefix or '/'}', is {status}. Ask "
                f"the operator to map the prefix to another: easel drops map {mapping.prefix or '/'} KEY_ID. Then drop "
                "the image again.",
                code="drop_owner_inactive",
            )
        return Owner(caller, mappings)

    def caller_of(self, job: Job) -> Caller | None:
        """The caller that a drop's job was bought for; None if the drop's key now has another owner, or none."""
        try:
            caller = self.owner_of(job.origin.key).caller if job.origin else None
        except PermissionDenied:
            return None
        return caller if caller and caller.id == job.caller_id else None


def _mapping_of(key: str, mappings: tuple[OwnedPrefix, ...]) -> OwnedPrefix | None:
    """The mapping of the longest prefix of the key."""
    matching = (mapping for mapping in mappings if key.startswith(mapping.prefix))
    return max(matching, key=lambda mapping: len(mapping.prefix), default=None)
