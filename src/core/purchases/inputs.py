"""How the input images of an edit are gathered: taken from where they are, checked, and kept with the job.

A caller gives bytes, a data URL, an https URL, an upload (file_…) or an earlier image (img_…), or drops an object into
the inbox. Every one is checked by its bytes before any money is spent, and copied, so that the job finds it as it was
however long it waits.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass

from core.callers.model import Caller
from core.catalog import Inputs, Model
from core.errors import InvalidRequest, NotFound
from core.images.data_urls import decode_data_url, is_data_url
from core.images.download import fetch
from core.images.input_storage import InputGone, InputStore
from core.images.inspection import MAX_BYTES, HeaderIncomplete, Inspected, check_size, inspect
from core.images.masks import MASK_CONVERTED, MAX_MASK_BYTES, check_markup, prepare_mask
from core.images.stored_object import StoredObject
from core.jobs.library import Library
from core.outbound.addresses import TrustedHosts
from core.requests import Input, Role, Warning
from core.requests.bodies import Pointer, Wish
from core.uploads import Uploads

# Downloads have to leave time for an answer before the gateway's 29 seconds are over.
FETCH_BUDGET_SECONDS = 18.0
_HEADER_BYTES = 256 * 1024
_LONG_HEADER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class _Material:
    """An input as it was found: its bytes, or the stored object they are in. `source` is stable for equal inputs."""

    source: str
    data: bytes | None = None
    stored: StoredObject | None = None


class Gatherer:
    """Gathers inputs for one caller at a time."""

    def __init__(self, library: Library, uploads: Uploads, store: InputStore, trusted_hosts: TrustedHosts) -> None:
        self._library = library
        self._uploads = uploads
        self._store = store
        self._trusted_hosts = trusted_hosts

    def gather(self, caller: Caller, wish: Wish, model: Model) -> tuple[tuple[Input, ...], tuple[Warning, ...]]:
        """Every input of an edit, kept, with what has to be said about them.

        Raises:
            InvalidRequest: an input is not what the model takes, or cannot be had.
            NotFound: an id that is not the caller's.
        """
        rules = model.rules.inputs
        if rules is None:
            raise InvalidRequest(f"The model '{model.name}' does not support images.edit.", param="model")
        until = time.monotonic() + FETCH_BUDGET_SECONDS
        folder = f"inputs/{secrets.token_hex(16)}"
        inputs, warnings = [], []
        found = []
        for position, pointer in enumerate(wish.images, start=1):
            param = "image" if len(wish.images) == 1 else f"image[{position - 1}]"
            material = self._find(caller, pointer, param, until)
            inspected = self._inspect(material, f"image {position}", param)
            _check(inspected, rules, model, f"image {position}", param)
            found.append((material, inspected))
        for position, (material, inspected) in enumerate(found, start=1):
            inputs.append(self._keep("image", material, inspected, f"{folder}/{position}.{inspected.extension}"))
        first = found[0][1]
        if wish.mask:
            kept, warned = self._mask(caller, wish.mask, first, folder, until)
            inputs.append(kept)
            warnings += warned
        if wish.markup:
            inputs.append(self._markup(caller, wish.markup, first, folder, until))
        return tuple(inputs), tuple(warnings)

    def _mask(
        self, caller: Caller, pointer: Pointer, first: Inspected, folder: str, until: float
    ) -> tuple[Input, list[Warning]]:
        material = self._find(caller, pointer, "mask", until)
        mask = prepare_mask(self._bytes(material, MAX_MASK_BYTES), first.width, first.height)
        kept = self._keep_overlay("mask", material.source, mask.data, first, f"{folder}/mask.png")
        return kept, [Warning("mask_converted", MASK_CONVERTED, "mask")] if mask.converted else []

    def _markup(self, caller: Caller, pointer: Pointer, first: Inspected, folder: str, until: float) -> Input:
        material = self._find(caller, pointer, "markup", until)
        data = self._bytes(material, MAX_BYTES)
        check_markup(data, first.upright_width, first.upright_height)
        return self._keep_overlay("markup", material.source, data, first, f"{folder}/markup.png")

    def _find(self, caller: Caller, pointer: Pointer, param: str, until: float) -> _Material:
        if pointer.data is not None:
            return _inline(pointer.data)
        if pointer.stored is not None:
            return _Material(source=pointer.stored.name, stored=pointer.stored)
        reference = pointer.reference or ""
        if is_data_url(reference):
            return _inline(decode_data_url(reference, param=param))
        if reference.startswith("img_"):
            return self._look(self._library.read(caller, reference).key, reference, param)
        if reference.startswith("file_"):
            upload = self._uploads.open(caller, reference)
            return _Material(
                source=f"{reference} {upload.etag}", stored=StoredObject(upload.key, upload.etag, upload.size)
            )
        if "://" in reference:
            timeout = max(1.0, until - time.monotonic())
            return _inline(fetch(reference, param=param, timeout=timeout, trusted_hosts=self._trusted_hosts))
        raise InvalidRequest(
            f"'{param}' must be a file, a data URL, an https URL, the id of an upload (file_…) or of an earlier image "
            "(img_…).",
            param=param,
        )

    def _look(self, key: str, source: str, param: str) -> _Material:
        try:
            return _Material(source=source, stored=self._store.look(key))
        except InputGone:
            raise NotFound(f"The image '{source}' of '{param}' is no longer stored.", param=param) from None

    def _inspect(self, material: _Material, name: str, param: str) -> Inspected:
        if material.stored is None:
            return inspect(material.data or b"", name=name, param=param)
        size = material.stored.size
        check_size(size, name=name, param=param)
        for most in (_HEADER_BYTES, _LONG_HEADER_BYTES):
            try:
                return inspect(self._bytes(material, most), name=name, param=param, size=size)
            except HeaderIncomplete:
                continue
        raise InvalidRequest(f"The header of {name} is too long to be read.", param=param, code="invalid_image_file")

    def _bytes(self, material: _Material, most: int) -> bytes:
        """The bytes, or the first `most` of a stored object; one more would be too many anyway."""
        if material.stored is None:
            return material.data or b""
        try:
            return self._store.read(material.stored, most)
        except InputGone:
            raise _changed(material) from None

    def _keep(self, role: Role, material: _Material, inspected: Inspected, key: str) -> Input:
        if material.stored is None:
            self._store.put(key, material.data or b"", inspected.content_type)
        else:
            try:
                self._store.copy(material.stored, key, inspected.content_type)
            except InputGone:
                raise _changed(material) from None
        return Input(
            role=role,
            key=key,
            content_type=inspected.content_type,
            size=inspected.size,
            width=inspected.width,
            height=inspected.height,
            source=material.source,
        )

    def _keep_overlay(self, role: Role, source: str, data: bytes, first: Inspected, key: str) -> Input:
        self._store.put(key, data, "image/png")
        return Input(role, key, "image/png", len(data), first.width, first.height, source)


def _inline(data: bytes) -> _Material:
    return _Material(source=f"sha256:{hashlib.sha256(data).hexdigest()}", data=data)


def _changed(material: _Material) -> InvalidRequest:
    return InvalidRequest(
        f"'{material.source.partition(' ')[0]}' changed or was deleted while it was read.", code="upload_changed"
    )


def _check(inspected: Inspected, rules: Inputs, model: Model, name: str, param: str) -> None:
    """Hold an input against what the model takes, where that is narrower than what Easel takes."""
    if inspected.content_type not in rules.formats:
        raise InvalidRequest(
            f"{name.capitalize()} is {inspected.content_type}; '{model.name}' takes {', '.join(rules.formats)}.",
            param=param,
            code="unsupported_image_media_type",
        )
    if inspected.size >= rules.max_bytes:
        raise InvalidRequest(
            f"{name.capitalize()} has {inspected.size} bytes; '{model.name}' takes less than {rules.max_bytes}.",
            param=param,
            code="image_file_too_large",
        )
    if rules.square and inspected.width != inspected.height:
        raise InvalidRequest(
            f"{name.capitalize()} is {inspected.width}x{inspected.height}; '{model.name}' takes square images only.",
            param=param,
        )
