"""
The backup repository: what a backup is, where it is kept, and how it is shown to be whole.

Stands on `postgres` and `sqlite` for the databases, on PostgreSQL's own pg_dump and pg_restore
for their content, and on nothing of the migration. `repository.Repository` is the way in.
"""
