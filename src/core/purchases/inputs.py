"""The input images of an edit: found where the caller says, inspected, and stored with the job.

A caller gives bytes, an https URL, an upload (file_…) or an earlier image (img_…), or drops an object into the inbox.
All are checked by their bytes before any money is spent, and copied to the job, so that it finds them unchanged however
long it waits. They are read one at a time: a large one is never in memory as a whole, and sixteen take no more memory
than one.
"""

import hashlib
import io
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile

from botocore.exceptions import BotoCoreError, ClientError

from core.callers.model import Caller
from core.catalog import Inputs, Model
from core.errors import InvalidRequest, NotFound
from core.images import names
from core.images.download import fetch
from core.images.input_storage import InputGone, InputStore
from core.images.inspection import MAX_BYTES, MAX_HEADER_BYTES, HeaderIncomplete, Inspected, check_size, inspect
from core.images.masks import MASK_CONVERTED, MAX_MASK_BYTES, check_markup, prepare_mask
from core.images.stored_object import StoredObject
from core.jobs.library import ImageLibrary
from core.jobs.model import Job
from core.outbound.addresses import TrustedHosts
from core.requests import Input, RequestWarning, Role
from core.requests.bodies import ImageRequest, ImageSource, NamedSource
from core.uploads import Uploads

log = logging.getLogger(__name__)

# Downloads of one request, together, must leave time for an answer within the gateway's 29 seconds.
FETCH_BUDGET_SECONDS = 18.0
_HEADER_BYTES = 256 * 1024


@dataclass
class InputFolder:
    """Where the inputs of one job are stored, and the keys that this request or an earlier attempt wrote there.

    Keys are `inputs/{job id}/{hash}`: equal inputs of a job have one key, however often they are sent.
    """

    job_id: str
    stored: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, job_id: str, earlier: Job | None) -> "InputFolder":
        """The folder of a job; `earlier` is its record if it failed before."""
        return cls(job_id, {image.key for image in earlier.request.inputs} if earlier else set())

    def key(self, digest: str) -> str:
        """The key of an input with that SHA-256."""
        return f"inputs/{self.job_id}/{digest}"


@dataclass(frozen=True)
class _Found:
    """An input where it was found: an object in one of our buckets, or a file in memory or on disk."""

    name: str
    place: StoredObject | io.BytesIO | io.BufferedRandom
    on_disk: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        if isinstance(self.place, StoredObject):
            return self.place.size
        return self.place.seek(0, io.SEEK_END)


@dataclass(frozen=True)
class _Checked:
    """An input that may be stored."""

    role: Role
    found: _Found
    content_type: str
    width: int
    height: int


