"""
Encrypted backups: readable to the identity alone, and every damage is found before anything is restored.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyrage
import pytest

from howdah.archive.disk_store import DiskStore
from howdah.archive.repository import Repository
from howdah.errors import IntegrityError, UsageError
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.drill import DrillRequest, drill
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import SAMPLE_ROWS, ask, databases


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity.txt"
    made = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {made.to_public()}\n{made}\n")
    return path


def public(identity: Path) -> str:
    return identity.read_text().split()[3]


def test_an_encrypted_backup_holds_nothing_in_the_clear_and_comes_back(
    sample: str, identity: Path, tmp_path: Path, new_database: str, howdah_home: Path
) -> None:
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="sealed")
    made = backup(
        BackupRequest(
            repository=place,
            target=TargetRequest(target=sample),
            recipients=(public(identity),),
            compression="0",
            drill="never",
        )
    )
    stored = tmp_path / "repo/sealed/backups" / made.backup / "dump.pgc"
    assert stored.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert b"customer 17" not in stored.read_bytes()
    # age's own format: what another implementation opens is pg_dump's archive.
    key = pyrage.x25519.Identity.from_str(identity.read_text().split()[-1])
    plain = io.BytesIO()
    pyrage.decrypt_io(io.BytesIO(stored.read_bytes()), plain, [key])
    assert plain.getvalue().startswith(b"PGDMP")
    assert b"customer 17" in plain.getvalue()
    # Nothing in the clear is left on this machine either.
    assert not [path for path in howdah_home.rglob("*") if path.is_file()]
    request = RestoreRequest(
        repository=place, backup="latest", target=TargetRequest(target=new_database), identity=identity
    )
    assert restore(request).status == "done"
    assert ask(new_database, "SELECT count(*) FROM orders") == [(SAMPLE_ROWS["public.orders"],)]
    assert not [path for path in howdah_home.rglob("*") if path.is_file()]


@pytest.fixture
def sealed(sample: str, identity: Path, tmp_path: Path) -> RepositoryRequest:
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="sealed")
    backup(
        BackupRequest(
            repository=place,
            target=TargetRequest(target=sample),
            recipients=(public(identity),),
            drill="never",
        )
    )
    return place


def test_without_the_identity_or_with_another_nothing_is_restored(
    sealed: RepositoryRequest, identity: Path, tmp_path: Path, new_database: str, server: Any
) -> None:
    before = databases(server.dsn())
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))

    def attempt(file: Path | None) -> None:
        restore(
            RestoreRequest(
                repository=sealed, backup="latest", target=TargetRequest(target=new_database), identity=file
            )
        )

    with pytest.raises(UsageError, match="is encrypted"):
        attempt(None)
    with pytest.raises(IntegrityError, match="cannot be decrypted"):
        attempt(other)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(UsageError, match="holds no age identity"):
        attempt(tmp_path / "empty.txt")
    (tmp_path / "broken.txt").write_text("AGE-SECRET-KEY-1BROKENSECRET")
    with pytest.raises(UsageError) as refused:
        attempt(tmp_path / "broken.txt")
    assert "BROKENSECRET" not in str(refused.value)
    assert databases(server.dsn()) == before
    assert drill(DrillRequest(repository=sealed, identity=identity, server=server.dsn())).status == "pass"


def test_a_file_replaced_by_another_that_decrypts_is_found(
    sealed: RepositoryRequest, identity: Path, tmp_path: Path, server: Any
) -> None:
    """Anybody can encrypt to a public recipient; the SHA-256 of the manifest knows better."""
    repository = Repository(DiskStore(tmp_path / "repo"), "sealed")
    (backup_id,) = repository.ids()
    recipient = pyrage.x25519.Recipient.from_str(public(identity))
    forged = pyrage.encrypt(b"PGDMP forged", [recipient])
    (tmp_path / "repo/sealed/backups" / backup_id / "dump.pgc").write_bytes(forged)
    report = drill(DrillRequest(repository=sealed, identity=identity, server=server.dsn()))
    assert (report.status, report.exit_status) == ("fail", 8)


def test_what_is_no_recipient_is_refused_before_anything_is_dumped(sample: str, tmp_path: Path) -> None:
    request = BackupRequest(
        repository=RepositoryRequest(location=str(tmp_path / "repo")),
        target=TargetRequest(target=sample),
        recipients=("age1nonsense",),
    )
    with pytest.raises(UsageError, match="neither an age recipient"):
        backup(request)
    assert not (tmp_path / "repo").exists()
