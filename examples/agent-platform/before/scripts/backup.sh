#!/bin/sh
# Nightly, by cron.
sqlite3 /data/data.db ".backup /backups/data-$(date +%F).db"
find /backups -name 'data-*.db' -mtime +7 -delete