class InputCollector:
    """Collects the inputs of edits."""

    def __init__(self, library: ImageLibrary, uploads: Uploads, store: InputStore, trusted_hosts: TrustedHosts) -> None:
        self._library = library
        self._uploads = uploads
        self._store = store
        self._trusted_hosts = trusted_hosts

    def recognised(self, asked: ImageRequest) -> ImageRequest:
        """The request with our own images by their ids, whichever of our links named them: none is downloaded."""
        return replace(
            asked,
            images=tuple(self._recognised(image) for image in asked.images),
            mask=asked.mask and self._recognised(asked.mask),
            markup=asked.markup and self._recognised(asked.markup),
        )

    def collect(
        self, caller: Caller, asked: ImageRequest, model: Model, folder: InputFolder
    ) -> tuple[tuple[Input, ...], tuple[RequestWarning, ...]]:
        """All inputs of an edit, stored in the folder, and the warnings about them.

        Nothing is stored before all are checked, except for downloads, which would not fit on the disk together.

        Raises:
            InvalidRequest: an input is not what the model accepts, or cannot be read.
            NotFound: an id is not the caller's.
        """
        until = time.monotonic() + FETCH_BUDGET_SECONDS
        stored: dict[str, Input] = {}
        waiting: dict[str, _Checked] = {}
        warnings: list[RequestWarning] = []
        first: Inspected | None = None
        for source in _in_order_of_checks(asked):
            with ExitStack() as files:
                found = self._find(caller, source, until, files)
                check_size(found.size, name=source.label, param=source.param)
                if source.role == "image":
                    inspected = self._inspect(found, source)
                    _check(inspected, model, label=source.label, param=source.param)
                    first = first or inspected
                    checked = _Checked("image", found, inspected.content_type, inspected.width, inspected.height)
                else:
                    assert first is not None  # noqa: S101 - the first image is checked first
                    found, overlay_warnings = self._overlay(found, source.role, first)
                    warnings += overlay_warnings
                    checked = _Checked(source.role, found, "image/png", first.width, first.height)
                if found.on_disk:
                    stored[source.param] = self._keep(checked, folder)
                else:
                    waiting[source.param] = checked
        _check_together([*stored.values(), *(each.found for each in waiting.values())], model)
        stored |= {param: self._keep(checked, folder) for param, checked in waiting.items()}
        return tuple(stored[source.param] for source in asked.sources), tuple(warnings)

    def discard(self, folder: InputFolder, job: Job | None) -> None:
        """Delete what is stored in the folder and is not an input of the job, if there is one.

        What S3 does not let us delete is left to the bucket's lifecycle.
        """
        needed = {image.key for image in job.request.inputs} if job else set()
        for key in folder.stored - needed:
            try:
                self._store.delete(key)
            except (BotoCoreError, ClientError) as error:
                log.warning("an unused input was not deleted", extra={"error": type(error).__name__})

    def _recognised(self, image: ImageSource) -> ImageSource:
        image_id = names.possible_id(image.reference or "")
        return replace(image, reference=image_id) if image_id and self._library.holds(image_id) else image

    def _find(self, caller: Caller, source: NamedSource, until: float, files: ExitStack) -> _Found:
        image, param = source.image, source.param
        if image.data is not None:
            return _Found(source.label, io.BytesIO(image.data))
        if image.stored is not None:
            return _Found(image.stored.key, image.stored)
        reference = image.reference or ""
        if reference.startswith("img_"):
            try:
                return _Found(reference, self._store.stat(self._library.read(caller, reference, param=param).key))
            except InputGone:
                raise NotFound(f"The image '{reference}' of '{param}' is no longer stored.", param=param) from None
        if reference.startswith("file_"):
            upload = self._uploads.open(caller, reference, param=param)
            return _Found(reference, StoredObject(upload.key, upload.etag, upload.size))
        file = files.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        timeout = until - time.monotonic()
        if timeout <= 0:
            raise InvalidRequest(
                f"{source.label.capitalize()} was not downloaded: all downloads of a request together may take "
                f"{FETCH_BUDGET_SECONDS:g} seconds. Upload large images first.",
                param=param,
                code="failed_to_download_image",
            )
        fetch(reference, file, param=param, max_bytes=MAX_BYTES, timeout=timeout, trusted_hosts=self._trusted_hosts)
        return _Found(source.label, file, on_disk=True)

    def _inspect(self, found: _Found, source: NamedSource) -> Inspected:
        size = found.size
        for limit in (_HEADER_BYTES, MAX_HEADER_BYTES):
            try:
                return inspect(self._read(found, limit), name=source.label, param=source.param, size=size)
            except HeaderIncomplete:
                continue
        raise InvalidRequest(
            f"The header of {source.label} is too long to read.", param=source.param, code="invalid_image_file"
        )

    def _overlay(self, found: _Found, role: Role, first: Inspected) -> tuple[_Found, list[RequestWarning]]:
        """A mask or markup that fits the first image: as it was found, or as a converted mask."""
        if role == "markup":
            check_markup(self._read(found, MAX_BYTES), first)
            return found, []
        mask = prepare_mask(self._read(found, MAX_MASK_BYTES), first)
        if not mask.converted:
            return found, []
        return _Found(found.name, io.BytesIO(mask.data)), [RequestWarning("mask_converted", MASK_CONVERTED, "mask")]

    def _read(self, found: _Found, limit: int) -> bytes:
        """The first `limit` bytes."""
        if not isinstance(found.place, StoredObject):
            found.place.seek(0)
            return found.place.read(limit)
        try:
            return self._store.read(found.place, limit)
        except InputGone:
            raise _changed(found) from None

    def _keep(self, checked: _Checked, folder: InputFolder) -> Input:
        """Store an input; one that is already an object is copied within S3."""
        found = checked.found
        if isinstance(found.place, StoredObject):
            key = folder.key(hashlib.sha256(found.place.name.encode()).hexdigest())
            folder.stored.add(key)
            try:
                self._store.copy(found.place, key, checked.content_type)
            except InputGone:
                raise _changed(found) from None
        else:
            found.place.seek(0)
            key = folder.key(hashlib.file_digest(found.place, "sha256").hexdigest())
            folder.stored.add(key)
            found.place.seek(0)
            self._store.put(key, found.place, checked.content_type)
        return Input(checked.role, key, checked.content_type, found.size, checked.width, checked.height)


