"""The service on PostgreSQL: its settings, the async pool, health, metrics and the admin port."""
