// How the tests run Prisma's command without its native engine: the engine that the package holds as
// WebAssembly, over the adapter for PostgreSQL. What the adapter does otherwise than the native engine is
// put right here. SPDX-License-Identifier: PostgreSQL
import { PrismaPg } from "@prisma/adapter-pg";

// Types of the catalog that the adapter cannot read ("char", name, name[]), as those that it can.
const TYPES: Record<number, number> = { 18: 1042, 19: 25, 1003: 1009 };

async function connect(factory: PrismaPg) {
  const adapter: any = await factory.connect();
  const query = adapter.client.query.bind(adapter.client);
  adapter.client.query = async (...what: any[]) => {
    const result = await query(...what);
    for (const field of result?.fields ?? []) field.dataTypeID = TYPES[field.dataTypeID] ?? field.dataTypeID;
    return result;
  };
  // A file is one query, and so one transaction; the adapter would cut it at its semicolons.
  adapter.executeScript = (script: string) => query(script).then(() => undefined, (error: unknown) => adapter.onError(error));
  return adapter;
}

const { PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: database } = process.env;

export default {
  experimental: { adapter: true },
  engine: "js",
  schema: "schema.prisma",
  adapter: async () => {
    const factory = new PrismaPg({ host, port: Number(port), user, database, allowExitOnIdle: true });
    return { provider: factory.provider, adapterName: factory.adapterName, connect: () => connect(factory) };
  },
};
