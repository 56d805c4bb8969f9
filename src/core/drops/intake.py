"""How a drop is taken in: from a notification of S3 to a job, or to an error.json that says what is allowed.

A version of an object is bought once, even if its recipe changes later: the job's id is derived from bucket, key and
version, so every duplicate of a notification finds the same job. A drop that a temporary error holds up waits in the
queue; other errors refuse it. Unexpected errors are raised, so the queue delivers the notification again.

A recipe acts only for the API key that owns its place and the image. What makes a recipe wrong whatever may still
arrive is found at the first visit, before anything that the recipe names is looked up.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from core.callers.audit import note_caller, note_refusal
from core.drops import naming, recipes
from core.drops.inbox import Dropped, Inbox
from core.drops.notifications import Notification
from core.drops.owners import Owner, Owners
from core.drops.recipes import FoundRecipe, NotARecipe
from core.drops.results import DROP_HINTS, IsNewer, Results
from core.errors import BuyingStopped, Conflict, EaselError, InvalidRequest, NotFound, PermissionDenied
from core.event_bus import EventBus
from core.images.inspection import HeaderIncomplete, check_size, inspect
from core.jobs.origin import Origin
from core.objects import MAX_KEY_BYTES
from core.purchases import Purchases, SubmissionContext
from core.queues import MAX_DELAY_SECONDS, DropsQueue
from core.requests.bodies import ImageRequest, ImageSource
from core.responses.builders import error_document

log = logging.getLogger(__name__)

DROP_REFUSED = "Drop Refused"
# How long a drop waits for its owner's limits, for stopped buying, or for a service that is unavailable.
PATIENCE_SECONDS = 6 * 3600
_DEFAULT_RETRY_SECONDS = 60
_MAGIC_BYTES = 4096
# Images of one sidecar that are processed with it. The others are queued, so that no invocation takes long.
_TOGETHER = 5


class _NotYet(Exception):
    """Something that the drop needs may still arrive, within `patience` seconds of waiting in all."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience


