"""Content types of a Strapi project: schema files to tables (pure), migrations, verification."""
