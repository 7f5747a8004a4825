-- DropForeignKey
ALTER TABLE "ledger_entries" DROP CONSTRAINT "ledger_entries_order_id_fkey";

-- CreateIndex
CREATE INDEX "orders_status_created_at_idx" ON "orders"("status", "created_at");

-- CreateIndex
CREATE INDEX "orders_status_deleted_at_idx" ON "orders"("status", "deleted_at");

-- CreateIndex
CREATE INDEX "orders_wholesaler_id_final_wholesaler_id_status_idx" ON "orders"("wholesaler_id", "final_wholesaler_id", "status");

-- AddForeignKey
ALTER TABLE "ledger_entries" ADD CONSTRAINT "ledger_entries_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credit_transactions" ADD CONSTRAINT "credit_transactions_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddCheck (written by hand: the Prisma schema has no word for it)
ALTER TABLE "credit_accounts" ADD CONSTRAINT "check_credit_account_limit" CHECK ("used_credit" <= "credit_limit");
ALTER TABLE "credit_accounts" ADD CONSTRAINT "check_credit_account_positive" CHECK ("credit_limit" >= 0);
ALTER TABLE "credit_transactions" ADD CONSTRAINT "check_credit_transaction_amount" CHECK ("amount" > 0);
ALTER TABLE "ledger_entries" ADD CONSTRAINT "check_ledger_entry_amount" CHECK ("amount" > 0);
ALTER TABLE "retailer_payments" ADD CONSTRAINT "check_payment_amount" CHECK ("amount" > 0);
ALTER TABLE "wholesaler_products" ADD CONSTRAINT "check_stock_non_negative" CHECK ("stock" >= 0);
ALTER TABLE "wholesaler_products" ADD CONSTRAINT "check_reserved_stock_non_negative" CHECK ("reserved_stock" >= 0);
ALTER TABLE "wholesaler_products" ADD CONSTRAINT "check_stock_availability" CHECK ("stock" >= "reserved_stock");
ALTER TABLE "orders" ADD CONSTRAINT "check_order_amount_positive" CHECK ("total_amount" > 0);
ALTER TABLE "stock_reservations" ADD CONSTRAINT "check_reservation_quantity_positive" CHECK ("quantity" > 0);