class DropIntake:
    """Turns drops into jobs."""

    def __init__(
        self,
        inbox: Inbox,
        owners: Owners,
        purchases: Purchases,
        queue: DropsQueue,
        results: Results,
        bus: EventBus,
        wait_seconds: int,
    ) -> None:
        self._inbox = inbox
        self._owners = owners
        self._purchases = purchases
        self._queue = queue
        self._results = results
        self._bus = bus
        self._wait_seconds = wait_seconds

    def take(self, notification: Notification, request_id: str) -> None:
        """Process a notification. Safe to call any number of times."""
        if notification.bucket != self._inbox.bucket:
            log.error("a notification of another bucket", extra={"bucket": notification.bucket})
        elif naming.is_unfinished(notification.key):
            _log("a name of a file that is not finished, or of another program", notification)
        elif naming.is_recipe(notification.key):
            _log("a recipe changes nothing by itself", notification)
        elif naming.is_json(notification.key):
            self._take_images_of(notification, request_id)
        else:
            self._take_image(notification, request_id)

    def _take_images_of(self, sidecar: Notification, request_id: str) -> None:
        try:
            owner = self._owners.owner_of(sidecar.key)
        except PermissionDenied:
            _log("a sidecar without an owner", sidecar)
            return
        for number, key in enumerate(self._images_of(sidecar.key)):
            image = Notification(sidecar.bucket, key, by_sidecar=True)
            if number < _TOGETHER:
                self._take_image(image, request_id)
            else:
                self._queue.send(image.message(), 0, group=owner.caller.id)

    def _images_of(self, sidecar: str) -> list[str]:
        stem = naming.stem_of(sidecar)
        keys = {stem, *self._inbox.keys(f"{stem}.")}
        return sorted(key for key in keys if not naming.is_json(key) and sidecar in naming.sidecars_of(key))

    def _take_image(self, notification: Notification, request_id: str) -> None:
        dropped = self._find(notification)
        if dropped is None:
            _log("the drop is gone", notification)
            return
        if why := self._is_no_wish(notification, dropped):
            _log(why, notification)
            return
        try:
            self._take_owned(self._owners.owner_of(notification.key), notification, dropped, request_id)
        except EaselError as error:
            self._refuse(notification, dropped, error, request_id)

    def _take_owned(self, owner: Owner, notification: Notification, dropped: Dropped, request_id: str) -> None:
        """Accept the drop, or let it wait.

        Raises:
            EaselError: it is refused.
        """
        try:
            self._accept(owner, notification, dropped, request_id)
        except _NotYet as error:
            self._wait(owner, notification, error.patience - notification.waited)
        except EaselError as error:
            may_pass = error.problem.retryable or isinstance(error, BuyingStopped)
            if not may_pass or notification.waited >= PATIENCE_SECONDS:
                raise
            self._wait(owner, notification, error.retry_after or _DEFAULT_RETRY_SECONDS)

    def _is_no_wish(self, notification: Notification, dropped: Dropped) -> str | None:
        """Why S3 has an object that nobody dropped; None if somebody did."""
        key, metadata, empty = notification.key, dropped.metadata, not dropped.stored.size
        if key.endswith("/") and empty:
            return "a folder"
        if naming.is_hidden(key) and "prompt" not in recipes.of_recipe(metadata):
            return "a hidden file without a prompt of its own"
        if empty and (current := self._inbox.find(key)) and current.stored.name != dropped.stored.name:
            return "an empty file that was written since"
        if self._is_touched(notification, dropped):
            return "the same image, whose metadata or storage class has changed"
        return None

    def _is_touched(self, notification: Notification, dropped: Dropped) -> bool:
        """Whether a program only changed what S3 knows of an object, which makes a new version of it.

        Such a program copies the object onto itself, or is one that mirrors files and writes it again.
        """
        is_mirrored = notification.copied or recipes.is_written_by_a_mirror(dropped.metadata)
        if not is_mirrored and not dropped.came_in_parts:
            return False
        before = self._inbox.before(dropped)
        return (
            before is not None
            and (is_mirrored or before.storage_class != dropped.storage_class)
            and self._is_same(before, dropped)
        )

    def _is_same(self, one: Dropped, other: Dropped) -> bool:
        """Whether two versions of an object are the same image, with the same recipe of its own."""
        same_recipe = recipes.of_recipe(one.metadata) == recipes.of_recipe(other.metadata)
        return same_recipe and self._inbox.same_bytes(one.stored, other.stored)

    def _refuse(self, notification: Notification, dropped: Dropped, error: EaselError, request_id: str) -> None:
        note_refusal(error)
        _log("refused", notification)
        origin = self._results.refuse(self._origin(dropped, None), self._is_newer(dropped), error, request_id)
        detail = {"drop": origin.to_event(), "error": error_document(error, request_id, DROP_HINTS)["error"]}
        self._bus.put(DROP_REFUSED, detail, int(time.time()))

    def _find(self, notification: Notification) -> Dropped | None:
        """The object of the notification, unless it was deleted since: deleted objects are not edited."""
        current = self._inbox.find(notification.key)
        if current is None:
            return None
        if notification.by_sidecar:
            return self._dropped_version(current)
        if notification.version in (None, "null", current.stored.version):
            replaced = notification.etag is not None and notification.etag != current.stored.etag.strip('"')
            return None if replaced else current
        return self._inbox.find(notification.key, notification.version)

    def _dropped_version(self, current: Dropped) -> Dropped:
        """The version of an image that its sidecar is for: the one that was dropped, of several that are the same.

        The others may be those of programs that only touched the object. Nobody knows which: a sidecar comes before or
        after the notifications of all. One that was refused is meant in any case, else one that has a job.
        """
        same = [current]
        while (before := self._inbox.before(same[-1])) and self._is_same(before, current):
            same.append(before)
        if len(same) == 1:
            return current
        refused = self._results.refused_version(current.stored.key)
        bought = (each for each in same if self._purchases.find(_dedupe_key(each)))
        return next((each for each in same if each.stored.version == refused), None) or next(bought, same[-1])

    def _accept(self, owner: Owner, notification: Notification, dropped: Dropped, request_id: str) -> None:
        note_caller(owner.caller.id)
        dedupe_key = _dedupe_key(dropped)
        known = self._purchases.find(dedupe_key)
        if known is not None and not known.may_be_revived_by(owner.caller):
            _log("the drop has its job", notification, job_id=known.id)
            self._results.accept(known, self._is_newer(dropped))
            return
        if not dropped.stored.size:
            self._wait_for_the_rest(notification)  # A mount may write the image after its name.
        self._check(dropped)
        found = self._recipe_of(dropped, owner)
        if isinstance(found, InvalidRequest):
            self._wait_for_the_rest(notification)
            raise found
        self._wait_for_sidecar(found, notification)
        if found.is_for_others:
            _log("material for others", notification)
            return
        context = SubmissionContext(request_id, dedupe_key=dedupe_key, webhook=found.recipe.webhook)
        asked = self._image_request(owner, dropped, found, notification, context)
        is_newer = self._is_newer(dropped)
        context = replace(context, origin=self._results.claim(self._origin(dropped, found), is_newer))
        try:
            job = self._purchases.edit(owner.caller, asked, context)
        except Conflict:
            _log("the drop has its job, by another recipe", notification)
            return
        _log("accepted", notification, job_id=job.id)
        self._results.accept(job, is_newer)

    def _check(self, dropped: Dropped) -> None:
        """Refuse what is not an image before waiting for anything."""
        name = f"'{dropped.stored.key}'"
        _check_readable(dropped)
        check_size(dropped.stored.size, name=name, param="image")
        beginning = self._inbox.beginning(dropped.stored, _MAGIC_BYTES)
        if beginning is None:
            raise NotFound(f"{name} was deleted before it was read.", param="image")
        try:
            inspect(beginning, name=name, param="image", size=dropped.stored.size)
        except HeaderIncomplete:
            return  # Its purchase reads more of it.

    def _recipe_of(self, dropped: Dropped, owner: Owner) -> FoundRecipe | InvalidRequest:
        """The first recipe of the owner's: what others put above the image neither buys nor hides anything.

        If there is none yet, the error for the case that none arrives.

        Raises:
            InvalidRequest: the first one can never be used.
        """
        key = dropped.stored.key
        unused: InvalidRequest | None = None
        try:
            if recipe := recipes.of_metadata(dropped.metadata):
                return FoundRecipe(recipes.METADATA, recipe, key)
        except NotARecipe as error:
            unused = error
        for place in filter(owner.owns, naming.places_of_recipes(key)):
            text = self._inbox.text(place, recipes.MAX_RECIPE_BYTES + 1)
            if text is None:
                continue
            if not text:
                return recipes.empty(place)
            try:
                return FoundRecipe(place, recipes.of_json(text, place), key)
            except NotARecipe as error:
                unused = unused or error
        return unused or _no_recipe(key, owner)

    def _wait_for_sidecar(self, found: FoundRecipe, notification: Notification) -> None:
        """A sidecar may arrive after its image, in folders whose recipe says so."""
        patience = (found.recipe.wait_for_sidecar or 0) if naming.is_recipe(found.place) else 0
        if notification.waited < patience:
            raise _NotYet(patience)

    def _wait_for_the_rest(self, notification: Notification) -> None:
        """What is missing may still arrive."""
        if notification.waited < self._wait_seconds:
            raise _NotYet(self._wait_seconds)

    def _image_request(
        self,
        owner: Owner,
        dropped: Dropped,
        found: FoundRecipe,
        notification: Notification,
        context: SubmissionContext,
    ) -> ImageRequest:
        """The request of a recipe. All its names are checked, and all that needs no inputs, before any is looked up."""
        for param, key in found.inputs.items():
            _check_reference(owner, key, param)
        self._purchases.check("edit", owner.caller, _asked(dropped, found, _unread), context)
        return _asked(dropped, found, lambda key, param: self._source(key, param, notification))

    def _source(self, key: str, param: str, notification: Notification) -> ImageSource:
        found = self._inbox.find(key)
        if found is None or not found.stored.size:
            self._wait_for_the_rest(notification)
        if found is None:
            raise NotFound(
                f"'{param}' names '{key}', which is not in the inbox. Keys are relative to the root of the inbox or, "
                "with ./, to the folder of the recipe.",
                param=param,
            )
        _check_readable(found)
        return ImageSource(stored=found.stored)

    def _wait(self, owner: Owner, notification: Notification, seconds: int) -> None:
        seconds = min(seconds, MAX_DELAY_SECONDS)
        self._queue.send(notification.after(seconds).message(), seconds, group=owner.caller.id)
        _log("the drop waits", notification, seconds=seconds)

    def _is_newer(self, dropped: Dropped) -> IsNewer:
        return partial(self._inbox.is_newer, dropped.stored.key)

    def _origin(self, dropped: Dropped, found: FoundRecipe | None) -> Origin:
        return Origin(
            bucket=self._inbox.bucket,
            key=dropped.stored.key,
            etag=dropped.stored.etag.strip('"'),
            version=dropped.stored.version,
            dropped_at=dropped.dropped_at,
            recipe_from=found.place if found else None,
            recipe=found.recipe.stated() if found else None,
        )


