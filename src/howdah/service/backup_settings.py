"""Which backups the service watches, and from which age on it warns."""

from __future__ import annotations

from howdah.service.setting import Kind, Setting

BACKUP_VARIABLES = (
    Setting(
        name="HOWDAH_REPO",
        kind=Kind.TEXT,
        meaning="Backup repository whose ages are told: a directory or s3://BUCKET/PREFIX.",
    ),
    Setting(
        name="HOWDAH_NAME",
        kind=Kind.TEXT,
        meaning="Whose backups there; the only one's by default.",
    ),
    Setting(
        name="HOWDAH_BACKUP_KEY",
        kind=Kind.SECRET,
        meaning="Key that authenticates manifests, as `howdah backup` has it.",
    ),
    Setting(
        name="HOWDAH_BACKUP_LATE",
        kind=Kind.DURATION,
        default="26h",
        meaning="Age from which the newest backup warns.",
        minimum=1000,
    ),
)
