"""
A repository on an S3-compatible store, by boto3.

Credentials, region and endpoint are boto3's own (AWS_… variables, profiles, roles); the endpoint of another
store is AWS_ENDPOINT_URL_S3. A backup's files go up first, are read back, and its manifest goes up last:
where it
is, the backup is whole. Leases use conditional writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from howdah.archive.store import Stamped
from howdah.durable import hash_plain_file, hash_stream
from howdah.errors import EnvironmentFailedError, IntegrityError, UsageError
from howdah.places import state_directory
from howdah.scratch import scratch_directory

#: Attempts of each request, with growing pauses between them.
_ATTEMPTS = 5
_CONDITION_FAILED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class S3Store:
    """See `store.Store`."""

    def __init__(self, location: str) -> None:
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        if not bucket:
            raise UsageError(
                "B-101", "The repository names no bucket.", hint="Write it as s3://BUCKET/PREFIX."
            )
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._location = location.rstrip("/")
        self._client = _make_client()

    @property
    def location(self) -> str:
        return self._location

    def list_names(self, prefix: str) -> list[str]:
        with self._explained(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            names = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return sorted(name.removeprefix(self._prefix) for name in names)

    def list_directories(self, prefix: str) -> list[str]:
        with self._explained(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter="/"
            )
            found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    def read(self, name: str) -> Stamped | None:
        with self._explained(name):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
                return Stamped(content=answer["Body"].read(), token=answer["ETag"])
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def write(self, name: str, content: bytes) -> None:
        with self._explained(name):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def create(self, name: str, content: bytes) -> bool:
        return self._write_if(name, content, IfNoneMatch="*")

    def replace(self, name: str, content: bytes, token: str) -> bool:
        return self._write_if(name, content, IfMatch=token)

    def delete(self, name: str) -> None:
        with self._explained(name):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._explained(name):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        body = answer["Body"]
        try:
            yield cast("BinaryIO", _Body(self, name, body))
        finally:
            body.close()

    def local_path(self, name: str) -> Path | None:
        return None

    @contextmanager
    def staging(self, directory: str) -> Iterator[Path]:
        with scratch_directory("staged-", state_directory() / "temporary") as path:
            yield path

    def publish(self, staged: Path, directory: str, last: str) -> None:
        files = sorted(path for path in staged.rglob("*") if path.is_file())
        for path in [path for path in files if path.name != last]:
            self._put(path, f"{directory}/{path.relative_to(staged)}")
        self._put(staged / last, f"{directory}/{last}")

    def _put(self, path: Path, name: str) -> None:
        """Upload a file and read it back: what the store gives out later is what matters."""
        with self._explained(name):
            self._client.upload_file(str(path), self._bucket, self._prefix + name)
        with self.open(name) as stored:
            if hash_stream(stored) != hash_plain_file(path):
                raise IntegrityError(
                    "B-311",
                    "The store does not hold what was uploaded; there is no backup.",
                    detail=f"{name} reads back otherwise.",
                    hint="Look after the store. Older backups are as they were.",
                )

    def _write_if(self, name: str, content: bytes, **condition: str) -> bool:
        with self._explained(name):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + name, Body=content, **condition
                )
            except self._client.exceptions.ClientError as error:
                if _code(error) in _CONDITION_FAILED or _code(error) in _ABSENT:
                    return False
                raise
        return True

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise self._failure(
                name, f"{_code(error)}: {error.response['Error'].get('Message', '')}"
            ) from None
        except (BotoCoreError, Boto3Error) as error:
            raise self._failure(name, str(error)) from None

    def _failure(self, name: str, said: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(
            "B-203",
            "The S3 store failed.",
            detail=f"{self._location}/{name}: {said.rstrip('.')}.",
            hint="Check bucket, endpoint (AWS_ENDPOINT_URL_S3) and credentials, or try again later."
            " Backups that were there are as they were.",
        )


class _Body:
    """The answer's body; a connection that breaks in the middle is explained like any other failure."""

    def __init__(self, store: S3Store, name: str, body: Any) -> None:
        self._store, self._name, self._body = store, name, body

    def read(self, amount: int = -1) -> bytes:
        from urllib3.exceptions import HTTPError

        with self._store._explained(self._name):
            try:
                return bytes(self._body.read(None if amount < 0 else amount))
            except HTTPError as error:
                raise self._store._failure(self._name, str(error)) from None


def _make_client() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise EnvironmentFailedError(
            "B-102",
            "Repositories on S3 need the package boto3, which is not installed.",
            hint='Install it with: pip install "howdah[s3]".',
        ) from None
    return boto3.client(
        "s3",
        config=Config(
            retries={"mode": "standard", "max_attempts": _ATTEMPTS},
            connect_timeout=10,
            read_timeout=60,
            # Stores other than AWS refuse the checksums that are sent by default since boto3 1.36;
            # what matters is read back and hashed anyway.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
