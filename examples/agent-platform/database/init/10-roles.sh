#!/bin/sh
# The database's roles; run once, by the image, on an empty volume.
#
#   platform_owner   owns the tables: migrations, backups, Strapi
#   platform_app     the content API: reads and writes rows, and can change no table
#
# Passwords come from files and reach the server by psql's variables: neither argument list nor log shows them.
set -eu

read_secret() { tr -d '\r\n' <"${SECRETS_DIRECTORY:-/run/secrets}/$1"; }
OWNER_PASSWORD=$(read_secret owner_password)
APP_PASSWORD=$(read_secret app_password)
export OWNER_PASSWORD APP_PASSWORD

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
-- A failing statement would be logged with the passwords in it.
SET log_min_error_statement = panic;
SET log_statement = none;
SET log_min_duration_statement = -1;
CREATE ROLE platform_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'owner_password';
CREATE ROLE platform_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'app_password';

SELECT current_database() AS database \gset
ALTER DATABASE :"database" OWNER TO platform_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO platform_app;
ALTER SCHEMA public OWNER TO platform_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO platform_app;

-- For every table that the owner ever makes.
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO platform_app;
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO platform_app;
-- The records of migrations, for the status page.
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner GRANT USAGE ON SCHEMAS TO platform_app;
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner GRANT SELECT ON TABLES TO platform_app;
SQL
