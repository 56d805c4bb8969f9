"""Who owns a drop: the caller that the longest matching prefix is mapped to."""

import time

from core.callers.model import Caller
from core.callers.store import CallerStore
from core.drops.prefix_store import PrefixStore
from core.errors import PermissionDenied
from core.jobs.model import Job


class Owners:
    """Finds the callers whose budget and limits drops run under."""

    def __init__(self, prefixes: PrefixStore, callers: CallerStore) -> None:
        self._prefixes = prefixes
        self._callers = callers

    def owner_of(self, key: str) -> Caller:
        """The owner of drops under this key.

        Raises:
            PermissionDenied: no prefix of the key is mapped, or the owner's API key is no longer valid.
        """
        matching = [mapping for mapping in self._prefixes.list_all() if key.startswith(mapping.prefix)]
        if not matching:
            folder = key.partition("/")[0] + "/" if "/" in key else "/"
            raise PermissionDenied(
                f"No API key owns '{key}'. Ask the operator to map a prefix of it to one: easel drops map {folder} "
                "KEY_ID, with an id from: easel keys list. Then drop the image again.",
                code="drop_without_owner",
            )
        mapping = max(matching, key=lambda mapping: len(mapping.prefix))
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
        return caller

    def caller_of(self, job: Job) -> Caller | None:
        """The caller that a drop's job was bought for; None if the drop's key now has another owner, or none."""
        try:
            owner = self.owner_of(job.origin.key) if job.origin else None
        except PermissionDenied:
            return None
        return owner if owner and owner.id == job.caller_id else None
