"""Objects in a bucket of S3 or a compatible server.

django-storages' ``S3Storage`` reads the settings and makes the client (boto3); what is asked of the client is said here,
because the contract needs what a file system's interface does not know: a put that fails where something is
(``If-None-Match``), ranges, parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexapp.storage.breaker import Breaker
from indexapp.storage.names import is_name, required
from indexapp.storage.protocol import ObjectState, Readable, Spool, StorageUnavailable
from indexapp.storage.spooling import DiskSpool, Section, SpoolFolder

if TYPE_CHECKING:
    from storages.backends.s3 import S3Storage

_WHOLE = 64 * 2**20
"""Up to so many bytes an object is put by one request."""
_PART = 32 * 2**20
"""Bytes of a part of a larger one; 10,000 parts are the most that S3 takes, so this is for objects up to 312 GiB."""
_CONNECT, _READ = 3.0, 20.0  # seconds
_ATTEMPTS = 2
"""How often a request is sent at most, so that who asks a server that does not answer waits for less than a minute."""
_MOST = 3600.0
_OPTIONS = (
    "addressing_style",
    "attempts",
    "connect_timeout",
    "endpoint_url",
    "read_timeout",
    "region_name",
    "verify",
)
_MISSING = {"404", "NoSuchKey", "NotFound"}
_THERE = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class _EndsBeforeError(Exception):
    """The object has no byte at the place that was asked for."""


def backend(bucket: str, prefix: str, options: dict[str, str]) -> S3Storage:
    """The backend for ``s3://bucket/prefix?option=value``; its client signs what it sends, so that the server checks it."""
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    if unknown := set(options) - set(_OPTIONS):
        raise ValueError(
            f"An s3 address knows the options {', '.join(_OPTIONS)}, and not {', '.join(sorted(unknown))}."
        )
    config = Config(
        connect_timeout=_number(options, "connect_timeout", _CONNECT),
        read_timeout=_number(options, "read_timeout", _READ),
        retries={"mode": "standard", "total_max_attempts": int(_number(options, "attempts", _ATTEMPTS))},
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=32,
        s3={"addressing_style": options.get("addressing_style", "auto"), "payload_signing_enabled": True},
    )
    given = {name: options[name] for name in ("endpoint_url", "region_name", "verify") if name in options}
    return S3Storage(bucket_name=bucket, location=prefix, client_config=config, **given)


def _number(options: dict[str, str], name: str, otherwise: float) -> float:
    try:
        number = float(options.get(name, otherwise))
    except ValueError:
        number = 0
    if not 0 < number <= _MOST:
        raise ValueError(f"The option {name} of an s3 address must be a number from 1 to {_MOST:.0f}.")
    return number