def _in_order_of_checks(asked: ImageRequest) -> list[NamedSource]:
    """The first image, its overlays, then the others: a wrong mask is found before others are downloaded."""
    first, *others = asked.sources
    return [
        first,
        *(each for each in others if each.role != "image"),
        *(each for each in others if each.role == "image"),
    ]


def _changed(found: _Found) -> InvalidRequest:
    return InvalidRequest(f"'{found.name}' was changed or deleted while it was being read.", code="upload_changed")


def accepts(model: Model, inputs: Sequence[Input]) -> bool:
    """Whether a model that is a fallback accepts inputs that were checked for another."""
    try:
        for image in inputs:
            if image.role == "image":
                _check(image, model, label=image.role, param=image.role)
        _check_together(inputs, model)
    except InvalidRequest:
        return False
    return True


def _check(image: Inspected | Input, model: Model, *, label: str, param: str) -> None:
    """Check an input against what the model accepts, where that is narrower than what Easel accepts."""
    rules, name = model.rules.inputs, label.capitalize()
    if rules is None:
        return
    dimensions = image.dimensions if isinstance(image, Inspected) else f"{image.width}x{image.height} pixels"
    if image.content_type not in rules.formats:
        raise InvalidRequest(
            f"{name} is {image.content_type}; '{model.name}' accepts {', '.join(rules.formats)}.",
            param=param,
            code="unsupported_image_media_type",
        )
    if image.size >= rules.max_bytes:
        raise InvalidRequest(
            f"{name} has {image.size} bytes; '{model.name}' accepts less than {rules.max_bytes}.",
            param=param,
            code="image_file_too_large",
        )
    if fault := _pixel_fault(image, rules):
        raise InvalidRequest(f"{name} is {dimensions}; '{model.name}' accepts {fault}.", param=param)
    if rules.square and image.width != image.height:
        raise InvalidRequest(
            f"{name} is {dimensions}; '{model.name}' accepts only square images.",
            param=param,
        )


def _check_together(inputs: Sequence[Input | _Found], model: Model) -> None:
    rules = model.rules.inputs
    total = sum(each.size for each in inputs)
    if rules and rules.max_total_bytes is not None and total > rules.max_total_bytes:
        raise InvalidRequest(
            f"The input images have {total} bytes together; '{model.name}' accepts at most {rules.max_total_bytes}.",
            param="image",
            code="image_file_too_large",
        )


def _pixel_fault(image: Inspected | Input, rules: Inputs) -> str | None:
    """The limit of the pixels that an image is outside of."""
    edges, pixels = sorted((image.width, image.height)), image.width * image.height
    if rules.min_edge is not None and edges[0] < rules.min_edge:
        return f"edges of at least {rules.min_edge} pixels"
    if rules.max_edge is not None and edges[1] > rules.max_edge:
        return f"edges of at most {rules.max_edge} pixels"
    if rules.min_pixels is not None and pixels < rules.min_pixels:
        return f"at least {rules.min_pixels} pixels"
    if rules.max_pixels is not None and pixels > rules.max_pixels:
        return f"at most {rules.max_pixels} pixels"
    if rules.max_ratio is not None and edges[1] > rules.max_ratio * edges[0]:
        return f"a ratio of the edges of at most {rules.max_ratio:g}:1"
    return None
