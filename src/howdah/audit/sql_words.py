"""The words of SQLite that PostgreSQL does not have, and what stands for them there: tables alone."""

from __future__ import annotations

import re

#: Other programs have commands called "pragma" too.
PRAGMAS = (
    "analysis_limit|application_id|auto_vacuum|automatic_index|busy_timeout|cache_size|cache_spill"
    "|case_sensitive_like|cell_size_check|checkpoint_fullfsync|cipher\\w*|collation_list|compile_options"
    "|count_changes|data_store_directory|data_version|database_list|default_cache_size"
    "|defer_foreign_keys|empty_result_callbacks|encoding|foreign_key_check|foreign_key_list|foreign_keys"
    "|freelist_count|full_column_names|fullfsync|function_list|hard_heap_limit|hexkey|hexrekey"
    "|ignore_check_constraints|incremental_vacuum|index_info|index_list|index_xinfo|integrity_check"
    "|journal_mode|journal_size_limit|kdf_iter|key|legacy_alter_table|legacy_file_format|locking_mode"
    "|max_page_count|mmap_size|module_list|optimize|page_count|page_size|parser_trace|pragma_list|query_only"
    "|quick_check|read_uncommitted|recursive_triggers|rekey|reverse_unordered_selects|schema_version"
    "|secure_delete|short_column_names|shrink_memory|soft_heap_limit|stats|synchronous|table_info|table_list"
    "|table_xinfo|temp_store|temp_store_directory|threads|trusted_schema|user_version|vdbe_\\w+"
    "|wal_autocheckpoint|wal_checkpoint|writable_schema"
)

DATE_FUNCTIONS = {"STRFTIME", "JULIANDAY", "UNIXEPOCH", "TIMEDIFF"}
#: PostgreSQL has DATE and TIME, as types, and takes date('…') for a cast; not with 'now' and modifiers.
DATE_TYPES = {"DATE", "TIME", "DATETIME"}
FUNCTIONS = {
    "IFNULL": "coalesce()",
    "IIF": "CASE WHEN … THEN … ELSE … END",
    "GROUP_CONCAT": "string_agg()",
    "PRINTF": "format(), to_char()",
    "INSTR": "strpos()",
    "TOTAL": "coalesce(sum(), 0)",
    "LAST_INSERT_ROWID": "INSERT … RETURNING id",
    "CHANGES": "the driver's row count",
    "TOTAL_CHANGES": "the driver's row count",
    "RANDOMBLOB": "gen_random_bytes() of pgcrypto",
    "ZEROBLOB": "decode(repeat('00', n), 'hex')",
    "HEX": "encode(…, 'hex')",
    "UNHEX": "decode(…, 'hex')",
    "TYPEOF": "pg_typeof()",
    "UNICODE": "ascii()",
    "JSON_EXTRACT": "-> and ->>, jsonb_path_query()",
    "JSON_GROUP_ARRAY": "jsonb_agg()",
    "JSON_GROUP_OBJECT": "jsonb_object_agg()",
    "JSON_EACH": "jsonb_each(), jsonb_array_elements()",
    "JSON_TREE": "jsonb_path_query()",
    "JSON_VALID": "… IS JSON",
    "JSON_TYPE": "jsonb_typeof()",
    "JSON_SET": "jsonb_set()",
    "SQLITE_VERSION": "version()",
    "LOAD_EXTENSION": "CREATE EXTENSION",
    "LIKELIHOOD": "nothing: leave it out",
    "LIKELY": "nothing: leave it out",
    "UNLIKELY": "nothing: leave it out",
}
CATALOGS = {"SQLITE_MASTER", "SQLITE_SCHEMA", "SQLITE_SEQUENCE", "SQLITE_TEMP_MASTER", "SQLITE_STAT1"}
RESOLUTIONS = {"REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"}
ROWIDS = {"ROWID", "_ROWID_"}
TYPES = {
    "DATETIME": "timestamptz or timestamp",
    "BLOB": "bytea",
    "DOUBLE": "double precision",
    "TINYINT": "smallint",
    "MEDIUMINT": "integer",
    "LONGTEXT": "text",
    "NVARCHAR": "varchar",
    "CLOB": "text",
}
BOOLEAN = re.compile(
    r"^(is|has|can|was|should|allow|enable|use)_\w+$|^(\w+_)?(enabled|disabled|active|deleted|archived|"
    r"published|visible|hidden|verified|locked|public|private|done|completed)$",
    re.IGNORECASE,
)
