-- Valid rows of the shop, the same for the same number: `orders` orders and what goes with them.
-- Numbers are spread by multiplication with primes, not drawn: no seed, no server version matters.
-- SPDX-License-Identifier: PostgreSQL
\set retailers 'greatest(:orders / 250, 10)'
\set wholesalers 'greatest(:orders / 5000, 4)'
\set products 'greatest(:orders / 10, 20)'

INSERT INTO retailers (id, name, created_at)
SELECT 'ret_' || lpad(i::text, 10, '0'), 'Retailer ' || i, timestamp '2025-01-01' + i * interval '1 minute'
FROM generate_series(1, :retailers) i;

INSERT INTO wholesalers (id, name, created_at)
SELECT 'who_' || lpad(i::text, 10, '0'), 'Wholesaler ' || i, timestamp '2025-01-01' + i * interval '1 minute'
FROM generate_series(1, :wholesalers) i;

-- Four in five are long done; one in twenty waits for bids and has no price or winner yet.
INSERT INTO orders (id, retailer_id, wholesaler_id, final_wholesaler_id, status, total_amount, created_at, deleted_at)
SELECT 'ord_' || lpad(i::text, 10, '0'),
       'ret_' || lpad((i * 7919 % :retailers + 1)::text, 10, '0'),
       'who_' || lpad((i * 104729 % :wholesalers + 1)::text, 10, '0'),
       CASE WHEN s >= 10 THEN 'who_' || lpad((i * 1299709 % :wholesalers + 1)::text, 10, '0') END,
       CASE WHEN s < 5 THEN 'PENDING_BIDS' WHEN s < 10 THEN 'CANCELLED' WHEN s < 20 THEN 'CONFIRMED' ELSE 'DELIVERED' END,
       CASE WHEN s >= 5 OR i % 2 = 0 THEN (i * 7919 % 500000 + 1) / 100.0 END,
       timestamp '2025-07-01' + i * (interval '200 days' / :orders),
       CASE WHEN i * 31 % 50 = 0 THEN timestamp '2026-01-18' + i % 86400 * interval '1 second' END
FROM (SELECT i, i * 31337 % 100 AS s FROM generate_series(1::bigint, :orders) i) spread;

INSERT INTO credit_accounts (id, retailer_id, wholesaler_id, credit_limit, used_credit)
SELECT 'acc_' || lpad(i::text, 10, '0'), 'ret_' || lpad(i::text, 10, '0'),
       'who_' || lpad((i % :wholesalers + 1)::text, 10, '0'),
       CASE WHEN i % 100 <> 0 THEN 1000 + i % 9000 END, i * 7919 % 1000
FROM generate_series(1::bigint, :retailers) i;

INSERT INTO credit_transactions (id, retailer_id, order_id, amount, type, status, created_at)
SELECT 'ctr_' || lpad(i::text, 10, '0'),
       'ret_' || lpad((i * 7919 % :retailers + 1)::text, 10, '0'),
       CASE WHEN i % 10 <> 0 THEN 'ord_' || lpad(i::text, 10, '0') END,
       (i * 7919 % 500000 + 1) / 100.0,
       CASE WHEN i % 3 = 0 THEN 'CREDIT' ELSE 'DEBIT' END, 'SETTLED',
       timestamp '2025-07-01' + i * (interval '200 days' / :orders)
FROM generate_series(1::bigint, :orders) i;

INSERT INTO ledger_entries (id, order_id, amount, created_at)
SELECT 'led_' || lpad(i::text, 10, '0'),
       CASE WHEN i % 20 <> 0 THEN 'ord_' || lpad(i::text, 10, '0') END,
       (i * 104729 % 500000 + 1) / 100.0,
       timestamp '2025-07-01' + i * (interval '200 days' / :orders)
FROM generate_series(1::bigint, :orders) i;

INSERT INTO retailer_payments (id, retailer_id, amount, created_at)
SELECT 'pay_' || lpad(i::text, 10, '0'), 'ret_' || lpad((i * 7919 % :retailers + 1)::text, 10, '0'),
       (i * 1299709 % 900000 + 1) / 100.0, timestamp '2025-07-01' + i * (interval '200 days' / :orders)
FROM generate_series(1::bigint, :orders / 5) i;

INSERT INTO wholesaler_products (id, wholesaler_id, sku, price, stock, reserved_stock)
SELECT 'pro_' || lpad(i::text, 10, '0'), 'who_' || lpad((i % :wholesalers + 1)::text, 10, '0'),
       'SKU-' || i, (i * 7919 % 90000 + 100) / 100.0, 100 + i % 900, i % 100
FROM generate_series(1::bigint, :products) i;

INSERT INTO stock_reservations (id, product_id, order_id, quantity, created_at)
SELECT 'res_' || lpad(i::text, 10, '0'), 'pro_' || lpad((i * 7919 % :products + 1)::text, 10, '0'),
       'ord_' || lpad((i * 5)::text, 10, '0'), i % 12 + 1,
       timestamp '2025-07-01' + i * (interval '200 days' / :orders)
FROM generate_series(1::bigint, :orders / 5) i;