def _dedupe_key(dropped: Dropped) -> str:
    """Each version is bought once."""
    return f"drop {dropped.stored.name}"


def _asked(dropped: Dropped, found: FoundRecipe, source: Callable[[str, str], ImageSource]) -> ImageRequest:
    """The request of a recipe, whose inputs `source` finds by key and parameter."""
    inputs = {param: source(key, param) for param, key in found.inputs.items()}
    mask, markup = inputs.pop("mask", None), inputs.pop("markup", None)
    return ImageRequest(
        parameters=found.recipe.parameters(),
        images=(ImageSource(stored=dropped.stored), *inputs.values()),
        mask=mask,
        markup=markup,
        deadline_seconds=found.recipe.deadline,
        fallbacks=found.recipe.fallback_names(),
        metadata=found.recipe.metadata or {},
    )


def _unread(key: str, param: str) -> ImageSource:
    return ImageSource(reference=key, param=param)


def _check_reference(owner: Owner, key: str, param: str) -> None:
    """Refuse what cannot be a key, and other owners' objects, which the author of the recipe may not be able to see."""
    if not naming.is_reference(key):
        raise InvalidRequest(
            f"'{param}' must be a key of the inbox: 1 to {MAX_KEY_BYTES} bytes, and '..' is not a folder.",
            param=param,
            code="invalid_value",
        )
    if not owner.owns(key):
        raise PermissionDenied(
            f"'{param}' names '{key}', which does not belong to the API key '{owner.caller.name}'. Put it under a "
            "prefix that is mapped to the same key.",
            param=param,
            code="drop_of_another_owner",
        )


def _check_readable(dropped: Dropped) -> None:
    if dropped.archived:
        raise InvalidRequest(
            f"'{dropped.stored.key}' is archived in S3 and cannot be read. Drop it in the storage class STANDARD.",
            code="drop_unreadable",
        )


def _no_recipe(key: str, owner: Owner) -> InvalidRequest:
    sidecar, above = naming.sidecars_of(key)[-1], next(iter(naming.recipes_above(key)))
    others = next((place for place in naming.places_of_recipes(key) if not owner.owns(place)), None)
    unused = f" '{others}' does not belong to the API key '{owner.caller.name}', so it is not used." if others else ""
    return InvalidRequest(
        f"There is no recipe for '{key}'. Give it a prompt: in its metadata (--metadata prompt=...), in the "
        f"sidecar '{sidecar}', or for all images of the folder in '{above}', such as "
        f'{{"prompt": "as a watercolour"}}. A sidecar that you add now still counts; otherwise drop the image again.'
        f"{unused}",
        param="prompt",
        code="recipe_missing",
    )


def _log(what: str, notification: Notification, **extra: object) -> None:
    log.info(what, extra={"drop": notification.key, "version": notification.version, **extra})