class S3Store:
    """See :class:`~indexapp.storage.protocol.ObjectStore`."""

    def __init__(self, storage: S3Storage, spools: Path, *, whole: int = _WHOLE, part: int = _PART) -> None:
        self.storage = storage
        self._bucket = storage.bucket_name
        self._prefix = f"{storage.location.strip('/')}/".lstrip("/")
        self._incoming = SpoolFolder(spools)
        self.breaker = Breaker()
        self._whole, self._part = whole, part

    @cached_property
    def _client(self) -> Any:
        """One client for all threads: of boto3's objects it is the one that they may share, and it takes long to make."""
        from tpi_site.kit.bounded_answers import bound

        return bound(self.storage.connection.meta.client)

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + required(name)}

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """The client; what it raises becomes FileNotFoundError, FileExistsError or StorageUnavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        self.breaker.require_closed()
        try:
            yield self._client
        except ClientError as error:
            self._tell(error)
        except BotoCoreError as error:
            self.breaker.failed(str(error))
            raise StorageUnavailable(str(error)) from error
        self.breaker.answered()

    def _tell(self, error: Any) -> None:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status >= 500 or code == "SlowDown":  # noqa: PLR2004  a fault of the server's
            self.breaker.failed(str(error))
            raise StorageUnavailable(str(error)) from error
        self.breaker.answered()
        if code in _MISSING:
            raise FileNotFoundError(str(error)) from None
        if code == "InvalidRange":
            raise _EndsBeforeError from None
        if code in _THERE:
            raise FileExistsError(str(error)) from None
        raise StorageUnavailable(str(error)) from error  # refused, or no such bucket: nothing is known of the object

    @property
    def spool_folder(self) -> Path:
        """See the protocol."""
        return self._incoming.folder

    def spool(self) -> AbstractContextManager[DiskSpool]:
        """See the protocol."""
        return self._incoming.spool()

    def put(self, name: str, spool: Spool) -> bool:
        """See the protocol; the server decides who was first."""
        try:
            self._send(name, spool, {"IfNoneMatch": "*"})
        except FileExistsError:
            return False
        return True

    def replace(self, name: str, spool: Spool) -> None:
        """See the protocol."""
        self._send(name, spool, {})

    def _send(self, name: str, spool: Spool, condition: dict[str, str]) -> None:
        size = spool.size
        spool.file.seek(0)
        if size <= self._whole:
            with self._asking() as client:
                client.put_object(**self._place(name), Body=spool.file, ContentLength=size, **condition)
            return
        if condition and self._is_there(name):
            raise FileExistsError(name)
        self._send_parts(name, spool, size, condition)

    def _send_parts(self, name: str, spool: Spool, size: int, condition: dict[str, str]) -> None:
        place = self._place(name)
        with self._asking() as client:
            upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}
        try:
            parts = []
            for number, start in enumerate(range(0, size, self._part), 1):
                section = Section(spool.file, start, min(self._part, size - start))
                with self._asking() as client:
                    answer = client.upload_part(**upload, PartNumber=number, Body=section)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            with self._asking() as client:
                client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
        except BaseException:
            with suppress(StorageUnavailable, FileNotFoundError), self._asking() as client:
                client.abort_multipart_upload(**upload)
            raise

    def _is_there(self, name: str) -> bool:
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def open(self, name: str, start: int = 0, length: int | None = None) -> Readable:
        """See the protocol."""
        asked: dict[str, str] = self._place(name)
        if start or length is not None:
            end = "" if length is None else str(start + max(length, 1) - 1)
            asked["Range"] = f"bytes={start}-{end}"
        try:
            with self._asking() as client:
                return _Body(client.get_object(**asked)["Body"], self.breaker, length)
        except _EndsBeforeError:
            return _Body(None, self.breaker, 0)

    def stat(self, name: str) -> ObjectState:
        """See the protocol."""
        try:
            with self._asking() as client:
                head = client.head_object(**self._place(name))
        except FileNotFoundError:
            self._require_bucket()  # the answer to HEAD has no body that would say what is missing
            raise
        return ObjectState(head["ContentLength"], head["LastModified"])

    def _require_bucket(self) -> None:
        try:
            with self._asking() as client:
                client.head_bucket(Bucket=self._bucket)
        except FileNotFoundError:
            raise StorageUnavailable(f"There is no bucket {self._bucket}.") from None

    def delete(self, name: str) -> None:
        """See the protocol."""
        with suppress(FileNotFoundError), self._asking() as client:
            client.delete_object(**self._place(name))

    def names(self) -> Iterator[str]:
        """See the protocol: a list in pages."""
        with self._asking() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for found in page.get("Contents", ()):
                    name = found["Key"].removeprefix(self._prefix)
                    if is_name(name):
                        yield name

    def local_path(self, name: str) -> Path | None:
        """See the protocol: nowhere."""
        del name
        return None

    def sweep_incoming(self, *, older_than: datetime) -> int:
        """See the protocol; also the parts of uploads that nobody completed."""
        swept = self._incoming.sweep(older_than=older_than)
        with self._asking() as client:
            pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for found in page.get("Uploads", ()):
                    if found["Initiated"] < older_than:
                        client.abort_multipart_upload(Bucket=self._bucket, Key=found["Key"], UploadId=found["UploadId"])
                        swept += 1
        return swept


class _Body:
    """The bytes of an answer under way."""

    def __init__(self, body: Any, breaker: Breaker, length: int | None) -> None:
        self._body = body
        self.breaker = breaker
        self._left = length

    def read(self, size: int, /) -> bytes:
        """See the protocol."""
        from botocore.exceptions import BotoCoreError, HTTPClientError

        if self._body is None or self._left == 0:
            return b""
        try:
            piece: bytes = self._body.read(size if self._left is None else min(size, self._left))
        except (BotoCoreError, HTTPClientError, OSError) as error:
            self.breaker.failed(str(error))
            raise StorageUnavailable(str(error)) from error
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        """See the protocol."""
        if self._body is not None:
            self._body.close()
