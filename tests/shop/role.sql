-- The role that watches the shop, with what it needs and no more: SELECT on whole tables (column
-- grants do not suffice for the lock) and the statistics of others.
-- SPDX-License-Identifier: PostgreSQL
DO $$
BEGIN
    CREATE ROLE pgvigil LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
GRANT pg_read_all_stats TO pgvigil;
GRANT USAGE ON SCHEMA public TO pgvigil;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pgvigil;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pgvigil;
